"""Verdicts, checks and agreement as plain tables for a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence

from spinemed.bench.judge.checks import CheckResult
from spinemed.bench.judge.clinicians import Agreement
from spinemed.bench.judge.summary import JudgeSummary, Mean
from spinemed.bench.judge.verdict import Judge


def summary_text(summary: JudgeSummary) -> str:
    """Return the score of a candidate's reports with sections and dimensions, and who judged them how."""
    lines = [
        f"{summary.candidate}: {summary.reports} reports, judged by {who(summary.judge)}, "
        + ", ".join(summary.dates),
        f"{'':24}{'mean':>8}  {'95 % interval':16}{'bounds':16}{'missing':>8}",
        _row("score (20 to 100)", summary.score),
        *[_row(name, one) for name, one in summary.sections.items()],
        *[_row(f"  {name}", one) for name, one in summary.dimensions.items()],
        f"spread of repeats: {_number(summary.repeat_sd)} points; absent sections: {summary.absent} verdicts",
        f"quotes that do not stand in the report: {summary.unsupported} of {summary.quoted}",
        f"reports that speak to the judge: {summary.to_judge}",
    ]
    if summary.own_family:
        lines.append("WARNING: the judge graded its own family, by force")
    lines += [f"missing: {count} x {reason}" for reason, count in summary.reasons.items()]
    return "\n".join(lines)


def checks_text(judge: Judge, results: Sequence[CheckResult]) -> str:
    """Return the results of the checks of a judge, one a line."""
    lines = [
        f"judge {who(judge)}",
        f"{'check':18}{'n':>6}{'effect':>8}  {'95 % interval':16}{'must be':14}outcome",
    ]
    for one in results:
        interval = _interval(one.low, one.high)
        lines.append(
            f"{one.name:18}{one.n:>6}{_number(one.effect):>8}  {interval:16}{one.must_be:14}{one.outcome}"
            f"{f'  ({one.note})' if one.note else ''}"
        )
    return "\n".join(lines)


def results_json(judge: Judge, date: str, results: Sequence[CheckResult]) -> str:
    """Return the results of the checks with judge and date as JSON."""
    whole = {"judge": judge.model_dump(), "date": date, "checks": [one.model_dump() for one in results]}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def agreement_text(found: Sequence[Agreement]) -> str:
    """Return the agreement of judge and clinicians, one dimension a line."""
    head = ("ICC(A,1)", "alpha", "kappa", "Pearson", "bias", "hum.kappa", "alt-test")
    lines = [
        f"{'dimension':22}{'n':>4}  {'ICC 95 %':14}" + "".join(f"{name:>10}" for name in head) + "  trusted"
    ]
    for one in found:
        numbers = (
            one.icc, one.alpha, one.kappa, one.pearson, one.bias, one.human_kappa, one.winning_rate,
        )  # fmt: skip
        lines.append(
            f"{one.dimension:22}{one.n:>4}  {_interval(one.icc_low, one.icc_high):14}"
            + "".join(f"{_number(value):>10}" for value in numbers)
            + ("  yes" if one.is_trusted else "  no")
        )
        lines += [f"  {what}: {why}" for what, why in one.notes.items()]
    return "\n".join(lines)


def who(judge: Judge) -> str:
    """Return a judge with all that pins its numbers."""
    revision = f" at {judge.revision}" if judge.revision else ""
    return (
        f"{judge.model}{revision} (prompt {judge.prompt_hash}, rubric {judge.rubric_version}, "
        f"{judge.protocol})"
    )


def _row(name: str, one: Mean) -> str:
    bounds = f"{one.worst:.2f} to {one.best:.2f}"
    missing = f"{one.missing}/{one.verdicts}"
    return f"{name:24}{_number(one.mean):>8}  {_interval(one.low, one.high):16}{bounds:16}{missing:>8}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _interval(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{low:.2f} to {high:.2f}"
