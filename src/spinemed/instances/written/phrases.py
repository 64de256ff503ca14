"""Findings as noun phrases in English and Chinese, and what such a phrase means when it is read."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from spinemed.finding_grammar import read_findings
from spinemed.finding_words import DETAIL_WORDS, SAME, FindingName
from spinemed.instances.templates import Language
from spinemed.instances.written.stated import Facts, Said
from spinemed.instances.written.templates import finding_phrases
from spinemed.levels import Level, Site

_ROMAN: Final = ("0", "I", "II", "III", "IV", "V")
_IN_ROMAN: Final = frozenset({"disc_degeneration", "slip"})
_OF_ZONE: Final = frozenset({"left", "right"})
NOUNS: Final = frozenset(
    {"herniation", "canal_stenosis", "recess_stenosis", "foraminal_stenosis", "slip", "disc_degeneration",
     "modic_change", "fracture", "height_loss", "endplate_defect", "metastasis", "osteophyte",
     "spondylodiscitis", "bridging", "cord_signal", "pars_defect", "cage", "screws"}
)  # fmt: skip
"""Pathologies that have a phrase."""
_AT_VERTEBRAE: Final = frozenset(
    {"fracture", "height_loss", "endplate_defect", "metastasis", "osteophyte", "pars_defect", "screws"}
)
_NO_GRADE: Final = frozenset({"osteophyte", "endplate_defect"})


def key_of(said: Said) -> str:
    """Return the meaning of a finding as far as it was told: `pathology|grade|side|detail`.

    "" for one that has no phrase, and for a herniation of untold kind or side.
    """
    pathology = said.finding.pathology
    if pathology not in NOUNS:
        return ""
    grade = "" if pathology in _NO_GRADE else said.grade
    side = said.side if said.side in ("left", "right", "both") else ""
    detail = said.detail
    if pathology == "herniation":
        detail = "" if detail == "subarticular" and Site.parse(said.site).upper < Level.T12 else detail
        if not grade or (not side and detail != "central"):
            return ""
    if detail == "retrolisthesis":  # Meyerding grades forward slips
        grade = ""
    if pathology == "slip" and detail not in ("isthmic", "degenerative", "traumatic", "retrolisthesis"):
        detail = ""
    return f"{pathology}|{grade}|{side}|{detail}"


def fits(key: str, said: Said) -> bool:
    """Return whether a finding could be called so: what the words leave open counts as fitting.

    A finding of untold grade may be the graded one, a fracture of untold age the fresh one.
    """
    pathology, grade, side, detail = key.split("|")
    one = said.finding
    return (
        one.pathology == pathology
        and said.abnormal
        and (grade in ("", one.grade) or not said.grade)
        and side in ("", one.side)
        and (detail in ("", one.detail) or (pathology == "fracture" and not said.detail))
    )


def sites_of(facts: Facts, key: str) -> frozenset[str]:
    """Return where findings that could be called so are stated."""
    return frozenset(one.site for one in facts.of(key.partition("|")[0]) if fits(key, one))


@lru_cache(maxsize=4096)
def phrase(key: str, language: Language, with_article: bool = False) -> str:
    """Return the noun phrase of a meaning.

    >>> phrase("herniation|extrusion|left|foraminal", "en", with_article=True)
    'a left foraminal disc extrusion'
    >>> phrase("disc_degeneration|4||", "zh")
    '椎间盘退变（Pfirrmann IV级）'
    """
    pathology, grade, side, detail = key.split("|")
    name = "retrolisthesis" if detail == "retrolisthesis" else pathology
    entry, words = finding_phrases().phrases[name], finding_phrases().words.of(language)
    forms = entry.en if language == "en" else entry.zh
    form = forms["graded" if grade else "detailed" if detail and "detailed" in forms else "plain"]
    if pathology in _IN_ROMAN and grade:
        grade = _ROMAN[int(grade)]
    told = {"grade": words.get(grade, grade), "side": words.get(side, ""), "detail": words.get(detail, "")}
    text = " ".join(form.format(**told).split())
    text = text.replace("椎体、", "椎体") if language == "zh" else text
    if with_article and entry.counted and language == "en":
        return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"
    return text


@lru_cache(maxsize=4096)
def meaning(text: str, language: Language) -> str:
    """Return the key that a noun phrase means, read by the grammar of findings; "" where it reads none.

    >>> meaning("a left foraminal disc extrusion", "en")
    'herniation|extrusion|left|foraminal'
    """
    for site in ("L4-L5", "L4"):
        said = f"{site}: {text}." if language == "en" else f"{site}：{text}。"
        stated = [one for one in read_findings(said) if one.site == site]
        if len(stated) == 1 and (stated[0].finding in _AT_VERTEBRAE) == (site == "L4"):
            one = stated[0]
            grade = "" if one.finding in _NO_GRADE else one.grade
            side = "" if one.finding == "screws" else one.side
            detail = _detail(one.finding, text)
            return f"{one.finding}|{grade}|{'' if side == 'central' else side}|{detail}"
    return ""


def _detail(pathology: FindingName, text: str) -> str:
    words = DETAIL_WORDS.get(pathology)
    match = words.search(text.lower()) if words is not None else None
    if match is None:
        return ""
    told = str(next(filter(None, match.groups()))).lower()
    return SAME.get(told, told)


_ORDINALS: Final = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh",
    "eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth",
)  # fmt: skip
_CHINESE: Final = ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三")
_REGIONS: Final = {
    "C": ("cervical", "颈椎"), "T": ("thoracic", "胸椎"), "L": ("lumbar", "腰椎"), "S": ("sacral", "骶椎"),
}  # fmt: skip


@lru_cache(maxsize=512)
def in_words(site: str, language: Language) -> str:
    """Return a site in words.

    >>> in_words("L5-S1", "en"), in_words("T12", "zh")
    ('the level between the fifth lumbar and first sacral vertebrae', '第十二胸椎')
    """
    levels = [(int(one[1:]), *_REGIONS[one[0]]) for one in re.split("-", site)]
    if language == "zh":
        names = [f"第{_CHINESE[number - 1]}{zh}" for number, _, zh in levels]
        return names[0] if len(names) == 1 else f"{names[0]}与{names[1]}之间的节段"
    names = [f"{_ORDINALS[number - 1]} {en}" for number, en, _ in levels]
    if len(names) == 1:
        return f"the {names[0]} vertebra"
    if levels[0][1] == levels[1][1]:
        names[0] = _ORDINALS[levels[0][0] - 1]
    return f"the level between the {names[0]} and {names[1]} vertebrae"
