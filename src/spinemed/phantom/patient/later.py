"""The same patient some months later: how fractures, herniations, metastases and curves take their course."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Final

import numpy as np

from spinemed.phantom.patient.conditions import known_conditions
from spinemed.phantom.patient.draft import drawn
from spinemed.phantom.patient.morphometry import BODY_SIZES, expected_ratio
from spinemed.phantom.patient.shapes import (
    DiscShape,
    Fracture,
    Herniation,
    Lesion,
    Narrowing,
    Patient,
    VertebraShape,
)
from spinemed.phantom.patient.stream import stream

_MONTHS: Final[tuple[int, ...]] = (3, 6, 12, 24)
# Curves are slow: before a year their change is less than the error of a Cobb angle.
_MONTHS_OF_CURVES: Final[tuple[int, ...]] = (12, 24, 24)
# Share of fractures, herniations, metastases and curves that stay as they were [assumed].
_STABLE: Final[float] = 1 / 3
# Percent of height that a sunk body has lost, clear of Genant's cuts, and how much more than before at least.
_SUNK_PERCENT: Final[tuple[tuple[float, float], ...]] = ((28.0, 37.0), (43.0, 64.0))
_LEAST_SUNK_PERCENT: Final[float] = 14.0
# Share of patients with osteoporotic fractures who break another vertebra: 19 % in a year, Lindsay 2001 [R],
# raised so that it is seen [assumed].
_BREAK_AGAIN: Final[float] = 0.5
_SPREAD_AGAIN: Final[float] = 0.5
# How many vertebrae away a new fracture or metastasis appears at most.
_NEAR: Final[int] = 4
# A herniation changes by this much; less than the least that is left could not be seen.
_CHANGED_MM: Final[tuple[float, float]] = (3.3, 5.0)
_LEAST_LEFT_MM: Final[float] = 2.9
_FARTHEST_MM: Final[float] = 10.5
_PROTRUSION_MM: Final[float] = 6.0
_GROWN: Final[tuple[float, float]] = (1.45, 1.8)
_SHRUNK: Final[tuple[float, float]] = (0.45, 0.58)
# Degrees that curves gain: of the young while they grow, and of worn spines, 3 a year and more in those that
# progress (Pritchett 1993 [R]), which takes two years to exceed the error of a Cobb angle.
_YOUNG: Final[int] = 20
_OLD: Final[int] = 50
_GAINED_DEG: Final[tuple[float, float]] = (9.0, 18.0)
_GAINED_OLD_DEG: Final[tuple[float, float]] = (9.0, 12.0)


def later(patient: Patient) -> Patient | None:
    """Return the patient at a later examination, None where nothing has a course that is followed.

    Fresh fractures that were not operated become old, and some sink; herniations shrink, vanish or grow;
    metastases grow, shrink or spread; curves progress in the young, and in the old within two years. About a
    third of them stay as they were.

    >>> from spinemed.phantom.patient.sample import sample_patient
    >>> later(sample_patient(7, [])) is None
    True
    """
    bones = [shape for shape in patient.vertebrae if may_sink(shape) or may_spread(shape)]
    discs = [disc for disc in patient.discs if may_shrink(disc)]
    if not bones and not discs and not may_bend(patient):
        return None
    months = int(stream(patient.seed, "later").choice(_MONTHS_OF_CURVES if may_bend(patient) else _MONTHS))
    changed = {shape.level: _bone_later(patient, shape) for shape in bones}
    changed |= _new_fracture(patient, bones) | _new_metastasis(patient, bones)
    moved = {disc.above: _disc_later(patient, disc) for disc in discs}
    result = replace(
        patient,
        months=months,
        vertebrae=tuple(changed.get(shape.level, shape) for shape in patient.vertebrae),
        discs=tuple(moved.get(disc.above, disc) for disc in patient.discs),
    )
    return _curve_later(result) if may_bend(patient) else result


def may_sink(shape: VertebraShape) -> bool:
    """Return whether a vertebra has a fresh compression or burst fracture that was not operated.

    Torn and displaced ones (B and C) are not left without an operation.
    """
    fracture = shape.fracture
    return fracture is not None and fracture.fresh and not shape.screws and fracture.ao[:1] in ("", "A")


def may_spread(shape: VertebraShape) -> bool:
    """Return whether a vertebra has a metastasis that was not operated."""
    return shape.lesion is not None and not shape.screws


def may_shrink(disc: DiscShape) -> bool:
    """Return whether a disc has a herniation that was not operated."""
    return disc.herniation is not None and not disc.cage


def may_bend(patient: Patient) -> bool:
    """Return whether a patient has a scoliosis without screws."""
    return "scoliosis" in patient.conditions and not any(shape.screws for shape in patient.vertebrae)


def _site_stream(patient: Patient, site: str) -> np.random.Generator:
    return stream(patient.seed, f"later/{site}")


def _bone_later(patient: Patient, shape: VertebraShape) -> VertebraShape:
    rng = _site_stream(patient, shape.level)
    stable = bool(rng.random() < _STABLE)
    if shape.lesion is not None:
        return shape if stable else replace(shape, lesion=_lesion_later(shape.lesion, rng))
    if shape.fracture is None:
        return shape
    old = replace(shape, fracture=replace(shape.fracture, fresh=False))
    return old if stable else _sunk(patient, old, rng)


def _sunk(patient: Patient, shape: VertebraShape, rng: np.random.Generator) -> VertebraShape:
    """The body with more height lost in the form it has; as it was where little is left to lose."""
    fracture = shape.fracture
    if fracture is None:
        return shape
    lost = _lost_percent(patient, shape, fracture)
    least = lost + _LEAST_SUNK_PERCENT
    ranges = [(max(low, least), high) for low, high in _SUNK_PERCENT if least < high]
    if not ranges:
        return shape
    now = float(rng.uniform(*ranges[int(rng.integers(len(ranges)))]))
    return _with_loss(patient, replace(shape, fracture=replace(fracture, grade=3 if now > 40 else 2)), now)


def _lost_percent(patient: Patient, shape: VertebraShape, fracture: Fracture) -> float:
    """The height that a fracture took, by its form, as `fractures.collapse` takes it."""
    left = {
        "wedge": shape.height_ratio / expected_ratio(shape.level, patient.sex),
        "biconcave": shape.middle_ratio,
        "crush": shape.posterior_height_mm / (patient.scale * BODY_SIZES[shape.level].height),
    }
    return 100 * (1 - left[fracture.form])


def _with_loss(patient: Patient, shape: VertebraShape, percent: float) -> VertebraShape:
    left = 1 - percent / 100
    if shape.fracture is None or shape.fracture.form == "wedge":
        return replace(shape, height_ratio=expected_ratio(shape.level, patient.sex) * left)
    if shape.fracture.form == "biconcave":
        return replace(shape, middle_ratio=left)
    return replace(shape, posterior_height_mm=patient.scale * BODY_SIZES[shape.level].height * left)


def _new_fracture(patient: Patient, bones: list[VertebraShape]) -> dict[str, VertebraShape]:
    """A healthy neighbour of an osteoporotic fracture that has broken since, in some."""
    broken = [
        shape.level
        for shape in bones
        if shape.fracture is not None and shape.fracture.cause == "osteoporotic"
    ]
    rng = _site_stream(patient, "new fracture")
    chosen = _healthy_near(patient, broken, "osteoporotic_fracture", rng)
    if chosen is None or rng.random() >= _BREAK_AGAIN:
        return {}
    low, high = _SUNK_PERCENT[int(rng.integers(len(_SUNK_PERCENT)))]
    now = float(rng.uniform(low, min(high, 50.0)))
    fracture = Fracture("wedge", "A1", 3 if now > 40 else 2, "osteoporotic", fresh=True)
    return {chosen.level: _with_loss(patient, replace(chosen, fracture=fracture), now)}


def _new_metastasis(patient: Patient, bones: list[VertebraShape]) -> dict[str, VertebraShape]:
    """A healthy vertebra near a metastasis that has got one of its kind since, in some."""
    there = {shape.level: shape.lesion for shape in bones if shape.lesion is not None}
    rng = _site_stream(patient, "new metastasis")
    chosen = _healthy_near(patient, list(there), "metastasis", rng)
    if chosen is None or rng.random() >= _SPREAD_AGAIN:
        return {}
    aside, back, up = rng.uniform(-0.25, 0.25, 3).tolist()
    wide, deep, tall = (known_conditions()["metastasis"].drawn(rng, "radius") for _ in range(3))
    kind = next(iter(there.values())).kind
    return {chosen.level: replace(chosen, lesion=Lesion(kind, (aside, back, up), (wide, deep, tall)))}


def _healthy_near(
    patient: Patient, levels: list[str], condition: str, rng: np.random.Generator
) -> VertebraShape | None:
    """A vertebra without any finding where the condition may strike, a few levels from one of `levels`."""
    order = [shape.level for shape in patient.vertebrae]
    altered = {
        level for disc in patient.discs if disc.modic or disc.infected for level in (disc.above, disc.below)
    }
    near = [
        shape
        for place, shape in enumerate(patient.vertebrae)
        if any(abs(place - order.index(level)) <= _NEAR for level in levels)
        and shape.level in known_conditions()[condition].levels
        and shape.fracture is None
        and shape.lesion is None
        and not shape.defects
        and not shape.screws
        and not shape.squared
        and shape.level not in altered
    ]
    return near[int(rng.integers(len(near)))] if near else None


def _lesion_later(lesion: Lesion, rng: np.random.Generator) -> Lesion:
    """A larger one, or a smaller one under treatment; blastic ones are not known to shrink."""
    if lesion.kind == "blastic" or rng.random() < 0.5:
        return _scaled(lesion, float(rng.uniform(*_GROWN)))
    # What is left lies within the body.
    return replace(_scaled(lesion, float(rng.uniform(*_SHRUNK))), pedicle="")


def _scaled(lesion: Lesion, factor: float) -> Lesion:
    wide, deep, tall = (radius * factor for radius in lesion.radii)
    return replace(lesion, radii=(wide, deep, tall))


def _disc_later(patient: Patient, disc: DiscShape) -> DiscShape:
    rng = _site_stream(patient, f"disc {disc.above}")
    was = disc.herniation
    if was is None or rng.random() < _STABLE:
        return disc
    now = _herniation_later(was, neck=disc.above[0] != "L", rng=rng)
    # A foraminal herniation is what narrows the foramen of its disc.
    share = 0.0 if now is None else min(now.reach_mm / was.reach_mm, 1.0)
    left, right = disc.narrowing.foramen
    return replace(disc, herniation=now, narrowing=Narrowing(foramen=(left * share, right * share)))


def _herniation_later(was: Herniation, *, neck: bool, rng: np.random.Generator) -> Herniation | None:
    """A smaller or a larger one, or none; the narrower canals above the lumbar spine hold no larger one."""
    least, most = _CHANGED_MM
    by = float(rng.uniform(least, min(most, max(was.reach_mm - _LEAST_LEFT_MM, least))))
    # Small ones cannot shrink by so much and still be seen, so large ones mostly do.
    shares = {
        "gone": 1.0,
        "smaller": 4.0 if was.reach_mm - by >= _LEAST_LEFT_MM else 0.0,
        "larger": 0.0 if neck or was.reach_mm + by > _FARTHEST_MM else 1.0,
    }
    course = drawn(rng, shares)
    if course == "gone":
        return None
    reach = was.reach_mm + (by if course == "larger" else -by)
    kind = "extrusion" if reach > _PROTRUSION_MM else was.kind
    migration = was.migration_mm * min(reach / was.reach_mm, 1.0)
    return replace(was, kind=kind, reach_mm=reach, migration_mm=migration)


def _curve_later(patient: Patient) -> Patient:
    """The scoliosis with all its curves steeper in proportion, or as it was."""
    rng = _site_stream(patient, "curve")
    young = patient.age < _YOUNG
    progresses = young or (patient.age >= _OLD and patient.months == max(_MONTHS))
    if rng.random() < _STABLE or not progresses:
        return patient
    gained = float(rng.uniform(*(_GAINED_DEG if young else _GAINED_OLD_DEG)))
    factor = 1 + gained / _main_curve_deg(patient)
    return replace(
        patient,
        vertebrae=tuple(replace(shape, tilt_deg=shape.tilt_deg * factor) for shape in patient.vertebrae),
        discs=tuple(
            replace(disc, tilt_deg=disc.tilt_deg * factor, twist_deg=disc.twist_deg * factor)
            for disc in patient.discs
        ),
    )


def _main_curve_deg(patient: Patient) -> float:
    """The greatest coronal angle between two vertebrae between which the spine leans steadily."""
    turns = [
        disc.tilt_deg + bone.tilt_deg
        for disc, bone in zip(patient.discs, patient.vertebrae, strict=False)
        if bone.level != "C1"
    ]
    leans = [0.0, *accumulate(turns)]
    peaks = [
        lean
        for before, lean, after in zip(leans, leans[1:], leans[2:], strict=False)
        if (lean - before) * (after - lean) <= 0
    ]
    return max((abs(upper - lower) for lower, upper in pairwise([0.0, *peaks, leans[-1]])), default=0.0)
