"""A page on which one can see which findings spine_findings reads in a report and how well they agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evaluate
import gradio as gr

HERE = Path(__file__).parent
REPORTS = """L4/5: left disc protrusion with moderate canal stenosis. No fracture of L1 to L3.
L5/S1滑脱，Meyerding II度。"""
TRUTHS = (
    '[{"site": "L4-L5", "finding": "herniation", "side": "left"}, '
    '{"site": "L4-L5", "finding": "canal_stenosis", "grade": "severe"}]\n'
    '[{"site": "L5-S1", "finding": "slip", "grade": "2"}]'
)


def score(reports: str, references: str) -> dict[str, Any]:
    """Return the metric for reports, one a line, with one JSON list of right findings a line."""
    metric = evaluate.load(str(HERE / "spine_findings.py"), keep_in_memory=True)
    texts, truths = reports.splitlines(), references.splitlines()
    if not texts or len(texts) != len(truths):
        raise gr.Error(f"{len(texts)} reports but {len(truths)} lists of findings: give one list a report.")
    try:
        result: dict[str, Any] = metric.compute(predictions=texts, references=truths, return_items=True)
    except ValueError as error:
        raise gr.Error(str(error)) from error
    return result


def build() -> gr.Blocks:
    """Return the page."""
    with gr.Blocks(title="spine_findings", analytics_enabled=False) as page:
        gr.Markdown("# spine_findings\nWhich findings a report states, and where. For research.")
        reports = gr.Textbox(REPORTS, lines=5, label="Reports, one a line: prose or JSON lists")
        references = gr.Textbox(TRUTHS, lines=5, label="Right findings, one JSON list a line")
        result = gr.JSON(label="Result")
        gr.Button("Score").click(score, [reports, references], result)
        gr.Markdown((HERE / "README.md").read_text(encoding="utf-8").split("---", 2)[2])
    return page


if __name__ == "__main__":
    build().launch()
