"""The reader of written cases: what the grammars read from a sentence must be exactly what it states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spinemed.finding_grammar import Statement, read_findings
from spinemed.level_grammar import parse_levels
from spinemed.phantom.written.case import Sentence, WrittenCase
from spinemed.records import Finding

_GRADED_BY_NAME = ("osteophyte", "transitional")
_AS_READ = {"L4-S1": ("L4-L5", "L5-S1")}
"""How readers that know five lumbar vertebrae take the last segment of four."""
_SIDED = ("herniation", "recess_stenosis", "foraminal_stenosis", "scoliosis")


def faults(case: WrittenCase) -> list[str]:
    """Return what is wrong with a case, a line each: sentences that read otherwise, spans that do not fit."""
    return [*_spans(case), *(line for one in case.sentences for line in sentence_faults(case, one))]


def _spans(case: WrittenCase) -> Iterator[str]:
    text = case.study.text
    for one in case.findings:
        quote = one.quote
        if quote is None or quote.document != case.study.id or text[quote.start : quote.end] != quote.text:
            yield f"{one.site} {one.pathology}: its quote is not in the text"
    ends = [0, *(one.end for one in case.sentences)]
    if any(one.start < end for one, end in zip(case.sentences, ends, strict=False)):
        yield "sentences overlap or are out of order"


def sentence_faults(case: WrittenCase, sentence: Sentence) -> Iterator[str]:
    """Yield how the statements read from one sentence differ from those that it was made of."""
    text = case.study.text[sentence.start : sentence.end]
    meant = [one for one in case.findings if one.id in sentence.findings]
    if not meant:
        yield f"states nothing: {text}"
    elif meant[0].pathology == "vertebra":
        yield from _level_faults(text, [one.site for one in meant])
    else:
        wanted, read = set(expected(sentence, meant)), set(_of_four(read_findings(text), meant))
        if not read and not any(one.present for one in meant):
            sites = {one.site for one in parse_levels(text).mentions if one.polarity == "negative"}
            wanted_sites = {site for one in meant for site in _AS_READ.get(one.site, (one.site,))}
            if meant[0].pathology != "scoliosis" and sites != wanted_sites:
                yield f"denies {sites}: {text}"
        elif (read != wanted and meant[0].pathology != "scoliosis") or read - wanted:
            yield f"reads {sorted(read - wanted)}, lacks {sorted(wanted - read)}: {text}"


def _of_four(read: Sequence[Statement], meant: Sequence[Finding]) -> Iterator[Statement]:
    """Statements, where the lumbosacral segment of four lumbar vertebrae is read as two usual ones."""
    for one in read:
        is_last = one.site in ("L4-L5", "L5-S1") and any(other.site == "L4-S1" for other in meant)
        yield one._replace(site="L4-S1") if is_last else one


def _level_faults(text: str, sites: Sequence[str]) -> Iterator[str]:
    """A range is read in the usual numbering: vertebrae that few spines have stand in it unnamed."""
    read = {one.site for one in parse_levels(text).mentions}
    usual = {site for site in sites if site not in ("T13", "L6")}
    if read != usual and not ({"L4", "S1"} <= usual and read - usual == {"L5"}):
        yield f"shows {sorted(read)}, not {sorted(usual)}: {text}"


def expected(sentence: Sentence, meant: Sequence[Finding]) -> Iterator[Statement]:
    """Yield what a reader must find in a sentence about these findings."""
    for one in meant:
        if not one.present:
            yield Statement(one.site, one.pathology, present=False)
            continue
        both = {
            other.side
            for other in meant
            if (other.site, other.pathology, other.grade) == (one.site, one.pathology, one.grade)
        }
        side = "both" if {"left", "right"} <= both else one.side or ""
        told = one.id in sentence.graded or one.pathology in _GRADED_BY_NAME
        yield Statement(
            one.site, one.pathology, one.grade if told else "", side if one.pathology in _SIDED else ""
        )
