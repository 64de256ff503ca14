"""Reports judged: one call a section and repeat, one retry, and a verdict for every dimension."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from spinemed.bench.judge.answer import Mark, Marks, read_answer
from spinemed.bench.judge.cases import JudgeCase
from spinemed.bench.judge.fence import speaks_to_judge, stands_in, visible
from spinemed.bench.judge.prompt import Protocol, asked_again, request_of
from spinemed.bench.judge.rubric import LOWEST, prompt_hash, rubric
from spinemed.bench.judge.verdict import Judge, Status, Verdict
from spinemed.errors import ConfigError
from spinemed.llm.chat import Chat, Failure, Reply, Request
from spinemed.records import Record

ABSENT = "the report has no text for this section"


class Settings(Record):
    """How reports are judged: repeats of every call, the form of answers, and what is allowed.

    `force` lets a judge grade its own family; every verdict then says so. `ask_empty` asks about sections
    without text too, which otherwise have 1 by the rubric's anchor without a call.
    """

    repeats: int = 1
    protocol: Protocol = "json"
    force: bool = False
    ask_empty: bool = False


@dataclass
class _Call:
    """One section of one report on its way: its request, and what was read from the answers so far."""

    case: JudgeCase
    section: str
    repeat: int
    request: Request
    marks: dict[str, Mark] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    attempts: int = 0


def judge_of(model: str, revision: str, protocol: Protocol = "json") -> Judge:
    """Return a judge with the hash of the prompt and the version of the rubric that are used now."""
    return Judge(
        model=model,
        revision=revision,
        prompt_hash=prompt_hash(),
        rubric_version=rubric().version,
        protocol=protocol,
    )


def judged(
    cases: Sequence[JudgeCase], chat: Chat, judge: Judge, date: str, settings: Settings | None = None
) -> Iterator[Verdict]:
    """Yield a verdict for every case, section, repeat and dimension, in this order.

    A call without a usable answer is made once more; what is still not there is "missing" with its reason.
    ConfigError where the judge would grade its own family and `settings.force` is not set.
    """
    settings = settings or Settings()
    _refuse_own_family(cases, judge, settings)
    calls = [
        _Call(case, section, repeat, request_of(case, section, repeat, settings.protocol))
        for case in cases
        for section in rubric().sections
        for repeat in range(settings.repeats)
    ]
    wanted = [call for call in calls if settings.ask_empty or _has_text(call)]
    again = _answered(wanted, [call.request for call in wanted], chat, settings.protocol)
    _answered([call for call, _ in again], [request for _, request in again], chat, settings.protocol)
    for call in calls:
        yield from _verdicts(call, judge, date)


def _refuse_own_family(cases: Sequence[JudgeCase], judge: Judge, settings: Settings) -> None:
    own = sorted({case.model for case in cases if judge.is_candidate(case.model)})
    if own and not settings.force:
        raise ConfigError(
            f"judge {judge.model} would grade its own family: {', '.join(own)}; name another judge, "
            "or force it (every verdict is then flagged)"
        )


def _has_text(call: _Call) -> bool:
    return bool(call.case.part(rubric().sections[call.section].reads))


def _answered(
    calls: Sequence[_Call], requests: Sequence[Request], chat: Chat, protocol: Protocol
) -> list[tuple[_Call, Request]]:
    """Ask, keep the marks of each answer, and return the calls to be made again with their requests."""
    again: list[tuple[_Call, Request]] = []
    for place, got in chat(requests) if requests else ():
        call, request = calls[place], requests[place]
        call.attempts += 1
        dimensions = tuple(rubric().sections[call.section].dimensions)
        read = _read(got, dimensions, protocol)
        # A dimension that the first answer gave keeps its mark.
        call.marks = {**read.marks, **call.marks}
        call.faults = {name: why for name, why in read.faults.items() if name not in call.marks}
        if call.faults:
            said = visible(got.text) if isinstance(got, Reply) else ""
            again.append((call, asked_again(request, said, read.reason) if said else request))
    return again


def _read(got: Reply | Failure, dimensions: Sequence[str], protocol: Protocol) -> Marks:
    if isinstance(got, Failure):
        return Marks({}, dict.fromkeys(dimensions, f"no answer: {got.reason}"))
    read = read_answer(got.text, dimensions, protocol)
    if not read.faults or got.finish_reason != "length":
        return read
    return Marks(read.marks, dict.fromkeys(read.faults, f"cut off at {got.tokens} tokens"))


def _verdicts(call: _Call, judge: Judge, date: str) -> Iterator[Verdict]:
    case, section = call.case, rubric().sections[call.section]
    text = case.part(section.reads)
    for name in section.dimensions:
        mark = call.marks.get(name)
        status, score, reason = _outcome(call, name, mark)
        evidence = mark.evidence if mark else ""
        yield Verdict(
            case=case.id,
            patient=case.patient,
            language=case.language,
            candidate=case.model,
            section=call.section,
            dimension=name,
            repeat=call.repeat,
            status=status,
            score=score,
            evidence=evidence,
            supported=stands_in(evidence, text) if evidence.strip() else None,
            reason=reason,
            to_judge=speaks_to_judge(text),
            own_family=judge.is_candidate(case.model),
            attempts=call.attempts,
            judge=judge,
            date=date,
        )


def _outcome(call: _Call, name: str, mark: Mark | None) -> tuple[Status, int | None, str]:
    if mark is not None:
        return "scored", mark.score, ""
    if not call.attempts and not _has_text(call):
        return "absent", LOWEST, ABSENT
    return "missing", None, call.faults.get(name, "the judge gave no answer to this call")
