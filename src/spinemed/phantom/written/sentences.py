"""Sentences of written reports: facts gathered as radiologists do, put into one of many wordings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from spinemed.levels import Site
from spinemed.phantom.written.fact import Draws, Fact
from spinemed.phantom.written.wording import Language, Phrase, is_run, phrases, site_text, sites_text
from spinemed.records import Pathology

_LISTED: Final[frozenset[Pathology]] = frozenset(
    {"disc_degeneration", "modic_change", "osteophyte", "endplate_defect", "bridging", "cage", "screws",
     "metastasis", "fracture", "cord_signal", "pars_defect"}
)  # fmt: skip
"""Pathologies of which several sites with one grade share a sentence."""
_AT_DISC: Final[tuple[Pathology, ...]] = (
    "herniation", "canal_stenosis", "recess_stenosis", "foraminal_stenosis", "cord_signal",
)  # fmt: skip
"""What may stand together in one sentence about a segment, in this order."""
_ROMAN: Final = ("0", "I", "II", "III", "IV", "V")
_AS_ROMAN: Final[frozenset[Pathology]] = frozenset({"disc_degeneration", "slip"})
_FORM_WEIGHTS: Final[Mapping[str, float]] = {"both": 0.4, "grade": 0.25, "value": 0.2, "signs": 0.25}
_MOST_TOGETHER: Final = 3
_GRAVE: Final = "3"
"""Genant's grade that is told with its number: whether half of the height is lost decides."""


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence with its full stop: the facts that it states, whose grade and whose number it names.

    `described` are facts whose signs it tells, from which a reader can grade them.
    """

    text: str
    facts: tuple[Fact, ...]
    graded: tuple[Fact, ...] = ()
    measured: tuple[Fact, ...] = ()
    described: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Voice:
    """How one document speaks: its language, its style of levels, and the drawings of its wordings."""

    language: Language
    style: str
    draws: Draws

    def pick(self, file: str, name: str) -> str:
        """Return one wording of a phrase."""
        return self.draws.one(phrases(file)[name].wordings(self.language))

    def part(self, name: str) -> str:
        """Return one wording of a part of a name, such as a side."""
        return self.pick("frame", f"part.{name}")

    def site(self, site: str) -> str:
        """Return a site as this document prints it."""
        return site_text(site, self.style)

    def sites(self, sites: Sequence[str], denied: bool = False) -> str:
        """Return sites as this document lists them."""
        return sites_text(sites, self.style, self.language, denied)

    def ended(self, text: str) -> str:
        """Return a sentence with a capital and its full stop."""
        if self.language == "zh":
            return f"{text}。"
        return f"{text[:1].upper()}{text[1:]}."


def gathered(facts: Sequence[Fact], voice: Voice) -> list[tuple[Fact, ...]]:
    """Return abnormal facts as they share sentences, each group at the place of its first fact.

    Both sides of one narrowing with one grade are one name. A fracture takes the height that its vertebra
    lost with it. In half of the documents what narrows one segment shares a sentence.
    """
    by_segment = voice.draws.chance(0.6)
    groups: dict[tuple[str, ...], list[Fact]] = {}
    broken = {fact.site for fact in facts if fact.pathology == "fracture"}
    for fact in facts:
        groups.setdefault(_group(fact, by_segment, broken), []).append(fact)
    return [part for group in groups.values() for part in _parts(group)]


def _group(fact: Fact, by_segment: bool, broken: set[str]) -> tuple[str, ...]:
    if fact.site in broken and fact.pathology in ("fracture", "height_loss"):
        return "broken", fact.site
    if fact.pathology in _LISTED and not (by_segment and fact.pathology == "cord_signal"):
        single = fact.site if fact.value is not None else ""
        return fact.pathology, fact.grade, fact.detail, single, fact.method
    if by_segment and fact.pathology in _AT_DISC:
        return "segment", fact.site
    side = "" if fact.pathology in ("recess_stenosis", "foraminal_stenosis") else fact.side or ""
    return fact.pathology, fact.site, fact.grade, side, fact.posture


def _parts(group: list[Fact]) -> list[tuple[Fact, ...]]:
    """A group as sentences: of a segment at most three names in one."""
    if len({fact.pathology for fact in group}) == 1 and group[0].pathology not in _AT_DISC:
        return [tuple(group)]
    if group[0].pathology not in _AT_DISC:
        return [tuple(sorted(group, key=lambda one: one.pathology != "fracture"))]
    names: dict[tuple[str, str], list[Fact]] = {}
    for fact in sorted(group, key=lambda one: _AT_DISC.index(one.pathology)):
        names.setdefault((fact.pathology, fact.grade), []).append(fact)
    parts: list[list[Fact]] = []
    for name in names.values():
        # Two grades of one narrowing, left and right, are told apart by a sentence each.
        if not parts or name[0].pathology == parts[-1][-1].pathology or _count(parts[-1]) == _MOST_TOGETHER:
            parts.append([])
        parts[-1] += name
    return [tuple(part) for part in parts]


def _count(part: Sequence[Fact]) -> int:
    return len({fact.pathology for fact in part})


def stated(group: Sequence[Fact], voice: Voice) -> Said:
    """Return the sentence of a group of abnormal facts."""
    names = _names(group)
    if len(names) == 1:
        return _one_name(names[0], voice)
    told = [_named(name, voice, inside=True) for name in names]
    text = _together(voice.site(group[0].site), [one.text for one in told], names[0][0], voice)
    return _said(voice.ended(text), names, [one.form for one in told])


def _together(site: str, texts: list[str], first: Fact, voice: Voice) -> str:
    """Several names of one site in a sentence; a fracture with the height that was lost by it."""
    short = voice.draws.chance(0.6)
    if voice.language == "zh":
        return f"{site}{'：' if short else ''}{'，'.join(texts)}"
    plain = len(texts) == 2 and "," not in texts[0]
    joiner = ", with " if first.pathology == "fracture" else " and " if plain else ", and "
    listed = joiner.join([", ".join(texts[:-1]), texts[-1]])
    if short:
        return f"{site}: {listed}"
    return f"{site} shows {with_article(listed) if first.pathology in _COUNTED else listed}"


def _names(group: Sequence[Fact]) -> list[tuple[Fact, ...]]:
    """The facts that one name states together: listed sites, or both sides."""
    names: dict[tuple[str, str, str], list[Fact]] = {}
    for fact in group:
        names.setdefault((fact.pathology, fact.grade, fact.detail), []).append(fact)
    return [tuple(name) for name in names.values()]


def _one_name(name: tuple[Fact, ...], voice: Voice) -> Said:
    told = _named(name, voice, inside=False)
    return _said(voice.ended(told.text), [name], [told.form])


def _said(text: str, names: Sequence[tuple[Fact, ...]], forms: Sequence[str]) -> Said:
    def of(*wanted: str) -> tuple[Fact, ...]:
        return tuple(
            fact
            for name, form in zip(names, forms, strict=True)
            for fact in name
            if form.partition("_")[0] in wanted
        )

    facts = tuple(fact for name in names for fact in name)
    return Said(text, facts, of("both", "grade"), of("both", "value"), of("signs"))


class _Name(NamedTuple):
    """Words for facts, and the form that they take."""

    text: str
    form: str


def _named(name: tuple[Fact, ...], voice: Voice, *, inside: bool) -> _Name:
    """The words for facts of one name; `inside` a sentence that names the site, no sites of its own."""
    key, first = phrase_name(name[0]), name[0]
    form = _form(key, name, voice, inside)
    phrase = phrases("abnormal")[f"{key}.{form}" if form else key]
    sites = sorted({fact.site for fact in name}, key=lambda site: Site.parse(site).upper.order)
    wordings = phrase.wordings(voice.language, len(sites) > 1)
    if inside:
        named = [one for one in wordings if _is_name(one)]
        wordings = tuple(one for one in named if " with " not in one) or tuple(named)
    wording = voice.draws.one(wordings)
    text = wording.format(level=voice.sites(sites), **_fields(name, voice))
    if _is_name(wording) and not inside and not is_curve(first):
        text = _framed(
            text, phrase, voice, sites, as_many=wording in phrase.many and wording not in phrase.en
        )
    return _Name(text, form or "grade")


def _is_name(wording: str) -> bool:
    return "{level}" not in wording and "{upper}" not in wording and "{apex}" not in wording


def _framed(text: str, phrase: Phrase, voice: Voice, sites: Sequence[str], as_many: bool) -> str:
    """A name put into a sentence with its sites, a long one behind; `as_many` it is plural for several."""
    several = len(sites) > 1
    frames = phrases("abnormal")["frame_long" if _LONG.search(text) else "frame"]
    frame = voice.draws.one(frames.wordings(voice.language, several))
    if phrase.article and not several and voice.language == "en" and _VERB.search(frame):
        text = with_article(text)
    verb = "are" if phrase.plural or (several and as_many) else "is"
    return frame.format(level=voice.sites(sites), noun=text, prep=phrase.prep, be=verb)


_LONG: Final = re.compile(r"[,(]| with(?:out)? ")
_VERB: Final = re.compile(r"(?:\{be\}|shows) \{noun\}|\{noun\} \{be\}")
_COUNTED: Final[frozenset[Pathology]] = frozenset({"fracture", "herniation"})
"""What English sets an article before, of what may open a list of names."""


def with_article(text: str) -> str:
    """Return an English name with a or an before it.

    >>> with_article("old fracture"), with_article("left disc extrusion")
    ('an old fracture', 'a left disc extrusion')
    """
    return f"{'an' if text[:1].lower() in 'aeio' else 'a'} {text}"


def is_curve(fact: Fact) -> bool:
    """Return whether the wordings of a fact are whole sentences without a site to frame: curves."""
    return fact.pathology in ("scoliosis", "thoracic_kyphosis", "lumbar_lordosis")


def phrase_name(fact: Fact) -> str:
    """Return the name of the phrases that state a fact, without what they tell."""
    if fact.pathology == "fracture":
        if fact.method == "ct" and fact.detail:
            return "fracture_sharp"
        age = f"_{fact.detail}" if fact.detail else ""
        return f"fracture{age}" if fact.grade else f"fracture{age}_untyped"
    if fact.pathology == "slip":
        if fact.method == "bending":
            return "slip_moved"
        return "retrolisthesis" if fact.detail == "retrolisthesis" else "slip"
    if fact.pathology == "herniation":
        return "herniation_central" if fact.detail == "central" else "herniation_side"
    if fact.pathology == "transitional":
        return f"transitional_{fact.grade}"
    usual = fact.pathology == "thoracic_kyphosis" and (fact.value or 0.0) <= KYPHOSIS_DEG
    return "thoracic_kyphosis_usual" if usual else fact.pathology


KYPHOSIS_DEG: Final = 50.0
"""Thoracic kyphosis above which it is called increased, as `instances.clinic.problem` has it."""


def _form(key: str, name: tuple[Fact, ...], voice: Voice, inside: bool) -> str:
    """What a name tells, drawn among the wordings that there are; "" where there is one form alone."""
    known = phrases("abnormal")
    if key in known:
        return ""
    first = name[0]
    forms = []
    for form in ("both", "grade", "value", "signs", f"signs_{first.grade}"):
        phrase = known.get(f"{key}.{form}")
        if phrase is None or not phrase.wordings(voice.language):
            continue
        # What reaches behind the posterior wall tells nothing of the size of a disc in the foramen.
        unmeasured = first.value is None or first.detail == "foraminal"
        if form in ("both", "value") and unmeasured:
            continue
        if form == "grade" and first.pathology == "height_loss" and first.grade == _GRAVE:
            continue
        if form.startswith("signs") and (inside or (form == "signs" and len(name) > 1)):
            continue
        forms.append(form)
    weights = [_FORM_WEIGHTS[form.partition("_")[0]] for form in forms]
    return voice.draws.weighed(forms, weights)


def _fields(name: tuple[Fact, ...], voice: Voice) -> dict[str, str]:
    """What the wordings of a name may use."""
    first, fields = name[0], dict[str, str]()
    sides = {fact.side for fact in name}
    if sides & {"left", "right", "both"}:
        fields["side"] = voice.part(f"side.{'both' if len(sides) > 1 else first.side}")
    if first.pathology == "scoliosis":
        fields["apex"] = voice.site(first.site)
    if first.extent is not None:
        fields["first"], fields["last"] = (voice.site(level) for level in first.extent)
    if first.value is not None:
        fields["value"] = f"{abs(first.value):.0f}"
    if first.healthy is not None:
        fields["healthy"] = f"{first.healthy:.0f}"
    fields["grade"] = _grade_text(first, voice)
    fields |= _detail_fields(first, voice)
    if "-" in first.site:
        upper, lower = first.site.split("-")
        fields["upper"], fields["lower"] = voice.site(upper), voice.site(lower)
    return fields


def _grade_text(fact: Fact, voice: Voice) -> str:
    if f"part.grade.{fact.grade}" in phrases("frame"):
        return voice.part(f"grade.{fact.grade}")
    return _ROMAN[int(fact.grade)] if fact.pathology in _AS_ROMAN and fact.grade else fact.grade


def _detail_fields(fact: Fact, voice: Voice) -> dict[str, str]:
    if fact.pathology == "herniation" and fact.detail != "central":
        return {"zone": voice.part(f"zone.{fact.detail}")}
    if fact.pathology == "height_loss":
        return {"form": voice.part(f"form.{fact.detail}")}
    if fact.pathology == "endplate_defect":
        return {"endplate": voice.part(f"endplate.{fact.detail}")}
    if fact.pathology == "fracture" and fact.grade:
        return {"kind": voice.part(f"kind.{fact.grade}"), "ao_signs": voice.part(f"ao.{fact.grade}")}
    if fact.method == "bending":
        return {
            "posture_text": voice.part(f"posture.{fact.posture}"),
            "posture_inside": voice.part(f"posture_inside.{fact.posture}"),
            "cause": voice.part(f"cause.{fact.detail}"),
        }
    if fact.pathology == "slip" and fact.detail != "retrolisthesis":
        return {"cause": voice.part(f"cause.{fact.detail}")}
    return {}


def denied(pathology: str, facts: Sequence[Fact], voice: Voice) -> Said:
    """Return the sentence that denies one pathology at the sites of some facts; "discs" denies all wear."""
    sites = sorted({fact.site for fact in facts}, key=lambda site: Site.parse(site).upper.order)
    if pathology == "discs" and is_run(sites) and voice.draws.chance(0.5):
        first, last = voice.site(sites[0].split("-")[0]), voice.site(sites[-1].split("-")[1])
        wording = voice.pick("normal", "discs_span")
        text = wording.format(span=f"{first}-{last}", first=first, last=last)
        return Said(voice.ended(text), tuple(facts))
    wording = voice.pick("normal", pathology)
    is_no = wording[:2] in ("No", "Th") and pathology != "discs" and "Normal" not in wording
    return Said(voice.ended(wording.format(level=voice.sites(sites, denied=is_no))), tuple(facts))
