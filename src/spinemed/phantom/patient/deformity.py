"""Curves and slips: scoliosis with Lenke-like patterns, thoracic hyperkyphosis, spondylolisthesis."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from spinemed.phantom.patient.conditions import Condition
from spinemed.phantom.patient.disc_disease import wear
from spinemed.phantom.patient.draft import Draft, drawn
from spinemed.phantom.patient.healthy import wedge_deg
from spinemed.phantom.patient.shapes import EndplateDefect, Narrowing

# Share of a vertebra's coronal turn that its body takes, the discs the rest [assumed].
_IN_BODIES: Final[float] = 0.25
_MOST_ROTATION_DEG: Final[float] = 18.0
# Age from which facets are worn enough to let a vertebra slip: degenerative slips rise from the fifth decade
# on (Kalichman 2009) [recalled].
_WORN_FROM: Final[int] = 40


class _Curve(NamedTuple):
    """One curve: where its ends may lie, and its angle as a share of the patient's greatest."""

    upper: tuple[str, ...]
    lower: tuple[str, ...]
    share: float


# Curves from above to below; the next curve begins where the last one ends. Types after Lenke 2001, as given
# by orthobullets.com/spine/2076 [V]; the ends and the shares are [assumed].
_PATTERNS: Final[dict[str, tuple[_Curve, ...]]] = {
    "main_thoracic": (_Curve(("T4", "T5", "T6"), ("T11", "T12", "L1"), 1.0),),
    "double_major": (_Curve(("T4", "T5", "T6"), ("T10", "T11"), 1.0), _Curve((), ("L3", "L4"), 0.88)),
    "thoracolumbar": (_Curve(("T8", "T9", "T10"), ("L2", "L3"), 1.0),),
    "lumbar": (_Curve(("T11", "T12", "L1"), ("L4",), 1.0),),
}
# The thoracic curve bulges to the right in most, the lumbar one to the left: of schoolchildren's curves 60 %
# of the thoracic to the right, 76 % of the thoracolumbar and 65 % of the lumbar to the left
# (doi:10.1186/s12891-016-1140-6) [V]; the shares here are [assumed].
_RIGHT_SHARE: Final[dict[str, float]] = {
    "main_thoracic": 0.85,
    "double_major": 0.85,
    "thoracolumbar": 0.35,
    "lumbar": 0.4,
}


def curve_sideways(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Give the spine a scoliosis: coronal tilts and twists of discs, and a little wedge of the bodies."""
    shares = dict(condition.shares)
    if draft.age >= 50:
        shares = {"thoracolumbar": shares["thoracolumbar"], "lumbar": 2 * shares["lumbar"]}
    pattern = drawn(rng, shares)
    target = condition.drawn(rng, "old_cobb_deg" if draft.age >= 50 else "cobb_deg")
    if draft.settings.cobb_deg is not None:
        target = draft.settings.cobb_deg
    convex_right = rng.random() < _RIGHT_SHARE[pattern]
    turn = condition.drawn(rng, "rotation_per_degree")
    leans, twists = _knots(draft, rng, _PATTERNS[pattern], target, 1.0 if convex_right else -1.0, turn)
    _tilt(draft, _smooth(leans, len(draft.bones)), _smooth(twists, len(draft.bones)))
    draft.curved = True


def _knots(
    draft: Draft,
    rng: np.random.Generator,
    pattern: tuple[_Curve, ...],
    target: float,
    sign: float,
    turn: float,
) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """Lean (up to the left positive) at the curves' ends and twist at their apexes, by place from below."""
    places = {level: place for place, level in enumerate(draft.levels)}
    angles = [target * curve.share for curve in pattern]
    upper = str(rng.choice(pattern[0].upper))
    # Above a curve convex to the right the spine leans to the left, below it to the right.
    lean = angles[0] / 2 if len(angles) == 1 else angles[0] - sum(angles) / 4
    leans = [(places[upper], sign * lean)]
    twists = [(places[upper], 0.0)]
    for curve, angle in zip(pattern, angles, strict=True):
        lower = str(rng.choice(curve.lower))
        lean -= angle
        rotation = min(turn * angle, _MOST_ROTATION_DEG)
        twists += [((leans[-1][0] + places[lower]) // 2, -sign * rotation), (places[lower], 0.0)]
        leans.append((places[lower], sign * lean))
        sign, lean = -sign, -lean
    straight = [(-1, 0.0), (min(leans[0][0] + 6, len(places) - 1), 0.0)]
    return sorted([*leans, *straight]), sorted([*twists, *straight])


def _smooth(knots: list[tuple[int, float]], count: int) -> list[float]:
    """Values at S1 (first) and every vertebra, cosine-eased between knots, level beyond the last."""
    values = [knots[-1][1]] * (count + 1)
    for (low, first), (high, last) in pairwise(knots):
        for place in range(low, high + 1):
            eased = 0.5 - 0.5 * math.cos(math.pi * (place - low) / (high - low))
            values[place + 1] = first + (last - first) * eased
    return values


def _tilt(draft: Draft, leans: list[float], twists: list[float]) -> None:
    """Turn leans into wedges: a body shares the turn with the discs above and below it."""
    levels = [level for level in draft.levels if level != "C1"]
    own = [0.0] + [
        _IN_BODIES * (leans[place + 2] - leans[place]) / 2 if level != "C2" else 0.0
        for place, level in enumerate(levels)
    ]
    for place, level in enumerate(levels):
        between = leans[place + 1] - leans[place] - (own[place] + own[place + 1]) / 2
        draft.change_disc(level, busy=False, tilt_deg=-between, twist_deg=twists[place + 1] - twists[place])
        draft.change_bone(level, busy=False, tilt_deg=-own[place + 1])


def bend_forward(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Hyperkyphosis: under 40 wedged bodies with Schmorl nodes about the apex, later in all discs."""
    draft.kyphosis_deg = condition.drawn(rng, "kyphosis_deg")
    apex = draft.levels.index(draft.pick_bones(rng, condition, 1)[0])
    around = draft.levels[apex - 2 : apex + 3]
    for level in around:
        shape = draft.bones[level]
        wedge = condition.drawn(rng, "wedge_deg") * (1.0 if draft.age < 40 else 0.6)
        fall = 0.9 * shape.depth_mm * math.tan(math.radians(wedge))
        draft.change_bone(
            level, busy=False, height_ratio=shape.height_ratio - fall / shape.posterior_height_mm
        )
        if draft.age < 40 and rng.random() < 0.6:
            depth = condition.drawn(rng, "schmorl_depth_mm")
            defect = EndplateDefect("upper" if rng.random() < 0.5 else "lower", 0.0, -2.0, 5.0, depth)
            draft.change_bone(level, busy=False, defects=(*shape.defects, defect))


def slip(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Slip one vertebra on the one below: over broken partes, by worn facets, or backwards."""
    for above in draft.pick_discs(rng, condition, 1):
        kind = _slip_kind(draft, above, condition, rng)
        if kind == "retrolisthesis":
            percent = condition.drawn(rng, "retrolisthesis")
        else:
            top = 3 if kind == "isthmic" and above[0] == "L" else 2
            percent = condition.drawn(rng, f"{kind}_{1 + int(top * float(rng.random()) ** 1.5)}")
        if above[0] != "L":
            percent = max(min(percent, 18.0), -14.0)
        if draft.settings.slip_percent is not None:
            percent = draft.settings.slip_percent
        wear(draft, above, 3)
        sides = [condition.drawn(rng, "foramen_lost") if rng.random() < 0.6 else 0.0 for _ in range(2)]
        # Worn facets thicken the yellow ligament besides [assumed].
        thick = 0.35 * draft.sac_depth_mm(above) * float(rng.random()) if kind == "degenerative" else 0.0
        unstable = rng.random() < condition.shares["unstable"] and 0 < percent < 80
        draft.change_disc(
            above,
            slip_mm=percent / 100 * draft.depth_below_mm(above),
            unstable_mm=condition.drawn(rng, "unstable_mm") * (1.0 if above[0] == "L" else 0.4)
            if unstable
            else 0.0,
            narrowing=Narrowing(flavum_mm=thick, foramen=(sides[0], sides[1])),
        )
        if kind == "isthmic":
            draft.change_bone(above, pars_defect=True)


def _slip_kind(draft: Draft, above: str, condition: Condition, rng: np.random.Generator) -> str:
    """Isthmic slips belong to the lower lumbar spine and mostly to its last disc, degenerative to the old."""
    shares = {name: condition.shares[name] for name in ("isthmic", "degenerative", "retrolisthesis")}
    shares["isthmic"] *= 2.5 if draft.below(above) == "S1" else 1.0 if above[0] == "L" else 0.0
    shares["degenerative"] *= 0.4 if draft.below(above) == "S1" else 1.0
    if draft.age < _WORN_FROM:
        shares["degenerative"] = 0.0
    if draft.settings.slip_percent is not None:
        if draft.settings.slip_percent < 0:
            return "retrolisthesis"
        shares["retrolisthesis"] = 0.0
        if draft.settings.slip_percent > 40 and shares["isthmic"] > 0:
            return "isthmic"
    return drawn(rng, shares) if sum(shares.values()) > 0 else "degenerative"


def wedge_sum_deg(draft: Draft, levels: list[str]) -> float:
    """Return the sum of the bodies' sagittal wedges as they were before any fracture."""
    return sum(
        wedge_deg(draft.bones[level], draft.healthy_ratio.get(level, draft.bones[level].height_ratio))
        for level in levels
    )
