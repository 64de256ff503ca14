"""Texts in, levels out, one line each: the two printed forms of a parsed text and the reading of lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from .errors import SourceError
from .level_grammar import parse_levels


def as_json_line(text: str) -> str:
    """Return a JSON object with `text`, `levels`, `side` and `mentions`, without a line break.

    >>> as_json_line("L4/5 (L)")[:59]
    '{"text": "L4/5 (L)", "levels": ["L4-L5"], "side": "left", "'
    """
    parsed = parse_levels(text)
    mentions = [mention._asdict() for mention in parsed.mentions]
    record = {"text": text, "levels": parsed.levels, "side": parsed.side, "mentions": mentions}
    return json.dumps(record, ensure_ascii=False)


def as_readable_line(text: str) -> str:
    """Return levels, side and what is negated, in words.

    >>> as_readable_line("L4-5 is normal, left L5-S1 shows extrusion")
    'L5-S1, left (negated or normal: L4-L5)'
    """
    parsed = parse_levels(text)
    line = " ".join(parsed.levels) or "no level"
    if parsed.side:
        line += f", {parsed.side}"
    absent = [m.site for m in parsed.mentions if m.polarity == "negative" and m.site not in parsed.levels]
    return f"{line} (negated or normal: {' '.join(dict.fromkeys(absent))})" if absent else line


def texts_of(lines: Iterable[bytes], source: str) -> Iterator[str]:
    """Yield the text of each line as it arrives, an empty line as an empty text.

    Bytes that are no UTF-8 are a SourceError that names `source`, the line and the byte.

    >>> list(texts_of([b"L4\\n", b"\\n", b"L5\\r\\n"], "input"))
    ['L4', '', 'L5']
    """
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{source}, line {number}: byte {error.start + 1} (0x{line[error.start]:02x}) is not valid "
                "UTF-8; convert the text first, for instance with iconv -f latin1 -t utf-8"
            ) from error
        yield text.removeprefix("\ufeff") if number == 1 else text
