"""A page on which one can score measured angles, percentages, centroids or stenosis grades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evaluate
import gradio as gr

HERE = Path(__file__).parent
TASKS = ("cobb", "slip", "height", "centroids", "rsna")


def score(predictions: str, references: str, task: str = "cobb") -> dict[str, Any]:
    """Return the metric for predictions, one a line, with one reference a line."""
    metric = evaluate.load(str(HERE / "spine_measure.py"), keep_in_memory=True)
    said, true = predictions.splitlines(), references.splitlines()
    if not said or len(said) != len(true):
        raise gr.Error(
            f"{len(said)} predictions but {len(true)} references: give one reference a prediction."
        )
    try:
        result: dict[str, Any] = metric.compute(predictions=said, references=true, task=task)
    except ValueError as error:
        raise gr.Error(str(error)) from error
    return result


def build() -> gr.Blocks:
    """Return the page."""
    with gr.Blocks(title="spine_measure", analytics_enabled=False) as page:
        gr.Markdown("# spine_measure\nHow far measurements lie from the right ones. For research.")
        predictions = gr.Textbox("[33, 18, 9]\n[12, 40, 5]", lines=4, label="Predictions, one a line")
        references = gr.Textbox("[30, 20, 10]\n[10, 42, 5]", lines=4, label="References, one a line")
        task = gr.Dropdown(TASKS, value="cobb", label="Task")
        result = gr.JSON(label="Result")
        gr.Button("Score").click(score, [predictions, references, task], result)
        gr.Markdown((HERE / "README.md").read_text(encoding="utf-8").split("---", 2)[2])
    return page


if __name__ == "__main__":
    build().launch()
