"""One rendered series in memory, and the sessions whose series share a label map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.rendering.acquisition import Acquisition, SeriesKind, plan_session
from spinemed.phantom.rendering.colour import colour
from spinemed.phantom.rendering.labels import LabelMaps, paint
from spinemed.phantom.rendering.tissues import TissueMap


@dataclass(frozen=True, eq=False)
class RenderedSeries:
    """One series: how it was taken, its values (HU or signal) and what they show; [slice, row, column].

    `mask` holds VerSe labels. `structures` holds the same from 1 to 28, and besides: 100 thecal sac with
    all that swims in it but the cord, 101 cord, 150 epidural fat, 200 + v the disc below vertebra v.
    `tissue` holds the numbers of `tissues.Tissue` that the values were coloured from.
    """

    acquisition: Acquisition
    pixels: NDArray[np.int16]
    mask: NDArray[np.uint8]
    structures: NDArray[np.uint16]
    tissue: TissueMap


def render(anatomy: Anatomy, acquisition: Acquisition) -> RenderedSeries:
    """Return one series of a placed patient; the same bytes on every call."""
    return _coloured(anatomy, acquisition, paint(anatomy, acquisition.grid))


def render_together(anatomy: Anatomy, acquisitions: Sequence[Acquisition]) -> list[RenderedSeries]:
    """Return several series in order; those that share one grid object share one label map."""
    painted: dict[int, LabelMaps] = {}
    rendered = []
    for acquisition in acquisitions:
        key = id(acquisition.grid)
        if key not in painted:
            painted[key] = paint(anatomy, acquisition.grid)
        rendered.append(_coloured(anatomy, acquisition, painted[key]))
    return rendered


def render_session(anatomy: Anatomy, kinds: Sequence[SeriesKind]) -> dict[SeriesKind, RenderedSeries]:
    """Return the sagittal series `kinds`; T1, T2 and STIR are one label map coloured anew.

    Raises ConfigError for a kind that is no sagittal stack.
    """
    return dict(zip(kinds, render_together(anatomy, plan_session(anatomy, kinds)), strict=True))


def pictures(anatomy: Anatomy, acquisitions: Sequence[Acquisition]) -> list[NDArray[np.int16]]:
    """Return only the values of several series, without masks; a shared grid object is painted once."""
    painted: dict[int, LabelMaps] = {}
    values = []
    for acquisition in acquisitions:
        key = id(acquisition.grid)
        if key not in painted:
            painted[key] = paint(anatomy, acquisition.grid)
        values.append(colour(anatomy, acquisition, painted[key].tissue))
    return values


def _coloured(anatomy: Anatomy, acquisition: Acquisition, maps: LabelMaps) -> RenderedSeries:
    return RenderedSeries(
        acquisition, colour(anatomy, acquisition, maps.tissue), maps.vertebra, maps.structures, maps.tissue
    )
