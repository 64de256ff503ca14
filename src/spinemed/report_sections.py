"""A free-text report cut into its six sections: text, place, and whether each is found, empty or missing.

The paper's form is known only by its section names (arXiv 2510.03160): structured imaging findings,
AI-assisted diagnosis, treatment with a part for the patient and one for the doctor, risk and prognosis,
postoperative issues, rationale and disclaimer. Headings may be markdown, bold, numbered, plain, HTML, in
brackets, JSON keys or XML tags, in English or Chinese and in any order. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from .report_headings import SECTION_NAMES, HeadingNames, PartName, SectionName
from .report_lines import INLINE, WITH_TEXT, Heading, headings_of_lines, inline_headings
from .report_markup import Field, json_fields, xml_fields

State = Literal["found", "empty", "missing"]
Form = Literal["headings", "json", "xml", "none"]
Span = tuple[int, int]
_THOUGHT: Final = re.compile(
    r"[<\[◁](/?)(?:seed:)?(?:think|thinking|thoughts?|scratchpad)[>\]▷]", re.IGNORECASE
)
_FINAL: Final = "<|channel|>final<|message|>"  # what stands before it is thought (harmony format)
_RULE: Final = re.compile(r"(?:^|\n)[ \t]*(?:-{3,}|\*{3,}|_{3,}|={3,}|`{3,})\Z")


class Section(NamedTuple):
    """One section: its state, its text without the heading, and where that stands in the report.

    `empty` has a heading and no text; `missing` has neither. `spans` are half-open, several where the section
    comes more than once; `headings` are its headings as written. `shared` names the other sections that one
    merged heading covers, which then have the same text.
    """

    name: SectionName | PartName
    state: State = "missing"
    text: str = ""
    spans: tuple[Span, ...] = ()
    headings: tuple[str, ...] = ()
    shared: tuple[SectionName, ...] = ()

    @property
    def span(self) -> Span:
        """The first span, (0, 0) without any."""
        return self.spans[0] if self.spans else (0, 0)


class ReportSections(NamedTuple):
    """What a report is cut into: always six sections in the paper's order, and the two treatment parts.

    `order` names the sections as the report has them, repeats included. `preamble` is where what stands
    before the first heading is.
    """

    form: Form
    sections: tuple[Section, ...]
    patient: Section
    doctor: Section
    order: tuple[SectionName, ...]
    preamble: Span

    def __call__(self, name: SectionName) -> Section:
        """Return the section of that name."""
        return self.sections[SECTION_NAMES.index(name)]

    @property
    def lacking(self) -> tuple[SectionName, ...]:
        """Names of the sections without text: missing or empty."""
        return tuple(name for name in SECTION_NAMES if self(name).state != "found")

    @property
    def repeated(self) -> tuple[SectionName, ...]:
        """Names of the sections that have more than one heading."""
        return tuple(name for name in SECTION_NAMES if self.order.count(name) > 1)

    @property
    def in_order(self) -> bool:
        """Whether the sections come in the paper's order, each once; missing ones do not matter."""
        return list(self.order) == [name for name in SECTION_NAMES if name in self.order]


def read_sections(text: str) -> ReportSections:
    """Return the six sections of a report in whatever form it has; never raises on text.

    Thoughts in tags (`<think>`) are no part of the report. Of the three readings (JSON, XML tags, headings)
    the one with most sections that have text counts; an empty text has six missing sections.

    >>> read = read_sections("## Findings\\nL4/5 herniation.\\n**Diagnosis:** Herniation.")
    >>> read("findings").text, read("diagnosis").text, read("risk").state
    ('L4/5 herniation.', 'Herniation.', 'missing')
    >>> read_sections("影像所见：L4/5突出。\\n诊断意见：突出。")("diagnosis").text
    '突出。'
    """
    plain = without_thoughts(text)
    form, fields = max(_readings(plain), key=lambda reading: _named(reading[1]))
    if not fields or _named(fields) == (0, 0):
        form, fields = "none", []
    order = tuple(name for field in fields for name in field.names.sections)
    first = min((field.start for field in fields), default=len(plain))
    return ReportSections(
        form=form,
        sections=tuple(_gathered(name, _fields_of(name, fields)) for name in SECTION_NAMES),
        patient=_gathered("patient", [field for field in fields if field.names.part == "patient"]),
        doctor=_gathered("doctor", [field for field in fields if field.names.part == "doctor"]),
        order=order,
        preamble=trimmed(plain, (0, first)),
    )


def without_thoughts(text: str) -> str:
    """Return a reply with its thoughts blanked, so that positions stay; what never closes runs to the end.

    `<reasoning>` and `<analysis>` stay: in a report they may be the rationale.

    >>> without_thoughts("<think>L1?</think>L2."), without_thoughts("L2.<think>or")
    ('                  L2.', 'L2.         ')
    """
    final = text.rfind(_FINAL) + len(_FINAL) if _FINAL in text else 0
    pieces, end, opened = [" " * final], final, -1
    for tag in _THOUGHT.finditer(text, final):
        if not tag[1]:
            opened = tag.start() if opened < 0 else opened
            continue
        start = opened if opened >= 0 else end  # a closing tag alone ends what began before the text
        pieces += [text[end:start], " " * (tag.end() - start)]
        end, opened = tag.end(), -1
    stop = len(text) if opened < 0 else opened
    return "".join([*pieces, text[end:stop], " " * (len(text) - stop)])


def _readings(text: str) -> Iterator[tuple[Form, list[Field]]]:
    yield "json", json_fields(text)
    yield "xml", xml_fields(text)
    yield "headings", heading_fields(text)


def _named(fields: Sequence[Field]) -> tuple[int, int]:
    """Return how many sections have text, then how many have a heading."""
    return _count([field for field in fields if field.text]), _count(fields)


def _count(fields: Sequence[Field]) -> int:
    named = {name for field in fields for name in field.names.sections}
    return len(named | {"treatment" for field in fields if field.names.part})


def _fields_of(name: SectionName, fields: Sequence[Field]) -> list[Field]:
    """Return the fields of a section; a part for patient or doctor that stands alone is treatment."""
    return [
        field
        for field in fields
        if name in field.names.sections or (name == "treatment" and field.names.part and not field.inside)
    ]


def _gathered(name: SectionName | PartName, fields: Sequence[Field]) -> Section:
    """Return one section from its fields; the same text twice is kept twice, since it is there twice."""
    if not fields:
        return Section(name)
    text = "\n\n".join(field.text for field in fields if field.text)
    shared = {other for field in fields for other in field.names.sections if other != name}
    return Section(
        name=name,
        state="found" if text else "empty",
        text=text,
        spans=tuple(field.span for field in fields),
        headings=tuple(field.name for field in fields),
        shared=tuple(one for one in SECTION_NAMES if one in shared and name in SECTION_NAMES),
    )


def heading_fields(text: str) -> list[Field]:
    """Return what stands under each heading that counts, in the order of the report."""
    marks = chosen(text, list(headings_of_lines(text)))
    if len(_sections_of(marks)) < 2:
        inline = list(inline_headings(text))
        marks = inline if len(_sections_of(inline)) > 1 else marks
    fields = []
    treatment_rank = 0  # of the heading that the treatment is open under, 0 without one
    for place, mark in enumerate(marks):
        part = mark.names.part
        if _is_other(mark):
            treatment_rank = 0 if mark.rank <= treatment_rank else treatment_rank
            continue
        span = trimmed(text, (mark.end, _end(marks, place, len(text))))
        inside = bool(part and treatment_rank)
        fields.append(Field(mark.name, mark.names, text[slice(*span)], span, mark.start, inside))
        if mark.names.sections:
            treatment_rank = mark.rank if "treatment" in mark.names.sections else 0
    return fields


def _end(marks: Sequence[Heading], place: int, end: int) -> int:
    """Return where the text under a heading ends: at the next section, for a part also at the next part."""
    mark = marks[place]
    for later in range(place + 1, len(marks)):
        one = marks[later]
        if one.names.sections or (one.names.part and mark.names.part):
            return one.start
        if _is_other(one) and one.rank <= mark.rank:
            return one.start
    return end


def _sections_of(marks: Sequence[Heading]) -> set[SectionName]:
    return {name for mark in marks for name in mark.names.sections}


def _is_other(mark: Heading) -> bool:
    return not mark.names.sections and not mark.names.part


def chosen(text: str, marks: Sequence[Heading]) -> list[Heading]:
    """Return the headings that cut the report, in its order: for each section those of the highest rank.

    A line `Diagnosis: ...` inside the rationale is body where `## Diagnosis` exists. Headings of other matter
    (history, an unknown markdown heading) end a section of their rank or below, once it has text.
    """
    marks = _without_doubtful(marks)
    best: dict[str, int] = {}
    for mark in marks:
        for name in _claims(mark):
            best[name] = min(best.get(name, mark.rank), mark.rank)
    kept: list[Heading] = []
    for mark in marks:
        claims = _claims(mark)
        if any(best[name] == mark.rank for name in claims):
            if not mark.names.bare or _in_treatment(kept):
                kept.append(mark)
        elif not claims and kept and text[kept[-1].end : mark.start].strip():
            kept.append(mark)
    return kept


def _without_doubtful(marks: Sequence[Heading]) -> list[Heading]:
    """Return the headings without those that a surer one for the same section makes body or title.

    Weak names give way to sure ones of their rank or above, and before a colon to any marked heading; a part
    that is named by its reader alone ("Patient: 54 F") to one that is not; "Spine imaging report" is the
    title where another heading names the findings.
    """
    sure: dict[str, int] = {}
    for mark in marks:
        if not (mark.names.weak or mark.names.bare or _is_title(mark)):
            for name in _claims(mark):
                sure[name] = min(sure.get(name, mark.rank), mark.rank)
    marked = any(mark.names.sections and mark.rank < WITH_TEXT for mark in marks)
    kept = []
    for mark in marks:
        surer = [sure[name] for name in _claims(mark) if name in sure]
        if mark.names.weak and (
            min(surer, default=INLINE) <= mark.rank or (marked and mark.rank >= WITH_TEXT)
        ):
            continue
        if surer and (mark.names.bare or _is_title(mark)):
            mark = mark._replace(names=HeadingNames(other=True))
        kept.append(mark)
    return kept


def _is_title(mark: Heading) -> bool:
    return mark.name.lower().endswith(("report", "报告"))


def _claims(mark: Heading) -> tuple[str, ...]:
    return (*mark.names.sections, *([mark.names.part] if mark.names.part else []))


def _in_treatment(kept: Sequence[Heading]) -> bool:
    """Tell whether what comes next lies in the treatment: after its heading or one of its parts."""
    last = next((mark for mark in reversed(kept) if not _is_other(mark)), None)
    return last is not None and (bool(last.names.part) or "treatment" in last.names.sections)


def trimmed(text: str, span: Span) -> Span:
    """Return a span without blanks at its ends and without rules and fences at its end.

    >>> trimmed("a:  b \\n---\\n", (2, 11))
    (4, 5)
    """
    start, stop = span
    body = text[start:stop]
    start += len(body) - len(body.lstrip())
    kept = body.strip()
    while rule := _RULE.search(kept, max(0, len(kept) - 200)):
        kept = kept[: rule.start()].rstrip()
    return start, start + len(kept)
