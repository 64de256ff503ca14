"""Reports and consultations read sentence by sentence: what is said of a site must be what the study holds.

A sentence counts where it names sites and exactly one pathology of `_WORDS`. What it affirms must be
stated of each of its sites in some series of the first examination, with the type and side that it names;
what it denies must be stated of none. Slips, narrowings, worn discs and curves are judged by truth.json's
own measures.
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
_DENIED_BEFORE: Final = r"(?i)\bno\b|\bnot\b|without|absent|无|未见"
_DENIED_BEHIND: Final = r"(?i)\b(?:is|are) (?:not (?:seen|found|present|visible|shown)|absent)|未见|不存在"
"""Behind the pathology's name other negations are about something else: "the fracture is not recent"."""
_OPEN: Final = (
    r"(?i)\bif\b|should|would|could|may |risk|never|exclude|suspect|operation|surgery|decompress|fusion|"
    r"brace|若|如果|应|可能|风险|排除|手术|减压|融合|复查|随访"
)
_FROM: Final = re.compile(
    r"([CTLS颈胸腰骶][\d/CTLS颈胸腰骶-]*)\s*(?:to|至|到)\s*([CTLS颈胸腰骶][\d/CTLS颈胸腰骶-]*)"
)
_SIDES: Final = {"left": r"(?i)\bleft|左", "right": r"(?i)\bright|右", "central": r"(?i)\bcentral|中央|正中"}
_COBB_DEG: Final = 3.0
_TYPES: Final = {
    "modic_change": r"Modic\s?(?:type )?([1-3])",
    "fracture": r"(?:AO|type|型)\s?(?:type )?([ABC]\d?)\b",
    "canal_stenosis": r"(?i)(mild|轻度)|(moderate|中度)|(severe|重度)",
}
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
            yield sentence, found[0], sites, not _denied(sentence, _WORDS[found[0]])


def _denied(sentence: str, words: str) -> bool:
    named = re.search(words, sentence)
    at = 0 if named is None else named.start()
    return bool(re.search(_DENIED_BEFORE, sentence[:at]) or re.search(_DENIED_BEHIND, sentence[at:]))


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
        curves = list(curve_claims(str(message["content"])))
        count += len(curves)
        wrong += [sentence for sentence, *told in curves if not _is_curve(study, *told)]
    return count, wrong


def curve_claims(text: str) -> Iterator[tuple[str, set[str], str, int]]:
    """Yield (sentence, ends and apex, convex side, Cobb angle) of the sentences that describe one curve.

    >>> list(curve_claims("Left-convex scoliosis from L1 to L4 with its apex at L3, Cobb angle 21°."))[0][2:]
    ('left', 21)
    """
    for part in re.split(r"[\n;；。]|\.\s+(?=[A-Z])", text):
        sides = [side for side, words in _SIDES.items() if side != "central" and re.search(words, part)]
        degrees, sites = re.findall(r"(\d+)\s?°", part), set(sites_in(part))
        if "Cobb" in part and len(sides) == len(degrees) == 1 and len(sites) > 1:
            yield part.strip(" -*#"), sites, sides[0], int(degrees[0])


def _is_curve(study: StudyFiles, sites: set[str], side: str, degrees: int) -> bool:
    """Whether truth.json has the curve in some posture, by its ends or ends and apex, within 3 degrees."""
    return any(
        {one["upper"], one["lower"]} <= sites <= {one["upper"], one["lower"], one["apex"]}
        and one["convex"] == side
        and abs(one["degrees"] - degrees) <= _COBB_DEG
        for posture in study.truth["postures"]
        for one in posture["curves"]["cobb"]
    )


def _holds(study: StudyFiles, pathology: str, site: str, sentence: str, affirmed: bool) -> bool | None:
    """Whether a claim about one site holds; None where truth has no such site."""
    discs = [disc for posture in study.truth["postures"] for disc in posture["discs"] if disc["site"] == site]
    if pathology in ("slip", "canal_stenosis", "pfirrmann"):
        if not discs:
            return None
        if pathology == "slip":
            there = [meyerding(disc["slip_percent"]) > 0 for disc in discs]
        elif pathology == "canal_stenosis":
            lost = [1 - disc["sac_left_mm"] / disc["sac_normal_mm"] for disc in discs]
            there = [share >= CANAL_CUTS[0] for share in lost]
            named = {match.lastindex for match in re.finditer(_TYPES[pathology], sentence)}
            if affirmed and len(named) == 1:
                there = [sum(share >= cut for cut in CANAL_CUTS) in named for share in lost]
        else:
            grades = [
                _ROMAN.get(grade, 0) for grade in re.findall(r"Pfirrmann\s?(?:grade )?([IV]+)", sentence)
            ]
            return not grades or discs[0]["pfirrmann"] in grades
        return any(there) if affirmed else not all(there)
    first = {uid for uid, one in study.series.items() if not one.later}
    stated = [
        one
        for one in study.stated
        if one["pathology"] == pathology and one["site"] == site and one["evidence"]["series"] in first
    ]
    if not affirmed:
        return not stated or not all(one.get("present", True) for one in stated)
    return any(one.get("present", True) and _is_as_told(one, sentence) for one in stated)


def _is_as_told(one: Mapping[str, Any], sentence: str) -> bool:
    """Whether a stated lesion has a type and, if herniated, a side that the sentence names of it."""
    types = re.findall(_TYPES.get(one["pathology"], r"(?!)"), sentence)
    if types and one.get("grade") and str(one["grade"]) not in types:
        return False
    sides = [side for side, words in _SIDES.items() if re.search(words, sentence)]
    return one["pathology"] != "herniation" or len(sides) != 1 or one.get("side") == sides[0]
