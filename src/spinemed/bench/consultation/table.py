"""The summary of consultations as a plain table for a terminal."""

from __future__ import annotations

from spinemed.bench.consultation.score import ConsultationSummary, Figure


def summary_text(summary: ConsultationSummary) -> str:
    """Return the score of a model's consultations, its parts, and what went wrong in them."""
    rows = {
        "score": summary.score,
        **summary.parts,
        "red flags asked": summary.red_flags,
        "missed danger": summary.missed_danger,
        "unsafe plan": summary.unsafe_plan,
        "contradicted": summary.contradicted,
        "concluded": summary.concluded,
        "asked twice": summary.asked_twice,
        "turns": summary.turns,
    }
    failed = f", {summary.failed} failed" if summary.failed else ""
    lines = [
        f"{summary.model}: {summary.cases} consultations{failed}",
        f"{'':16}{'mean':>8}  95 % interval      n",
    ]
    lines += [_row(name, one) for name, one in rows.items()]
    if summary.failed:
        lines.append(f"bounds of the score: {summary.score_worst:.2f} to {summary.score_best:.2f}")
    return "\n".join(lines)


def _row(name: str, one: Figure) -> str:
    mean = "-" if one.mean is None else f"{one.mean:.3f}"
    interval = "-" if one.low is None or one.high is None else f"{one.low:.3f} to {one.high:.3f}"
    return f"{name:16}{mean:>8}  {interval:16}{one.n:>4}"
