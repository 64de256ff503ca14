"""Broken vertebrae: osteoporotic ones by Genant's forms and grades, injured ones by AO type."""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np

from spinemed.phantom.patient.conditions import Condition
from spinemed.phantom.patient.draft import Draft, drawn
from spinemed.phantom.patient.morphometry import BODY_SIZES, expected_ratio, usual_hollow_mm
from spinemed.phantom.patient.shapes import AoType, Fracture, FractureForm

_FORMS: Final[tuple[FractureForm, ...]] = ("wedge", "biconcave", "crush")


def break_osteoporotic(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Collapse one to three vertebrae; grades 1 to 3 are equally likely."""
    for level in draft.pick_bones(rng, condition):
        wanted = drawn(rng, {form: condition.shares[form] for form in _FORMS})
        form: FractureForm = next(name for name in _FORMS if name == wanted)
        grade = 1 + int(3 * rng.random())
        fresh = bool(rng.random() < condition.shares["fresh"])
        burst = form != "biconcave" and grade > 1 and rng.random() < condition.shares["burst"]
        push = condition.drawn(rng, "retropulsion_mm") if burst else 0.0
        # One endplate and an intact posterior wall make A1: only a wedge has both.
        ao: AoType | Literal[""] = "A3" if burst else "A1" if form == "wedge" else ""
        fracture = Fracture(form, ao, grade, "osteoporotic", fresh, push)
        collapse(draft, level, fracture, condition.drawn(rng, f"grade_{grade}"))


def collapse(draft: Draft, level: str, fracture: Fracture, loss_percent: float) -> None:
    """Take the height from a body that its form and loss ask for.

    Wedge: the front against the expected ratio. Biconcave: the middle against the rims. Crush: the back, and
    the front in proportion.
    """
    shape, left = draft.bones[level], 1.0 - loss_percent / 100.0
    expected = expected_ratio(level, draft.sex)
    draft.healthy_ratio[level] = shape.height_ratio
    if fracture.form == "wedge":
        draft.change_bone(level, fracture=fracture, height_ratio=expected * left)
    elif fracture.form == "biconcave":
        ratio = 0.5 * (expected + shape.height_ratio)
        hollow = usual_hollow_mm(level, draft.age)
        draft.change_bone(
            level, fracture=fracture, height_ratio=ratio, middle_ratio=left, concavity_mm=hollow
        )
    else:
        ratio = expected * 0.98
        height = draft.scale * BODY_SIZES[level].height * left
        draft.change_bone(level, fracture=fracture, height_ratio=ratio, posterior_height_mm=height)


def break_by_force(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Break one vertebra by injury: compression, split, burst, distraction or translation."""
    for level in draft.pick_bones(rng, condition):
        types = get_args(AoType)
        wanted = drawn(rng, {name: condition.shares[name] for name in types})
        ao: AoType = next(name for name in types if name == wanted)
        if ao == "C" and level not in draft.discs:
            ao = "B2"
        burst = ao in ("A3", "A4")
        loss = condition.drawn(rng, "burst_percent" if burst else "wedge_percent")
        loss = 44.0 if 37.5 < loss < 43.0 else loss
        form: FractureForm = {"A2": "biconcave", "A4": "crush"}.get(ao, "wedge")  # type: ignore[assignment]
        push = condition.drawn(rng, "retropulsion_mm") if burst else 0.0
        if level[0] != "L":
            push *= 0.7
        splay = condition.drawn(rng, "splay_mm") if ao in ("B1", "B2", "C") else 0.0
        grade = 3 if loss >= 40 else 2
        collapse(draft, level, Fracture(form, ao, grade, "traumatic", True, push, splay), loss)
        if ao == "B2":
            draft.hinge_deg[level] = -condition.drawn(rng, "hinge_deg")
        if ao == "C":
            _translate(draft, level, condition, rng)


def _translate(draft: Draft, level: str, condition: Condition, rng: np.random.Generator) -> None:
    """Type C: the spine above has moved on the disc below the broken body, mostly forward."""
    percent = condition.drawn(rng, "translation_percent")
    aside = 4.0 * float(rng.random()) - 2.0
    draft.change_disc(level, slip_mm=percent / 100 * draft.depth_below_mm(level), sway_mm=aside)
