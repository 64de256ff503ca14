"""Reports and consultations read sentence by sentence: what is said of a site must be what the study holds.

A sentence counts where it names sites and exactly one pathology of `_WORDS`. What it affirms must be
stated of each of its sites in some series of the first examination, what it denies of none; slips,
narrowings and worn discs are judged by truth.json's own measures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from level_audit_judges import CANAL_CUTS, meyerding
from level_audit_study import StudyFiles
from level_audit_words import sites_in

_WORDS: Final = {
    "herniation": r"herniat|protrusion|extrusion|突出|脱出",
    "fracture": r"fracture|骨折",
    "metastasis": r"metasta|转移",
    "spondylodiscitis": r"discitis|椎间盘炎|椎间隙感染",
    "slip": r"spondylolisthesis|anterolisthesis|retrolisthesis|滑脱",
    "modic_change": r"Modic",
    "bridging": r"bridging|骨桥",
    "canal_stenosis": r"canal stenosis|椎管狭窄|中央狭窄",
    "pfirrmann": r"Pfirrmann",
    "osteophyte": r"osteophyt|骨赘",
    "endplate_defect": r"Schmorl|endplate defect|许莫氏",
}
_DENIED: Final = r"(?i)\bno\b|\bnot\b|without|absent|无|未见"
_OPEN: Final = (
    r"(?i)\bif\b|should|would|could|may |risk|never|exclude|suspect|operation|surgery|decompress|fusion|"
    r"brace|若|如果|应|可能|风险|排除|手术|减压|融合|复查|随访"
)
_FROM: Final = re.compile(
    r"([CTLS颈胸腰骶][\d/CTLS颈胸腰骶-]*)\s*(?:to|至|到)\s*([CTLS颈胸腰骶][\d/CTLS颈胸腰骶-]*)"
)
_ROMAN: Final = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5}


def claims(text: str, levels: list[str]) -> Iterator[tuple[str, str, list[str], bool]]:
    """Yield (sentence, pathology, sites, whether affirmed) of the sentences that can be judged.

    >>> list(claims("- No fracture in L1 to L3.", ["L1", "L2", "L3"]))
    [('No fracture in L1 to L3', 'fracture', ['L1', 'L2', 'L3'], False)]
    """
    for part in re.split(r"[\n;；。，]|\.\s+(?=[A-Z])|\.$", text):
        sentence = part.strip(" -*#")
        found = [name for name, words in _WORDS.items() if re.search(words, sentence)]
        if len(found) != 1 or re.search(_OPEN, sentence):
            continue
        sites = expanded(sentence, levels)
        if sites:
            yield sentence, found[0], sites, not re.search(_DENIED, sentence)


def expanded(sentence: str, levels: list[str]) -> list[str]:
    """Return the sites named, ranges with all that lie between their ends; none for a range not understood.

    >>> expanded("T12 to L2, L4-L5", ["T12", "L1", "L2", "L3", "L4", "L5"])
    ['T12', 'L1', 'L2', 'L4-L5']
    """
    sites: list[str] = []
    segments = [f"{upper}-{lower}" for upper, lower in pairwise(levels)]
    rest = sentence
    for match in _FROM.finditer(sentence):
        ends = [*sites_in(match[1]), *sites_in(match[2])]
        order = segments if len(ends) == 2 and all("-" in end for end in ends) else levels
        if len(ends) != 2 or any(end not in order for end in ends):
            return []
        sites += order[order.index(ends[0]) : order.index(ends[1]) + 1]
        rest = rest.replace(match[0], " ")
    return sites + sites_in(rest)


def wrong_claims(row: Mapping[str, Any], study: StudyFiles) -> tuple[int, list[str]]:
    """Return how many claims of a report or consultation were judged, and the sentences that are wrong."""
    count, wrong = 0, []
    for message in row["messages"]:
        if message["role"] != "assistant":
            continue
        for sentence, pathology, sites, affirmed in claims(str(message["content"]), study.levels):
            verdicts = [_holds(study, pathology, site, sentence, affirmed) for site in sites]
            judged = [verdict for verdict in verdicts if verdict is not None]
            count += bool(judged)
            if not all(judged):
                wrong.append(sentence)
    return count, wrong


def _holds(study: StudyFiles, pathology: str, site: str, sentence: str, affirmed: bool) -> bool | None:
    """Whether a claim about one site holds; None where truth has no such site."""
    discs = [disc for posture in study.truth["postures"] for disc in posture["discs"] if disc["site"] == site]
    if pathology in ("slip", "canal_stenosis", "pfirrmann"):
        if not discs:
            return None
        if pathology == "slip":
            there = [meyerding(disc["slip_percent"]) > 0 for disc in discs]
        elif pathology == "canal_stenosis":
            there = [1 - disc["sac_left_mm"] / disc["sac_normal_mm"] >= CANAL_CUTS[0] for disc in discs]
        else:
            grades = [
                _ROMAN.get(grade, 0) for grade in re.findall(r"Pfirrmann\s?(?:grade )?([IV]+)", sentence)
            ]
            return not grades or discs[0]["pfirrmann"] in grades
        return any(there) if affirmed else not all(there)
    first = {uid for uid, one in study.series.items() if not one.later}
    there = [
        one.get("present", True)
        for one in study.stated
        if one["pathology"] == pathology and one["site"] == site and one["evidence"]["series"] in first
    ]
    return any(there) if affirmed else not there or not all(there)
