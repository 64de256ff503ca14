"""Findings of one series: which vertebrae its slice shows, whole or in part, and their loss of height."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spinemed.errors import SourceError
from spinemed.facts.bodies import Body, bodies_and_strays, tilts
from spinemed.facts.heights import Heights, heights
from spinemed.facts.measure_losses import losses_of
from spinemed.facts.normal import (
    GENANT_CUTS_PERCENT,
    MEASURED_LEVELS,
    Sex,
    distance_to_cut,
    expected_ratio,
    genant_grade,
)
from spinemed.imaging.slices import body_fronts, nearest_slice, sagittal
from spinemed.imaging.volume import Volume
from spinemed.level_labels import SCHEMES
from spinemed.levels import Level
from spinemed.records import Finding, Locator, Pathology, Reject, Series, Study, content_id

COARSEST_MM = 1.2
"""No height loss is stated where rows lie further apart than this."""

MARGIN = 1.5
"""A loss must lie off the cuts between grades by this many measuring errors."""

_EDGE_ERROR = 0.35  # of a pixel, of one fitted height: measured on phantoms, see tests/test_facts.py
_SPREAD_PERCENT = (
    3.3  # between healthy bodies of one level: 1.5 degrees of wedge at a depth 1.4 times the height
)
_INTACT_PERCENT = 15.0
_PRIOR_NEIGHBOURS = 4.0
_REACH = 4
_ASIDE_SHARE = 0.65
"""Of the half width: a slice further from the middle of a body does not show it as a body."""
_STEEPEST = math.radians(60)
_LEANS = "the body leans too far for its heights to be measured"
_STEP = "facts"
_BESIDE = "the slice passes beside the middle of this body"
_ASTRAY = "the slice shows this vertebra out of line with its neighbours, or far too small beside them"


@dataclass(frozen=True)
class Looked:
    """What a mask shows before it is known whose it is: the best sagittal slice, its bodies, those aside.

    `strays` are levels whose whole label in this slice lies out of line with the others, or is far too small.
    """

    index: int
    seen: list[Body]
    aside: set[str]
    sizes: dict[str, Heights | str]
    strays: tuple[str, ...] = ()


def look(mask: NDArray[np.uint8], spacing_mm: tuple[float, float]) -> Looked | None:
    """Return what the best sagittal slice of VerSe labels [z, y, x] shows, None for a mask without any.

    `spacing_mm` is (row, column) of sagittal slices. Series that share a mask share what is seen in it.
    """
    if not mask.any():
        return None
    fronts = body_fronts(mask)
    index = nearest_slice(fronts, mask.shape[2])
    seen, strays = bodies_and_strays(sagittal(mask, index), spacing_mm)
    names = SCHEMES["verse"]
    # A slice passes some bodies too far from their middle to show them: in a curved spine.
    aside = {
        names[value]
        for value, (middle, half) in fronts.items()
        if value in names and abs(index - middle) > _ASIDE_SHARE * half
    }
    kept = [body for body in seen if body.site not in aside]
    tilt = dict(zip((body.site for body in kept), tilts(kept, spacing_mm), strict=True))
    fine = max(spacing_mm) <= COARSEST_MM and in_order(seen)
    measured = [body for body in kept if fine and body.whole and body.site in MEASURED_LEVELS]
    sizes = {
        body.site: _measured(body, spacing_mm, tilt[body.site])
        if abs(tilt[body.site]) <= _STEEPEST
        else _LEANS
        for body in measured
    }
    return Looked(
        index,
        seen,
        aside,
        sizes,
        tuple(body.site for body in strays if body.whole and body.site not in aside),
    )


def find(
    study: Study, volume: Volume, mask: NDArray[np.uint8], series: Series, looked: Looked | None = None
) -> list[Finding | Reject]:
    """Return what the best sagittal slice of a series supports, and a Reject for everything it does not.

    `mask` holds VerSe labels on the volume's grid. Finding `vertebra`: a vertebral body wholly in view,
    evidence is its box in slice pixels; S1 stands for the upper 25 mm of the sacrum. Finding
    `vertebra_in_part`: a body cut by the border of the image, evidence is the box of what is seen. Finding
    `height_loss`: Genant's grade from the anterior over the posterior height against the ratio expected
    of the level and of the patient's intact neighbours (Genant 1993). A mask without a vertebra, or with
    levels out of order, gives Rejects alone. `looked` is `look` of this mask where another series of the
    same mask has had it.
    """
    place = f"{study.id}/{series.uid}"
    looked = look(mask, volume.spacing_mm[:2]) if looked is None else looked
    if looked is None:
        return [
            _reject(
                study, place, "the mask holds no vertebra", "give a mask whose labels fit the label scheme"
            )
        ]
    index, seen, aside, sizes = looked.index, looked.seen, looked.aside, looked.sizes
    if not in_order(seen):
        fix = "check the label scheme and the orientation in the header of the mask"
        return [_reject(study, place, "the levels of the mask do not run from head to foot", fix)]
    found: list[Finding | Reject] = [
        _reject(study, f"{place}/{site}/vertebra", reason, "none needed")
        for sites, reason in ((aside, _BESIDE), (looked.strays, _ASTRAY))
        for site in sorted(sites, key=Level)
    ]
    seen = [body for body in seen if body.site not in aside]
    for body in seen:
        pathology: Pathology = "vertebra" if body.whole else "vertebra_in_part"
        found.append(_finding(study, series, volume, index, body, pathology))
    found.extend(_height_losses(study, series, volume, index, seen, sizes))
    return found


def in_order(seen: Sequence[Body]) -> bool:
    """Return whether each body, in the order of levels, lies below the last, or beside it rather than above.

    In severe kyphosis the spine runs almost level, and rises a little before it descends.
    """
    steps = [(lower.row - upper.row, abs(lower.column - upper.column)) for upper, lower in pairwise(seen)]
    return all(down > 0 or -down < aside for down, aside in steps)


def _height_losses(
    study: Study,
    series: Series,
    volume: Volume,
    index: int,
    seen: Sequence[Body],
    sizes: dict[str, Heights | str],
) -> list[Finding | Reject]:
    place = f"{study.id}/{series.uid}"
    spacing_mm = volume.spacing_mm[:2]
    measured = [body for body in seen if body.whole and body.site in MEASURED_LEVELS]
    if max(spacing_mm) > COARSEST_MM:
        reason = f"pixels are coarser than {COARSEST_MM} mm, too coarse for a grade of height loss"
        return [_reject(study, f"{place}/{body.site}", reason, "give a finer series") for body in measured]
    found: list[Finding | Reject] = []
    for body in measured:
        size = sizes[body.site]
        if isinstance(size, str):
            found.append(_reject(study, f"{place}/{body.site}", size, "give a finer series"))
            continue
        loss, error = loss_percent(body.site, sizes, study.sex, max(spacing_mm))
        if distance_to_cut(loss) < MARGIN * error:
            reason = "the height loss lies within the measuring error of a cut between grades"
            found.append(_reject(study, f"{place}/{body.site}", reason, "none needed"))
            continue
        if other := _other_loss(body.site, sizes, study.sex, loss, error):
            found.append(_reject(study, f"{place}/{body.site}", other, "none needed"))
            continue
        found.append(_finding(study, series, volume, index, body, "height_loss", max(0.0, loss)))
    return found


def _other_loss(site: str, sizes: dict[str, Heights | str], sex: Sex, loss: float, error: float) -> str:
    """Why the loss of the front is not the whole story: middle or back may have lost more; "" else."""
    known = {level: size for level, size in sizes.items() if isinstance(size, Heights)}
    losses = losses_of(site, known, sex)
    form = max(losses, key=lambda name: losses[name])
    more = losses[form] > max(loss, GENANT_CUTS_PERCENT[0] - MARGIN * error)
    return f"another height than that of the front may be lost: {form}" if form != "wedge" and more else ""


def _measured(body: Body, spacing_mm: tuple[float, float], tilt: float) -> Heights | str:
    try:
        return heights(body.pixels, spacing_mm, tilt)
    except SourceError as error:
        return str(error)


def loss_percent(
    site: str, sizes: dict[str, Heights | str], sex: Sex, pixel_mm: float
) -> tuple[float, float]:
    """Return the lost share of the anterior height in percent, and its standard measuring error.

    The expected ratio of the level is corrected by the median deviation of up to eight intact neighbours,
    drawn towards none the fewer they are.
    """
    raw = {
        level: 100 * (1 - size.ratio / expected_ratio(level, sex))
        for level, size in sizes.items()
        if isinstance(size, Heights)
    }
    place = MEASURED_LEVELS.index(site)
    near = [
        value
        for level, value in raw.items()
        if level != site
        and abs(MEASURED_LEVELS.index(level) - place) <= _REACH
        and abs(value) < _INTACT_PERCENT
    ]
    trust = len(near) / (len(near) + _PRIOR_NEIGHBOURS)
    shift = trust * float(np.median(near)) if near else 0.0
    loss = 100 * (1 - (1 - raw[site] / 100) / (1 - shift / 100))
    size = sizes[site]
    if isinstance(size, str):
        raise SourceError(f"{site}: {size}")
    from_pixels = 100 * _EDGE_ERROR * pixel_mm * math.sqrt(2) / size.posterior
    from_neighbours = trust * _SPREAD_PERCENT / math.sqrt(max(len(near), 1))
    return loss, math.hypot(from_pixels, from_neighbours)


def _finding(
    study: Study,
    series: Series,
    volume: Volume,
    index: int,
    body: Body,
    pathology: Pathology,
    loss: float | None = None,
) -> Finding:
    grade = "" if loss is None else str(genant_grade(loss))
    return Finding(
        id=content_id(study.id, series.uid, body.site, pathology),
        study=study.id,
        site=body.site,
        pathology=pathology,
        grade=grade,
        present=loss is None or grade != "0",
        value=None if loss is None else round(loss, 1),
        unit="" if loss is None else "%",
        evidence=Locator(series=series.uid, slice_index=index, slice_id=volume.slice_id(index), box=body.box),
    )


def _reject(study: Study, place: str, reason: str, fix: str) -> Reject:
    return Reject(id=place, source=study.source, step=_STEP, reason=reason, fix=fix)
