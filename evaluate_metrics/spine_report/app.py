"""A page on which one can see how spine_report reads two reports and what is true or false in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evaluate
import gradio as gr

HERE = Path(__file__).parent
FIRST = """## Findings
Extrusion at L4/5 on the left. No fracture.
## Diagnosis
Left L4-L5 disc extrusion.
## Treatment
Offer discectomy at L4-L5."""
SECOND = """影像所见：L4-L5椎间盘向左侧突出。
诊断意见：L5-S1椎间盘突出。"""
TRUTH = """{"findings": [{"site": "L4-L5", "finding": "herniation", "grade": "extrusion", "side": "left"}],
 "plan_levels": ["L4-L5"]}"""


def score(first: str, second: str, truth: str, points: str) -> dict[str, Any]:
    """Return the metric for two reports on one case; `points` are a judge's, for both, or empty."""
    metric = evaluate.load(str(HERE / "spine_report.py"), keep_in_memory=True)
    try:
        result: dict[str, Any] = metric.compute(
            predictions=[first, second],
            references=[truth, truth],
            judge_scores=[points, points] if points.strip() else None,
            return_items=True,
        )
    except ValueError as error:
        raise gr.Error(str(error)) from error
    return result


def build() -> gr.Blocks:
    """Return the page."""
    with gr.Blocks(title="spine_report", analytics_enabled=False) as page:
        gr.Markdown("# spine_report\nSections and facts of spine reports. For research, not for diagnosis.")
        first = gr.Textbox(FIRST, lines=6, label="First report")
        second = gr.Textbox(SECOND, lines=6, label="Second report")
        truth = gr.Textbox(TRUTH, lines=3, label="What is true, as JSON")
        points = gr.Textbox("", label='Points of a judge, as JSON: {"imaging_report": 4, "diagnosis": null}')
        result = gr.JSON(label="Result")
        gr.Button("Score").click(score, [first, second, truth, points], result)
        gr.Markdown((HERE / "README.md").read_text(encoding="utf-8").split("---", 2)[2])
    return page


if __name__ == "__main__":
    build().launch()
