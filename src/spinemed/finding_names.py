"""The names of all findings: what records hold, reports state and metrics compare; standard library only."""

from __future__ import annotations

from typing import Final, Literal, get_args

FindingName = Literal[
    "vertebra",
    "vertebra_in_part",
    "height_loss",
    "fracture",
    "disc_degeneration",
    "herniation",
    "canal_stenosis",
    "recess_stenosis",
    "foraminal_stenosis",
    "slip",
    "pars_defect",
    "scoliosis",
    "thoracic_kyphosis",
    "lumbar_lordosis",
    "modic_change",
    "osteophyte",
    "endplate_defect",
    "metastasis",
    "spondylodiscitis",
    "bridging",
    "cord_signal",
    "transitional",
    "cage",
    "screws",
]
FINDING_NAMES: Final[tuple[FindingName, ...]] = get_args(FindingName)
