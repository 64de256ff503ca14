"""The demo's result as Markdown for the README: scores, baselines, paired tests, seconds of each step."""

from __future__ import annotations

from collections.abc import Mapping

from spinemed.bench.pages.table import p_value, percent, span
from spinemed.bench.scoring.scorecard import Baseline, Paired, Scorecard


def summary(card: Scorecard, seconds: Mapping[str, float]) -> str:
    """Return the table of a scorecard with a comparison, and one line on the seconds of each step."""
    made = "synthetic" if not card.real else "synthetic and real"
    lines = [
        f'{card.n} questions "Which vertebra is marked?" with four options, on {card.patients} {made} '
        "patients that training never saw:",
        "",
        "| answerer | accuracy | 95 % interval | paired against the tuned model |",
        "| --- | --- | --- | --- |",
    ]
    compared = [("base", *both) for both in zip(card.against, card.paired, strict=True)]
    for name, answerer, pair in [("tuned", card.model, None), *compared]:
        if answerer.accuracy is not None:
            value, rate = answerer.accuracy.value, answerer.accuracy
            lines.append(f"| {name} model | {percent(value)} | {span(rate)} | {_pair(pair)} |")
    lines += [_baseline(one) for one in card.baselines]
    total = sum(seconds.values())
    steps = ", ".join(f"{name} {value:.0f}" for name, value in seconds.items())
    lines += ["", f"Seconds on the two cores of the machine that wrote this: {steps}; {total:.0f} in all."]
    return "\n".join(lines)


def _baseline(one: Baseline) -> str:
    return f"| {one.name} | {percent(one.accuracy)} | {span(one.rate)} | {_pair(one.paired)} |"


def _pair(pair: Paired | None) -> str:
    """Return wins, losses and the exact p of a pair; nothing for None."""
    if pair is None:
        return ""
    return f"{pair.wins} wins, {pair.losses} losses, exact McNemar p = {p_value(pair.mcnemar_p)}"
