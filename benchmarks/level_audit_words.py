"""Level names and answer words in English and Chinese, read by a few patterns of their own.

Independent of spinemed.levels and of the templates: an answer that is worded in a way not foreseen here is
"not read", and is counted, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_LETTER: Final = {"颈": "C", "胸": "T", "腰": "L", "骶": "S"}
_ROMAN: Final = {"I": "1", "II": "2", "III": "3", "IV": "4", "V": "5", "0": "0"}
_ONE = re.compile(
    r"(?<![A-Za-z])([CTLS颈胸腰骶])\s?(\d{1,2})(?:\s?[/–-]\s?([CTLS颈胸腰骶])?(\d{1,2}))?(?!\d)"
)

# kind -> (meaning, words of which one must stand in the answer); the first that fits counts.
_WORDS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "level_if_told": [("cannot_tell", "cannot be told|无法判断")],
    "same_level": [
        ("-2", "two vertebrae above|高两节"), ("-1", "one vertebra above|高一节"),
        ("0", "the same vertebra|同一椎体"),
        ("1", "one vertebra below|低一节"), ("2", "two vertebrae below|低两节"),
    ],
    "transitional": [
        ("none", "usual numbers|数目正常"), ("L6", "sixth lumbar|第六节腰椎"),
        ("T13", "thirteenth pair|第十三对肋"), ("L4_only", "only four|只有四节"),
        ("L5_sacralised", "sacralised|骶化"),
    ],
    "front_edge": [
        ("left", "left edge|左边缘"), ("right", "right edge|右边缘"),
        ("top", "upper edge|上边缘"), ("bottom", "lower edge|下边缘"),
    ],
    "ring_side": [
        ("front", "in front|前方"), ("back", "behind|后方"), ("left", "left of|左侧"),
        ("right", "right of|右侧"),
    ],
    "recognise": [
        ("ct sagittal", "sagittal CT|CT矢状位"), ("t1 sagittal", "sagittal T1|T1加权矢状位"),
        ("t2 sagittal", "sagittal T2|T2加权矢状位"), ("stir sagittal", "sagittal STIR|STIR矢状位"),
        ("t2 axial", "axial T2|T2加权轴位"), ("xr frontal", "frontal radiograph|正位片"),
        ("xr lateral", "lateral radiograph|侧位片"),
    ],
    "herniation_side": [
        ("none", "no herniation|未见突出"), ("left", "left|左"), ("right", "right|右"),
        ("central", "central|正中"),
    ],
    "herniation_zone": [
        ("none", "no herniation|未见突出"), ("subarticular", "subarticular|关节突下"),
        ("foraminal", "foraminal|椎间孔"), ("central", "central|中央区"),
    ],
    "herniation_type": [
        ("none", "no focal|无局限性|^no protrusion or extrusion and no infection|感染均无$"),
        ("spondylodiscitis", "^infection|感染$"),
        ("protrusion", "protrusion|基底宽"), ("extrusion", "extrusion|基底窄"),
    ],
    "canal_stenosis": [
        ("0", "no central|无中央"), ("1", "mild|轻度"), ("2", "moderate|中度"), ("3", "severe|重度"),
    ],
    "recess_side": [
        ("none", "neither|均不狭窄"), ("both", "both|^双侧侧隐窝"), ("left", "left|左侧"),
        ("right", "right|右侧"),
    ],
    "pars": [
        ("both", "defect with slip|裂伴滑脱"), ("pars", "defect without|裂无滑脱"),
        ("slip", "intact pars$|峡部完整$"), ("none", "without slip|无滑脱"),
    ],
    "unstable_slip": [
        ("stable", "does not change|不变"), ("flexion", "grows in flexion|前屈时"),
        ("extension", "grows in extension|后伸时"), ("none", "no slip|无滑脱"),
    ],
    "scoliosis_side": [
        ("none", "no curve|无10"), ("thoracic left", "thoracic.*left|胸段向左"),
        ("thoracic right", "thoracic.*right|胸段向右"), ("lumbar left", "lumbar.*left|腰段向左"),
        ("lumbar right", "lumbar.*right|腰段向右"),
    ],
    "scoliosis_severity": [
        ("0", "under 10|小于10"), ("1", "10.*25"), ("2", "25.*40"), ("3", "over 40|大于40"),
    ],
    "scoliosis_plan": [
        ("no_scoliosis", "no scoliosis|未达"), ("observe", "observation|观察"),
        ("brace", "brace|支具"), ("operate", "surgical|手术"),
    ],
    "metastasis_kind": [
        ("none", "no tumour and no|无肿瘤，无"), ("fracture", "fracture without|骨折，无肿瘤"),
        ("lytic", "lytic|溶骨"), ("blastic", "blastic|成骨"),
    ],
    "fracture_age": [
        ("none", "no fracture and no|无骨折，无"), ("fresh", "fresh|新鲜"), ("old", "old fracture|陈旧"),
        ("metastasis", "metastasis|转移"),
    ],
    "bridging": [
        ("none", "open disc|无上述"), ("spondylodiscitis", "infect|感染|椎间盘炎"), ("cage", "cage|融合器"),
        ("bridging", "bridg|骨桥|桥接"),
    ],
    "change_height": [
        ("more", "collapsed further|进一步"), ("same", "unchanged|高度无变化"),
        ("new", "not there before|新发"), ("intact", "no fracture at|均无骨折"),
    ],
    "change_herniation": [
        ("gone", "no longer|消失"), ("smaller", "smaller|缩小"), ("larger", "larger|增大"),
        ("same", "same|无变化"),
    ],
    "change_curve": [
        ("right more", "to the right and progressed|右侧且进展"),
        ("right same", "to the right and unchanged|右侧且无变化"),
        ("left more", "to the left and progressed|左侧且进展"),
        ("left same", "to the left and unchanged|左侧且无变化"),
    ],
    "change_metastasis": [
        ("new", "newly|新发"), ("smaller", "smaller|缩小"), ("larger", "larger|增大"),
        ("same", "same|无变化"),
    ],
    "which_seen": [
        ("none", "none of the other|均无"), ("herniation", "herniated disc|椎间盘突出"),
        ("slip", "slipped|滑脱"), ("fracture", "fractured|骨折"), ("metastasis", "metastasis|转移"),
        ("spondylodiscitis", "infected|感染"), ("screws", "screws|螺钉"), ("bridging", "bridged|骨桥"),
    ],
}  # fmt: skip
_GRADES: Final = {
    "disc_degeneration": r"Pfirrmann\s?(?:grade )?(IV|V|I{1,3})",
    "height_loss": r"Genant\s?(?:grade )?([0-3])",
    "slip_grade": r"Meyerding\s?(?:grade )?(IV|V|I{1,3}|0)",
    "foraminal_grade": r"Lee\s?(?:grade |分级)([0-3])",
    "modic_type": r"Modic\s?(?:type )?([1-3])",
    "fracture_type": r"AO\s?(?:type )?([ABC]\d?)",
    "tlics_image": r"(\d+)\s?分|total of (\d+)",
    "count_in_view": r"(\d+)",
}
_NO_GRADE: Final = {
    "modic_type": ("0", r"^no Modic|^无Modic"),
    "fracture_type": ("none", r"no fracture|未见骨折"),
}


def sites_in(text: str) -> list[str]:
    """Return the vertebrae and segments named, in order, such as ["L4-L5", "S1"].

    >>> sites_in("T12/L1, then 腰4/5 and S1"), sites_in("L2 to L4"), sites_in("T2-weighted image of C2")
    (['T12-L1', 'L4-L5', 'S1'], ['L2', 'L4'], ['C2'])
    """
    found = []
    for match in _ONE.finditer(re.sub(r"T[12](?:-weighted|加权|WI|矢状|轴位)", " ", text)):
        letter = _LETTER.get(match[1], match[1])
        one = f"{letter}{int(match[2])}"
        if match[4]:
            one += f"-{_LETTER.get(match[3], match[3]) or letter}{int(match[4])}"
        found.append(one)
    return found


def answer_text(row: Mapping[str, Any]) -> str:
    """Return the keyed answer's words: the option that the letter names, or the open answer."""
    if row["task"] != "choice":
        return str(row["answer"])
    return str(row["options"]["ABCDEFGH".index(str(row["answer"]).strip())])


def meaning(kind: str, text: str) -> str:
    """Return what a worded answer means for its kind, "" where it is not read.

    >>> meaning("recess_side", "only the patient's left one"), meaning("slip_grade", "滑脱（Meyerding II度）")
    ('left', '2')
    """
    if kind in _GRADES:
        if kind in _NO_GRADE and re.search(_NO_GRADE[kind][1], text):
            return _NO_GRADE[kind][0]
        match = re.search(_GRADES[kind], text)
        return "" if match is None else _ROMAN.get(found := next(filter(None, match.groups())), found)
    return next((key for key, words in _WORDS.get(kind, ()) if re.search(words, text)), "")


_OF_TWO: Final = frozenset({"levels_in_view", "implant_levels", "fixation_levels"})


def site_meaning(kind: str, text: str) -> str:
    """Return an answer that names sites as the judges write it: "L4-L5", or "L2 L4" for a range.

    >>> site_meaning("levels_in_view", "T11 to L5"), site_meaning("marked_disc", "腰4/5")
    ('T11 L5', 'L4-L5')
    """
    sites = sites_in(text)
    if kind in _OF_TWO:
        return " ".join(sites if len(sites) == 2 else sites * 2) if sites else ""
    side = "left" if re.search("left|左", text) else "right" if re.search("right|右", text) else "central"
    return f"{sites[0]} {side}" if kind == "decompression_level" and sites else " ".join(sites)
