"""Scores as the Hub keeps them with a model: .eval_results/*.yaml, one entry a task, with interval and n."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from spinemed.bench.scoring.scorecard import Rate, Scorecard
from spinemed.errors import ConfigError, SourceError
from spinemed.intervals import wilson
from spinemed.records import Record
from spinemed.score_total import Part, total, total_interval

TASKS = ("mcq_text", "mcq_image", "mcq_all", "report", "total", "level_f1")
NATIVE = ("mcq_all", "mcq_text", "mcq_image")
"""What eval.yaml names, since inspect-ai can run it; the others are scored by spinemed alone."""

FOLDER = ".eval_results"
_TEXT = "text"


class Outcome(Record):
    """The score of one task in points, 0 to 100, with a 95 % interval where one is known."""

    task_id: str
    value: float = Field(ge=0, le=100)
    low: float | None = Field(default=None, ge=0, le=100)
    high: float | None = Field(default=None, ge=0, le=100)
    n: int = Field(ge=1)
    scorer: str = Field(description="what read the replies: parser or judge, with its version")


def outcomes_of(card: Scorecard) -> list[Outcome]:
    """Return the outcomes of a scorecard of choice items: text alone, with image, and all.

    A part without items has no outcome. ConfigError for a scorecard of open items, which has no accuracy.
    """
    everything = card.model.accuracy
    if everything is None:
        raise ConfigError(f"the scorecard is of config {card.config!r}; give one of choice items")
    rates = card.model.by_modality
    shown = [rate for modality, rate in rates.items() if modality != _TEXT]
    parser = f"parser spine_choice {card.metrics.get('spine_choice', 'unknown')}"
    found = [_outcome("mcq_text", rates[_TEXT], parser)] if _TEXT in rates else []
    if shown:
        found.append(_outcome("mcq_image", _joined(shown), parser))
    return [*found, _outcome("mcq_all", everything, parser)]


def read_outcomes(path: Path) -> list[Outcome]:
    """Return outcomes from JSON lines (reports, level F1); SourceError names the line that is none."""
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); check --outcomes") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            one = Outcome.model_validate_json(line)
        except ValidationError as error:
            raise SourceError(f"{path}, line {number}: {error.errors()[0]['msg']}: {line[:80]!r}") from error
        if one.task_id not in TASKS:
            raise SourceError(f"{path}, line {number}: task {one.task_id!r}; known are {', '.join(TASKS)}")
        found.append(one)
    return found


def with_total(found: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes with the total of text, image and report where all three are there and none is.

    Parts are weighted by their items, as in arXiv 2510.03160. With a part missing there is no total.
    """
    by_task = {one.task_id: one for one in found}
    names = ("mcq_text", "mcq_image", "report")
    if "total" in by_task or any(name not in by_task for name in names):
        return list(found)
    parts = [Part(name, by_task[name].value, by_task[name].n, error=_error(by_task[name])) for name in names]
    span = None if any(part.error is None for part in parts) else total_interval(parts)
    whole = Outcome(
        task_id="total",
        value=total(parts),
        low=None if span is None else span.low,
        high=None if span is None else span.high,
        n=sum(part.size for part in parts),
        scorer="; ".join(dict.fromkeys(by_task[name].scorer for name in names)),
    )
    return [*found, whole]


def entries_yaml(
    found: Iterable[Outcome], dataset: str, revision: str | None, date: str, source_url: str | None = None
) -> str:
    """Return the YAML of .eval_results for a benchmark on the Hub, read back before it is given out.

    `date` is YYYY-MM-DD and stays text. ConfigError for another date, for a dataset that is no `owner/name`
    and where reading back gives other entries.
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml, parse_eval_result_entries

    check_date(date)
    if dataset.count("/") != 1:
        raise ConfigError(f"--dataset {dataset}: write it as OWNER/NAME, as on the Hub")
    entries = [
        EvalResultEntry(
            dataset_id=dataset,
            task_id=one.task_id,
            value=round(one.value, 4),
            dataset_revision=revision,
            date=date,
            source_url=source_url,
            notes=notes(one),
        )
        for one in found
    ]
    text = yaml.safe_dump(
        eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True, width=1000
    )
    if parse_eval_result_entries(yaml.safe_load(text)) != entries:
        raise ConfigError("the entries do not come back from their YAML; install another huggingface_hub")
    return text


def notes(one: Outcome) -> str:
    """Return what the format has no field for: interval, n and what read the replies.

    >>> notes(Outcome(task_id="mcq_all", value=50, low=40, high=60, n=87, scorer="parser v1"))
    '95 % CI 40.0 to 60.0, n=87, parser v1'
    """
    span = "no CI" if one.low is None or one.high is None else f"95 % CI {one.low:.1f} to {one.high:.1f}"
    return f"{span}, n={one.n}, {one.scorer}"


def check_date(date: str) -> None:
    """Raise ConfigError for a text that is no day.

    >>> check_date("2026-11-22")
    """
    try:
        datetime.date.fromisoformat(date)
    except ValueError as error:
        raise ConfigError(f"--date {date}: write a day as YYYY-MM-DD") from error


def _outcome(task: str, rate: Rate, scorer: str) -> Outcome:
    return Outcome(
        task_id=task,
        value=100 * rate.value,
        low=100 * rate.low,
        high=100 * rate.high,
        n=rate.n,
        scorer=scorer,
    )


def _joined(rates: Sequence[Rate]) -> Rate:
    n, correct = sum(rate.n for rate in rates), sum(rate.correct for rate in rates)
    span = wilson(correct, n)
    return Rate(n=n, correct=correct, value=correct / n, low=span.low, high=span.high)


def _error(one: Outcome) -> float | None:
    """Return the standard error in points that the interval of an outcome means; None without one."""
    if one.low is None or one.high is None:
        return None
    return (one.high - one.low) / (2 * 1.959964)


def as_json(found: Iterable[Outcome]) -> str:
    """Return outcomes as one JSON list."""
    return json.dumps([one.model_dump() for one in found])
