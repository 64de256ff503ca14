"""What lies in front of the spine and beside it: vessels, bowel, kidneys, liver, lung, heart, airway.

Everything is placed by the patient's own offsets, wide enough that no organ tells a level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import Flags, Floats
from spinemed.phantom.rendering.maps import put
from spinemed.phantom.rendering.texture import field
from spinemed.phantom.rendering.tissues import Tissue, TissueMap

if TYPE_CHECKING:
    from spinemed.phantom.rendering.soft_tissue import Around

# Vessels lie 14 mm in front of the bodies at most, their walls reach 12 mm further.
_VESSELS_WITHIN_MM: Final[float] = 30.0


def paint_front(
    tissue: TissueMap, anatomy: Anatomy, around: Around, here: Flags, rng: np.random.Generator
) -> None:
    """Paint belly, chest and neck into the tissue map, in place, where `here` says."""
    top = float(anatomy.vertebra("T11").body.pose.origin_mm[2])
    top += anatomy.patient.surroundings.diaphragm_offset_mm
    dome = top + 22.0 - 0.005 * (around.ahead - rng.uniform(30.0, 70.0)) ** 2 - 0.003 * around.aside**2
    chest = here & (around.z > dome) & (around.neck < 0.5)
    belly = here & ~chest & (around.skin > around.fat_mm + 11.0) & (around.neck < 0.5)
    _paint_belly(tissue, around, belly, rng, dome)
    _paint_kidneys(tissue, anatomy, around, rng)
    _paint_chest(tissue, around, chest, rng, top)
    _paint_vessels(tissue, anatomy, around, here, rng)
    if float(around.neck.max()) > 0.4:
        _paint_neck(tissue, around, here, rng)


def _paint_belly(
    tissue: TissueMap,
    around: Around,
    here: Flags,
    rng: np.random.Generator,
    dome: Floats,
) -> None:
    """Loops of bowel in fat, liver or stomach under the dome, the bladder."""
    slices, rows, columns = tissue.shape
    lobes = field(rng, "coarse", (slices, rows, columns))
    bent = field(rng, "coarse", (slices, rows, columns)) * np.float32(7.0)
    bent += around.ahead
    loops = here & (bent > rng.uniform(14.0, 36.0))
    put(tissue, Tissue.BOWEL, loops & (lobes > -0.1))
    put(tissue, Tissue.FASCIA, loops & (np.abs(lobes + 0.1) < 0.12))
    filling = Tissue.LIQUID if rng.random() < 0.4 else Tissue.GAS
    put(tissue, filling, loops & (lobes > 1.0))
    side = rng.uniform(-25.0, 35.0)
    tip = dome - rng.uniform(50.0, 130.0) + 0.5 * (around.left + around.ahead - 40.0)
    under = here & (around.z > tip) & (bent > rng.uniform(18.0, 40.0))
    put(tissue, Tissue.LIVER, under & (around.left + 0.5 * bent < side + 30.0))
    z, ahead = rng.uniform(-150.0, -70.0), rng.uniform(50.0, 100.0)
    tall, deep = rng.uniform(18, 40), rng.uniform(22, 40)
    _paint_bladder(tissue, around, here & (np.abs(around.z - z) < 1.2 * tall), (z, ahead), (tall, deep))


def _paint_bladder(
    tissue: TissueMap,
    around: Around,
    near: Flags,
    middle: tuple[float, float],
    radii: tuple[float, float],
) -> None:
    """The bladder within the pixels at its height; its middle and its radii are of height and depth."""
    places = np.flatnonzero(near)
    if not places.size:
        return
    bladder = ((around.z.take(places) - middle[0]) / radii[0]) ** 2
    bladder = bladder + ((around.ahead.take(places) - middle[1]) / radii[1]) ** 2
    bladder += (around.left.take(places) / 42.0) ** 2
    painted = tissue.take(places)
    put(painted, Tissue.LIQUID, bladder < 1)
    put(painted, Tissue.FASCIA, (bladder >= 1) & (bladder < 1.25))
    np.put(tissue, places, painted)


def _paint_kidneys(tissue: TissueMap, anatomy: Anatomy, around: Around, rng: np.random.Generator) -> None:
    middle = float(anatomy.vertebra("L2").body.pose.origin_mm[2])
    middle += anatomy.patient.surroundings.kidney_offset_mm + rng.normal(0.0, 8.0)
    drawn = [
        (side, *(float(rng.uniform(*span)) for span in ((58.0, 70.0), (14.0, 26.0), (48.0, 60.0))))
        for side in (1.0, -1.0)
    ]
    if float(around.aside.max()) < 32.0:
        return
    for side, aside, behind, tall in drawn:
        place = (around.left * side - aside) / 25.0
        kidney = place**2 + ((around.ahead + behind) / 22.0) ** 2
        kidney += ((around.z - np.float32(middle + 6.0 * side)) / tall) ** 2
        put(tissue, Tissue.FAT, (kidney < 1.7) & (around.skin > around.fat_mm + 11.0))
        put(tissue, Tissue.KIDNEY, kidney < 1)
        put(tissue, Tissue.FAT, (kidney < 0.16) & (place < 0.2))


def _paint_chest(
    tissue: TissueMap, around: Around, chest: Flags, rng: np.random.Generator, top: float
) -> None:
    """Lung beside the mediastinum, heart and great vessels in its middle."""
    half, edge_mm, front = rng.uniform(10.0, 30.0), rng.uniform(4.0, 14.0), rng.uniform(-6.0, 16.0)
    z, ahead, windpipe = top + rng.uniform(45.0, 110.0), rng.uniform(55.0, 85.0), rng.uniform(16.0, 26.0)
    if not chest.any():
        return
    edge = edge_mm + np.clip((around.ahead - 8.0) * np.float32(1 / 30), 0, 1) * half
    lung = chest & (around.skin > around.fat_mm + 13.0)
    put(tissue, Tissue.FAT, chest & (around.ahead > 0) & (around.skin > around.fat_mm + 11.0))
    # On a slice near the midline lung overlaps the spine's front in some patients and not in others.
    put(tissue, Tissue.LUNG, lung & (around.aside > edge) & (around.ahead > front))
    heart = ((around.z - z) / 52.0) ** 2 + ((around.ahead - ahead) / 36.0) ** 2
    heart += ((around.left - 18.0) / 50.0) ** 2
    put(tissue, Tissue.HEART, lung & (heart < 1))
    trachea = (around.left / 8.0) ** 2 + ((around.ahead - windpipe) / 8.0) ** 2
    put(tissue, Tissue.GAS, lung & (trachea < 1) & (around.z > z + 60.0))


def _paint_vessels(
    tissue: TissueMap, anatomy: Anatomy, around: Around, here: Flags, rng: np.random.Generator
) -> None:
    """Aorta in front and left, vena cava right; below the bifurcation two of each, going apart."""
    fork = float(anatomy.vertebra("L4").body.pose.origin_mm[2])
    fork += anatomy.patient.surroundings.bifurcation_offset_mm
    # Only pixels close to the spine are looked at.
    places = np.flatnonzero(here & (around.neck < 0.3) & (around.ahead < _VESSELS_WITHIN_MM))
    forked = float(around.z.min()) < np.float32(fork)
    aside, ahead = around.left.take(places), around.ahead.take(places)
    painted = tissue.take(places)
    below = np.maximum(np.float32(fork) - around.z.take(places), 0)
    apart, lowered = 0.35 * below, 0.12 * below
    for left, place, radius, spread in (
        (rng.uniform(2.0, 11.0), rng.uniform(10.0, 14.0), rng.uniform(7.5, 10.0), 1.0),
        (-rng.uniform(10.0, 18.0), rng.uniform(8.0, 12.0), rng.uniform(8.0, 11.0), -1.0),
    ):
        shrunk = radius * np.where(below > 0, np.float32(0.62), np.float32(1.0))
        for branch in (0.0, 1.0):
            middle = left + spread * apart - branch * spread * (2 * apart)
            tube = ((aside - middle) / shrunk) ** 2 + ((ahead - place + lowered) / (0.9 * shrunk)) ** 2
            put(painted, Tissue.FASCIA, (tube >= 1) & (tube < 1.35))
            put(painted, Tissue.VESSEL, tube < 1)
            if not forked:
                break
    np.put(tissue, places, painted)


def _paint_neck(tissue: TissueMap, around: Around, here: Flags, rng: np.random.Generator) -> None:
    """Gullet and airway in front of the spine, muscles, thyroid and jaw before them."""
    slices, rows, columns = tissue.shape
    mixed = field(rng, "medium", (slices, rows, columns))
    here = here & (around.neck + np.float32(0.12) * mixed + 0.004 * (30.0 - around.ahead) > 0.42)
    put(tissue, Tissue.MUSCLE, here & (around.skin > around.fat_mm))
    put(tissue, Tissue.FAT, here & (mixed > 0.7) & (around.ahead > 8.0))
    thick = rng.uniform(9.0, 15.0)
    airway = np.abs(around.ahead - thick - 7.0) < rng.uniform(5.0, 8.0)
    put(tissue, Tissue.GAS, here & airway & (around.aside < 9.0))
    for side in (-1.0, 1.0):
        carotid = ((around.left * side - 26.0) / 4.5) ** 2 + ((around.ahead - 8.0) / 4.5) ** 2
        put(tissue, Tissue.VESSEL, here & (carotid < 1))


def paint_head(tissue: TissueMap, anatomy: Anatomy, around: Around) -> None:
    """Paint skull and brain above the topmost vertebra, where they come into view."""
    top = float(anatomy.vertebrae[-1].body.pose.origin_mm[2])
    if float(around.z.max()) < top + 5.0:
        return
    vault = skull(anatomy, around.left, around.behind, around.z)
    put(tissue, Tissue.CORTEX, vault < 1.12)
    put(tissue, Tissue.MARROW, vault < 1.09)
    put(tissue, Tissue.CORTEX, vault < 1.03)
    put(tissue, Tissue.CSF, vault < 0.98)
    put(tissue, Tissue.CORD, vault < 0.90)


def skull(anatomy: Anatomy, left: Floats, behind: Floats, z: Floats) -> Floats:
    """Return the surface function of the braincase: 1 on its inner side, more outside."""
    top = anatomy.vertebrae[-1].body.pose.origin_mm[2]
    vault: Floats = (left / 66.0) ** 2 + ((behind - 4.0) / 74.0) ** 2
    vault += ((z - np.float32(top + 76.0)) / 56.0) ** 2
    return vault
