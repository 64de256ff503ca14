"""The linter of the templates: fields, languages, number of wordings, levels that the parser reads back."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Final

from spinemed.instances.clinic.dermatomes import roots
from spinemed.instances.clinic.lexicon import DOSE
from spinemed.instances.clinic.wording import LANGUAGES, Phrase, phrases, style_of
from spinemed.level_grammar import parse_levels

FIELDS: Final = frozenset(
    {
        *("level", "apex", "first", "last", "range", "root", "side"),
        *("ao", "genant", "lee", "modic", "pfirrmann", "meyerding", "cobb", "angle", "number"),
        *("form", "severity", "kind", "zone", "cause", "bone", "endplate", "reach", "size", "depth"),
        *("age", "person", "complaint", "since", "treated", "area", "weakness", "part", "walking", "years"),
        *("injury", "primary", "t_score", "fever", "crp", "mjoa", "risser", "reflex", "neurology"),
        *("points", "curve", "modalities", "flags", "rule", "plan", "change", "finding", "advice"),
        *("warning", "reference", "site", "implants", "sex", "duties", "low", "high", "points_between"),
    }
)
"""Every field that a phrase may declare; the code fills no other."""

_MANY: Final = (
    "opening.",
    "finding.",
    "normal.",
    "plan.",
    "see.lead",
    "show.",
    "want.plan",
    "request",
    "ask.",
)
_FEW: Final = ("ask.more.", "show.today", "finding.none")
_MOST_WORDS_OF_ONE: Final = 4
_LEAST_OF_A_VOICE: Final = 2
_ARTICLE: Final = re.compile(r"\b[Aa] (?:[aeio]|\{(?:kind|cause|zone|endplate)\})")
_VERTEBRAL: Final = frozenset(
    {"finding.height_loss", "finding.fracture_fresh", "finding.fracture_old",
     "finding.fracture", "finding.fracture_fresh_untyped", "finding.fracture_old_untyped",
     "finding.fracture_untyped", "finding.fracture_fresh_burst", "finding.pars_defect",
     "finding.endplate_defect", "finding.metastasis", "finding.screws", "finding.osteophyte",
     "finding.transitional_L5_sacralised", "normal.vertebra", "normal.height_loss", "normal.fracture",
     "normal.metastasis", "normal.pars_defect", "normal.endplate_defect", "normal.osteophyte",
     "plan.injury.non_operative", "plan.injury.operative", "plan.fragility.non_operative",
     "plan.tumour.consult", "plan.tumour.stable", "found.injury", "found.metastasis", "found.old_fracture",
     "finding.height_loss_plain", "finding.metastasis_untyped", "found.old_height", "plan.injury.urgent",
     "plan.injury.emergency", "plain.tumour.consult", "plain.tumour.stable", "plain.injury.operative",
     "plain.injury.urgent", "plain.injury.emergency", "also.metastasis.patient", "also.metastasis.colleague",
     "also.fracture_fresh.patient", "also.fracture_fresh.colleague", "also.fracture_unknown.patient",
     "also.fracture_unknown.colleague", "also.fracture_old.patient", "also.fracture_old.colleague",
     "also.fracture_old_known.patient", "also.fracture_old_known.colleague", "also.height_loss.patient",
     "also.height_loss.colleague", "also.training", "also.burst", "also.height_loss_tumour.patient",
     "also.height_loss_tumour.colleague", "also.height_loss_young.patient",
     "also.height_loss_young.colleague", "also.fracture_ct.patient", "also.fracture_ct.colleague",
     "plan.tumour.urgent", "plain.tumour.urgent", "plan.injury.opened", "plan.fragility.opened",
     "also.fracture_implant.patient", "also.fracture_implant.colleague",
     "plan.tumour.consult_imaged", "plain.tumour.consult_imaged", "plan.tumour.stable_imaged",
     "plain.tumour.stable_imaged"}
)  # fmt: skip
_VOICES: Final = (".patient", ".colleague")
_LATIN_MARKS: Final = re.compile(r"(?<!^\d)[,.?;] ")
_TRANSITIONAL: Final = {
    "finding.transitional_L6": "L6", "finding.transitional_T13": "T13",
    "see.extra.L6": "L6", "see.extra.T13": "T13",
}  # fmt: skip


def lint() -> list[str]:
    """Return what is wrong with the templates, one line each; empty where all is well."""
    return [fault for name, phrase in phrases().items() for fault in _faults(name, phrase)] + [
        f"dermatomes.yaml: {name} lacks {what}" for name, what in _root_faults()
    ]


def _faults(name: str, phrase: Phrase) -> Iterator[str]:
    unknown = set(phrase.uses) - FIELDS
    if unknown:
        yield f"{name}: declares fields that no case gives: {sorted(unknown)}"
    for language in LANGUAGES:
        wordings = phrase.wordings(language)
        if not wordings:
            yield f"{name}: no wording in {language}"
        if len(set(wordings)) < len(wordings):
            yield f"{name}: a wording in {language} stands twice"
        least = _least(name)
        if len(wordings) < least:
            yield f"{name}: {len(wordings)} wordings in {language}, at least {least} are needed"
        if language == "en" and phrase.many and len(phrase.many) != len(phrase.en):
            yield f"{name}: {len(phrase.many)} wordings for several sites, {len(phrase.en)} for one"
        for wording in (*wordings, *(phrase.many if language == "en" else ())):
            yield from _wording_faults(name, phrase, language, wording)


def _least(name: str) -> int:
    """Return how many wordings an intent needs in each language."""
    if not name.startswith(_MANY) or name.startswith(_FEW):
        return 1
    return _LEAST_OF_A_VOICE if name.startswith("ask.") and name.endswith(_VOICES) else _MOST_WORDS_OF_ONE


def _wording_faults(name: str, phrase: Phrase, language: str, wording: str) -> Iterator[str]:
    used = {field for _, field, _, _ in string.Formatter().parse(wording) if field is not None}
    if used - set(phrase.uses):
        yield f"{name}: {wording!r} uses undeclared {sorted(used - set(phrase.uses))}"
    if DOSE.search(wording):
        yield f"{name}: {wording!r} gives a drug dose"
    if language == "en" and _ARTICLE.search(wording):
        yield f"{name}: {wording!r} has the article a before a vowel"
    if language == "zh" and _LATIN_MARKS.search(wording):
        yield f"{name}: {wording!r} has English punctuation in Chinese"
    if "level" in used:
        yield from _level_faults(name, language, wording, used)


def _level_faults(name: str, language: str, wording: str, used: set[str]) -> Iterator[str]:
    """Fill every style of a level into a wording and read it back."""
    site = _TRANSITIONAL.get(name, "L3" if name in _VERTEBRAL else "L3-L4")
    for number in range(12):
        style = style_of("en" if language == "en" else "zh", f"lint:{number}")
        side = "left" if language == "en" else "左侧"
        fields = dict.fromkeys(used, "") | {"level": style.site(site), "root": style.root("L4"), "side": side}
        read = {one.site for one in parse_levels(wording.format(**fields)).mentions}
        if site not in read:
            yield f"{name}: {wording!r} with {style.site(site)!r} reads as {sorted(read)}"
            return


def _root_faults() -> Iterator[tuple[str, str]]:
    wanted = [*(f"C{number}" for number in range(3, 9)), *(f"T{number}" for number in range(1, 13))]
    wanted += [*(f"L{number}" for number in range(1, 6)), "S1"]
    for name in wanted:
        if name not in roots():
            yield name, "its row"
        elif bool(roots()[name].en.weakness_doctor) != bool(roots()[name].zh.weakness_doctor):
            yield name, "a weakness in one language"
