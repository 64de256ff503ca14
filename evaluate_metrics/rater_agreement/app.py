"""A page on which one can see how rater_agreement compares a judge with clinicians."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evaluate
import gradio as gr

HERE = Path(__file__).parent


def score(judge: str, clinicians: str) -> dict[str, Any]:
    """Return the metric for one score of the judge and one of the clinicians (or a JSON list) a line."""
    metric = evaluate.load(str(HERE / "rater_agreement.py"), keep_in_memory=True)
    lines, rows = judge.splitlines(), clinicians.splitlines()
    if not lines or len(lines) != len(rows):
        raise gr.Error(
            f"{len(lines)} lines of the judge but {len(rows)} of clinicians: give one each an item."
        )
    try:
        result: dict[str, Any] = metric.compute(predictions=lines, references=rows)
    except ValueError as error:
        raise gr.Error(str(error)) from error
    return result


def build() -> gr.Blocks:
    """Return the page."""
    with gr.Blocks(title="rater_agreement", analytics_enabled=False) as page:
        gr.Markdown("# rater_agreement\nAgreement of a judge with clinicians, 1 to 5. For research.")
        judge = gr.Textbox("4\n2", lines=6, label="Scores of the judge, one a line")
        clinicians = gr.Textbox(
            "[5, 4]\n[2, 3]", lines=6, label="Scores of the clinicians, a JSON list a line"
        )
        result = gr.JSON(label="Result")
        gr.Button("Score").click(score, [judge, clinicians], result)
        gr.Markdown((HERE / "README.md").read_text(encoding="utf-8").split("---", 2)[2])
    return page


if __name__ == "__main__":
    build().launch()
