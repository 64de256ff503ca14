"""The tables of a dataset card, counted from the data, and the numbers read back from a card's text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spinemed.corpus.card.licences import origin_of, terms_of
from spinemed.corpus.releases.counts import Cells, Counts
from spinemed.corpus.rows import CONFIGS, QUESTION_CONFIGS
from spinemed.corpus.stages.mix import Mix
from spinemed.levels import Level

_HEADING = re.compile(r"^#+ (.+)$")
_NUMBER = re.compile(r"^(?P<digits>\d[\d,]*(\.\d+)?)(?P<share> %)?$")
_BOLD = re.compile(r"\*\*(?P<number>\d[\d,]*) (?P<noun>[^*\d]+)\*\*")
_MOST_REASONS = 60
_SPLIT_ORDER = ("train", "validation", "test", "spinebench", "rejects")
Numbers = dict[str, float]
"""'heading: row: column' of a table, or the words after a bold number, -> the number; shares from 0 to 1."""


@dataclass(frozen=True)
class Table:
    """A table of a card: `labels` name the first columns, `columns` those of numbers; a float is a share."""

    title: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], tuple[float, ...]], ...]
    decimals: int = 2  # of shares, in percent

    def text(self) -> str:
        """Return Markdown; "None." where there is no row."""
        if not self.rows:
            return "None."
        lines = [
            _line((*self.labels, *self.columns)),
            _line(["---"] * (len(self.labels) + len(self.columns))),
        ]
        lines += [
            _line((*map(_plain, labels), *(_shown(number, self.decimals) for number in numbers)))
            for labels, numbers in self.rows
        ]
        return "\n".join(lines)

    def numbers(self) -> Numbers:
        """Return what `card_numbers` reads from the text of this table under its heading."""
        return {
            _key(self.title, labels, column): _rounded(number, self.decimals)
            for labels, numbers in self.rows
            for column, number in zip(self.columns, numbers, strict=True)
        }


def tables_of(
    counts: Counts, mix: Mix, shortfalls: Mapping[str, int], duplicates: Mapping[str, float]
) -> dict[str, Table]:
    """Return name in the template -> table."""
    splits = _splits(counts)
    by_config = {
        "axes": ("By axis", "axis"),
        "modalities": ("By modality", "modality"),
        "languages": ("By language", "language"),
        "conditions": ("By condition", "condition"),
        "levels": ("By level", "level"),
        "sides": ("By side", "side"),
        "kinds": ("By kind", "kind"),
    }
    return {
        "rows": _rows(counts, splits),
        **{name: _by(counts, title, dimension) for name, (title, dimension) in by_config.items()},
        "pictures": _pictures(counts, splits),
        "patients": _patients(counts, splits),
        "findings": _findings(counts),
        "sources": _sources(counts),
        "mix": _mix(counts, mix),
        "shortfalls": Table(
            "What could not be filled",
            ("what",),
            ("missing",),
            tuple(((name,), (missing,)) for name, missing in sorted(shortfalls.items())),
        ),
        "duplicates": Table(
            "Duplicates",
            ("measure",),
            ("share",),
            tuple(((name,), (float(rate),)) for name, rate in sorted(duplicates.items())),
            decimals=4,
        ),
        "rejects": _rejects(counts),
        "bytes": Table(
            "Files",
            ("config",),
            ("bytes",),
            tuple(((name,), (size,)) for name, size in counts.file_bytes.items()),
        ),
    }


def sentences_of(counts: Counts, withdrawn: int) -> dict[str, tuple[int, str]]:
    """Return name in the template -> the number and the words that follow it in the prose of a card."""
    text = sum(counts.by(modality="text").values())
    return {
        "instances": (counts.instances, "instances"),
        "with_picture": (counts.instances - text, "instances with a picture"),
        "text_alone": (text, "instances of text alone"),
        "different_pictures": (counts.pictures_in_all, "different pictures"),
        "patients_in_all": (counts.patients_in_all, "patients"),
        "stated": (sum(counts.findings_by().values()), "findings"),
        "left_out": (sum(counts.rejects.values()), "rejects"),
        "withdrawn": (withdrawn, "withdrawals"),
    }


def expected_numbers(
    counts: Counts,
    mix: Mix,
    shortfalls: Mapping[str, int],
    duplicates: Mapping[str, float],
    withdrawn: int = 0,
) -> Numbers:
    """Return every number that a card of these counts must hold, in the keys of `card_numbers`."""
    found: Numbers = {}
    for table in tables_of(counts, mix, shortfalls, duplicates).values():
        found |= table.numbers()
    return found | {noun: float(number) for number, noun in sentences_of(counts, withdrawn).values()}


def card_numbers(text: str) -> Numbers:
    """Return every number of a card: cells of its tables, and bold numbers by the words after them.

    >>> card_numbers('# A\\n\\n**1,200 rows**\\n\\n| x | n |\\n| --- | --- |\\n| a | 3 |\\n| b | 0.50 % |')
    {'rows': 1200.0, 'A: a: n': 3.0, 'A: b: n': 0.005}
    """
    found: Numbers = {}
    heading, header = "", list[str]()
    for line in _body(text).splitlines():
        if match := _HEADING.match(line):
            heading = match[1]
        if not line.startswith("|"):
            header = []
            for bold in _BOLD.finditer(line):
                found[bold["noun"]] = float(bold["number"].replace(",", ""))
        elif not header:
            header = _cells(line)
        elif set(line) - set("|- "):
            found |= _row_numbers(heading, header, _cells(line))
    return found


def _body(text: str) -> str:
    """Return a card without its YAML header."""
    parts = text.split("\n---\n", 1)
    return parts[1] if text.startswith("---\n") and len(parts) == 2 else text


def _cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def _row_numbers(heading: str, header: Sequence[str], cells: Sequence[str]) -> Numbers:
    found: Numbers = {}
    first = next((place for place, cell in enumerate(cells) if _NUMBER.match(cell)), len(cells))
    for column, cell in zip(header[first:], cells[first:], strict=False):
        if match := _NUMBER.match(cell):
            number = float(match["digits"].replace(",", ""))
            found[_key(heading, cells[:first], column)] = number / 100 if match["share"] else number
    return found


def _key(heading: str, labels: Sequence[str], column: str) -> str:
    return f"{heading}: {' / '.join(map(_plain, labels))}: {column}"


def _plain(label: str) -> str:
    """Return a label as it can stand in a cell."""
    return " ".join(label.replace("|", "/").replace("`", "'").split()) or "none"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(number: float, decimals: int) -> str:
    return f"{100 * number:.{decimals}f} %" if isinstance(number, float) else f"{number:,}"


def _rounded(number: float, decimals: int) -> float:
    """Return a number as precise as a card shows it."""
    return float(f"{100 * number:.{decimals}f}") / 100 if isinstance(number, float) else float(number)


def _splits(counts: Counts) -> tuple[str, ...]:
    met = {split for splits in counts.rows.values() for split in splits}
    return tuple(
        sorted(met, key=lambda split: (_SPLIT_ORDER.index(split) if split in _SPLIT_ORDER else 9, split))
    )


def _rows(counts: Counts, splits: Sequence[str]) -> Table:
    rows = []
    for config in CONFIGS:
        of_split = counts.rows.get(config)
        if of_split:
            numbers = [of_split.get(split, 0) for split in splits]
            rows.append(((config,), (*numbers, sum(numbers))))
    return Table("Rows", ("config",), (*splits, "all"), tuple(rows))


def _by(counts: Counts, title: str, dimension: str) -> Table:
    """Return the instances of each value of a dimension: by config, in all, as a share of all instances."""
    found = counts.by(dimension, "config")
    values = sorted({value for value, _ in found}, key=_order(dimension, counts.by(dimension)))
    rows = []
    for value in values:
        numbers = [found.get((value, config), 0) for config in QUESTION_CONFIGS]
        share = sum(numbers) / counts.instances
        rows.append(((value,), (*numbers, sum(numbers), share)))
    return Table(title, (dimension,), (*QUESTION_CONFIGS, "all", "share"), tuple(rows))


def _order(dimension: str, totals: Cells) -> Callable[[str], tuple[int, str]]:
    """Return the order of values: levels from the head down, others by how many there are."""
    places = {level.value: place for place, level in enumerate(Level)}
    if dimension == "level":
        return lambda value: (places.get(value.split("-")[0], len(places)), value)
    return lambda value: (-totals[value,], value)


def _pictures(counts: Counts, splits: Sequence[str]) -> Table:
    rows = [((split,), (counts.pictures.get(split, 0),)) for split in splits if split in counts.pictures]
    rows += [((f"first of an instance, {modality}",), (n,)) for modality, n in counts.pictures_first.items()]
    return Table("Pictures", ("where",), ("different pictures",), tuple(rows))


def _patients(counts: Counts, splits: Sequence[str]) -> Table:
    shown = tuple(split for split in splits if split != "rejects")
    rows = []
    for source in sorted({source for source, _ in counts.patients}):
        numbers = [counts.patients.get((source, split), 0) for split in shown]
        rows.append(((source,), (*numbers, sum(numbers))))
    return Table("Patients", ("source",), (*shown, "all"), tuple(rows))


def _findings(counts: Counts) -> Table:
    found = counts.findings_by("pathology", "present")
    rows = tuple(
        ((name,), (found.get((name, "true"), 0), found.get((name, "false"), 0)))
        for name in sorted({name for name, _ in found})
    )
    return Table("Findings", ("finding",), ("present", "absent"), rows)


def _rejects(counts: Counts) -> Table:
    """Return rejects by step and why, what they are about left out; the rarest reasons together."""
    found: Counter[tuple[str, str]] = Counter()
    for (step, reason), count in counts.rejects.items():
        about, colon, why = reason.partition(": ")
        found[step, why if colon else about] += count
    rows = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in rows[_MOST_REASONS:])
    shown: list[tuple[tuple[str, ...], tuple[float, ...]]] = [
        (key, (count,)) for key, count in rows[:_MOST_REASONS]
    ]
    if rest:
        shown.append((("any", f"{len(rows) - _MOST_REASONS} rarer reasons"), (rest,)))
    return Table("What was left out", ("step", "reason"), ("count",), tuple(shown))


def _sources(counts: Counts) -> Table:
    instances = counts.by("source", "licence")
    studies = counts.studies_by("source", "licence")
    rows = tuple(
        (
            (source, origin_of(source).title, licence, terms_of(licence).note),
            (studies.get((source, licence), 0), instances.get((source, licence), 0)),
        )
        for source, licence in sorted({*instances, *studies})
    )
    return Table(
        "Sources and licences", ("source", "what it is", "licence", "terms"), ("studies", "instances"), rows
    )


def _mix(counts: Counts, mix: Mix) -> Table:
    rows: list[tuple[tuple[str, ...], tuple[float, ...]]] = []
    if mix.total:
        rows.append((("total",), (mix.total, counts.instances)))
    for dimension, targets in mix.targets.items():
        there = counts.by(dimension if dimension != "task" else "config")
        rows += [
            ((f"{dimension}: {value}",), (wanted, there.get((value,), 0)))
            for value, wanted in targets.items()
        ]
    return Table("Mix", ("what",), ("wanted", "there"), tuple(rows))
