"""What a judge said of a run's reports: a file of verdicts, checked to be of these reports, and scores."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spinemed.bench.items import Item
from spinemed.bench.judge.summary import metric_scores
from spinemed.bench.judge.verdict import Judge, Verdict, read_verdicts
from spinemed.bench.scoring.scorecard import Bounded, Judged
from spinemed.errors import SourceError


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of one judge on the reports of one candidate."""

    verdicts: tuple[Verdict, ...]
    judge: Judge
    candidate: str
    hash: str


def open_verdicts(path: Path) -> Verdicts:
    """Return the verdicts of a file that `spinemed judge` wrote.

    SourceError where there are none, or several judges or candidates.
    """
    found = tuple(read_verdicts(path))
    if not found:
        raise SourceError(f"{path} holds no verdict; make some with: spinemed judge")
    for what, names in (
        ("candidates", {one.candidate for one in found}),
        ("judges", {f"{one.judge.model} {one.judge.revision}".strip() for one in found}),
        ("prompts or rubrics", {(one.judge.prompt_hash, one.judge.rubric_version) for one in found}),
    ):
        if len(names) > 1:
            raise SourceError(
                f"{path} holds verdicts of {len(names)} {what} ({', '.join(sorted(map(str, names)))}); "
                "split the file, one for each"
            )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return Verdicts(found, found[0].judge, found[0].candidate, digest)


def check_candidate(verdicts: Verdicts, model: str, items: Sequence[Item]) -> None:
    """Raise SourceError unless the verdicts are of this model's reports, on items that are scored."""
    if verdicts.candidate != model:
        raise SourceError(
            f"the verdicts are of reports by {verdicts.candidate!r}, the predictions by "
            f"{model!r}; judge these"
        )
    if not {one.case for one in verdicts.verdicts} & {item.id for item in items}:
        raise SourceError("the verdicts are of none of the reports that are scored; judge these")


def points_of(verdicts: Verdicts, items: Sequence[Item]) -> list[str]:
    """Return the points of each report as the metric takes them; a report without verdicts has none."""
    return metric_scores(verdicts.verdicts, [item.id for item in items])


def judged(result: Mapping[str, Any], verdicts: Verdicts) -> Judged:
    """Return the judged part of a result of spine_report."""
    score = {
        "mean": result["score"],
        **{end: result[f"score_{end}"] for end in ("low", "high", "worst", "best")},
    }
    return Judged(
        judge=f"{verdicts.judge.model} {verdicts.judge.revision}".strip(),
        prompt_hash=verdicts.judge.prompt_hash,
        rubric_version=verdicts.judge.rubric_version,
        own_family=any(one.own_family for one in verdicts.verdicts),
        verdicts_hash=verdicts.hash,
        n=result["n_judged"],
        missing=result["n_missing"],
        score=Bounded(**score),
        sections={name: bounded(one) for name, one in result["sections"].items()},
        dimensions={name: bounded(one) for name, one in result["dimensions"].items()},
    )


def bounded(found: Mapping[str, Any]) -> Bounded:
    """Return a mean of spine_report with its interval and bounds."""
    return Bounded(**{name: found[name] for name in ("mean", "low", "high", "worst", "best")})
