"""A page on which one can total the parts of a SpineBench, and see why a total is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evaluate
import gradio as gr

HERE = Path(__file__).parent


def score(scores: str, sizes: str, names: str, right: str, benchmark: str) -> dict[str, Any]:
    """Return the metric for parts, one a line; "-" is a missing score, or a part without a count."""
    metric = evaluate.load(str(HERE / "spinebench.py"), keep_in_memory=True)
    try:
        result: dict[str, Any] = metric.compute(
            predictions=[None if word == "-" else float(word) for word in scores.split()],
            references=[int(word) for word in sizes.split()],
            names=names.splitlines() or None,
            right=[None if word == "-" else int(word) for word in right.split()] or None,
            partial="-" in scores.split(),
            benchmark=benchmark,
        )
    except ValueError as error:
        raise gr.Error(str(error)) from error
    return result


def build() -> gr.Blocks:
    """Return the page."""
    with gr.Blocks(title="spinebench", analytics_enabled=False) as page:
        gr.Markdown(
            "# spinebench\nTotal of the SpineBench of arXiv 2510.03160 (or, named, of the other one, arXiv "
            "2510.12267). For research."
        )
        scores = gr.Textbox("88.50\n93.32", lines=3, label="Scores of the parts, one a line, - where missing")
        sizes = gr.Textbox("487\n87", lines=3, label="Items of the parts")
        names = gr.Textbox("closed questions\nreports", lines=3, label="Names")
        right = gr.Textbox("431\n-", lines=3, label="Right items, - where a part is not right or wrong")
        benchmark = gr.Textbox("2510.03160", label="Which SpineBench: 2510.03160 or 2510.12267")
        result = gr.JSON(label="Result")
        gr.Button("Total").click(score, [scores, sizes, names, right, benchmark], result)
        gr.Markdown((HERE / "README.md").read_text(encoding="utf-8").split("---", 2)[2])
    return page


if __name__ == "__main__":
    build().launch()
