"""Wordings of written reports, read from the YAML files beside this module, and lists of levels in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final, Literal

import yaml
from pydantic import ValidationError

from spinemed.errors import ConfigError
from spinemed.levels import DEFAULT_NUMBERING, Level, Site, render
from spinemed.records import Record

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, Language]] = ("en", "zh")
FILES: Final = ("abnormal", "frame", "normal")
_LEAST_OF_A_RANGE: Final = 3
_USUAL: Final = frozenset(DEFAULT_NUMBERING.levels)


class Phrase(Record):
    """One thing to say with its wordings; the files say what the fields mean."""

    en: tuple[str, ...]
    zh: tuple[str, ...]
    many: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    prep: str = "at"
    article: bool = False
    plural: bool = False

    def wordings(self, language: Language, several: bool = False) -> tuple[str, ...]:
        """Return the wordings in a language, for one site or for several."""
        if language == "zh":
            return self.zh
        return self.many if several and self.many else self.en


@cache
def phrases(file: str) -> dict[str, Phrase]:
    """Return the phrases of one of `FILES` by name; ConfigError that names the phrase where one is wrong."""
    text = files("spinemed.phantom.written").joinpath(f"{file}.yaml").read_text(encoding="utf-8")
    found: dict[str, Phrase] = {}
    for name, content in yaml.safe_load(text).items():
        try:
            found[name] = Phrase.model_validate(content)
        except ValidationError as error:
            raise ConfigError(f"{file}.yaml, {name}: {error}; mend the file") from error
    return found


STYLES: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": ("canonical", "canonical", "elided_slash", "elided_hyphen"),
    "zh": ("canonical", "elided_slash", "elided_slash", "elided_chinese"),
}
"""How a document may print levels: styles of `levels.render`."""


@cache
def site_text(site: str, style: str) -> str:
    """Return a site as a document prints it.

    >>> site_text("L4-L5", "elided_hyphen"), site_text("L4-L5", "elided_chinese")
    ('L4-5', '腰4/5')
    """
    return render(site, style)


def sites_text(sites: Sequence[str], style: str, language: Language, denied: bool = False) -> str:
    """Return sites as a list in words, three or more that follow each other as a range.

    >>> sites_text(["L1-L2", "L2-L3", "L3-L4", "L5-S1"], "canonical", "en", denied=True)
    'L1-L2 to L3-L4 or L5-S1'
    >>> sites_text(["L3", "L4", "L5", "L6", "S1"], "canonical", "en")
    'L3 to L6 and S1'
    """
    texts = []
    for run in _runs(sites):
        if len(run) < _LEAST_OF_A_RANGE:
            texts += [site_text(site, style) for site in run]
        else:
            joiner = " to " if language == "en" else "至"
            texts.append(f"{site_text(run[0], style)}{joiner}{site_text(run[-1], style)}")
    joiner, last = ("、", "和") if language == "zh" else (", ", " or " if denied else " and ")
    return last.join([*([joiner.join(texts[:-1])] if texts[:-1] else []), *texts[-1:]])


def is_run(sites: Sequence[str]) -> bool:
    """Return whether sites, three or more, follow each other in the usual numbering.

    >>> is_run(["L1-L2", "L2-L3", "L3-L4"]), is_run(["L1-L2", "L3-L4", "L4-L5"])
    (True, False)
    """
    usual = all(level in _USUAL for site in sites for level in _levels(site))
    return usual and len(sites) >= _LEAST_OF_A_RANGE and len(_runs(sites)) == 1


def _runs(sites: Sequence[str]) -> list[list[str]]:
    """Runs of sites that readers get back when they expand a range from the first to the last."""
    runs: list[list[str]] = []
    for site in sites:
        if runs and _is_range((*runs[-1], site)):
            runs[-1].append(site)
        else:
            runs.append([site])
    return runs


@cache
def _is_range(sites: tuple[str, ...]) -> bool:
    """Whether the first and the last of some sites stand for all: T13 and L6 count where they are named."""
    first, last = Site.parse(sites[0]), Site.parse(sites[-1])
    if first.is_segment != last.is_segment:
        return False
    named = {*_levels(sites[0]), *_levels(sites[-1])}
    end = last.lower or last.upper
    levels = [
        level.value for level in Level if first.upper <= level <= end and (level in _USUAL or level in named)
    ]
    read = [f"{upper}-{lower}" for upper, lower in pairwise(levels)] if first.is_segment else levels
    return read == list(sites)


def _levels(site: str) -> tuple[Level, ...]:
    parsed = Site.parse(site)
    return (parsed.upper,) if parsed.lower is None else (parsed.upper, parsed.lower)
