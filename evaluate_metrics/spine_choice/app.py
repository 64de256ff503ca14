"""A page on which one can see how spine_choice reads a reply and scores a list of replies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evaluate
import gradio as gr

HERE = Path(__file__).parent


def score(replies: str, references: str, options: str) -> dict[str, Any]:
    """Return the metric for replies, one a line, with one letter a line and the same options for all."""
    metric = evaluate.load(str(HERE / "spine_choice.py"), keep_in_memory=True)
    lines, letters = replies.splitlines(), references.split()
    if not lines or len(lines) != len(letters):
        raise gr.Error(f"{len(lines)} replies but {len(letters)} right letters: give one letter a reply.")
    try:
        result: dict[str, Any] = metric.compute(
            predictions=lines, references=letters, options=[options] * len(lines), return_items=True
        )
    except ValueError as error:
        raise gr.Error(str(error)) from error
    return result


def build() -> gr.Blocks:
    """Return the page."""
    example = json.dumps({"A": "L2", "B": "L3", "C": "L4", "D": "L5"})
    with gr.Blocks(title="spine_choice", analytics_enabled=False) as page:
        gr.Markdown("# spine_choice\nAccuracy of free-text replies to choice questions. For research.")
        replies = gr.Textbox("L4 (C)\nThe answer is not A.", lines=4, label="Replies, one a line")
        references = gr.Textbox("C\nB", lines=4, label="Right letters, one a line")
        options = gr.Textbox(example, label="Options as JSON")
        result = gr.JSON(label="Result")
        gr.Button("Score").click(score, [replies, references, options], result)
        gr.Markdown((HERE / "README.md").read_text(encoding="utf-8").split("---", 2)[2])
    return page


if __name__ == "__main__":
    build().launch()
