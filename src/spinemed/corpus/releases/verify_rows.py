"""What is wrong with single rows of a corpus: ids, answers, evidence, places, licences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from spinemed.corpus.card.licences import is_redistributable
from spinemed.corpus.releases.tombstones import Tombstones
from spinemed.corpus.stages.units import CASEBOOK, bucket_of, group_of
from spinemed.errors import SourceError
from spinemed.records import content_id

Row = Mapping[str, Any]
RULE: Final = "rule:"
_LETTERS = "ABCDEFGHIJ"


class Wrong(NamedTuple):
    """One thing that is wrong: the check it fails and what was seen."""

    check: str
    what: str


@dataclass
class Bucket:
    """What the rows of one bucket may refer to, and where they must lie."""

    bucket: int
    buckets: int
    gone: Tombstones
    documents: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Study -> patient and text."""
    licences: dict[str, str] = field(default_factory=dict)
    """Study -> licence."""
    findings: dict[str, str] = field(default_factory=dict)
    """Finding -> study."""
    terms: dict[str, bool | None] = field(default_factory=dict)
    """Licence -> whether pictures may be passed on; None where it is no expression."""

    def passes_on(self, licence: str) -> bool | None:
        """Return whether pictures under a licence may be published; None where it is no SPDX expression."""
        if licence not in self.terms:
            try:
                self.terms[licence] = is_redistributable(licence)
            except SourceError:
                self.terms[licence] = None
        return self.terms[licence]


def is_content_id(row: Row, pictures: list[str]) -> bool:
    """Return whether the id of a row is the hash of its content, as those that make instances count it.

    Questions hash kind, language, what is shown and the words; consultations and reports what is shown, kind,
    task and the words. What is shown are pictures, or the study whose text is read.
    """
    said = [message["content"] for message in row["messages"]]
    for shown in [pictures] if pictures else [row["study"], []]:
        if row["id"] == content_id(row["kind"], row["language"], shown, *said):
            return True
    keys = pictures or [row["study"]]
    return bool(row["id"] == content_id(*keys, row["kind"], row["task"], *said))


def wrong_in_question(row: Row, config: str, split: str, pictures: list[str], at: Bucket) -> Iterator[Wrong]:
    """Yield what is wrong with a question row; `pictures` are the ids that it shows, in order."""
    if not is_content_id(row, pictures):
        yield Wrong("ids", "the id is not the hash of the content")
    if row["task"] != config:
        yield Wrong("places", f"task {row['task']!r} in config {config}")
    yield from _wrong_place(row, split, at)
    yield from _wrong_answer(row, config)
    yield from _wrong_evidence(row, bool(pictures), at)
    unknown = [one for one in row["findings"] if at.findings.get(one) != row["study"]]
    if unknown:
        yield Wrong("evidence", f"rests on finding {unknown[0]}, which study {row['study']} does not have")
    if row["licence"] != at.licences.get(row["study"]):
        study = at.licences.get(row["study"])
        what = "no study of this id is here" if study is None else f"its study's is {study}"
        yield Wrong("licences", f"licence {row['licence']}; {what}")
    if at.gone.hold(row["id"], row["patient"], row["source"]):
        yield Wrong("tombstones", "was withdrawn and is still here")


def wrong_in_fact(row: Row, split: str, at: Bucket, is_finding: bool) -> Iterator[Wrong]:
    """Yield what is wrong with a row of `studies`, or of `findings`."""
    yield from _wrong_place(row, split, at)
    if at.passes_on(row["licence"]) is None:
        yield Wrong("licences", f"licence {row['licence']!r} is no SPDX expression")
    if at.gone.hold("", row["patient"], row["source"]):
        yield Wrong("tombstones", "was withdrawn and is still here")
    if not is_finding:
        return
    if row["study"] not in at.licences:
        yield Wrong("evidence", f"study {row['study']} is not here")
    yield from _wrong_evidence(row, row["plane"] != "text", at)


def _wrong_place(row: Row, split: str, at: Bucket) -> Iterator[Wrong]:
    if row["split"] != split:
        yield Wrong("places", f"split {row['split']!r} in a file of split {split}")
    if bucket_of(row["patient"], at.buckets) != at.bucket:
        yield Wrong("places", f"patient {row['patient']} belongs to another bucket")


def sort_key(row: Row) -> tuple[bool, str, str]:
    """Return what rows of a file are sorted by first: pictures before words, source, hash of the patient."""
    return row["source"] == CASEBOOK, str(row["source"]), group_of(row["patient"])


def _wrong_answer(row: Row, config: str) -> Iterator[Wrong]:
    messages = row["messages"]
    if len(messages) < 2 or messages[-1]["role"] != "assistant" or not messages[-1]["content"]:
        yield Wrong("answers", "the last message is no answer")
        return
    if config != "choice":
        return
    options, place = row["options"], _LETTERS.find(row["answer"] or "?")
    if len(row["answer"] or "") != 1 or not 0 <= place < len(options):
        yield Wrong("answers", f"answer {row['answer']!r} is no letter of {len(options)} options")
    elif len(set(options)) < len(options):
        yield Wrong("answers", "two options are the same")
    elif options[place] not in messages[-1]["content"]:
        yield Wrong("answers", "the reply does not say the right option")


def _wrong_evidence(row: Row, is_shown: bool, at: Bucket) -> Iterator[Wrong]:
    box, quote = row["box"], row["quote"]
    if is_shown:
        has_place = row["series"] and row["plane"] and row["slice_index"] is not None and box is not None
        if not has_place or box["left"] >= box["right"] or box["top"] >= box["bottom"]:
            yield Wrong("evidence", "shows a picture and has no series, plane, slice and box")
    elif quote is None:
        yield Wrong("evidence", "has neither a picture nor a quote")
    if quote is not None:
        fault = quote_fault(quote, row["patient"], at.documents)
        if fault:
            yield Wrong("evidence", fault)


def quote_fault(quote: Row, patient: str, documents: Mapping[str, tuple[str, str]]) -> str:
    """Return why a quote is not what its document says, "" where it is.

    >>> quote = {"document": "s1", "start": 2, "end": 4, "text": "is"}
    >>> quote_fault(quote, "p", {"s1": ("p", "L is")}), quote_fault(quote, "p", {"s1": ("p", "as is")})
    ('', "quotes characters 2 to 4 of s1 as 'is'; there stands ' i'")
    """
    document, start, end, text = (quote[name] for name in ("document", "start", "end", "text"))
    if not text:
        return f"quotes nothing of {document}"
    if document.startswith(RULE):
        return "" if (start, end) == (0, len(text)) else f"cites {document} with a span that is not its own"
    if document not in documents:
        return f"quotes {document}, which is no study here"
    owner, words = documents[document]
    if owner != patient:
        return f"quotes {document}, a document of another patient"
    if not 0 <= start < end <= len(words) or words[start:end] != text:
        there = words[max(0, start) : max(0, end)]
        return (
            f"quotes characters {start} to {end} of {document} as {text[:60]!r}; there stands {there[:60]!r}"
        )
    return ""
