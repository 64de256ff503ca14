"""Soft tissue around the spine as a tissue map: back, belly, chest and pelvis.

No landmark stands at a fixed level: diaphragm, aortic bifurcation and the rest are the patient's own offsets.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import Flags, Floats, Grid
from spinemed.phantom.patient.stream import stream
from spinemed.phantom.rendering.texture import smooth_field
from spinemed.phantom.rendering.tissues import Tissue, TissueMap

_SPINOUS_REACH_MM: Final[float] = 36.0
_MIDLINE_HALF_WIDTH_MM: Final[float] = 3.4


def paint_soft_tissue(anatomy: Anatomy, grid: Grid) -> TissueMap:
    """Return the tissue map [slice, row, column] of everything but bones, discs and the canal."""
    x, y, z = grid.coordinates(grid.everywhere(), np.eye(3), np.zeros(3))
    line = anatomy.midline
    at = line.at(z)
    left = x - line.body_left[at]
    ahead = line.body_posterior[at] - line.body_half_depth[at] - y  # mm in front of the anterior wall
    behind = y - line.canal_posterior[at] - line.canal_half_depth[at]  # mm behind the canal
    tissue = np.full(grid.shape, Tissue.AIR, np.uint8)
    skin = _SPINOUS_REACH_MM + anatomy.patient.surroundings.fat_mm - behind
    np.minimum(skin, 190.0 * anatomy.patient.surroundings.girth - ahead, out=skin)
    tissue[skin > 0] = Tissue.SKIN
    tissue[skin > 2.2] = Tissue.FAT
    deep = skin > anatomy.patient.surroundings.fat_mm
    _paint_back(tissue, anatomy, grid, deep & (ahead < 0), left, behind)
    front = deep & (ahead >= 0)
    _paint_front(tissue, anatomy, grid, front, left, ahead, z)
    tissue[np.abs(skin - anatomy.patient.surroundings.fat_mm) < 0.9] = Tissue.FASCIA
    return tissue


def _paint_back(
    tissue: TissueMap, anatomy: Anatomy, grid: Grid, here: Flags, left: Floats, behind: Floats
) -> None:
    """Muscle with streaks of fat; between the spinous processes a finer weave."""
    rng = stream(anatomy.patient.seed, "back")
    streaks = smooth_field(rng, grid.shape, cell=(2, 14, 5))
    fatty = 1.5 - 2.2 * anatomy.patient.surroundings.muscle_fat
    kinds = np.array([Tissue.MUSCLE, Tissue.FATTY_MUSCLE, Tissue.FAT], np.uint8)
    tissue[here] = kinds[(streaks[here] > fatty).astype(int) + (streaks[here] > fatty + 0.6)]
    between = here & (np.abs(left) < _MIDLINE_HALF_WIDTH_MM) & (behind > 0)
    weave = smooth_field(rng, grid.shape, cell=(2, 3, 7))
    tissue[between] = kinds[(weave[between] > -0.5).astype(int) + (weave[between] > 0.5)]
    tissue[between & (behind > _SPINOUS_REACH_MM - 4.0)] = Tissue.LIGAMENT


def _paint_front(
    tissue: TissueMap, anatomy: Anatomy, grid: Grid, here: Flags, left: Floats, ahead: Floats, z: Floats
) -> None:
    """Fat before the spine, then bowel, liver, vessels and bladder; lung and heart above the diaphragm."""
    rng = stream(anatomy.patient.seed, "organs")
    around = anatomy.patient.surroundings
    lobes = smooth_field(rng, grid.shape, cell=(2, 20, 20))
    content = np.full(grid.shape, Tissue.BOWEL, np.uint8)
    content[lobes > 0.35] = Tissue.FAT
    content[lobes < -0.75] = Tissue.MUSCLE
    content[lobes < -1.1] = Tissue.LIQUID if rng.random() < 0.5 else Tissue.GAS
    _paint_chest(content, anatomy, rng, ahead, z)
    bladder_z, bladder_ahead = rng.uniform(-150.0, -60.0), rng.uniform(55.0, 110.0)
    bladder = ((z - bladder_z) / rng.uniform(15, 40)) ** 2 + (
        (ahead - bladder_ahead) / rng.uniform(20, 40)
    ) ** 2 < 1
    content[bladder] = Tissue.LIQUID
    content[ahead < 5.0] = Tissue.FAT
    bifurcation = anatomy.vertebra("L4").body.pose.origin_mm[2] + around.bifurcation_offset_mm
    aorta = ((left - 9.0) / 9.5) ** 2 + ((ahead - 12.0) / 9.0) ** 2 < 1
    cava = ((left + 15.0) / 11.0) ** 2 + ((ahead - 10.0) / 8.0) ** 2 < 1
    content[(aorta | cava) & (z > bifurcation)] = Tissue.VESSEL
    tissue[here] = content[here]


def _paint_chest(
    content: TissueMap, anatomy: Anatomy, rng: np.random.Generator, ahead: Floats, z: Floats
) -> None:
    """Liver or stomach under a dome, above it lung, heart and the middle of the chest."""
    top = anatomy.vertebra("T11").body.pose.origin_mm[2] + anatomy.patient.surroundings.diaphragm_offset_mm
    dome = top + 22.0 - 0.006 * (ahead - rng.uniform(40.0, 80.0)) ** 2
    liver = (z > dome - rng.uniform(30.0, 110.0)) & (z <= dome) & (ahead > rng.uniform(18.0, 40.0))
    content[liver] = Tissue.MUSCLE
    above = z > dome
    content[above & (ahead > rng.uniform(4.0, 24.0))] = Tissue.LUNG if rng.random() < 0.5 else Tissue.FAT
    heart_z, heart_ahead = top + rng.uniform(45.0, 110.0), rng.uniform(55.0, 90.0)
    heart = ((z - heart_z) / 55.0) ** 2 + ((ahead - heart_ahead) / 42.0) ** 2 < 1
    content[above & heart] = Tissue.VESSEL if rng.random() < 0.5 else Tissue.MUSCLE
