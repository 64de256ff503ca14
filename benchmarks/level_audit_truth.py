"""What a picture truly shows, measured on stored volumes: bodies, discs, sacs and herniations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
from level_audit_study import CORD, DISC, LABELS, SAC, Middle, Place, SeriesFiles, StudyFiles
from numpy.typing import NDArray
from scipy import ndimage

EDGE_MM: Final = 0.3
"""A body's edge nearer to the picture's edge than this may be read as inside or as cut."""
_LEAST_PIXELS: Final = 20
_SHUTTERED: Final = 0.03
_MORE_BEHIND: Final = 1.2
"""What lies further behind a body's centre than so many times its depth in front of it is arch."""


class NotCheckedError(Exception):
    """An instance that this audit cannot judge, with the reason."""


@dataclass(frozen=True)
class Body:
    """The part of a vertebra in a slice that is its body; edges in pixels, exclusive below and right."""

    level: str
    top: int
    left: int
    bottom: int
    right: int
    row: float
    column: float


class Shown:
    """A row with its picture's place, and what the volume says of it."""

    def __init__(
        self,
        row: Mapping[str, Any],
        study: StudyFiles,
        files: SeriesFiles,
        place: Place,
        size: tuple[int, int],
    ) -> None:
        self.row, self.study, self.files, self.place = row, study, files, place
        top, left = files.pixel_of(place, -0.5, -0.5)
        height, width = size[::-1] if place.turned % 2 else size
        bottom, right = files.pixel_of(place, height - 0.5, width - 0.5)
        # Edges as positions between pixels: 0 is the slice's own upper or left edge.
        self.window = top + 0.5, left + 0.5, bottom + 0.5, right + 0.5

    @property
    def labels(self) -> NDArray[np.integer]:
        """The slice's labels of vertebrae."""
        return self.files.mask[self.place.slice_number]

    @cached_property
    def ring(self) -> tuple[float, float, float]:
        """The ring's row, column and radius in pixels of the slice."""
        marker = self.row["marker"]
        if marker is None:
            raise NotCheckedError("no ring in the columns")
        row, column = self.files.pixel_of(self.place, marker["row"], marker["column"])
        return row, column, marker["radius"] * self.place.pixel_mm / self.files.spacing_mm[0]

    @cached_property
    def bodies(self) -> dict[str, Body]:
        """All bodies of the slice by level, the picture's window aside."""
        number = self.place.slice_number
        if number not in self.files.bodies:
            self.files.bodies[number] = bodies_in(self.labels, self.files.middle_px)
        return self.files.bodies[number]

    def in_order(self) -> list[str]:
        """Levels of the slice's bodies from above, without C1, sacrum and coccyx."""
        return [
            level for level in self.study.levels if level in self.bodies and level not in ("C1", "S1", "Co")
        ]

    def inside_mm(self, level: str) -> float:
        """How far a body's nearest edge lies inside the picture and the slice (negative: cut), in mm.

        A film ends where its collimator does.
        """
        if self.files.is_film and self.files.shuttered[self.labels == number_of(level)].mean() > _SHUTTERED:
            return -np.inf
        body, (top, left, bottom, right) = self.bodies[level], self.window
        rows, columns = self.labels.shape
        row_mm, column_mm = self.files.spacing_mm
        return min(
            (body.top - max(top, 0.5)) * row_mm,
            (min(bottom, rows - 0.5) - body.bottom) * row_mm,
            (body.left - max(left, 0.5)) * column_mm,
            (min(right, columns - 0.5) - body.right) * column_mm,
        )

    def share_seen(self, level: str) -> float:
        """The share of a vertebra's pixels in the slice that lie in the picture; 0.0 where it has none."""
        rows, columns = np.nonzero(self.labels == number_of(level))
        top, left, bottom, right = self.window
        if not len(rows):
            return 0.0
        inside = (rows + 0.5 > top) & (rows + 0.5 < bottom) & (columns + 0.5 > left) & (columns + 0.5 < right)
        return float(inside.mean())

    def ranges_in_view(self) -> set[tuple[str, str]]:
        """First and last complete body; several where an edge lies too near the picture's to be told."""
        clear = {level: self.inside_mm(level) for level in self.in_order()}
        found = set()
        for least in (-EDGE_MM, 0.0, EDGE_MM):
            whole = [level for level, inside in clear.items() if inside >= least]
            if whole:
                found.add((whole[0], whole[-1]))
        return found

    def counts_in_view(self) -> set[int]:
        """How many bodies are complete, with the same doubt as `ranges_in_view`."""
        clear = [self.inside_mm(level) for level in self.in_order()]
        return {sum(inside >= least for inside in clear) for least in (-EDGE_MM, 0.0, EDGE_MM)}

    @cached_property
    def ring_level(self) -> str:
        """The vertebra that holds most of what lies within half of the ring's radius."""
        row, column, radius = self.ring
        votes = _votes(self.labels, row, column, 0.6 * radius)
        if not votes:
            raise NotCheckedError("no vertebra under the ring")
        (number, most), *others = votes.most_common(2)
        if others and others[0][1] > 0.5 * most:
            raise NotCheckedError("two vertebrae under the ring")
        return LABELS[number]

    @cached_property
    def ring_disc(self) -> str:
        """The segment whose two bodies the ring lies between."""
        row, column, _ = self.ring
        names = [*self.in_order(), *(["S1"] if "S1" in self.bodies else [])]
        far = {}
        for upper, lower in pairwise(names):
            if self.study.beside(upper, 1) != lower:
                continue
            above, below = self.bodies[upper], self.bodies[lower]
            share = self._share_above(upper, lower)
            at = (
                above.row + share * (below.row - above.row),
                above.column + share * (below.column - above.column),
            )
            far[f"{upper}-{lower}"] = float(np.hypot(row - at[0], column - at[1]))
        ranked = sorted(far, key=lambda site: far[site])
        if not ranked or (len(ranked) > 1 and far[ranked[0]] > 0.6 * far[ranked[1]]):
            raise NotCheckedError("no disc clearly under the ring")
        return ranked[0]

    def _share_above(self, upper: str, lower: str) -> float:
        """How far along the line between two bodies' middles the gap between them lies."""
        above, below = self.bodies[upper], self.bodies[lower]
        steps = np.linspace(0, 1, 101)
        rows = np.rint(above.row + steps * (below.row - above.row)).astype(int)
        columns = np.rint(above.column + steps * (below.column - above.column)).astype(int)
        line = self.labels[rows, columns]
        last = np.nonzero(line == number_of(upper))[0]
        first = np.nonzero(line == number_of(lower))[0]
        if not len(last) or not len(first):
            return 0.5
        return float(steps[last.max()] + steps[first.min()]) / 2

    @cached_property
    def disc_in_slice(self) -> str:
        """The segment whose disc fills most of an axial slice."""
        structures = self.files.structures
        if structures is None:
            raise NotCheckedError("no mask of discs for this series")
        votes = Counter(structures[self.place.slice_number].ravel().tolist())
        discs = {number: count for number, count in votes.items() if number > DISC}
        if not discs:
            raise NotCheckedError("no disc in this slice")
        upper = LABELS[max(discs, key=lambda number: discs[number]) - DISC]
        return f"{upper}-{self.study.beside(upper, 1)}"

    def canal_mm(self) -> NDArray[np.float64]:
        """LPS millimetres of the middle of the dural sac in an axial slice."""
        structures = self.files.structures
        if structures is None:
            raise NotCheckedError("no mask of the sac for this series")
        rows, columns = np.nonzero(np.isin(structures[self.place.slice_number], (SAC, CORD)))
        if not len(rows):
            raise NotCheckedError("no sac in this slice")
        return self.files.patient_mm(self.place.slice_number, float(rows.mean()), float(columns.mean()))

    def disc(self, site: str, posture: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """truth.json's entry of a disc in the posture of the series, or another."""
        found = [one for one in (posture or self.files.posture)["discs"] if one["site"] == site]
        if not found:
            raise NotCheckedError(f"truth.json has no disc {site}")
        return dict(found[0])

    def vertebra(self, level: str) -> Mapping[str, Any]:
        """truth.json's entry of a vertebra in the posture of the series."""
        return dict(next(one for one in self.files.posture["vertebrae"] if one["level"] == level))

    def stated(self, pathology: str, site: str | None = None, later: bool = False) -> list[dict[str, Any]]:
        """What findings.jsonl says of a pathology in the first or the later examination."""
        uids = {uid for uid, one in self.study.series.items() if one.later == later}
        return [
            one
            for one in self.study.stated
            if one["pathology"] == pathology
            and one["evidence"]["series"] in uids
            and site in (None, one["site"])
        ]

    def numbered_wrongly(self) -> str:
        """What is wrong with the question's own premise about counting; "" where it holds or says nothing."""
        question = str(self.row["question"])
        named = re.findall(r"([CTL])(\d{1,2})|([颈胸腰])(\d{1,2})", question)
        letters = {"颈": "C", "胸": "T", "腰": "L"}
        levels = [f"{a or letters[c]}{b or d}" for a, b, c, d in named]
        whole = {first for first, _ in self.ranges_in_view()}
        if re.search(r"(?i)five lumbar|五节腰椎", question):
            if self.share_seen("S1") <= 0:
                return "counts from a sacrum that is not in view"
            if self.study.truth["variant"] not in ("none", "T13"):
                return f"counts five lumbar vertebrae, the patient has {self.study.truth['variant']}"
        if re.search(r"(?i)complete|完整", question) and len(levels) == 1 and levels[0] not in whole:
            return f"names {levels[0]} as the highest complete body, it is {' or '.join(sorted(whole))}"
        return ""


def herniation(shown: Shown, site: str) -> tuple[float, float, float]:
    """Reach in mm of disc tissue behind the disc in the picture, how far left of the middle its tip lies.

    The third is how far aside the tip lies, as a share of the disc's half width.

    In each direction of the rear half the mask's outermost pixel is compared with that of the front half,
    mirrored, which no herniation moves. A disc that bulges does so all around, so what is stated of a
    herniation, counted from the disc without its bulge, is up to 1 mm more.
    """
    structures = shown.files.structures
    if structures is None:
        raise NotCheckedError("no mask of discs for this series")
    number = shown.place.slice_number
    rows, columns = np.nonzero(structures[number] == DISC + number_of(site.split("-")[0]))
    top, left, bottom, right = shown.window
    inside = (rows + 0.5 > top) & (rows + 0.5 < bottom) & (columns + 0.5 > left) & (columns + 0.5 < right)
    if inside.sum() < _LEAST_PIXELS:
        raise NotCheckedError("the disc is not in the picture")
    aside, behind = shown.files.from_disc_mm(site, np.c_[columns, rows, np.full(len(rows), number)])
    turns = np.radians(np.arange(-80, 81, 2))
    sideways, backwards = np.outer(np.sin(turns), aside), np.outer(np.cos(turns), behind)
    # A picture may cut the front, which is but the measure; what is herniated must lie in the picture.
    front = (sideways - backwards).max(axis=1)
    beyond = (sideways + backwards)[:, inside] - np.maximum(front, front[::-1])[:, np.newaxis]
    reach = beyond.max(axis=1)
    tip = beyond[reach.argmax()] > reach.max() / 2
    place = float(aside[inside][tip].mean()) if reach.max() > 0 else 0.0
    return float(reach.max()), place, abs(place) / (float(np.ptp(aside)) / 2)


def number_of(level: str) -> int:
    """A vertebra's label.

    >>> number_of("L5")
    24
    """
    return next(number for number, name in LABELS.items() if name == level)


def _votes(labels: NDArray[np.integer], row: float, column: float, radius: float) -> Counter[int]:
    rows, columns = np.mgrid[: labels.shape[0], : labels.shape[1]]
    near = np.hypot(rows - row, columns - column) <= max(radius, 1.0)
    return Counter(number for number in labels[near].tolist() if number in LABELS)


def bodies_in(labels: NDArray[np.integer], middle_of: Callable[[str], Middle | None]) -> dict[str, Body]:
    """Return level -> body of all vertebrae in a slice: of several parts the one nearest to its centre.

    What lies further behind the centre than its front lies before it is arch: a pedicle may join the two.
    Where a body's centre is not known (None) its largest part is taken; parts of few pixels do not count.

    >>> slice_ = np.zeros((20, 20), int)
    >>> slice_[2:9, 3:13] = 20
    >>> slice_[12:18, 14:19] = 20
    >>> bodies_in(slice_, lambda level: Middle(15.0, 16.0, 0.0, 1.0))["L1"].top
    12
    >>> slice_[5:7] = 20
    >>> joined = bodies_in(slice_, lambda level: Middle(5.5, 7.5, 0.0, 1.0))["L1"]
    >>> joined.left, joined.right
    (0, 17)
    """
    found = {}
    for number, box in enumerate(ndimage.find_objects(labels, max_label=max(LABELS)), 1):
        if box is None:
            continue
        body = _body(LABELS[number], labels[box] == number, middle_of(LABELS[number]), box)
        if body is not None:
            found[body.level] = body
    return found


def _body(
    level: str, flags: NDArray[np.bool_], middle: Middle | None, box: tuple[slice, slice]
) -> Body | None:
    """The part of one vertebra that is its body; `flags` are its pixels in the box."""
    parts, count = ndimage.label(flags)
    corner = np.array([box[0].start, box[1].start])
    places = [np.argwhere(parts == number) + corner for number in range(1, count + 1)]
    big = [part for part in places if len(part) >= _LEAST_PIXELS]
    if not big:
        return None
    if middle is None:
        part = max(big, key=len)
    else:
        centre = middle.row, middle.column
        part = min(big, key=lambda one: float(np.hypot(*(one - centre).T).min()))
        behind = (part - centre) @ (middle.back_down, middle.back_right)
        part = part[behind <= max(_MORE_BEHIND * -behind.min(), behind.min() + 1)]
    (top, left), (bottom, right), (row, column) = part.min(axis=0), part.max(axis=0) + 1, part.mean(axis=0)
    return Body(level, int(top), int(left), int(bottom), int(right), float(row), float(column))
