"""Whether a mask's labels can be the levels that a numbering says: in anatomical order and of likely size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinemed.errors import SourceError
from spinemed.imaging.volume import vertebrae_of

# Least and most of a whole adult vertebra with its arch, wide enough for small women and large men.
_LIKELY_ML = {"C": (3.0, 40.0), "T": (8.0, 120.0), "L": (30.0, 250.0)}
_SLIVER_SHARE = 0.1
# The numberings that vertebra masks come in; the other tables are for discs, cords, gradings or repeat these.
_NUMBERINGS = (
    "verse",
    "totalsegmentator_v2",
    "totalsegmentator_v1",
    "totalsegmentator_vertebrae_mr",
    "totalspineseg",
    "spider",
    "mrspineseg",
)


@dataclass(frozen=True)
class Part:
    """One label of a mask: voxels, mean height along z in voxels, and whether it touches the border."""

    value: int
    voxels: int
    height: float
    at_border: bool


def check_levels(
    labels: NDArray[np.integer],
    spacing_mm: tuple[float, float, float],
    scheme: str,
    place: Path,
    trusted: bool = False,
) -> None:
    """Raise SourceError where the labels cannot be the vertebrae that `scheme` says.

    `labels` is [z, y, x] in LPS with values as stored, `place` names the file. `trusted` says that a person
    or the file's name named the levels: then only presence and order are checked, not sizes and not whether
    another numbering fits better.
    """
    parts = _parts(labels)
    named = _vertebrae(parts, scheme)
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    if not named:
        raise SourceError(
            f"{place}: no vertebra of {scheme} among the labels {_listed(parts)}; {_way_out(parts, voxel_ml)}"
        )
    if not _in_order(named):
        raise SourceError(
            f"{place}: labels do not run in anatomical order, {scheme} makes them {_from_above(named)} from "
            f"above; {_way_out(parts, voxel_ml)}"
        )
    if not trusted:
        _check_rivals(parts, named, scheme, place)
        _check_sizes(named, voxel_ml, scheme, place)


def _parts(labels: NDArray[np.integer]) -> list[Part]:
    """Return every label but 0; one pass a plane keeps the memory small."""
    size = int(labels.max()) + 1
    counts = np.array([np.bincount(plane.ravel(), minlength=size) for plane in labels])
    faces = [labels[0], labels[-1], labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]]
    border = {int(value) for face in faces for value in np.unique(face)}
    heights = np.arange(len(labels))
    totals = counts.sum(axis=0)
    return [
        Part(int(v), int(totals[v]), float(counts[:, v] @ heights / totals[v]), int(v) in border)
        for v in np.flatnonzero(totals)
        if v != 0
    ]


def _vertebrae(parts: list[Part], scheme: str) -> dict[str, Part]:
    """Return the vertebrae that the scheme names among the labels, from the head down."""
    sites = vertebrae_of(scheme)
    named = {sites[part.value]: part for part in parts if part.value in sites}
    return dict(sorted(named.items(), key=lambda item: _rank(item[0])))


def _rank(site: str) -> int:
    """Return a number that grows from the head down: C1 is 1, T1 is 101, T13 comes before L1."""
    return "CTLS".index(site[0]) * 100 + int(re.sub(r"\D", "", site))


def _in_order(named: Mapping[str, Part]) -> bool:
    """Return whether each vertebra lies lower than the one above it; slivers at the border are not asked."""
    usual = float(np.median([part.voxels for part in named.values()]))
    heights = [part.height for part in named.values() if part.voxels >= _SLIVER_SHARE * usual]
    return all(upper > lower for upper, lower in pairwise(heights))


def _check_rivals(parts: list[Part], named: Mapping[str, Part], scheme: str, place: Path) -> None:
    """Raise SourceError where another numbering makes all these labels and more one unbroken row, in order.

    A TotalSegmentator v1 mask of the trunk is in order under v2 too, seven levels off: there the row goes on.
    """
    own = {part.value for part in named.values()}
    for rival in _NUMBERINGS:
        theirs = _vertebrae(parts, rival)
        values = {part.value for part in theirs.values()}
        unbroken = len(values) > 0 and max(values) - min(values) + 1 == len(values)
        if rival != scheme and values > own and unbroken and _in_order(theirs):
            raise SourceError(
                f"{place}: the labels {_listed(parts)} make {len(named)} vertebrae in order under {scheme} "
                f"but {len(theirs)} under {rival}; say which is right with --label-scheme {scheme} or {rival}"
            )


def _check_sizes(named: Mapping[str, Part], voxel_ml: float, scheme: str, place: Path) -> None:
    for region, (least, most) in _LIKELY_ML.items():
        usual = _usual_ml(named, region, voxel_ml)
        if not np.isnan(usual) and not least <= usual <= most:
            raise SourceError(
                f"{place}: {_from_above(named)} under {scheme}, but region {region} measures {usual:.1f} "
                f"ml a vertebra, likely are {least:g} to {most:g}: counts, another numbering or parts of "
                f"vertebrae; if it is right, read the folder as totalsegmentator, --label-scheme {scheme}"
            )


def _usual_ml(named: Mapping[str, Part], region: str, voxel_ml: float) -> float:
    """Return the median volume of the region's vertebrae that lie wholly in view, NaN where none does."""
    whole = [part.voxels for site, part in named.items() if site[0] == region and not part.at_border]
    return float(np.median(whole)) * voxel_ml if whole else float("nan")


def _way_out(parts: list[Part], voxel_ml: float) -> str:
    """Return the advice to name the numbering, with those that give a likely row of vertebrae."""
    fitting = []
    for scheme in _NUMBERINGS:
        named = _vertebrae(parts, scheme)
        sizes = {region: _usual_ml(named, region, voxel_ml) for region in _LIKELY_ML}
        likely = all(
            np.isnan(ml) or _LIKELY_ML[region][0] <= ml <= _LIKELY_ML[region][1]
            for region, ml in sizes.items()
        )
        if len(named) >= 2 and likely and _in_order(named):
            fitting.append(scheme)
    if not fitting:
        return "give a mask with vertebra labels"
    return f"if it holds vertebrae, say their numbering with --label-scheme (possible: {', '.join(fitting)})"


def _listed(parts: list[Part]) -> str:
    values = [str(part.value) for part in parts]
    more = f" and {len(values) - 12} more" if len(values) > 12 else ""
    return (", ".join(values[:12]) + more) or "(none)"


def _from_above(named: Mapping[str, Part]) -> str:
    return ", ".join(sorted(named, key=lambda site: -named[site].height))
