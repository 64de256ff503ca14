"""A page on which one can see which level spine_level reads in a reply and how far off it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evaluate
import gradio as gr

HERE = Path(__file__).parent


def score(replies: str, references: str) -> dict[str, Any]:
    """Return the metric for replies, one a line, with the right site or sites of each on a line."""
    metric = evaluate.load(str(HERE / "spine_level.py"), keep_in_memory=True)
    lines, sites = replies.splitlines(), [line.strip() for line in references.splitlines()]
    if not lines or len(lines) != len(sites):
        raise gr.Error(f"{len(lines)} replies but {len(sites)} lines of right sites: give one line a reply.")
    try:
        result: dict[str, Any] = metric.compute(predictions=lines, references=sites, return_items=True)
    except ValueError as error:
        raise gr.Error(str(error)) from error
    return result


def build() -> gr.Blocks:
    """Return the page."""
    with gr.Blocks(title="spine_level", analytics_enabled=False) as page:
        gr.Markdown("# spine_level\nHow far a reply lies from the right vertebral level. For research.")
        replies = gr.Textbox("The marked vertebra is Th12.\nL4/5", lines=4, label="Replies, one a line")
        references = gr.Textbox(
            "T12\nL5-S1", lines=4, label="Right sites, a line for each reply: L4 or L4-L5, L5-S1"
        )
        result = gr.JSON(label="Result")
        gr.Button("Score").click(score, [replies, references], result)
        gr.Markdown((HERE / "README.md").read_text(encoding="utf-8").split("---", 2)[2])
    return page


if __name__ == "__main__":
    build().launch()
