"""The pictures of a report: contact sheet, loss, accuracy by level, one instance traced to its pixels."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spinemed.bench.scoring.scorecard import Rate
from spinemed.records import Box, Marker

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image as Picture

# Okabe and Ito's palette: told apart by readers with any kind of colour vision.
BLUE, ORANGE, GREEN, GREY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#7f7f7f", "#CC79A7"


@dataclass(frozen=True)
class Named:
    """One source slice with the bodies that were found in it: level -> box in pixels of the slice."""

    pixels: NDArray[np.uint8]  # [row, column], head up, anterior left
    aspect: float  # millimetres a row over millimetres a column
    bodies: dict[str, Box]
    title: str


@dataclass(frozen=True)
class Marked:
    """One picture with the level that its ring marks, and words for the title."""

    picture: Picture
    marker: Marker
    level: str
    title: str


@dataclass(frozen=True)
class Traced:
    """One instance and the slice it was cut from; `box` counts pixels of `slice_pixels`."""

    marked: Marked
    source: Named
    words: str


def draw_named(axes: Axes, named: Named) -> None:
    """Draw a slice with the box and the name of every body found in it."""
    from matplotlib.patches import Rectangle

    axes.imshow(named.pixels, cmap="gray", aspect=named.aspect, vmin=0, vmax=255)
    for level, box in named.bodies.items():
        corner = (box.left - 0.5, box.top - 0.5)
        axes.add_patch(
            Rectangle(corner, box.right - box.left, box.bottom - box.top, fill=False, edgecolor=ORANGE)
        )
        middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
        axes.annotate(level, middle, color="white", fontsize=6.5, ha="center", va="center", weight="bold")
    axes.set_title(named.title, fontsize=7)
    axes.set_axis_off()


def draw_marked(axes: Axes, marked: Marked) -> None:
    """Draw a picture with the name of the marked level beside its ring."""
    axes.imshow(np.asarray(marked.picture.convert("RGB")))
    axes.annotate(
        marked.level,
        (marked.marker.column, marked.marker.row),
        xytext=(14, 0), textcoords="offset points", color="white", fontsize=9, va="center", weight="bold",
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "black", "edgecolor": "none", "alpha": 0.75},
    )  # fmt: skip
    axes.set_title(marked.title, fontsize=7)
    axes.set_axis_off()


def draw_loss(axes: Axes, stages: Mapping[str, tuple[list[int], list[float]]]) -> None:
    """Draw the loss of every stage of a training run against its optimiser steps."""
    for colour, (stage, (steps, losses)) in zip((ORANGE, BLUE, GREEN), stages.items(), strict=False):
        axes.plot(steps, losses, color=colour, linewidth=1.5, label=stage)
    axes.set(xlabel="optimiser step of the stage", ylabel="loss", title="Training loss", ylim=(0, None))
    axes.legend(fontsize=7, frameon=False)
    axes.grid(alpha=0.3)


def draw_levels(
    axes: Axes,
    levels: list[str],
    models: Mapping[str, Mapping[str, Rate]],
    baselines: Mapping[str, float],
) -> None:
    """Draw accuracy by level with 95 % intervals, one colour a model, and overall baselines as lines.

    `levels` run cranial to caudal; a model without items at a level has no point there.
    """
    width = 0.8 / max(1, len(models))
    for number, (name, rates) in enumerate(models.items()):
        places = [
            i + (number - (len(models) - 1) / 2) * width for i, level in enumerate(levels) if level in rates
        ]
        shown = [rates[level] for level in levels if level in rates]
        axes.errorbar(
            places,
            [r.value for r in shown],
            yerr=[[r.value - r.low for r in shown], [r.high - r.value for r in shown]],
            fmt="o", color=(ORANGE, BLUE, GREEN, PURPLE)[number % 4], capsize=3, label=name, markersize=5,
        )  # fmt: skip
    for style, (name, value) in zip(("--", ":", "-."), baselines.items(), strict=False):
        axes.axhline(value, linestyle=style, color=GREY, linewidth=1.2, label=f"{name} (all levels)")
    counts = {level: max((m[level].n for m in models.values() if level in m), default=0) for level in levels}
    axes.set_xticks(range(len(levels)), [f"{level}\nn={counts[level]}" for level in levels], fontsize=8)
    axes.set(ylim=(-0.03, 1.03), ylabel="accuracy", title="Accuracy by level, 95 % Wilson intervals")
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, frameon=False)
    axes.grid(axis="y", alpha=0.3)


def draw_report(
    sheet: list[Named],
    loss: Mapping[str, tuple[list[int], list[float]]],
    levels: list[str],
    models: Mapping[str, Mapping[str, Rate]],
    baselines: Mapping[str, float],
    traced: Traced,
    title: str,
) -> bytes:
    """Return one picture as PNG: slices above, curves and the traced instance below.

    Without a loss the curve is left out.
    """
    figure = new_figure(13, 7.6)
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=(0.72, 1))).ravel()
    for axes, named in zip(above.subplots(1, len(sheet)), sheet, strict=True):
        draw_named(axes, named)
    widths = (1, 1.9, 1.1) if loss else (0.01, 2.4, 1.1)
    left, middle, right = np.asarray(below.subfigures(1, 3, width_ratios=widths)).ravel()
    if loss:
        draw_loss(left.subplots(), loss)
    draw_levels(middle.subplots(), levels, models, baselines)
    slice_axes, picture_axes = right.subplots(1, 2)
    draw_named(slice_axes, traced.source)
    draw_marked(picture_axes, traced.marked)
    right.suptitle(traced.words, fontsize=7)
    figure.suptitle(title, fontsize=11)
    return as_png(figure, dpi=110)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches, to be drawn without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def as_png(figure: Figure, dpi: int = 100) -> bytes:
    """Return a figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
