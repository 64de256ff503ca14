"""The share of each patch of a picture that shows a vertebra, from the masks of the phantoms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spinemed.corpus.config import Phantoms
from spinemed.errors import ConfigError
from spinemed.imaging.slices import sagittal
from spinemed.level_labels import value_of
from spinemed.phantom.export.in_memory import drawn_study

SAMPLES: Final = 8
"""Points along each side of a patch at which the mask is read."""
_PATIENT: Final = "phantom-"

Cover = NDArray[np.uint8]
"""[patch, level], 255 where the whole patch shows the level; patches row by row."""


@dataclass(frozen=True)
class Cut:
    """A picture's place: its row in the corpus, series, sagittal slice, and window in pixels of the slice.

    `window` is (left, top, right, bottom); the middle of the first pixel is at 0.5.
    """

    row: int
    series: str
    index: int
    window: tuple[float, float, float, float]


@dataclass(frozen=True)
class Job:
    """One phantom with its pictures, and what is looked for: a grid of (rows, columns) patches, levels."""

    patient: str
    cuts: tuple[Cut, ...]
    phantoms: Phantoms
    levels: tuple[str, ...]
    grid: tuple[int, int]


def cut_of(number: int, row: Mapping[str, Any]) -> Cut:
    """Return the place of a row's picture."""
    window = row["window"]
    edges = (window["left"], window["top"], window["right"], window["bottom"])
    return Cut(number, row["series"], row["slice_index"], edges)


def covers(jobs: Sequence[Job], workers: int = 1) -> Iterator[tuple[int, Cover]]:
    """Return (row, cover) of every picture of the jobs, each phantom drawn once, in the order of the jobs."""
    if workers <= 1:
        for job in jobs:
            yield from covers_of(job)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("forkserver")) as pool:
        for found in pool.map(covers_of, jobs, chunksize=4):
            yield from found


def covers_of(job: Job) -> list[tuple[int, Cover]]:
    """Return (row, cover) of one phantom's pictures; ConfigError where it has not these series."""
    settings = job.phantoms
    drawn = drawn_study(
        seed_of(job.patient), settings.kinds or None, field=settings.field, later=settings.later
    )
    missing = {cut.series for cut in job.cuts} - set(drawn.series)
    if missing:
        raise ConfigError(
            f"{job.patient} drawn again has no series {min(missing)}: name the settings that the corpus was "
            "built with (--config), and build it again where the generator has changed"
        )
    masks = {uid: np.asarray(one.mask) for uid, one in drawn.series.items()}
    return [
        (cut.row, cover_of(sagittal(masks[cut.series], cut.index), cut.window, job.levels, job.grid))
        for cut in job.cuts
    ]


def seed_of(patient: str) -> int:
    """Return the seed of a phantom's key; ConfigError where it is none.

    >>> seed_of("phantom-000017")
    17
    """
    number = patient.removeprefix(_PATIENT)
    if number == patient or not number.isdigit():
        raise ConfigError(f"{patient} is no synthetic patient: exact masks are of phantoms alone")
    return int(number)


def cover_of(
    mask: NDArray[np.uint8],
    window: tuple[float, float, float, float],
    levels: Iterable[str],
    grid: tuple[int, int],
) -> Cover:
    """Return which share of each patch of a window shows which level.

    `mask` is a slice [row, column] of VerSe values; what lies outside it shows nothing.

    >>> cover_of(np.full((8, 8), 22, np.uint8), (0, 0, 16, 8), ("L3", "L4"), (1, 2)).tolist()
    [[255, 0], [0, 0]]
    """
    left, top, right, bottom = window
    rows = top + (np.arange(grid[0] * SAMPLES) + 0.5) * (bottom - top) / (grid[0] * SAMPLES)
    columns = left + (np.arange(grid[1] * SAMPLES) + 0.5) * (right - left) / (grid[1] * SAMPLES)
    inside = (rows >= 0) & (rows < mask.shape[0]), (columns >= 0) & (columns < mask.shape[1])
    seen = np.zeros((len(rows), len(columns)), dtype=mask.dtype)
    seen[np.ix_(*inside)] = mask[np.ix_(rows[inside[0]].astype(int), columns[inside[1]].astype(int))]
    points = seen.reshape(grid[0], SAMPLES, grid[1], SAMPLES)
    shares = [(points == value_of("verse", level)).mean(axis=(1, 3)).ravel() for level in levels]
    found: Cover = np.rint(255 * np.stack(shares, axis=-1)).astype(np.uint8)
    return found
