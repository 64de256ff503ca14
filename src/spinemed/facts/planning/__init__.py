"""Published decision rules of spine surgery as pure functions, each with its source.

Every function returns a frozen `Ruling`: `keyed` says whether its recommendation is the one answer of the
source, `source` is a key of `CITATIONS`. An input that a rule does not define is a ValueError.
"""

from spinemed.facts.planning.deformity import (
    idiopathic_scoliosis,
    lenke_minor_curve,
    lenke_thoracic_modifier,
    lenke_type,
    risser_skeleton,
    schwab_curve,
    schwab_pi_ll,
    schwab_pt,
    schwab_sva,
)
from spinemed.facts.planning.disc import herniation_plan, msu
from spinemed.facts.planning.extent import (
    compressed_root,
    exiting_root,
    fracture_fixation,
    herniation_decompression,
    segment_fusion,
    slip_fusion,
    traversing_root,
)
from spinemed.facts.planning.red_flags import most_urgent, red_flag
from spinemed.facts.planning.ruling import Part, Ruling, Scored
from spinemed.facts.planning.slip import meyerding, slip_plan, slip_share_percent
from spinemed.facts.planning.sources import CITATIONS, cite
from spinemed.facts.planning.stenosis import (
    canal_thirds,
    cervical_canal,
    cervical_myelopathy_plan,
    lumbar_stenosis_plan,
    mjoa_severity,
    schizas,
    torg,
)
from spinemed.facts.planning.trauma import slic, subaxial_aosis, thoracolumbar_aosis, tlics
from spinemed.facts.planning.tumour import escc_band, noms, sins, sins_band, sins_collapse, sins_region

__all__ = [
    "CITATIONS",
    "Part",
    "Ruling",
    "Scored",
    "canal_thirds",
    "cervical_canal",
    "cervical_myelopathy_plan",
    "cite",
    "compressed_root",
    "escc_band",
    "exiting_root",
    "fracture_fixation",
    "herniation_decompression",
    "herniation_plan",
    "idiopathic_scoliosis",
    "lenke_minor_curve",
    "lenke_thoracic_modifier",
    "lenke_type",
    "lumbar_stenosis_plan",
    "meyerding",
    "mjoa_severity",
    "most_urgent",
    "msu",
    "noms",
    "red_flag",
    "risser_skeleton",
    "schizas",
    "schwab_curve",
    "schwab_pi_ll",
    "schwab_pt",
    "schwab_sva",
    "segment_fusion",
    "sins",
    "sins_band",
    "sins_collapse",
    "sins_region",
    "slic",
    "slip_fusion",
    "slip_plan",
    "slip_share_percent",
    "subaxial_aosis",
    "thoracolumbar_aosis",
    "tlics",
    "torg",
    "traversing_root",
]
