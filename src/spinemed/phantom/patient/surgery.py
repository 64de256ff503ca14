"""What was there from birth and what a surgeon left: transitional vertebrae; cages, screws and rods."""

from __future__ import annotations

from typing import Final

import numpy as np

from spinemed.phantom.patient.conditions import Condition
from spinemed.phantom.patient.draft import Draft, drawn, drawn_side
from spinemed.phantom.patient.shapes import Variant

VARIANTS: Final[tuple[Variant, ...]] = ("L6", "T13", "L4_only", "L5_sacralised")
_CASTELLVI: Final = ("I", "II", "III", "IV")


def drawn_variant(condition: Condition, rng: np.random.Generator) -> Variant:
    """Return a transitional variant, drawn by the shares of the condition."""
    wanted = drawn(rng, {name: condition.shares[name] for name in VARIANTS})
    return next(name for name in VARIANTS if name == wanted)


def join_sacrum(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Enlarge the last lumbar vertebra's transverse processes (Castellvi) and shrink the disc below it.

    Always for a sacralised L5, in half of the spines with four or six lumbar vertebrae, never for T13. A
    broad process alone (type I) joins nothing, so that it makes no L5 sacralised.
    """
    if draft.variant == "T13" or (draft.variant != "L5_sacralised" and rng.random() < 0.5):
        return
    last = draft.levels[0]
    kinds = _CASTELLVI[1:] if draft.variant == "L5_sacralised" else _CASTELLVI
    grade = drawn(rng, {name: condition.shares[name] for name in kinds})
    both = grade == "IV" or rng.random() < 0.5
    draft.change_bone(
        last, castellvi=grade + ("b" if both else "a"), castellvi_side="both" if both else drawn_side(rng)
    )
    if grade in ("II", "III", "IV"):
        disc = draft.discs[last]
        height = disc.height_mm * condition.drawn(rng, "disc_left")
        draft.change_disc(last, rudimentary=True, height_mm=height, bulge_mm=0.0)


def operate(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Fuse one to three neighbouring segments with screws and rods, mostly with cages."""
    start = draft.pick_discs(rng, condition, 1)
    if not start:
        return
    levels = list(draft.discs)
    first = levels.index(start[0])
    segments = levels[first : first + condition.how_many(rng)]
    caged = rng.random() < condition.shares["cage"]
    opened = rng.random() < condition.shares["laminectomy"]
    for above in segments:
        if above in draft.busy_discs:
            break
        draft.change_disc(above, cage=caged, bulge_mm=0.3)
        for level in (above, draft.below(above)):
            if level in draft.bones:
                draft.change_bone(level, busy=False, screws=True)
            else:
                draft.sacral_screws = True
        if opened:
            draft.change_bone(above, busy=False, laminectomy=True)
