"""Words for findings of the spine, their grades, sides and denials, in English and Chinese.

`NAME_WORDS`, `GRADE_WORDS`, `DETAIL_WORDS` and `SAME` are what the gate of our own texts reads (see
`instances.clinic.lexicon`). `READ_WORDS` are wider, for the reports of other people. A bulging disc is no
herniation (Fardon 2014) and has no name here. Standard library only, so that metric folders can carry it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from .finding_names import FINDING_NAMES as FINDING_NAMES
from .finding_names import FindingName as FindingName

_NAMES: Final[dict[FindingName, str]] = {
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
NAME_WORDS: Final = {name: re.compile(words, re.IGNORECASE) for name, words in _NAMES.items()}
"""What names a finding in our own texts. Words of plans and symptoms (pain, implants) are left out."""

# "canal and left foraminal stenosis": a head names its finding if the list that it stands in ends so.
_LISTED = (
    r"(?:(?:[ /]|, )(?:(?:and|or|nor|&) )?(?:(?:bilateral|left|right|both|mild|moderate|severe|the)[ -]){0,3}"
    r"(?:neural |neuro)?(?:central|spinal|canal|foramin\w{1,4}|lateral|subarticular|recess|recesses"
    r"|zone)\b){0,5}"
)
_TAIL = (
    rf"(?=({_LISTED}[ -]?(?:(?:is|are|\w{{1,15}}ly|no|not) ){{0,3}}"
    r"(?:stenos[ie]s|stenotic|narrow\w{0,6}|encroachment)))"
)
_OF = r"(?:stenosis|narrowing|encroachment) (?:of|on|in) (?:(?:the|both|bilateral|left|right|neural) ){0,4}"
_SLIT = r"(?=([^,.;，。；]{0,16}?(?:狭窄|变窄|窄)))"
_READ: Final[dict[FindingName, str]] = {
    "fracture": r"\bfractur(?:e|es|ed)\b(?! risk)|\bcompression deformit\w+|骨折(?!风险|块)",
    "height_loss": r"\bheight loss|\blost height|\bloss of (?:\w+ ){0,3}height"
    r"|高度(?:未见)?(?:丢失|降低|减低)|Genant",
    "disc_degeneration": r"dis[ck] degeneration|degenerat(?:ed|ive) (?:lumbar |cervical |thoracic )?dis[ck]s?"
    r"|desiccat\w+|dis[ck] dehydration|(?:loss of (?:\w+ ){0,2})dis[ck](?: space)? height"
    r"|dis[ck](?: space)? (?:height )?(?:loss|narrowing)|Pfirrmann|椎间盘\S{0,6}(?:退变|变性|脱水)"
    r"|椎间隙(?:变窄|狭窄)",
    "herniation": r"\bherniat(?:ion|ions|ed)|\bprotru(?:sions?|des|ding|ded)\b|\bextru(?:sions?|ded)\b"
    r"|\bsequest\w+|\bprolapsed?\b|突出(?!处)|脱出|髓核游离",
    "canal_stenosis": rf"\b(?:central |spinal )?canal{_TAIL}|\b(?:central|spinal){_TAIL}"
    rf"|{_OF}(?:central |spinal ){{0,2}}canal|椎管(?!\S{{0,3}}旁中央){_SLIT}",
    "recess_stenosis": rf"\b(?:(?:lateral|subarticular) recess(?:es)?|subarticular(?: zone)?){_TAIL}"
    rf"|{_OF}(?:lateral|subarticular) recess|paracentral narrowing(?: of the canal)?|侧隐窝{_SLIT}"
    r"|旁中央区\S{0,4}狭窄",
    "foraminal_stenosis": rf"(?:neural |neuro|intervertebral )?\bforam(?:in(?:al|a)|en){_TAIL}"
    rf"|\bneuroforaminal{_TAIL}|{_OF}(?:neural |intervertebral )?foram(?:en|ina)|椎间孔(?!型){_SLIT}",
    "slip": r"\b(?:spondylo|antero|retro|latero)?listhesis|vertebral slip|\bforward slip\w*|滑脱|滑移",
    "pars_defect": r"\bpars (?:interarticularis )?(?:defect|fracture)s?|defects? (?:of|in) the pars"
    r"|spondylolysis|spondylolytic defects?|峡部裂(?!性)|峡部(?:不连|断裂)",
    "scoliosis": r"\b(?:dextro|levo)?scolio(?:sis|tic)|侧弯|侧凸",
    "thoracic_kyphosis": r"thoracic (?:hyper)?kyphosis|胸椎后凸",
    "lumbar_lordosis": r"lumbar lordosis|腰椎前凸",
    "modic_change": r"(?<![a-z])Modic|endplate (?:marrow )?signal change|终板\S{0,4}信号",
    "osteophyte": r"osteophyt\w*|骨赘|骨刺",
    "endplate_defect": r"Schmorl|endplate defect|许莫氏|施莫[尔氏]",
    "metastasis": r"\bmetastas[ie]s|\bmetastatic (?:lesion|deposit|disease)s?|转移瘤|骨转移|转移灶",
    "spondylodiscitis": r"(?:spondylo)?discitis|椎间盘炎|椎间隙感染",
    "bridging": r"bony bridging|\bankylos(?:is|ed)\b|bridging (?:osteophyt|syndesmophyt)\w+|骨桥|强直(?!性)",
    "cord_signal": r"cord signal|\bmyelomalacia|signal (?:\w+ )?(?:in|of|within) the (?:\w+ )?cord"
    r"|cord (?:demonstrates|shows|has) (?:abnormal|increased|bright|hyperintense) (?:\w+ )?signal"
    r"|hyperintens\w+ (?:in|of|within) the (?:\w+ )?cord|脊髓\S{0,6}信号|脊髓软化",
    "transitional": r"transitional (?:anatomy|vertebra)|移行椎|sacrali[sz]\w+|lumbari[sz]\w+|骶化|腰化",
    "cage": r"\bcages?\b|融合器",
    "screws": r"\bscrews?\b|螺钉",
}
READ_WORDS: Final = {name: re.compile(words, re.IGNORECASE) for name, words in _READ.items()}
"""What names a finding in any report; a group holds what stands behind a head up to the word it shares."""

_SEVERITY = r"\b(mild|moderate|severe)\b|([轻中重]度)"
_NUMERAL = r"(III|II|IV|I|V|[0-5])(?![A-Za-z0-9])"
GRADE_WORDS: Final[Mapping[FindingName, re.Pattern[str]]] = {
    "height_loss": re.compile(r"Genant (?:grade )?(\d)"),
    "fracture": re.compile(r"(?<![A-Za-z])AO (?:type )?([ABC]\d?)(?!\d)|AO分型([ABC]\d?)"),
    "disc_degeneration": re.compile(rf"Pfirrmann (?:grade )?{_NUMERAL}|Pfirrmann分级为?{_NUMERAL}"),
    "slip": re.compile(rf"Meyerding (?:grade )?{_NUMERAL}"),
    "foraminal_stenosis": re.compile(
        rf"(?<![A-Za-z])Lee (?:grade )?(\d)|Lee分级(\d)|{_SEVERITY}", re.IGNORECASE
    ),
    "modic_change": re.compile(r"Modic (?:type )?(\d)"),
    "metastasis": re.compile(r"\b(lytic|blastic)\b|(溶骨|成骨)"),
    "canal_stenosis": re.compile(_SEVERITY, re.IGNORECASE),
    "recess_stenosis": re.compile(_SEVERITY, re.IGNORECASE),
    "herniation": re.compile(r"\b(protrusion|extrusion)\b|(突出|脱出)"),
}
"""How each finding's grade is written in our own texts."""

DETAIL_WORDS: Final[Mapping[FindingName, re.Pattern[str]]] = {
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
"""How each finding's detail is written."""

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

LEFT: Final = re.compile(r"\bleft\b|左", re.IGNORECASE)
RIGHT: Final = re.compile(r"\bright\b|右", re.IGNORECASE)
BOTH: Final = re.compile(r"\bbilateral\b|双侧", re.IGNORECASE)
CLAUSE_END: Final = re.compile(r"(?<=[.!?;])\s+|(?<=[。；！？])|\n")

CURVES: Final[frozenset[FindingName]] = frozenset({"scoliosis", "thoracic_kyphosis", "lumbar_lordosis"})
SIDED: Final[frozenset[FindingName]] = frozenset(
    {"herniation", "recess_stenosis", "foraminal_stenosis", "scoliosis"}
)
"""Findings of which a text tells the side."""

SCALES: Final[Mapping[str, tuple[str, ...]]] = {
    "disc_degeneration": ("1", "2", "3", "4", "5"),
    "slip": ("0", "1", "2", "3", "4", "5"),
    "height_loss": ("0", "1", "2", "3"),
    "foraminal_stenosis": ("0", "1", "2", "3"),
    "modic_change": ("0", "1", "2", "3"),
    "canal_stenosis": ("none", "mild", "moderate", "severe"),
    "recess_stenosis": ("none", "mild", "moderate", "severe"),
    "fracture": ("A0", "A1", "A2", "A3", "A4", "B1", "B2", "B3", "C"),
    "herniation": ("none", "protrusion", "extrusion"),
    "metastasis": ("lytic", "blastic", "mixed"),
}
"""Every grade of a finding, least first: Pfirrmann, Meyerding, Genant, Lee, Modic, severity, AO Spine."""
UNORDERED: Final = frozenset({"modic_change", "metastasis", "fracture"})
"""Findings whose grades are types, not steps: Modic, kind of metastasis, and AO across its letters."""
HEALTHY: Final = frozenset({"none", "0"})
"""Grades that deny their finding on any scale."""


def is_healthy(finding: str, grade: str) -> bool:
    """Tell whether a grade denies its finding: none, 0, and of discs Pfirrmann 1.

    >>> is_healthy("disc_degeneration", "1"), is_healthy("modic_change", "1")
    (True, False)
    """
    return grade in HEALTHY or (finding == "disc_degeneration" and grade == "1")
