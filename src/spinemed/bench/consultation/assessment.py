"""What a model concludes: level, side and plan class from the lines of its final assessment."""

from __future__ import annotations

import re
from typing import Final

from spinemed.bench.consultation.patient import plain
from spinemed.bench.consultation.words import words
from spinemed.instances.clinic.plan import Stance
from spinemed.instances.clinic.wording import Language
from spinemed.level_grammar import parse_levels
from spinemed.records import Record, Side

_HEADING: Final = r"^\W*(?:final assessment|最终(?:评估|结论))[^\w\n]*"
_FINAL: Final = re.compile(f"{_HEADING}$", re.IGNORECASE | re.MULTILINE)
_AND_MORE: Final = re.compile(rf"({_HEADING}?)[:：][ \t*]*", re.IGNORECASE | re.MULTILINE)
_SAME_LINE: Final = re.compile(r"[;；,，。.]\s*(?=(?:sides?|plan|侧别|方案)\W*[:：])", re.IGNORECASE)
"""Between the parts of an assessment that is written on one line."""
_LINE: Final = re.compile(
    r"^[^\w\n]*(?P<name>levels?|sides?|plan|节段|侧别|方案)[^\w\n]*?[:：](?P<value>[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_NAMES: Final = {"节段": "level", "侧别": "side", "方案": "plan"}
_SIDES: Final[tuple[tuple[Side, re.Pattern[str]], ...]] = (
    ("both", re.compile(r"\b(?:both|bilateral)\b|双侧|两侧", re.IGNORECASE)),
    ("left", re.compile(r"\bleft\b|左", re.IGNORECASE)),
    ("right", re.compile(r"\bright\b|右", re.IGNORECASE)),
    ("central", re.compile(r"\b(?:central|midline)\b|中央|正中", re.IGNORECASE)),
)
_PLANS: Final[tuple[tuple[Stance, re.Pattern[str]], ...]] = (
    ("offer", re.compile(r"\boffer\b|可选手术", re.IGNORECASE)),
    (
        "conserve",
        re.compile(
            r"\bconserv\w*|\bnon-?(?:operative|surgical)|\bno (?:operation|surgery)|不手术|无需手术|保守",
            re.IGNORECASE,
        ),
    ),
    ("observe", re.compile(r"\bobserv\w*|观察", re.IGNORECASE)),
    (
        "investigate",
        re.compile(r"\binvestigat\w*|\bfurther (?:tests?|imaging|work-?up)|进一步检查", re.IGNORECASE),
    ),
    ("operate", re.compile(r"\boperat(?:e|ion)\b|\bsurg(?:ery|ical)\b|手术", re.IGNORECASE)),
)


class Assessment(Record):
    """A final assessment: sites, side (None for none) and plan class (None where no single one is named)."""

    sites: tuple[str, ...]
    side: Side | None
    stance: Stance | None


def assessment_in(text: str) -> Assessment | None:
    """Return the last final assessment that a text holds, None without its heading or any of its lines.

    A line that is missing gives no site, no side or no plan; two plan classes on one line give none.

    >>> assessment_in("FINAL ASSESSMENT\\nLevels: L4-L5\\nSide: left\\nPlan: offer operation")
    Assessment(sites=('L4-L5',), side='left', stance='offer')
    >>> assessment_in("**最终评估**\\n节段：腰4/5\\n侧别：无\\n方案：保守治疗").stance
    'conserve'
    """
    clean = _SAME_LINE.sub("\n", _AND_MORE.sub(r"\1\n", plain(text)))
    headings = list(_FINAL.finditer(clean))
    if not headings:
        return None
    lines: dict[str, str] = {}
    for match in _LINE.finditer(clean, headings[-1].end()):
        name = match["name"].lower()
        lines.setdefault(_NAMES.get(name, name.rstrip("s")), match["value"])
    if not lines:
        return None
    levels = parse_levels(lines.get("level", "")).levels
    return Assessment(
        sites=tuple(one for one in levels if ":" not in one),
        side=_side(lines.get("side", "")),
        stance=_stance(lines.get("plan", "")),
    )


def written(sites: tuple[str, ...], side: Side | None, stance: Stance, language: Language) -> str:
    """Return a final assessment as the system text asks for it, for doctors that are scripts."""
    said = words()
    none = said.none[language]
    return said.final[language].format(
        levels=", ".join(sites) or none,
        side=said.sides[language].get(side, none) if side else none,
        plan=said.plans[language][stance],
    )


def _side(value: str) -> Side | None:
    sides = [side for side, pattern in _SIDES if pattern.search(value)]
    if "left" in sides and "right" in sides:
        return "both"
    return sides[0] if sides else None


def _stance(value: str) -> Stance | None:
    """Return the one plan class of a line; "offer operation" is an offer, "no operation" conserves."""
    rest, found = value, []
    for stance, pattern in _PLANS:
        if pattern.search(rest):
            found.append(stance)
            rest = (
                re.sub(r"operat\w*|surg(?:ery|ical)|手术", "", rest)
                if stance == "offer"
                else pattern.sub("", rest)
            )
    return found[0] if len(found) == 1 else None
