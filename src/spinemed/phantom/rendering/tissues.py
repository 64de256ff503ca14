"""Tissues of the phantom as numbers in a label map, and what each looks like in CT and in T2-weighted MR."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

TissueMap = NDArray[np.uint8]


class Tissue(IntEnum):
    """A label of the tissue map; NUCLEUS_1 to NUCLEUS_5 are discs by Pfirrmann grade."""

    AIR = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    BOWEL = 4
    LIQUID = 5
    GAS = 6
    LUNG = 7
    VESSEL = 8
    EPIDURAL_FAT = 9
    CSF = 10
    CORD = 11
    CAUDA = 12
    LIGAMENT = 13
    ANNULUS = 14
    NUCLEUS_1 = 15
    NUCLEUS_2 = 16
    NUCLEUS_3 = 17
    NUCLEUS_4 = 18
    NUCLEUS_5 = 19
    CORTEX = 20
    MARROW = 21
    OEDEMA = 22
    VEIN = 23
    FASCIA = 24
    FATTY_MUSCLE = 25


# Hounsfield units. CSF, cord, muscle, fat, disc, cortex [R]; marrow is set by age in colour.py.
HOUNSFIELD: Final[dict[Tissue, float]] = {
    Tissue.AIR: -1000,
    Tissue.SKIN: 20,
    Tissue.FAT: -100,
    Tissue.MUSCLE: 55,
    Tissue.BOWEL: 40,
    Tissue.LIQUID: 10,
    Tissue.GAS: -850,
    Tissue.LUNG: -830,
    Tissue.VESSEL: 48,
    Tissue.EPIDURAL_FAT: -80,
    Tissue.CSF: 10,
    Tissue.CORD: 38,
    Tissue.CAUDA: 26,
    Tissue.LIGAMENT: 65,
    Tissue.ANNULUS: 95,
    Tissue.NUCLEUS_1: 78,
    Tissue.NUCLEUS_2: 78,
    Tissue.NUCLEUS_3: 75,
    Tissue.NUCLEUS_4: 70,
    Tissue.NUCLEUS_5: 60,
    Tissue.CORTEX: 720,
    Tissue.MARROW: 160,
    Tissue.OEDEMA: 230,
    Tissue.VEIN: 60,
    Tissue.FASCIA: 40,
    Tissue.FATTY_MUSCLE: -20,
}

# Relative T2-weighted signal (TR 4000, TE 100 ms) from proton density, T1 and T2 in PMC7410772; nucleus
# by Pfirrmann grade from T2 times of 494 discs; fat raised by hand as fast spin echo shows it.
T2_SIGNAL: Final[dict[Tissue, float]] = {
    Tissue.AIR: 0.0,
    Tissue.SKIN: 0.25,
    Tissue.FAT: 0.74,
    Tissue.MUSCLE: 0.24,
    Tissue.BOWEL: 0.38,
    Tissue.LIQUID: 0.85,
    Tissue.GAS: 0.03,
    Tissue.LUNG: 0.04,
    Tissue.VESSEL: 0.07,
    Tissue.EPIDURAL_FAT: 0.72,
    Tissue.CSF: 0.98,
    Tissue.CORD: 0.48,
    Tissue.CAUDA: 0.52,
    Tissue.LIGAMENT: 0.12,
    Tissue.ANNULUS: 0.17,
    Tissue.NUCLEUS_1: 0.88,
    Tissue.NUCLEUS_2: 0.76,
    Tissue.NUCLEUS_3: 0.50,
    Tissue.NUCLEUS_4: 0.30,
    Tissue.NUCLEUS_5: 0.15,
    Tissue.CORTEX: 0.07,
    Tissue.MARROW: 0.44,
    Tissue.OEDEMA: 0.66,
    Tissue.VEIN: 0.72,
    Tissue.FASCIA: 0.14,
    Tissue.FATTY_MUSCLE: 0.46,
}
