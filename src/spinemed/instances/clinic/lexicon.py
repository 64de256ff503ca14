"""Words that the gate reads: names of pathologies, grades, measured numbers and sides in both languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from spinemed.records import Pathology

_WORDS: Final[dict[Pathology, str]] = {
    "fracture": r"\bfractur\w*|骨折(?!风险)",
    "height_loss": r"\bheight loss|\blost height|高度丢失|高度未见丢失",
    "disc_degeneration": r"disc degeneration|椎间盘\S{0,6}退变",
    "herniation": r"\bherniat|\bprotrusion|\bextrusion|突出(?!处)|脱出",
    "canal_stenosis": r"canal stenosis|stenosis of the (?:central )?canal|椎管\S{0,2}狭窄",
    "recess_stenosis": r"lateral recess|paracentral narrowing|侧隐窝|旁中央区\S{0,2}狭窄",
    "foraminal_stenosis": r"foraminal stenosis|stenosis of the foramen|椎间孔\S{0,2}狭窄",
    "slip": r"listhesis|vertebral slip|滑脱",
    "pars_defect": r"\bpars (?:defect|interarticularis)|spondylolysis|峡部裂(?!性)|峡部不连",
    "scoliosis": r"\bscoliosis|侧弯",
    "thoracic_kyphosis": r"thoracic kyphosis|胸椎后凸",
    "lumbar_lordosis": r"lumbar lordosis|腰椎前凸",
    "modic_change": r"Modic|endplate signal change|终板\S{0,2}信号",
    "osteophyte": r"osteophyte|骨赘",
    "endplate_defect": r"Schmorl|endplate defect|许莫氏",
    "metastasis": r"\bmetastas[ie]s|转移瘤",
    "spondylodiscitis": r"discitis|椎间盘炎|椎间隙感染",
    "bridging": r"bony bridging|ankylosis|骨桥",
    "cord_signal": r"cord signal|脊髓\S{0,4}信号",
    "transitional": r"transitional anatomy|移行椎",
    "cage": r"\bcage|融合器",
    "screws": r"\bscrews?\b|螺钉",
}
PATHOLOGY_WORDS: Final = {name: re.compile(words, re.IGNORECASE) for name, words in _WORDS.items()}
"""What names a pathology. Words of plans and symptoms (pain, weakness, implants) are left out on purpose."""

CURVES: Final[frozenset[Pathology]] = frozenset({"scoliosis", "thoracic_kyphosis", "lumbar_lordosis"})
SIDED: Final[frozenset[Pathology]] = frozenset(
    {"herniation", "recess_stenosis", "foraminal_stenosis", "scoliosis"}
)

GRADE_WORDS: Final[Mapping[Pathology, re.Pattern[str]]] = {
    "height_loss": re.compile(r"Genant (?:grade )?(\d)"),
    "fracture": re.compile(r"(?<![A-Za-z])AO (?:type )?([ABC]\d?)(?!\d)|AO分型([ABC]\d?)"),
    "disc_degeneration": re.compile(r"Pfirrmann (?:grade )?([IV]+)|Pfirrmann分级为([IV]+)"),
    "slip": re.compile(r"Meyerding (?:grade )?([IV]+)"),
    "foraminal_stenosis": re.compile(
        r"(?<![A-Za-z])Lee (?:grade )?(\d)|Lee分级(\d)|\b(mild|moderate|severe)\b|([轻中重]度)", re.IGNORECASE
    ),
    "modic_change": re.compile(r"Modic (?:type )?(\d)"),
    "metastasis": re.compile(r"\b(lytic|blastic)\b|(溶骨|成骨)"),
    "canal_stenosis": re.compile(r"\b(mild|moderate|severe)\b|([轻中重]度)", re.IGNORECASE),
    "recess_stenosis": re.compile(r"\b(mild|moderate|severe)\b|([轻中重]度)", re.IGNORECASE),
    "herniation": re.compile(r"\b(protrusion|extrusion)\b|(突出|脱出)"),
}
"""How each pathology's grade is written."""

DETAIL_WORDS: Final[Mapping[Pathology, re.Pattern[str]]] = {
    "herniation": re.compile(
        r"\b(subarticular|paracentral|foraminal|central)\b|(旁中央型|椎间孔型|(?<!旁)中央型)"
    ),
    "fracture": re.compile(r"\b(fresh|old)\w*\b|(新鲜|陈旧)", re.IGNORECASE),
    "slip": re.compile(
        r"\b(isthmic|degenerative|traumatic|retro)|(峡部裂性|退变性|创伤性|后滑脱)", re.IGNORECASE
    ),
    "endplate_defect": re.compile(r"\b(upper|lower) endplate|(上|下)终板"),
    "height_loss": re.compile(r"\b(wedge|biconcave|crush)|(楔形|双凹形|扁平形)"),
}
"""How each pathology's detail is written."""

SAME: Final = {
    "溶骨": "lytic", "成骨": "blastic", "轻度": "mild", "中度": "moderate", "重度": "severe",
    "突出": "protrusion", "脱出": "extrusion", "旁中央型": "subarticular",
    "paracentral": "subarticular", "椎间孔型": "foraminal",
    "中央型": "central", "新鲜": "fresh", "陈旧": "old", "峡部裂性": "isthmic", "退变性": "degenerative",
    "创伤性": "traumatic", "后滑脱": "retrolisthesis", "retro": "retrolisthesis",
    "上": "upper", "下": "lower",
    "楔形": "wedge", "双凹形": "biconcave", "扁平形": "crush",
    "I": "1", "II": "2", "III": "3", "IV": "4", "V": "5",
}  # fmt: skip
"""Written grade or detail -> as `Finding` has it."""

APEX: Final = re.compile(r"\bapex,?(?: at)? (\S{2,5})|顶椎为?(\w{2,4})")
"""The level that a text calls the apex of a curve."""
COBB: Final = re.compile(r"Cobb[^°。.;]{0,50}?(\d+)°")
NUMBERS: Final = re.compile(r"(\d+(?:\.\d+)?) ?(?:mm|%|°)")
LEFT: Final = re.compile(r"\bleft\b|左", re.IGNORECASE)
RIGHT: Final = re.compile(r"\bright\b|右", re.IGNORECASE)
BOTH: Final = re.compile(r"\bbilateral\b|双侧", re.IGNORECASE)
CLAUSE_END: Final = re.compile(r"(?<=[.!?;])\s+|(?<=[。；！？])|\n")
CONDITION: Final = re.compile(
    r"^(?:- )?(?:\d\. )?(?:what if|and if|if|then|could|when|rule|by)\b|如果|要是|若|依据", re.IGNORECASE
)
COUNTED: Final = re.compile(
    r"\b(?:count|number|label|visible|view|whole|complete|series)|计数|编号|标注|完整|视野|成像范围",
    re.IGNORECASE,
)
"""What shows that a clause names vertebrae to say which are seen or how they are counted."""
NEGATED: Final = re.compile(r"\b(?:no|without)\b(?: \w+){0,2} ?$|未见\S{0,4}$|无\S{0,4}$", re.IGNORECASE)
DOSE: Final = re.compile(
    r"\d+(?:\.\d+)? ?(?:mg(?! ?/ ?l)|µg|mcg|ml\b|IU\b|毫克|微克|毫升|克\b)", re.IGNORECASE
)
