"""Tumour, infection and ankylosis: metastases, spondylodiscitis, bridged discs."""

from __future__ import annotations

import numpy as np

from spinemed.phantom.patient.conditions import Condition
from spinemed.phantom.patient.draft import Draft, drawn_side
from spinemed.phantom.patient.shapes import EndplateDefect, Lesion, LesionKind, Side


def seed_metastases(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Put one metastasis each into one to four bodies, all of one kind, half of them into a pedicle too."""
    lytic = rng.random() < condition.shares["lytic"] / (
        condition.shares["lytic"] + condition.shares["blastic"]
    )
    kind: LesionKind = "lytic" if lytic else "blastic"
    for level in draft.pick_bones(rng, condition):
        side = drawn_side(rng)
        sign = 1.0 if side == "left" else -1.0
        aside, back, up = rng.random(3).tolist()
        radii = [condition.drawn(rng, "radius") for _ in range(3)]
        pedicle: Side | str = side if rng.random() < condition.shares["pedicle"] else ""
        centre = (sign * 0.35 * aside, 0.7 * back - 0.25, 0.5 * up - 0.25)
        if pedicle:
            centre = (sign * (0.15 + 0.2 * aside), 0.35 + 0.2 * back, centre[2])
        lesion = Lesion(kind, centre, (radii[0], radii[1], radii[2]), "" if not pedicle else side)
        draft.change_bone(level, lesion=lesion)


def infect(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Infect a disc: it loses height, and both endplates beside it are eaten away."""
    for above in draft.pick_discs(rng, condition, 1):
        disc = draft.discs[above]
        draft.change_disc(
            above, infected=True, height_mm=disc.height_mm * condition.drawn(rng, "height_left"), bulge_mm=1.5
        )
        for level, endplate in ((above, "lower"), (draft.below(above), "upper")):
            if level in draft.bones:
                eaten = tuple(_erosion(draft, level, endplate, condition, rng) for _ in range(3))
                draft.change_bone(level, defects=(*draft.bones[level].defects, *eaten))


def _erosion(
    draft: Draft, level: str, endplate: str, condition: Condition, rng: np.random.Generator
) -> EndplateDefect:
    shape = draft.bones[level]
    aside, back, wide = rng.random(3).tolist()
    depth = min(condition.drawn(rng, "erosion_mm"), 0.16 * shape.posterior_height_mm)
    return EndplateDefect(
        "upper" if endplate == "upper" else "lower",
        (aside - 0.5) * 0.8 * shape.width_mm / 2,
        (back - 0.6) * 1.1 * shape.depth_mm / 2,
        (0.3 + 0.3 * wide) * shape.depth_mm / 2,
        depth,
    )


def fuse_discs(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Bridge a run of neighbouring discs and square the bodies between them."""
    start = draft.pick_discs(rng, condition, 1)
    if not start:
        return
    levels = list(draft.discs)
    low, high = condition.count
    count = low + int((high - low + 1) * float(rng.random()))
    first = levels.index(start[0])
    for above in levels[first : first + count]:
        if above[0] == "C":
            break
        if above not in draft.busy_discs:
            draft.change_disc(above, bridged=True)
        draft.change_bone(above, busy=False, squared=True, osteophyte=0.0)
        below = draft.below(above)
        if below in draft.bones:
            draft.change_bone(below, busy=False, squared=True, osteophyte=0.0)
