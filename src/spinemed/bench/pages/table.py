"""The scorecard as a table for people."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spinemed.bench.faults.diagnosis import diagnose
from spinemed.bench.scoring.scorecard import Answerer, Paired, Rate, Scorecard, Span
from spinemed.levels import position


def table(card: Scorecard) -> Group:
    """Return a scorecard as something that rich prints: overall, by level, paired, and what it rests on."""
    parts: list[RenderableType] = [Text(heading(card)), overall(card)]
    if card.model.by_level:
        parts.append(by_level(card))
    pairs = [*card.paired, *(one.paired for one in card.controls)]
    pairs += [baseline.paired for baseline in card.baselines if baseline.paired]
    if pairs:
        parts.append(paired(card.model.name, pairs))
    if card.signs:
        parts.append(Text(f"{diagnosed(card)}\n"))
    parts.append(Text(footing(card)))
    return Group(*parts)


def heading(card: Scorecard) -> str:
    """Return one line: what was asked, of how many patients, synthetic or real."""
    origin = f"{card.synthetic} synthetic, {card.real} real"
    kinds = ", ".join(f"{kind} {count}" for kind, count in card.kinds.items())
    return f"{card.config}/{card.split}: {card.n} items ({origin}) of {card.patients} patients; {kinds}"


def overall(card: Scorecard) -> Table:
    """Return accuracy, parse states and level distance of each answerer, baselines below."""
    grid = grid_of("", "n", "right", "95 % Wilson", "by patient", "answered", "steps off")
    for answerer in (card.model, *card.against):
        grid.add_row(*figures(answerer))
    for control in card.controls:
        rate = control.accuracy
        grid.add_row(f"control {control.name}", str(rate.n), percent(rate.value), span(rate), "", "", "")
    for baseline in card.baselines:
        around = span(baseline.rate) if baseline.rate else "expected"
        grid.add_row(baseline.name, str(card.n), percent(baseline.accuracy), around, "", "", "")
    return grid


def grid_of(*heads: str, title: str | None = None) -> Table:
    """Return an empty table whose cells stay on one line, as far as 80 columns allow."""
    grid = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    for head in heads:
        grid.add_column(head, no_wrap=True)
    return grid


def figures(answerer: Answerer) -> tuple[str, ...]:
    """Return the cells of one answerer."""
    level = answerer.level
    steps = level.get("mean_distance")
    exact = Rate(
        n=int(level.get("n") or 0),
        correct=round((level.get("exact") or 0.0) * (level.get("n") or 0)),
        value=level.get("exact") or 0.0,
        low=level.get("exact_low") or 0.0,
        high=level.get("exact_high") or 0.0,
    )
    rate = answerer.accuracy or exact
    answered = answerer.states.get("answered", level.get("coverage"))
    return (
        answerer.name,
        str(rate.n),
        percent(rate.value),
        span(rate),
        span(answerer.patients_span),
        percent(answered),
        "" if steps is None else f"{steps:.2f}",
    )


def by_level(card: Scorecard) -> Table:
    """Return accuracy per level, cranial first."""
    answerers = [card.model, *card.against]
    names = (cell for answerer in answerers for cell in (answerer.name, "95 % Wilson"))
    grid = grid_of("level", "n", *names)
    for level in sorted(card.model.by_level, key=order):
        rates = [answerer.by_level[level] for answerer in answerers]
        cells = [cell for rate in rates for cell in (percent(rate.value), span(rate))]
        grid.add_row(level, str(rates[0].n), *cells)
    return grid


def order(level: str) -> float:
    """Return the place of a level on the axis; names that are no site come last."""
    try:
        return position(level)
    except ValueError:
        return float("inf")


def paired(name: str, pairs: list[Paired]) -> Table:
    """Return the paired comparisons of one model."""
    heads = ("against", "n", "wins", "losses", "points", "by patient", "McNemar p", "patient p")
    grid = grid_of(*heads, title=f"{name}, paired, exact tests")
    for pair in pairs:
        points = f"{100 * pair.difference:+.1f}"
        grid.add_row(
            pair.against, str(pair.n), str(pair.wins), str(pair.losses),
            points, span(pair.span), p_value(pair.mcnemar_p), p_value(pair.patients_p),
        )  # fmt: skip
    return grid


def diagnosed(card: Scorecard) -> str:
    """Return the diagnosis: each fault found with its figures, or that none was."""
    diagnosis = diagnose(card)
    lines = [f"{one.title}. {one.words}" for one in diagnosis.found]
    few = sorted({one.title.lower() for one in diagnosis.too_few})
    if few:
        lines.append(f"Too few items to tell: {', '.join(few)}.")
    none = f"Diagnosis: no fault found by {diagnosis.looks} tests."
    return "\n".join([*([] if diagnosis.found else [none]), *(f"Diagnosis: {line}" for line in lines)])


def footing(card: Scorecard) -> str:
    """Return what the figures rest on: the leak guard and what was left out."""
    lines = [
        f"None of the {card.leak_pictures} pictures and {card.leak_patients} patients is in training.",
    ]
    if card.not_asked:
        lines.append(f"{card.not_asked} items of the split were not asked.")
    if card.unscored:
        lines.append(f"{card.unscored} open items have no single site as their answer and are not scored.")
    if card.reparsed:
        lines.append(
            f"{card.reparsed} replies are read otherwise now than when made; the new reading counts."
        )
    return "\n".join(lines)


def percent(share: float | None) -> str:
    """Return a share in percent with one digit; nothing for None."""
    return "" if share is None else f"{100 * share:.1f} %"


def span(interval: Rate | Span | None) -> str:
    """Return an interval in percent; nothing for None."""
    return "" if interval is None else f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"


def p_value(p: float) -> str:
    """Return a p value with two significant digits."""
    return f"{p:.2g}"
