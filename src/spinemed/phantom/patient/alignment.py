"""The patient's sagittal curves, lying, put into discs so that the placed spine comes near its targets."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from spinemed.phantom.patient.deformity import wedge_sum_deg
from spinemed.phantom.patient.draft import Draft
from spinemed.phantom.patient.healthy import clipped_normals, wedge_deg
from spinemed.phantom.patient.morphometry import (
    KYPHOSIS,
    KYPHOSIS_PER_LEAN,
    LORDOSIS,
    LORDOSIS_PER_SLOPE,
    LORDOSIS_REST_DEG,
    LORDOSIS_SHARES,
    LYING_SLOPE_LOSS_DEG,
    NECK_LORDOSIS,
    NECK_PER_LEAN,
    PELVIC_INCIDENCE,
    PELVIC_TILT,
    STANDING_GAIN,
    USUAL_BACK_DEG,
    USUAL_LEAN_DEG,
)
from spinemed.phantom.patient.wedges import shared_out, steepest_deg

# What the vertebrae above T4 and the disc below T12 add to the forward lean, about.
_UPPER_THORAX_DEG: Final[float] = 3.0


class Pelvis(NamedTuple):
    """What stays with the patient: pelvic incidence, lying sacral slope, gain on standing; degrees."""

    incidence_deg: float
    slope_deg: float
    standing_gain_deg: float


def align(draft: Draft, rng: np.random.Generator) -> Pelvis:
    """Set the wedges of all discs and return the pelvis.

    Targets: lordosis L1 upper to S1 upper endplate, kyphosis T4 upper to T12 lower, neck C2 to C7 lower.
    """
    normals = clipped_normals(rng, (8,)).tolist()
    incidence = PELVIC_INCIDENCE.mean + PELVIC_INCIDENCE.deviation * normals[0]
    tilt = PELVIC_TILT.mean + PELVIC_TILT.deviation * normals[1] + 0.25 * (incidence - PELVIC_INCIDENCE.mean)
    slope = incidence - tilt
    mean_slope = PELVIC_INCIDENCE.mean - PELVIC_TILT.mean
    standing = (
        LORDOSIS[draft.sex] + LORDOSIS_PER_SLOPE * (slope - mean_slope) + LORDOSIS_REST_DEG * normals[2]
    )
    if draft.settings.lordosis_deg is not None:
        standing = draft.settings.lordosis_deg
    gain = STANDING_GAIN.mean + STANDING_GAIN.deviation * normals[3]
    # The chest meets how far the first lumbar vertebra leans back, so that the head stays over the pelvis.
    back = (standing - gain) - (slope - LYING_SLOPE_LOSS_DEG)
    kyphosis = KYPHOSIS.mean + KYPHOSIS.deviation * normals[4] + KYPHOSIS_PER_LEAN * (back - USUAL_BACK_DEG)
    kyphosis += 0.08 * max(draft.age - 50, 0)
    kyphosis = draft.settings.kyphosis_deg or draft.kyphosis_deg or kyphosis
    _bend_lumbar(draft, standing - gain)
    _bend_thoracic(draft, kyphosis)
    _set(draft, ["C7"], [1.0 + normals[6]])
    lean = kyphosis - back + _UPPER_THORAX_DEG
    neck = NECK_LORDOSIS[draft.sex]
    upright = NECK_PER_LEAN * (lean - USUAL_LEAN_DEG)
    _bend_neck(draft, neck.mean + neck.deviation * normals[5] + upright)
    _hinge(draft)
    return Pelvis(incidence, slope - LYING_SLOPE_LOSS_DEG, gain)


def _bend_lumbar(draft: Draft, lordosis_deg: float) -> None:
    levels = [level for level in draft.discs if level[0] == "L"]
    total = lordosis_deg + wedge_sum_deg(draft, levels)
    _share(draft, levels, total, list(LORDOSIS_SHARES))


def _bend_thoracic(draft: Draft, kyphosis_deg: float) -> None:
    """T4 to T12; the discs above and a T13's go with them, the last rib-bearing one is a little lordotic."""
    thoracic = [level for level in draft.discs if level[0] == "T"]
    last = thoracic[0]
    bodies = [level for level in thoracic if 4 <= int(level[1:]) <= 12]
    discs = [level for level in bodies if level != "T12"]
    _share(draft, discs, wedge_sum_deg(draft, bodies) - kyphosis_deg, [1.0] * len(discs))
    _set(draft, [level for level in thoracic if int(level[1:]) < 4], [1.5] * 3)
    _set(draft, ["T12"] if last == "T12" else ["T12", "T13"], [1.5, 1.5])


def _bend_neck(draft: Draft, lordosis_deg: float) -> None:
    discs = [level for level in draft.discs if level[0] == "C" and level != "C7"]
    bodies = [f"C{number}" for number in range(3, 8)]
    _share(draft, discs, lordosis_deg + wedge_sum_deg(draft, bodies), [1.0] * len(discs))


def _share(draft: Draft, levels: list[str], total: float, weights: list[float]) -> None:
    limits = [steepest_deg(draft.discs[level], draft.bones[level]) for level in levels]
    # Standing adds to this, so a lying disc keeps a fifth of its room.
    wedges = shared_out(
        total, weights[: len(levels)], [-0.8 * top for top in limits], [0.8 * top for top in limits]
    )
    _set(draft, levels, wedges)


def _set(draft: Draft, levels: list[str], wedges: list[float]) -> None:
    for level, wedge in zip(levels, wedges, strict=False):
        draft.change_disc(level, busy=False, wedge_deg=wedge)


def _hinge(draft: Draft) -> None:
    """Open discs beside a wedged body in front by a quarter of its angle each [assumed], torn ones behind."""
    for level, ratio in draft.healthy_ratio.items():
        shape = draft.bones[level]
        lost = wedge_deg(shape, shape.height_ratio) - wedge_deg(shape, ratio)
        levels = list(draft.discs)
        place = levels.index(level)
        for beside in levels[place : place + 2]:
            disc = draft.discs[beside]
            opened = disc.wedge_deg + 0.25 * max(lost, 0.0)
            if beside == level:
                opened += draft.hinge_deg.get(level, 0.0)
            steepest = steepest_deg(disc, draft.bones[beside])
            draft.change_disc(beside, busy=False, wedge_deg=min(max(opened, -steepest), steepest))
