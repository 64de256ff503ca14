"""The vertebral bodies of one sagittal slice of a label mask: which, where, and whether wholly in view."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spinemed.level_labels import SCHEMES
from spinemed.levels import Level
from spinemed.records import Box

SACRUM = "S1"
_NO_BODY = "C1"
_SACRUM_DEPTH_MM = 25.0
"""How much of the sacrum, from its highest point down, stands for the body of S1."""
_SMALLEST_MM2 = 40.0
_SLIVER = 0.25
_JOINED = 1.9
_NECK = 0.55
_COMPARABLE = 0.4
_LEAST_OFF_MM = 15.0
_MORE_ROOM = 0.25

_Point = tuple[float, float, float]
"""Row and column in mm, and the level's order."""
_Line = tuple[int, float, tuple[int, ...]]
"""How many bodies a line holds, the negative length of its steps for each level, and their places."""


@dataclass(frozen=True, eq=False)
class Body:
    """One vertebral body in a sagittal slice.

    `box` counts slice pixels (row 0 cranial, column 0 anterior); `pixels` is the body's mask inside the box,
    shape [rows, columns] of the box. `whole` says that no pixel of the body lies on the border of the slice.
    """

    site: str
    box: Box
    pixels: NDArray[np.bool_]
    whole: bool

    @property
    def row(self) -> float:
        """Return the row of the box's centre."""
        return (self.box.top + self.box.bottom) / 2

    @property
    def column(self) -> float:
        """Return the column of the box's centre."""
        return (self.box.left + self.box.right) / 2


def bodies(labels: NDArray[np.uint8], spacing_mm: tuple[float, float]) -> list[Body]:
    """Return the bodies in a sagittal slice of VerSe labels, from the head down.

    `labels` is [row, column], row 0 cranial, column 0 anterior; `spacing_mm` is (row, column). A body is
    the most anterior connected component of its label that is not a sliver; posterior elements are left
    out. The sacrum's body is its upper 25 mm. Labels without a body in the slice (only a spinous process,
    say) are left out, and so are strays; an empty slice gives an empty list.
    """
    return bodies_and_strays(labels, spacing_mm)[0]


def bodies_and_strays(
    labels: NDArray[np.uint8], spacing_mm: tuple[float, float]
) -> tuple[list[Body], list[Body]]:
    """Return the bodies of a slice as `bodies` does, and those left out: out of line or far too small."""
    names = SCHEMES["verse"]
    found = []
    for value, where in enumerate(ndimage.find_objects(labels), start=1):
        if where is None or value not in names:
            continue
        body = _body(names[value], labels, value, where, spacing_mm)
        if body is not None:
            found.append(body)
    found.sort(key=lambda body: Level(body.site).order)
    astray = _strays(found, spacing_mm)
    return [body for body in found if body.site not in astray], [
        body for body in found if body.site in astray
    ]


def whole_body(picture: NDArray[np.uint8], value: int) -> Body | None:
    """Return one label of a picture as a body, all of it: for silhouettes, which have no arch; None without.

    `picture` is [row, column] of VerSe labels, row 0 cranial.
    """
    found = ndimage.find_objects((picture == value).astype(np.uint8))
    if not found or value not in SCHEMES["verse"]:
        return None
    rows, columns = found[0]
    box = Box(left=columns.start, top=rows.start, right=columns.stop, bottom=rows.stop)
    height, width = picture.shape
    whole = box.top > 0 and box.left > 0 and box.bottom < height and box.right < width
    return Body(SCHEMES["verse"][value], box, picture[rows, columns] == value, whole)


def tilts(seen: Sequence[Body], spacing_mm: tuple[float, float]) -> list[float]:
    """Return for each body how far its depth runs down from front to back, in radians.

    The depth stands across the line through the centres of the neighbours above and below. `seen` runs
    from the head down; a body without neighbours gets 0.
    """
    centres = [(body.row * spacing_mm[0], body.column * spacing_mm[1]) for body in seen]
    angles = []
    for place in range(len(seen)):
        upper, lower = centres[max(0, place - 1)], centres[min(len(seen) - 1, place + 1)]
        down, back = lower[0] - upper[0], lower[1] - upper[1]
        angles.append(math.atan2(-back, down))
    return angles


def _body(
    site: str,
    labels: NDArray[np.uint8],
    value: int,
    where: tuple[slice, slice],
    spacing_mm: tuple[float, float],
) -> Body | None:
    rows, columns = where
    component = _anterior_component(labels[where] == value)
    component = _upper_part(component, spacing_mm) if site == SACRUM else _without_arch(component, spacing_mm)
    if component.sum() * spacing_mm[0] * spacing_mm[1] < _SMALLEST_MM2:
        return None
    kept_rows, kept_columns = np.flatnonzero(component.any(axis=1)), np.flatnonzero(component.any(axis=0))
    top, bottom = int(kept_rows[0]), int(kept_rows[-1]) + 1
    left, right = int(kept_columns[0]), int(kept_columns[-1]) + 1
    box = Box(
        left=columns.start + left,
        top=rows.start + top,
        right=columns.start + right,
        bottom=rows.start + bottom,
    )
    height, width = labels.shape
    whole = box.top > 0 and box.left > 0 and box.bottom < height and box.right < width
    return Body(site, box, component[top:bottom, left:right], whole)


def _anterior_component(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the most anterior component with at least a quarter of the largest one's pixels."""
    components, count = ndimage.label(inside)
    if count == 1:
        return inside
    flat = components.ravel()
    sizes = np.bincount(flat)[1:]
    across = np.broadcast_to(np.arange(inside.shape[1]), inside.shape).ravel()
    columns = np.bincount(flat, weights=across)[1:] / sizes
    columns[sizes < _SLIVER * sizes.max()] = np.inf
    kept: NDArray[np.bool_] = components == 1 + int(np.argmin(columns))
    return kept


def _upper_part(component: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> NDArray[np.bool_]:
    part = component.copy()
    part[max(1, round(_SACRUM_DEPTH_MM / spacing_mm[0])) :] = False
    return part


def _without_arch(component: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> NDArray[np.bool_]:
    """Return the component cut at its neck where a pedicle joins body and arch in one piece."""
    thickness = component.sum(axis=0)
    used = np.flatnonzero(thickness)
    width_mm, height_mm = len(used) * spacing_mm[1], float(thickness.max()) * spacing_mm[0]
    if width_mm < _JOINED * height_mm:
        return component
    front = used[: max(1, len(used) // 3)]
    neck = _NECK * float(np.median(thickness[front]))
    thin = used[(thickness[used] < neck) & (used > front[-1])]
    if not len(thin):
        return component
    kept = component.copy()
    kept[:, thin[0] :] = False
    return kept


def _strays(found: Sequence[Body], spacing_mm: tuple[float, float]) -> set[str]:
    """Return the levels of bodies that lie out of line with their neighbours, or are far too small.

    A vertebra that the slice meets in its spinous process alone lies a body's depth beside the line through
    its neighbours, however the spine bends and leans. C1 has no body: its arch is none of the line.
    """
    arch = {body.site for body in found if body.site == _NO_BODY and body.whole}
    found = [body for body in found if body.site != _NO_BODY]
    in_line = _in_line(found, spacing_mm)
    astray = {body.site for body in found if body.site != SACRUM and body.site not in in_line}
    for place, body in enumerate(found):
        near = [*found[max(0, place - 2) : place], *found[place + 1 : place + 3]]
        if near and body.site != SACRUM and body.whole:
            area = float(np.median([other.pixels.sum() for other in near]))
            if body.pixels.sum() < _COMPARABLE * area:
                astray.add(body.site)
    return astray | arch


def _in_line(found: Sequence[Body], spacing_mm: tuple[float, float]) -> set[str]:
    """Return the levels of the most bodies that follow each other in a line, of several such the closest.

    Of three that follow each other, the first and the last lie near the line through the other two: within
    a body's depth, or a quarter more for each level between. Two are compared by their columns.
    """
    if len(found) < 3:
        apart = len(found) == 2 and abs(found[0].column - found[1].column) * spacing_mm[1] > max(
            _LEAST_OFF_MM, _depth(found, 0) * spacing_mm[1]
        )
        return set() if apart else {body.site for body in found}
    points = [
        (body.row * spacing_mm[0], body.column * spacing_mm[1], float(Level(body.site).order))
        for body in found
    ]
    room_mm = [max(_LEAST_OFF_MM, _depth(found, place) * spacing_mm[1]) for place in range(len(found))]
    best: dict[tuple[int, int], _Line] = {}
    chosen: _Line
    for here, last in combinations(range(len(points)), 2):
        step = math.dist(points[here][:2], points[last][:2]) / (points[last][2] - points[here][2])
        chosen = (2, -step, (here, last))
        for before in range(here):
            line = best[before, here]
            if line[:2] > (chosen[0] - 1, chosen[1] + step) and _follow(
                points[before], points[here], points[last], room_mm[here]
            ):
                chosen = (line[0] + 1, line[1] - step, (*line[2], last))
        best[here, last] = chosen
    return {found[place].site for place in max(best.values())[2]}


def _follow(first: _Point, middle: _Point, last: _Point, room_mm: float) -> bool:
    """Return whether the first and the last of three bodies lie near the line through the other two."""
    return all(
        _distance(end, middle, other) <= room_mm * (1 + _MORE_ROOM * (abs(end[2] - middle[2]) - 1))
        for end, other in ((first, last), (last, first))
    )


def _distance(point: _Point, first: _Point, second: _Point) -> float:
    """Return the distance of a point from the line through two others; from the first if they are one."""
    down, back = second[0] - first[0], second[1] - first[1]
    length = math.hypot(down, back)
    if length == 0:
        return math.dist(point[:2], first[:2])
    return abs((point[0] - first[0]) * back - (point[1] - first[1]) * down) / length


def _depth(found: Sequence[Body], place: int) -> float:
    """Return the usual depth of the bodies next to one, in columns."""
    near = found[max(0, place - 2) : place + 3]
    return float(np.median([body.box.right - body.box.left for body in near]))
