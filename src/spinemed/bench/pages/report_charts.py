"""The charts of a scorecard of reports: factual scores, sections, findings by kind, cases, parse states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from spinemed.bench.pages.charts import COLOURS, CONTROLS, answerers, draw_states, labels, origin
from spinemed.bench.pages.figures import BLUE, GREEN, ORANGE, as_png, new_figure
from spinemed.bench.scoring.scorecard import Measured, Rate, Reports, Scorecard

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SKY = "#56B4E9"
MOST_KINDS = 18
SECTIONS = {
    "findings": "1 imaging findings", "diagnosis": "2 diagnosis", "treatment": "3 treatment",
    "risk": "4 risk, prognosis", "postoperative": "5 postoperative", "rationale": "6 rationale",
    "patient_part": "treatment: for the patient", "doctor_part": "treatment: for the doctor",
}  # fmt: skip


def section_name(name: str) -> str:
    """Return what a section is called on the page.

    >>> section_name("diagnosis"), section_name("new_one")
    ('2 diagnosis', 'new one')
    """
    return SECTIONS.get(name, name.replace("_", " "))


def ends(one: Measured | Rate) -> tuple[float, float] | None:
    """Return the ends of an interval, None where there is none."""
    if isinstance(one, Rate):
        return one.low, one.high
    return None if one.span is None else (one.span.low, one.span.high)


def draw_points(
    axes: Axes, rows: Sequence[tuple[float, Measured | Rate]], colour: str, marker: str, label: str = ""
) -> None:
    """Draw values at heights, each with its interval where it has one; open where it has none."""
    for height, one in rows:
        around = ends(one)
        if around is not None:
            axes.plot(around, [height, height], color=colour, linewidth=1.5)
        axes.plot(
            one.value, height, marker=marker, color=colour, markersize=5,
            markerfacecolor=colour if around is not None else "white", linestyle="none",
        )  # fmt: skip
    if label:
        axes.plot([], [], marker=marker, color=colour, linestyle="none", label=label)


def draw_list(axes: Axes, names: Sequence[str]) -> None:
    """Write names down the side, the first on top."""
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)


def draw_factual(axes: Axes, card: Scorecard) -> None:
    """Draw the mean factual score of each answerer and of the model's control runs."""
    rows: list[tuple[str, Measured, str]] = []
    for number, (one, label) in enumerate(zip(answerers(card), labels(card), strict=True)):
        if one.report is not None:
            rows.append((label, one.report.factual, COLOURS[number % 6]))
    for control in card.controls:
        if control.factual is not None:
            name = f"control: {CONTROLS.get(control.name, control.name)}"
            rows.append((name, control.factual, SKY))
    for place, (_, mean, colour) in enumerate(rows):
        draw_points(axes, [(place, mean)], colour, "o")
    draw_list(axes, [f"{name}\nn={mean.n}" for name, mean, _ in rows])
    axes.axvline(0, color="#7f7f7f", linewidth=1, linestyle=":")
    axes.set(xlim=(-1.05, 1.05), xlabel="factual score, 95 % over patients (0: empty report)")
    axes.set_title(f"Is what it says true, {origin(card)}, n = {card.n}")


def draw_sections(axes: Axes, card: Scorecard, report: Reports) -> None:
    """Draw how many reports have each section."""
    names = list(report.sections)
    for place, name in enumerate(names):
        one = report.sections[name]
        axes.barh(place, one.value, color=BLUE, alpha=0.35, height=0.6)
        draw_points(axes, [(place, one)], BLUE, "o")
    draw_list(axes, [section_name(name) for name in names])
    axes.set(xlim=(0, 1.04), xlabel="share of reports with text in the section, 95 % Wilson")
    axes.set_title(f"Sections, {origin(card)}, n = {card.n}")


def draw_findings(axes: Axes, card: Scorecard, report: Reports) -> None:
    """Draw precision and recall of each kind of finding, the most frequent first."""
    shown = list(report.by_finding.items())[:MOST_KINDS]
    names, precisions, recalls = [], [], []
    for place, (kind, one) in enumerate([("all findings", report.finding), *shown]):
        true, said = one.recall.n if one.recall else 0, one.precision.n if one.precision else 0
        names.append(f"{kind.replace('_', ' ')} ({said} stated, {true} true)")
        precisions += [] if one.precision is None else [(place - 0.16, one.precision)]
        recalls += [] if one.recall is None else [(place + 0.16, one.recall)]
    draw_points(axes, precisions, ORANGE, "o", "precision: of those stated, true")
    draw_points(axes, recalls, GREEN, "s", "recall: of those true, stated")
    draw_list(axes, names)
    axes.set(xlim=(-0.03, 1.03), xlabel="share of findings, 95 % over patients; hollow: no interval")
    axes.legend(fontsize=7, frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.4, -0.1))
    axes.set_title(f"Findings at their site, {card.model.name}, {origin(card)}")


def draw_cases(axes: Axes, card: Scorecard, report: Reports) -> None:
    """Draw the factual score by what leads the case, and by language."""
    rows = [*report.by_kind.items(), *report.by_language.items()]
    draw_points(axes, [(place, one) for place, (_, one) in enumerate(rows)], BLUE, "o")
    draw_list(axes, [f"{name.replace('_', ' ')} (n={one.n})" for name, one in rows])
    axes.axvline(0, color="#7f7f7f", linewidth=1, linestyle=":")
    axes.set(xlim=(-1.05, 1.05), xlabel="factual score, 95 % over patients; hollow: no interval")
    axes.set_title(f"By case and language, {card.model.name}")


def draw_reports(card: Scorecard, title: str) -> bytes:
    """Return one PNG with all charts of a scorecard of reports."""
    report = card.model.report
    assert report is not None
    kinds = 1 + min(len(report.by_finding), MOST_KINDS)
    tall = max(4.0, 1.2 + 0.34 * max(kinds, len(report.by_kind) + len(report.by_language)))
    figure = new_figure(15, tall + 4.2)
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=(3.8, tall))).ravel()
    parts = np.asarray(above.subfigures(1, 3, width_ratios=(1.1, 1, 1))).ravel()
    draw_factual(parts[0].subplots(), card)
    draw_sections(parts[1].subplots(), card, report)
    draw_states(parts[2].subplots(), card)
    left, right = np.asarray(below.subfigures(1, 2, width_ratios=(1.35, 1))).ravel()
    draw_findings(left.subplots(), card, report)
    draw_cases(right.subplots(), card, report)
    figure.suptitle(title, fontsize=12)
    return as_png(figure)
