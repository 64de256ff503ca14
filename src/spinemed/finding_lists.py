"""Lists of findings as JSON: strict for references, lenient for replies of models, which may be prose too.

One entry is {"site": "L4-L5", "finding": "herniation", "grade"?: "protrusion", "side"?: "left", "present"?:
true}. Standard library only: metric folders carry this file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from .finding_grammar import Statement, merged, read_findings
from .finding_modifiers import modifiers_of
from .finding_scope import hits_of
from .finding_words import FINDING_NAMES, SAME, SCALES, FindingName, is_healthy
from .level_grammar import parse_levels
from .levels import Site

_FIELDS: Final = frozenset({"site", "finding", "grade", "side", "present"})
_SIDES: Final = frozenset({"left", "right", "both", "central", ""})
_FENCE: Final = re.compile(r"```(?:json)?\s*(?=\[)")


def read_reference(text: str) -> tuple[Statement, ...]:
    """Return the right findings of an item from a JSON list; [] is a case without any.

    Raises ValueError on anything that is not a finding in canonical spelling, with the entry's place.

    >>> read_reference('[{"site": "L5-S1", "finding": "slip", "grade": "1"}]')[0].grade
    '1'
    """
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"a reference is a JSON list of findings, got {text!r:.80}: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"a reference is a JSON list of findings, got {text!r:.80}")
    return tuple(_strict(place, entry) for place, entry in enumerate(entries))


def _strict(place: int, entry: Any) -> Statement:
    if not isinstance(entry, dict) or not {"site", "finding"} <= set(entry) <= _FIELDS:
        raise ValueError(
            f"finding {place} needs site and finding and knows {sorted(_FIELDS)}, got {entry!r:.80}"
        )
    name, grade, side = entry["finding"], str(entry.get("grade") or ""), str(entry.get("side") or "")
    if name not in FINDING_NAMES:
        raise ValueError(f"finding {place}: {name!r} is none of {', '.join(FINDING_NAMES)}")
    if grade and name in SCALES and grade not in SCALES[name]:
        raise ValueError(f"finding {place}: {name} has no grade {grade!r}; name one of {list(SCALES[name])}")
    if side not in _SIDES:
        raise ValueError(f"finding {place}: side {side!r} is none of left, right, both, central")
    present = entry.get("present", True)
    if not isinstance(present, bool):
        raise ValueError(f"finding {place}: present is true or false, got {present!r}")
    try:
        site = str(Site.parse(str(entry["site"])))
    except ValueError as error:
        raise ValueError(f"finding {place}: {error}") from error
    return Statement(site, name, grade, side, present and not is_healthy(name, grade))


class Reply(NamedTuple):
    """What a reply states, whether it was a JSON list, and how many of its entries could not be read."""

    statements: tuple[Statement, ...]
    is_list: bool
    unread: int


def read_reply(text: str) -> Reply:
    """Return what a reply states: a JSON list (also fenced) entry by entry, anything else as prose.

    In a list, sites and findings may have any spelling that the grammars know; an entry that names no known
    site or finding is counted in `unread`. Never raises on text.

    >>> read_reply('[{"site": "L4/5", "finding": "disc extrusion", "side": "L"}, {"site": "?"}]')[0][0][:4]
    ('L4-L5', 'herniation', 'extrusion', 'left')
    >>> read_reply("No fracture of L1.").statements[0].present
    False
    """
    fenced = _FENCE.search(text)
    body = text[fenced.end() :].split("```")[0].strip() if fenced else text.strip()
    entries = _entries(body) if body.startswith("[") else None
    if entries is None:
        return Reply(read_findings(text), False, 0)
    found, unread = [], 0
    for entry in entries:
        read = list(_lenient(entry)) if isinstance(entry, dict) else []
        found += read
        unread += not read
    return Reply(merged(found), True, unread)


def _entries(body: str) -> list[Any] | None:
    try:
        entries = json.loads(body)
    except (json.JSONDecodeError, RecursionError):
        return None
    return entries if isinstance(entries, list) else None


def _lenient(entry: dict[str, Any]) -> Iterator[Statement]:
    words = str(entry.get("finding") or "")
    name = _name_of(words)
    if name is None:
        return
    grade = grade_of(name, str(entry.get("grade") or "")) or grade_of(name, words)
    side = _side_of(str(entry.get("side") or ""))
    present = entry.get("present", True) not in (False, "false", "no", "absent", 0)
    for site in parse_levels(str(entry.get("site") or "")).levels:
        if ":" not in site:
            is_there = present and not is_healthy(name, grade)
            yield Statement(site, name, grade, side if is_there else "", is_there)


def _name_of(words: str) -> FindingName | None:
    plain = words.strip().lower().replace(" ", "_").replace("-", "_")
    known = next((name for name in FINDING_NAMES if name == plain), None)
    return known or next((hit.finding for hit in hits_of(words)), None)


def grade_of(name: FindingName, words: str) -> str:
    """Return a written grade as the scale of a finding spells it, "" where it is none of its grades.

    >>> grade_of("disc_degeneration", "Pfirrmann IV"), grade_of("canal_stenosis", "Severe")
    ('4', 'severe')
    """
    scale = SCALES.get(name, ())
    plain = words.strip()
    for spelled in (plain, SAME.get(plain.upper(), ""), plain.lower(), plain.upper(), SAME.get(plain, "")):
        if spelled in scale:
            return spelled
    numeral = re.search(r"(?<![A-Za-z])(III|II|IV|I|V|\d)(?![A-Za-z0-9.])", plain)
    if numeral and SAME.get(numeral[1], numeral[1]) in scale:
        return SAME.get(numeral[1], numeral[1])
    told = [one.value for one in modifiers_of(plain) if one.kind == "grade" and name in one.only]
    lee = {"none": "0", "mild": "1", "moderate": "2", "severe": "3"}
    spelled = (lee.get(told[-1], told[-1]) if name == "foraminal_stenosis" else told[-1]) if told else ""
    return spelled if spelled in scale else ""


def _side_of(words: str) -> str:
    plain = words.strip().lower()
    known = {
        "l": "left",
        "r": "right",
        "bilateral": "both",
        "midline": "central",
        "左": "left",
        "右": "right",
    }
    known |= {"左侧": "left", "右侧": "right", "双侧": "both", "中央": "central"}
    return plain if plain in _SIDES else known.get(plain, "")
