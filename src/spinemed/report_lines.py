"""Lines of a report that may be headings: markdown, HTML, bold, bracketed, numbered, plain, in a sentence.

Each style has a rank; a heading of a lower rank number outweighs the same name further down. Standard library
only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from .report_headings import LONGEST_NAME, HeadingNames, bare_name, heading_names

BOLD, OWN_LINE, WITH_TEXT, BULLET, INLINE = 7, 8, 9, 10, 11
"""Ranks below markdown and HTML headings, which have their level, 1 to 6."""

_LINE = re.compile(r"[^\n]+")
_ATX = re.compile(r"[ \t>]*(#{1,6})(?!#)[ \t]*(.+?)[ \t#]*\r?$")
_HTML = re.compile(r"[ \t]*<h([1-6])[^<>]{0,60}>(.{1,120}?)</h[1-6]>", re.IGNORECASE)
_UNDERLINE = re.compile(r"\n[ \t]*(={3,}|-{3,})[ \t]*\r?(?=\n|\Z)")
_BULLET = re.compile(r"[ \t>]*(?:[-•·+○●■◆▪]|\*(?!\*))[ \t]+")
_NUMBER = r"(?:[(（]?[0-9０-９ivxIVX一二三四五六七八九十]{1,4}[)）.．、:：][ \t]*)?"
_BOLD = re.compile(
    rf"[ \t>]*{_NUMBER}(?:\*\*|__|<(?:b|strong|u)>)(.{{1,100}}?)(?:\*\*|__|</(?:b|strong|u)>)[ \t]*[:：]?"
)
_BRACKET = re.compile(rf"[ \t>]*{_NUMBER}(?:【([^【】]{{1,60}})】|\[([^\[\]]{{1,60}})\](?!\())[ \t]*[:：]?")
_CELL = re.compile(r"[ \t]*\|[ \t]*([^|]{1,100}?)[ \t]*\|(?=[^|]*\|)")
_COLON = re.compile(r"[:：](?:[*_]{1,2}(?=[ \t\r]|$))?|[ \t][-–—][ \t]")
_INLINE = re.compile(r"(?:^|[.。;；!！?？])[ \t]*([^.。;；!！?？\n:：]{2,60})[:：]", re.MULTILINE)
_WORD = re.compile(r"[a-z]{3,}")
_STEMS: Final = frozenset(
    re.findall(
        r"\w{3}",
        "adv aft age app ass bas car cav cit cli col com con cou dat dec des dia dif dis doc eva evi exa exp"
        " fin fol gen his ima imp ind int jus lay leg lim man med nam nat nex not obs opi opt out pat per phy"
        " pla pos pro rad rat rea rec ref reh rep res ris sex sig sou spe stu sug sum sur sym tec the tit"
        " tre unc war",
    )
)
"""First letters of the English words that names of headings need; other lines are not looked at."""


class Heading(NamedTuple):
    """A line that may be a heading: where it starts, where its text begins, what it names, its rank.

    A markdown heading of unknown name is one too: it may end a section.
    """

    start: int
    end: int
    name: str
    names: HeadingNames
    rank: int


def headings_of_lines(text: str) -> Iterator[Heading]:
    """Yield every line of a text that may be a heading, in order.

    >>> [(one.name, one.rank) for one in headings_of_lines("## 1. Findings\\nFine.\\n- Diagnosis: none")]
    [('Findings', 2), ('Diagnosis', 10)]
    """
    for match in _LINE.finditer(text):
        start, line = match.start(), match.group()
        heading = _marked(start, line) or _underlined(text, start, line) or _plain(start, line)
        if heading is not None:
            yield heading


def inline_headings(text: str) -> Iterator[Heading]:
    """Yield names with a colon that begin a sentence, for reports that came without line breaks.

    >>> [one.name for one in inline_headings("Findings: L4 is fine. Diagnosis: none.")]
    ['Findings', 'Diagnosis']
    """
    for match in _INLINE.finditer(text):
        names = _known(match[1])
        if names.sections and not names.weak:
            yield Heading(match.start(1), match.end(), bare_name(match[1]), names, INLINE)


def _known(name: str) -> HeadingNames:
    """Return what a name means; a look at the words spares most lines the patterns."""
    if len(name) > LONGEST_NAME:
        return HeadingNames()
    if name.isascii() and _STEMS.isdisjoint(word[:3] for word in _WORD.findall(name.lower())):
        return HeadingNames()
    return heading_names(name)


def _marked(start: int, line: str) -> Heading | None:
    """Return the heading of a line with marks: markdown, HTML, bold or brackets."""
    atx = _ATX.match(line)
    if atx:
        rank, name, where = len(atx[1]), atx[2], atx.start(2)
        known = _known(name)
        colon = _COLON.search(name)
        if known == HeadingNames() and colon and _known(name[: colon.start()]).sections:
            name = name[: colon.start()]
            return Heading(start, start + where + colon.end(), bare_name(name), _known(name), rank)
        return Heading(start, start + len(line), bare_name(name), known, rank)
    html = _HTML.match(line)
    if html:
        return Heading(start, start + html.end(), bare_name(html[2]), _known(html[2]), int(html[1]))
    bullet = _BULLET.match(line)
    rest = bullet.end() if bullet else 0
    for pattern in (_BOLD, _BRACKET):
        match = pattern.match(line, rest)
        if match:
            name = next(group for group in match.groups() if group)
            rank = BULLET if bullet else BOLD
            return _if_known(start, start + match.end(), name, rank)
    return None


def _underlined(text: str, start: int, line: str) -> Heading | None:
    rule = _UNDERLINE.match(text, start + len(line))
    if rule is None:
        return None
    return _if_known(start, rule.end(), line, 1 if rule[1][0] == "=" else 2)


def _plain(start: int, line: str) -> Heading | None:
    """Return the heading of a line without marks: alone, before a colon or dash, or in a table's cell."""
    bullet = _BULLET.match(line)
    rest = bullet.end() if bullet else 0
    cell = _CELL.match(line)
    if cell:
        return _if_known(start, start + cell.end(), cell[1], WITH_TEXT)
    own = _if_known(start, start + len(line), line[rest:], BULLET if bullet else OWN_LINE)
    if own is not None:
        return own
    for colon in _COLON.finditer(line, rest, rest + LONGEST_NAME + 10):
        found = _if_known(
            start, start + colon.end(), line[rest : colon.start()], BULLET if bullet else WITH_TEXT
        )
        if found is not None:
            return found
    return None


def _if_known(start: int, end: int, name: str, rank: int) -> Heading | None:
    names = _known(name)
    if names == HeadingNames() or (names.weak and rank >= BULLET):
        return None
    return Heading(start, end, bare_name(name), names, rank)
