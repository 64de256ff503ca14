"""Doctors that are scripts and know the truth: an ideal one, and one for each fault the score must see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, get_args

from spinemed.bench.consultation.assessment import written
from spinemed.bench.consultation.cases import ConsultationCase
from spinemed.bench.consultation.patient import MOST_TOPICS
from spinemed.bench.consultation.words import topics
from spinemed.instances.clinic.plan import Stance
from spinemed.levels import Site, above
from spinemed.llm.chat import Chat, Failure, Reply, Request

Doctor = Literal["ideal", "forgets_red_flags", "changes_level", "never_asks", "endless", "soothes"]
DOCTORS: Final[tuple[Doctor, ...]] = get_args(Doctor)


def scripted_doctor(kind: Doctor, cases: Sequence[ConsultationCase]) -> Chat:
    """Return a chat that plays a doctor in these cases; another case than these is a Failure.

    "ideal" asks all that is relevant, four topics a turn, and concludes rightly. "forgets_red_flags" asks
    only the rest. "changes_level" is ideal but names the level above on the way. "never_asks" concludes
    at once. "endless" asks on and on. "soothes" asks all and then lets every case wait.
    """
    by_opening = {case.opening: case for case in cases}
    plays = _PLAYS[kind]

    def chat(requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Failure]]:
        for place, request in enumerate(requests):
            case = by_opening.get(_opening(request.messages))
            turn = sum(one["role"] == "assistant" for one in request.messages)
            if case is None:
                yield place, Failure("this doctor does not know the patient")
                continue
            text = plays(case, turn)
            yield place, Reply(text, "stop", prompt_tokens=0, tokens=len(text) // 4, seconds=0.0)

    return chat


def _opening(messages: Sequence[Mapping[str, Any]]) -> str:
    content = next(one["content"] for one in messages if one["role"] == "user")
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _rounds(case: ConsultationCase, red_flags: bool = True) -> list[str]:
    """Return the turns that ask for the relevant facts, four a turn."""
    wanted = [one.topic for one in case.facts if one.relevant and (red_flags or not one.red_flag)]
    asked = [topics()[topic].question[case.language] for topic in wanted]
    return [" ".join(asked[start : start + MOST_TOPICS]) for start in range(0, len(asked), MOST_TOPICS)]


def _verdict(case: ConsultationCase, stance: Stance | None = None) -> str:
    return written(case.sites, case.side, stance or case.stance, case.language)


def _ideal(case: ConsultationCase, turn: int) -> str:
    return [*_rounds(case), _verdict(case)][min(turn, len(_rounds(case)))]


def _forgets(case: ConsultationCase, turn: int) -> str:
    rounds = _rounds(case, red_flags=False)
    return [*rounds, _verdict(case)][min(turn, len(rounds))]


def _changes(case: ConsultationCase, turn: int) -> str:
    """Ask as the ideal one; before the last answer name the level above, then the right one."""
    rounds = _rounds(case)
    if turn < len(rounds):
        return rounds[turn]
    aside = len(rounds)
    wrong = written(tuple(map(_above, case.sites)), case.side, case.stance, case.language).splitlines()[1]
    return wrong if turn == aside else _verdict(case)


def _endless(case: ConsultationCase, turn: int) -> str:
    rounds = _rounds(case)
    return rounds[turn % len(rounds)]


def _soothes(case: ConsultationCase, turn: int) -> str:
    rounds = _rounds(case)
    return [*rounds, _verdict(case, "conserve")][min(turn, len(rounds))]


def _above(site: str) -> str:
    """Return the site one level higher, as a doctor who counts wrongly names it."""
    one = Site.parse(site)
    if one.upper.value in ("C1", "T13", "L6") or (one.lower and one.lower.value in ("T13", "L6")):
        return "L1" if one.lower is None else "L1-L2"
    upper = above(one.upper)
    return upper.value if one.lower is None else f"{upper.value}-{one.upper.value}"


_PLAYS: Final[dict[Doctor, Callable[[ConsultationCase, int], str]]] = {
    "ideal": _ideal,
    "forgets_red_flags": _forgets,
    "changes_level": _changes,
    "never_asks": lambda case, _: _verdict(case),
    "endless": _endless,
    "soothes": _soothes,
}
