"""Tissues of the phantom as numbers in a label map, and what each looks like in CT, T1, T2 and STIR."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

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
    MODIC_1 = 26
    MODIC_2 = 27
    MODIC_3 = 28
    LYTIC = 29
    BLASTIC = 30
    HERNIATION = 31
    ROOT = 32
    CORD_LESION = 33
    INFECTED_DISC = 34
    INFECTED_MARROW = 35
    METAL = 36
    METAL_RIM = 37
    LIVER = 38
    KIDNEY = 39
    HEART = 40
    BRIDGE = 41
    FLAVUM = 42
    JOINT = 43
    PHLEGMON = 44
    FRACTURE_LINE = 45
    CAGE = 46
    SCAR = 47


class Seen(NamedTuple):
    """One tissue in Hounsfield units and as relative signal in T1, T2 and STIR."""

    hounsfield: float
    t1: float
    t2: float
    stir: float


# Marks: [V] read in the public source named before it, [recalled; primary source not read] from memory,
# [assumed] set here.
# Hounsfield units: marrow by age is set in colour.py (20,374 scans, pubmed 30912719) [V]. Cortex 500 to 1900,
# fat -120 to -90 (everything.explained.today/Hounsfield_scale) [V]; fat -100 to -50, liver 45 to 65, kidney
# 20 to 40 (radclass.mudr.org/content/hounsfield-units-scale-hu-ct-numbers) [V]; muscles of the back 53 to 65
# (hindawi.com/journals/bmri/2017/2562957/tab2) [V]; disc 60 to 80 (ctlearn.com, ct-spine-disc-herniation)
# [V], annulus and herniation above it [assumed]; blastic metastasis 654 +- 176 (doi:10.2214/AJR.15.15559)
# [V]; lytic of soft tissue density (radiopaedia.org/articles/lytic-bone-metastases) [V]. CSF 15 and lung -700
# to -600 in the first of these, lung -910 to -850 in the second [V]; 10 and -830 are [assumed]. Cord
# [recalled; primary source not read]; the rest [assumed].
# Signal: proton density, T1 and T2 of CSF, cord, disc and bone from PMC7410772 [V] put through the spin echo
# equation (TR 600 TE 10; TR 4000 TE 100), STIR with TI 160, at 1.5 T 160 to 180 (neurosurgerywiki.com, stir)
# or about 140 (radiopaedia.org/articles/short-tau-inversion-recovery) [V]; nucleus by Pfirrmann grade from
# the T2 times of 494 discs (210, 129, 84, 51 ms; portal.myesr.org poster 58d54bf2) [V]. Fat is raised by hand
# as fast spin echo shows it; so is marrow, as measured against fat in 24 lumbar slices
# (benchmarks/phantom_realism.py). Modic: Radiology 1988;166:193 (1 dark then bright, 2 bright then bright, 3
# dark in both). Oedema, tumour, infection: the direction of change is textbook (infection dark in T1, bright
# in T2: wheelessonline.com/ortho/mri_diagnosis_of_spinal_osteomyelitis [V]), the amount [assumed].
SEEN: Final[dict[Tissue, Seen]] = {
    Tissue.AIR: Seen(-1000, 0.0, 0.0, 0.0),
    Tissue.SKIN: Seen(20, 0.38, 0.30, 0.30),
    Tissue.FAT: Seen(-100, 0.92, 0.80, 0.07),
    Tissue.MUSCLE: Seen(55, 0.36, 0.22, 0.18),
    Tissue.BOWEL: Seen(40, 0.36, 0.38, 0.40),
    Tissue.LIQUID: Seen(10, 0.18, 0.85, 0.95),
    Tissue.GAS: Seen(-850, 0.03, 0.03, 0.03),
    Tissue.LUNG: Seen(-830, 0.04, 0.04, 0.04),
    Tissue.VESSEL: Seen(48, 0.08, 0.07, 0.10),
    Tissue.EPIDURAL_FAT: Seen(-80, 0.90, 0.72, 0.09),
    Tissue.CSF: Seen(10, 0.14, 0.98, 1.0),
    Tissue.CORD: Seen(38, 0.42, 0.48, 0.46),
    Tissue.CAUDA: Seen(26, 0.30, 0.52, 0.52),
    Tissue.LIGAMENT: Seen(65, 0.15, 0.11, 0.07),
    Tissue.ANNULUS: Seen(95, 0.34, 0.17, 0.13),
    Tissue.NUCLEUS_1: Seen(78, 0.40, 0.94, 0.80),
    Tissue.NUCLEUS_2: Seen(78, 0.40, 0.82, 0.68),
    Tissue.NUCLEUS_3: Seen(75, 0.39, 0.50, 0.42),
    Tissue.NUCLEUS_4: Seen(70, 0.37, 0.24, 0.19),
    Tissue.NUCLEUS_5: Seen(60, 0.32, 0.15, 0.12),
    Tissue.CORTEX: Seen(720, 0.10, 0.07, 0.04),
    Tissue.MARROW: Seen(160, 0.82, 0.65, 0.17),
    Tissue.OEDEMA: Seen(230, 0.30, 0.92, 0.80),
    Tissue.VEIN: Seen(60, 0.36, 0.86, 0.66),
    Tissue.FASCIA: Seen(40, 0.20, 0.14, 0.10),
    Tissue.FATTY_MUSCLE: Seen(-20, 0.62, 0.46, 0.17),
    Tissue.MODIC_1: Seen(190, 0.32, 0.93, 0.76),
    Tissue.MODIC_2: Seen(140, 1.10, 0.88, 0.12),
    Tissue.MODIC_3: Seen(480, 0.13, 0.11, 0.08),
    Tissue.LYTIC: Seen(42, 0.26, 0.88, 0.72),
    Tissue.BLASTIC: Seen(640, 0.12, 0.13, 0.16),
    Tissue.HERNIATION: Seen(92, 0.37, 0.32, 0.28),
    Tissue.ROOT: Seen(32, 0.38, 0.34, 0.40),
    Tissue.CORD_LESION: Seen(36, 0.36, 0.80, 0.84),
    Tissue.INFECTED_DISC: Seen(48, 0.26, 0.94, 0.96),
    Tissue.INFECTED_MARROW: Seen(150, 0.28, 0.92, 0.84),
    Tissue.METAL: Seen(3071, 0.01, 0.01, 0.01),
    Tissue.METAL_RIM: Seen(300, 1.15, 1.15, 0.9),
    Tissue.LIVER: Seen(56, 0.44, 0.28, 0.28),
    Tissue.KIDNEY: Seen(34, 0.36, 0.56, 0.62),
    Tissue.HEART: Seen(46, 0.22, 0.16, 0.20),
    Tissue.BRIDGE: Seen(540, 0.34, 0.24, 0.10),
    Tissue.FLAVUM: Seen(70, 0.27, 0.19, 0.13),
    Tissue.JOINT: Seen(40, 0.34, 0.66, 0.72),
    Tissue.PHLEGMON: Seen(40, 0.32, 0.72, 0.82),
    Tissue.FRACTURE_LINE: Seen(420, 0.12, 0.16, 0.14),
    Tissue.CAGE: Seen(420, 0.06, 0.06, 0.05),
    Tissue.SCAR: Seen(48, 0.34, 0.34, 0.38),
}
