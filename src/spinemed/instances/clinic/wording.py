"""Phrases of consultations and reports: read from the YAML files beside this module, chosen by hash.

Every entry of a file is an intent with the fields that it uses and its wordings in English and Chinese.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, Literal, TypeVar

from spinemed.instances.yaml_files import packaged_yaml
from spinemed.levels import Level, Site, render
from spinemed.records import Record

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, Language]] = ("en", "zh")
FILES: Final = (
    "consultation", "findings", "follow_ups", "history", "normal", "plans", "report", "terms", "written",
)  # fmt: skip
Choice = TypeVar("Choice")
_EXTRA: Final = ("T13", "L6")
"""Vertebrae that most spines lack: a range that has one inside says so in brackets."""
_LEAST_OF_A_RANGE: Final = 3


class Phrase(Record):
    """One intent: the fields that its wordings may use, and the wordings by language.

    `many` are the English wordings for several sites, where they differ from `en`.
    """

    uses: tuple[str, ...] = ()
    en: tuple[str, ...]
    zh: tuple[str, ...]
    many: tuple[str, ...] = ()

    def wordings(self, language: Language, many: bool = False) -> tuple[str, ...]:
        """Return the wordings in a language, for one site or for several."""
        if language == "zh":
            return self.zh
        return self.many if many and self.many else self.en


@cache
def phrases() -> dict[str, Phrase]:
    """Return every phrase by name; a name that two files declare is a ValueError."""
    found: dict[str, Phrase] = {}
    for file in FILES:
        for name, content in packaged_yaml("spinemed.instances.clinic", f"{file}.yaml").items():
            if name in found:
                raise ValueError(f"{file}.yaml: {name!r} is declared twice; rename one of them")
            found[name] = Phrase.model_validate(content)
    return found


def pick(key: str, items: Sequence[Choice]) -> Choice:
    """Return one of the items, which depends on `key` alone and is uniform over keys.

    >>> pick("a", ("x", "y")) == pick("a", ("x", "y"))
    True
    """
    return items[int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % len(items)]


def say(name: str, language: Language, key: str, fields: Mapping[str, str] | None = None) -> str:
    """Return one wording of an intent, filled; `key` draws the wording.

    Only the fields that the phrase declares are filled in; a field `several` that is not empty asks for the
    plural. An unknown intent is a KeyError, a field that is not given a ValueError.
    """
    phrase = phrases()[name]
    given = fields or {}
    wordings = phrase.wordings(language, bool(given.get("several")))
    missing = [field for field in phrase.uses if field not in given]
    if missing:
        raise ValueError(f"{name} uses {missing}, which the case does not give; fields: {sorted(given)}")
    text = pick(f"{key}:{name}", wordings).format(**{field: given[field] for field in phrase.uses})
    return capital(text) if language == "en" else text


def term(name: str, language: Language) -> str:
    """Return a short term such as a side or a body part, as it stands inside a sentence."""
    phrase = phrases()[f"term.{name}"]
    return (phrase.en if language == "en" else phrase.zh)[0]


def capital(text: str) -> str:
    """Return the text with its first letter as a capital.

    Words with a capital inside, such as mJOA, stay as they are.

    >>> capital("the disc"), capital("mJOA: 12"), capital("")
    ('The disc', 'mJOA: 12', '')
    """
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


def inside(text: str) -> str:
    """Return a text as it stands behind a colon: without a capital, but for names such as MRI and C4.

    >>> inside("The disc"), inside("MRI of the neck"), inside("C4处脊髓受压")
    ('the disc', 'MRI of the neck', 'C4处脊髓受压')
    """
    named = text[1:2].isupper() or text[1:2].isdigit()
    return text if named else text[:1].lower() + text[1:]


def several(sites: Sequence[str]) -> str:
    """Return what the field `several` is for a list of sites."""
    return "yes" if len(set(sites)) > 1 else ""


def listed(items: Sequence[str], language: Language, denied: bool = False) -> str:
    """Return items as a list in words; English joins what is denied by "or".

    >>> listed(("L3", "L4", "L5"), "en"), listed(("L3", "L4", "L5"), "zh")
    ('L3, L4 and L5', 'L3、L4和L5')
    """
    joiner, last = (", ", " or " if denied else " and ") if language == "en" else ("、", "和")
    return last.join([*([joiner.join(items[:-1])] if items[:-1] else []), *items[-1:]])


def joined(sentences: Sequence[str], language: Language) -> str:
    """Return sentences as one paragraph; Chinese sentences stand without blanks between them."""
    return (" " if language == "en" else "").join(sentence for sentence in sentences if sentence)


class Style(Record):
    """How one text prints levels: a style of `levels.render`, the same throughout the text."""

    language: Language
    name: str

    def site(self, site: str) -> str:
        """Return a vertebra or segment as this text prints it."""
        return render(site, self.name)

    def root(self, root: str) -> str:
        """Return a nerve root's name, such as L5 or C8, as this text prints it."""
        if self.name != "elided_chinese":
            return root
        return {"C": "颈", "T": "胸", "L": "腰", "S": "骶"}[root[0]] + root[1:]

    def sites(self, sites: Sequence[str], denied: bool = False) -> str:
        """Return sites as a list in words; three or more that follow each other as a range.

        An extra T13 or L6 inside a range stands in brackets behind it.

        >>> Style(language="en", name="canonical").sites(["T11", "T12", "T13", "L1", "L3"])
        'T11 to L1 (including T13) and L3'
        >>> Style(language="en", name="canonical").sites(["T11-T12", "T12-T13", "T13-L1", "L1-L2"])
        'T11-T12 to L1-L2 (including T13)'
        """
        return listed(self._texts(sites), self.language, denied)

    def span(self, levels: Sequence[str], four_lumbar: bool = False) -> str:
        """Return vertebrae in view as a range, which says where there is no L5.

        What is counted as S1 is the upper part of the sacrum: pictures may cut the rest.

        >>> Style(language="en", name="canonical").span(["L2", "L3", "L4", "L5", "L6"])
        'L2 to L6'
        >>> Style(language="en", name="canonical").span(["L2", "L3", "L4", "L5", "S1"])
        'L2 to L5 and the upper part of the sacrum'
        >>> Style(language="zh", name="canonical").span(["L2", "L3", "L4", "S1"], four_lumbar=True)
        'L2至L4和骶骨上部（腰椎四个，无L5）'
        """
        sacrum = [term("upper_sacrum", self.language)] if "S1" in levels else []
        text = listed([*self._texts([one for one in levels if one != "S1"]), *sacrum], self.language)
        if not four_lumbar or not {"L4", "S1"} <= set(levels):
            return text
        none = self.site("L5")
        return text + (
            f"（腰椎四个，无{none}）" if self.language == "zh" else f" (four lumbar vertebrae, no {none})"
        )

    def _texts(self, sites: Sequence[str]) -> list[str]:
        """Return a text for each range and for each site that stands alone."""
        texts: list[str] = []
        for run in runs_of(sites):
            if len(run) < _LEAST_OF_A_RANGE:
                texts += [self.site(site) for site in run]
                continue
            written = {*run[0].split("-"), *run[-1].split("-")}
            named = {level for site in run for level in site.split("-")}
            within = [extra for extra in _EXTRA if extra in named - written]
            texts.append(self._range(run[0], run[-1]) + "".join(self._bracket(extra) for extra in within))
        return texts

    def _bracket(self, extra: str) -> str:
        named = self.site(extra)
        return f"（含{named}）" if self.language == "zh" else f" (including {named})"

    def _range(self, first: str, last: str) -> str:
        joiner = " to " if self.language == "en" else "至"
        return f"{self.site(first)}{joiner}{self.site(last)}"


def style_of(language: Language, key: str) -> Style:
    """Return the style of levels that a key draws for a language."""
    styles = ("canonical", "canonical", "elided_slash")
    names = styles if language == "en" else (*styles, "elided_chinese")
    return Style(language=language, name=pick(f"{key}:style", names))


def runs_of(sites: Sequence[str]) -> list[list[str]]:
    """Return the runs of sites that follow each other, as readers expand a range."""
    runs: list[list[str]] = []
    for site in sites:
        if runs and _follows(runs[-1][-1], site):
            runs[-1].append(site)
        else:
            runs.append([site])
    return runs


@cache
def _follows(upper: str, lower: str) -> bool:
    """Return whether two sites of one kind follow each other as readers expand a range."""
    before, after = Site.parse(upper), Site.parse(lower)
    if before.lower is None or after.lower is None:
        return before.is_segment == after.is_segment and _is_next(before.upper, after.upper)
    regular = _is_next(before.upper, before.lower) and _is_next(after.upper, after.lower)
    return before.lower is after.upper and regular  # L4-S1 of a spine with four lumbar vertebrae is not


def _is_next(upper: Level, lower: Level) -> bool:
    """Return whether a vertebra stands directly below another: T13 and L6 may be there or not."""
    between = [level for level in Level if upper < level < lower and level.value not in _EXTRA]
    return upper < lower and not between
