"""Sections of a report that came as a JSON object or in XML tags: names, texts and where they stand.

JSON is read key by key, so that a reply cut off in the middle still gives what came before. Standard library
only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from .report_headings import HeadingNames, heading_names, key_name

_DECODER: Final = json.JSONDecoder(strict=False)
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_KEY: Final = re.compile(r'[ \t\r\n,]*"((?:[^"\\]|\\.)*)"[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_OPENING: Final = re.compile(
    r"(?:^|\n)[ \t]*(?:```[ \t]*(?:json)?[ \t]*\n[ \t]*)?(\{|\[(?=\s*\{))", re.IGNORECASE
)
_TAG: Final = re.compile(r"<(/?)([A-Za-z_\u4e00-\u9fff][\w.\-\u4e00-\u9fff]{0,60})([^<>]{0,120})>")
_NAME_ATTRIBUTE: Final = re.compile(
    r"""(?:name|title|id|type)\s*=\s*["']([^"'<>]{1,90})["']""", re.IGNORECASE
)
_TITLES: Final = ("title", "heading", "section", "name", "标题", "章节")
_BODIES: Final = ("content", "text", "body", "value", "内容", "正文")
DEEPEST = 3
MOST_OPENINGS = 20
MOST_OPEN_TAGS = 8


class Field(NamedTuple):
    """One named piece: its name as written, what it names, its text as read, and where that stands.

    `start` is where its heading, key or tag begins; `inside` tells a part of the treatment that lies in it.
    """

    name: str
    names: HeadingNames
    text: str
    span: tuple[int, int]
    start: int
    inside: bool = False


def json_fields(text: str) -> list[Field]:
    """Return the known fields of the first JSON object in a text that has any, wrapped or in a list.

    >>> [(one.name, one.text) for one in json_fields('{"ai_diagnosis": ["L4-L5 slip"], "age": 4}')]
    [('ai_diagnosis', 'L4-L5 slip')]
    >>> [one.text for one in json_fields('{"report": {"findings": "fine", "risk": "lo')]
    ['fine', 'lo']
    """
    for number, opening in enumerate(_OPENING.finditer(text)):
        if number == MOST_OPENINGS:
            break
        try:
            fields = list(_fields(text, opening.start(1), 0, False))
        except RecursionError:
            continue
        if fields:
            return fields
    return []


def _fields(text: str, start: int, depth: int, inside: bool) -> Iterator[Field]:
    """Yield the known fields of the object or the list of objects at `start`, as far as it can be read."""
    if text[start : start + 1] == "[":
        yield from _listed(text, start)
        return
    place = start + 1
    while True:
        key = _KEY.match(text, place)
        if key is None:
            return
        names = heading_names(key_name(key[1]))
        value, stop, broken = _value(text, key.end())
        nested = text[key.end() : key.end() + 1] in ("{", "[") and depth < DEEPEST
        if names.sections or names.part:
            yield Field(key[1], names, as_text(value), (key.end(), stop), key.start(), inside)
            if nested and "treatment" in names.sections:
                yield from _parts(text, key.end(), depth)
        elif nested:
            yield from _fields(text, key.end(), depth + 1, inside)
        if broken:
            return
        place = stop


def _parts(text: str, start: int, depth: int) -> Iterator[Field]:
    """Yield the parts for patient and doctor inside the treatment's own object."""
    if text[start : start + 1] == "{":
        yield from (one for one in _fields(text, start, depth + 1, True) if one.names.part)


def _value(text: str, start: int) -> tuple[Any, int, bool]:
    """Return the JSON value at `start`, where it ends, and whether it broke off (then its raw rest)."""
    try:
        value, stop = _DECODER.raw_decode(text, start)
    except ValueError:
        rest = text[start:]
        return rest.lstrip(' "').rstrip().rstrip("`}]").rstrip(), len(text), True
    return value, stop, False


def _listed(text: str, start: int) -> Iterator[Field]:
    """Yield the fields of a list of objects that name their section: [{"title": ..., "content": ...}]."""
    place = _after_blanks(text, start + 1)
    while text[place : place + 1] == "{":
        value, stop, broken = _value(text, place)
        if broken or not isinstance(value, dict):
            return
        title = next((value[key] for key in _TITLES if isinstance(value.get(key), str)), "")
        body = next((value[key] for key in _BODIES if key in value), None)
        names = heading_names(key_name(title))
        if title and body is not None and (names.sections or names.part):
            yield Field(title, names, as_text(body), (place, stop), place)
        elif not title:
            yield from _fields(text, place, 1, False)
        place = _after_blanks(text, stop)
        if text[place : place + 1] == ",":
            place = _after_blanks(text, place + 1)


def _after_blanks(text: str, place: int) -> int:
    blank = _BLANK.match(text, place)
    return blank.end() if blank else place


def as_text(value: Any) -> str:
    """Return a JSON value as lines of text: items a line, keys before their values.

    An object of single values is one line, so that what belongs together stays together.

    >>> as_text({"notes": ["slip", 2, None, True]}), as_text([{"site": "L4-L5", "finding": "slip"}])
    ('notes: slip\\n2\\ntrue', 'site: L4-L5, finding: slip')
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, dict):
        lines = ((key_name(str(key)), as_text(one)) for key, one in value.items())
        flat = len(value) > 1 and not any(isinstance(one, dict | list) for one in value.values())
        return (", " if flat else "\n").join(f"{key}: {one}" for key, one in lines if one)
    if isinstance(value, list):
        return "\n".join(one for one in map(as_text, value) if one)
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def xml_fields(text: str) -> list[Field]:
    """Return the known tags of a text with what they hold; one that never closes ends at the next known one.

    >>> [(one.name, one.text) for one in xml_fields("<findings>Fine.</findings><diagnosis>None.")]
    [('findings', 'Fine.'), ('diagnosis', 'None.')]
    """
    fields: list[Field] = []
    opened: list[_Tag] = []
    for tag in _TAG.finditer(text):
        closing, word, rest = tag[1], tag[2].lower(), tag[3]
        if closing:
            while any(one.word == word for one in opened):
                last = opened.pop()
                fields.append(_held(text, last, tag.start(), opened))
                if last.word == word:
                    break
            continue
        attribute = _NAME_ATTRIBUTE.search(rest)
        name = attribute[1] if attribute else tag[2]
        names = heading_names(key_name(name))
        if rest.rstrip().endswith("/") or not (names.sections or names.part):
            continue
        if len(opened) == MOST_OPEN_TAGS:
            continue
        if opened and names.sections:  # sections do not nest: the one before never closed
            fields += [_held(text, one, tag.start(), opened[:place]) for place, one in enumerate(opened)]
            opened.clear()
        opened.append(_Tag(word, name, names, tag.start(), tag.end()))
    fields += [_held(text, one, len(text), opened[:place]) for place, one in enumerate(opened)]
    return sorted(fields, key=lambda one: one.span)


class _Tag(NamedTuple):
    """An opened tag: its word, the name that it gives, what that names, where it begins and ends."""

    word: str
    name: str
    names: HeadingNames
    start: int
    end: int


def _held(text: str, tag: _Tag, stop: int, around: Sequence[_Tag]) -> Field:
    inside = any("treatment" in one.names.sections for one in around)
    body = text[tag.end : stop]
    start = tag.end + len(body) - len(body.lstrip())
    body = body.strip()
    return Field(tag.name, tag.names, body, (start, start + len(body)), tag.start, inside)
