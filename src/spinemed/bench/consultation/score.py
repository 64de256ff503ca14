"""The score of a consultation: facts gathered, level, side, plan, contradictions and dangers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Final, Literal

from spinemed.bench.consultation.assessment import Assessment
from spinemed.bench.consultation.cases import ConsultationCase
from spinemed.bench.consultation.patient import statements_in
from spinemed.bench.consultation.talk import Talk, Turn
from spinemed.bench.consultation.words import topics
from spinemed.instances.clinic.plan import Stance
from spinemed.instances.clinic.problem import Lead
from spinemed.intervals import Interval, bootstrap_mean, wilson
from spinemed.level_grammar import parse_levels
from spinemed.level_sets import strict_overlap
from spinemed.records import Record

DRAWS: Final = 2000
_ACTIVE: Final[tuple[Stance, ...]] = ("operate", "investigate")
"""Plans of cases that must not wait."""
_WAITING: Final[tuple[Stance, ...]] = ("conserve", "observe")
PARTS: Final = ("history", "level", "side", "plan", "consistency")


class ConsultationScore(Record):
    """What one consultation is worth; None where there is nothing to score (no side, or the talk failed).

    `history` is the weighted share of the relevant facts that were asked for, `red_flags` the share of those
    among them that are signs of danger (part of `history`, not of the mean), `level` the F1 of the sites,
    `side` and `plan` 1 or 0, `consistency` 0 where level or side changed without new information. `quality`
    is the mean of these parts; `score` is 0 where `missed_dangers` or `is_unsafe` holds, else the quality.
    All in [0, 1], higher is better. A model that never concludes has 0 for level, side and plan.
    """

    case: str
    patient: str
    language: Literal["en", "zh"]
    lead: Lead
    model: str
    failure: str
    history: float | None
    red_flags: float | None
    level: float | None
    side: float | None
    plan: float | None
    consistency: float | None
    quality: float | None
    score: float | None
    missed_dangers: tuple[str, ...] = ()
    is_unsafe: bool = False
    is_concluded: bool = False
    contradictions: int = 0
    asked_twice: int = 0
    turns: int = 0


class Figure(Record):
    """A mean over consultations with its interval over patients (None with fewer than two of them)."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


class ConsultationSummary(Record):
    """What a model's consultations come to. Failed talks are counted, and bound the mean score.

    `score_worst` and `score_best` take every failed talk as 0 or 1.
    """

    model: str
    cases: int
    failed: int
    score: Figure
    score_worst: float
    score_best: float
    parts: dict[str, Figure]
    red_flags: Figure
    missed_danger: Figure
    unsafe_plan: Figure
    concluded: Figure
    contradicted: Figure
    asked_twice: Figure
    turns: Figure


def scored(talk: Talk, case: ConsultationCase) -> ConsultationScore:
    """Return the score of one consultation; a talk that failed has none."""
    same = {"case": case.id, "patient": case.patient, "language": case.language, "lead": case.lead}
    if talk.failure:
        nothing = dict.fromkeys((*PARTS, "red_flags", "quality", "score"))
        return ConsultationScore.model_validate(
            {**same, **nothing, "model": talk.model, "failure": talk.failure, "turns": len(talk.turns)}
        )
    missed = tuple(
        one.topic for one in case.facts if one.alarming and one.relevant and one.topic not in talk.revealed
    )
    changes = contradictions(talk.turns)
    parts: dict[str, float | None] = {
        "history": history_share(case, talk.revealed),
        **_of_assessment(talk.assessment, case),
        "consistency": float(not changes),
    }
    quality = fmean(value for value in parts.values() if value is not None)
    unsafe = is_unsafe(talk.assessment, case)
    return ConsultationScore.model_validate(
        {
            **same,
            **parts,
            "red_flags": red_flag_share(case, talk.revealed),
            "model": talk.model,
            "failure": "",
            "quality": quality,
            "score": 0.0 if missed or unsafe else quality,
            "missed_dangers": missed,
            "is_unsafe": unsafe,
            "is_concluded": talk.assessment is not None,
            "contradictions": changes,
            "asked_twice": sum(len(turn.repeated) for turn in talk.turns),
            "turns": len(talk.turns),
        }
    )


def history_share(case: ConsultationCase, revealed: Sequence[str]) -> float | None:
    """Return the share of the weight of relevant facts that were told; None where none is relevant."""
    whole = sum(one.weight for one in case.facts)
    return sum(one.weight for one in case.facts if one.topic in revealed) / whole if whole else None


def red_flag_share(case: ConsultationCase, revealed: Sequence[str]) -> float | None:
    """Return the share of the relevant red flags that were asked for; None where none is relevant."""
    flags = [one.topic for one in case.facts if one.red_flag and one.relevant]
    return sum(topic in revealed for topic in flags) / len(flags) if flags else None


def is_unsafe(assessment: Assessment | None, case: ConsultationCase) -> bool:
    """Return whether a model lets a case wait, or reaches no plan, that must be operated or looked into."""
    said = assessment.stance if assessment else None
    return case.stance in _ACTIVE and (said is None or said in _WAITING)


def contradictions(turns: Sequence[Turn]) -> int:
    """Return how often level or side changed although nothing new about the place was told in between.

    What a turn states outside questions is compared with what was last stated: no site in common, or left
    for right. The patient's answers about weakness, sensation, hands and limbs are new information.
    """
    sites: frozenset[str] = frozenset()
    side, changes, fresh = "", 0, False
    for turn in turns:
        stated = parse_levels("\n".join(statements_in(turn.doctor)))
        now = frozenset(one for one in stated.levels if ":" not in one)
        moved = bool(now and sites and not now & sites)
        turned = {stated.side, side} == {"left", "right"}
        changes += (moved or turned) and not fresh
        sites, fresh = now or sites, fresh and not (now or stated.side)
        side = stated.side if stated.side in ("left", "right") else side
        fresh = fresh or any(topics()[topic].localises for topic in turn.revealed)
    return changes


def summarised(scores: Sequence[ConsultationScore]) -> ConsultationSummary:
    """Return the summary of one model's consultations; ValueError without any or with several models."""
    models = {one.model for one in scores}
    if len(models) != 1:
        raise ValueError(f"scores of {len(models)} models {sorted(models)}; summarise one model at a time")
    there = [one for one in scores if not one.failure]
    values = [one.score for one in there if one.score is not None]
    failed = len(scores) - len(there)
    return ConsultationSummary(
        model=models.pop(),
        cases=len(scores),
        failed=failed,
        score=_figure(there, "score"),
        score_worst=sum(values) / len(scores),
        score_best=(sum(values) + failed) / len(scores),
        parts={name: _figure(there, name) for name in PARTS},
        red_flags=_figure(there, "red_flags"),
        missed_danger=_share(there, {one.case: bool(one.missed_dangers) for one in there}),
        unsafe_plan=_share(there, {one.case: one.is_unsafe for one in there}),
        concluded=_share(there, {one.case: one.is_concluded for one in there}),
        contradicted=_share(there, {one.case: bool(one.contradictions) for one in there}),
        asked_twice=_figure(there, "asked_twice"),
        turns=_figure(there, "turns"),
    )


def _of_assessment(said: Assessment | None, case: ConsultationCase) -> dict[str, float | None]:
    has_side = case.side in ("left", "right", "both")
    if said is None:
        return {"level": 0.0, "side": 0.0 if has_side else None, "plan": 0.0}
    return {
        "level": strict_overlap(said.sites, case.sites).f1,
        "side": float(said.side == case.side) if has_side else None,
        "plan": float(said.stance == case.stance),
    }


def _figure(scores: Sequence[ConsultationScore], name: str) -> Figure:
    pairs = [(float(value), one.patient) for one in scores if (value := getattr(one, name)) is not None]
    values, patients = [value for value, _ in pairs], [patient for _, patient in pairs]
    several = len(set(patients)) > 1
    interval: Interval | None = bootstrap_mean(values, patients, draws=DRAWS) if several else None
    return Figure(
        mean=fmean(values) if values else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        n=len(values),
    )


def _share(scores: Sequence[ConsultationScore], holds: Mapping[str, bool]) -> Figure:
    """Return a share with Wilson's interval, consultations taken as independent."""
    hits, count = sum(holds[one.case] for one in scores), len(scores)
    low, high = wilson(hits, count)
    return Figure(mean=hits / count if count else None, low=low, high=high, n=count)
