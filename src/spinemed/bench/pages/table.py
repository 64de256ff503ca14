"""The scorecard as a table for people."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spinemed.bench.faults.diagnosis import Diagnosis, diagnose
from spinemed.bench.pages.absent import absent, asked_of, methods, searched, unscored
from spinemed.bench.scoring.scorecard import (
    Answerer,
    Measured,
    Paired,
    Rate,
    Reports,
    Scorecard,
    Span,
    Stated,
)
from spinemed.levels import position


def table(card: Scorecard) -> Group:
    """Return a scorecard as something that rich prints: overall, by level, paired, and what it rests on."""
    parts: list[RenderableType] = [Text(heading(card))]
    parts += [reported(card)] if card.model.report else [overall(card)]
    if card.model.report is not None:
        parts.append(found(card.model.report))
    if card.model.by_level:
        parts.append(by_level(card))
    pairs = [*card.paired, *(one.paired for one in card.controls)]
    pairs += [baseline.paired for baseline in card.baselines if baseline.paired]
    if pairs:
        parts.append(paired(card.model.name, pairs, of_reports=card.model.report is not None))
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
        if rate is None:
            continue
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
    steps, rate = answerer.level.get("mean_distance"), answerer.reached
    answered = answerer.states.get("answered", 0.0)
    return (
        answerer.name,
        "" if rate is None else str(rate.n),
        "" if rate is None else percent(rate.value),
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


def paired(name: str, pairs: list[Paired], *, of_reports: bool = False) -> Table:
    """Return the paired comparisons of one model: in points, or in factual scores of reports."""
    unit, exact = ("factual", "sign p") if of_reports else ("points", "McNemar p")
    heads = ("against", "n", "wins", "losses", unit, "by patient", exact, "patient p")
    grid = grid_of(*heads, title=f"{name}, paired, exact tests")
    for pair in pairs:
        gap = f"{pair.difference:+.2f}" if of_reports else f"{100 * pair.difference:+.1f}"
        around = span(pair.span)
        if of_reports and pair.span is not None:
            around = f"{pair.span.low:+.2f} to {pair.span.high:+.2f}"
        grid.add_row(
            pair.against, str(pair.n), str(pair.wins), str(pair.losses),
            gap, around, p_value(pair.mcnemar_p), p_value(pair.patients_p),
        )  # fmt: skip
    return grid


def levels(card: Scorecard) -> list[str]:
    """Return lines on items with several right sites and on those with a side."""
    lines = []
    sets, one = card.model.level_sets, card.model.level
    if sets.get("n"):
        lines.append(
            f"Several sites ({sets['n']:.0f} items): just the right ones {percent(sets['set_exact'])}, F1 "
            f"{sets['set_f1']:.2f}, with neighbours {sets['set_f1_tolerant']:.2f}."
        )
    if one.get("n_sides"):
        lines.append(
            f"Sides ({one['n_sides']:.0f} items): level and side right {percent(one['side_joint'])}."
        )
    return lines


def reported(card: Scorecard) -> Table:
    """Return what reports reached: factual score and findings of each answerer, and of the control runs."""
    grid = grid_of("", "n", "factual", "by patient", "precision", "recall", "level F1", "contradict")
    for one in (card.model, *card.against):
        report = one.report
        if report is not None:
            grid.add_row(
                one.name, str(report.factual.n), *mean_cells(report.factual), *stated_cells(report.finding),
                f"{report.level_f1:.2f}", percent(report.contradicting.value),
            )  # fmt: skip
    for control in card.controls:
        if control.factual is not None:
            grid.add_row(f"control {control.name}", str(control.n), *mean_cells(control.factual))
    return grid


def found(report: Reports) -> Table:
    """Return sections, sides and grades of the model's reports, and the paper's score where it was judged."""
    grid = grid_of("of the reports", "n", "share", "95 % Wilson")
    rows: list[tuple[str, Rate | None]] = [
        *((f"section {name.replace('_', ' ')}", rate) for name, rate in report.sections.items()),
        ("all six sections", report.complete), ("sides right", report.sides),
        ("grades right", report.grades), ("presence right", report.presence),
        ("wrong plan where one is due", report.wrong_plans),
        ("operation where none is due", report.undue_plans),
    ]  # fmt: skip
    for name, rate in rows:
        if rate is not None:
            grid.add_row(name, str(rate.n), percent(rate.value), span(rate))
    judged = report.judged
    if judged is not None:
        score = judged.score
        value = f"{score.worst:.1f} to {score.best:.1f}" if score.mean is None else f"{score.mean:.1f}"
        around = "" if score.low is None else f"{score.low:.1f} to {score.high:.1f}"
        grid.add_row(f"report score, 20 to 100, by {judged.judge}", str(judged.n), value, around)
    return grid


def mean_cells(one: Measured) -> tuple[str, str]:
    """Return a mean with two digits, and its interval over patients."""
    return f"{one.value:.2f}", "" if one.span is None else f"{one.span.low:.2f} to {one.span.high:.2f}"


def stated_cells(one: Stated) -> tuple[str, str]:
    """Return precision and recall in percent, "" where there is nothing to count."""
    both = (one.precision, one.recall)
    return tuple("" if part is None else percent(part.value) for part in both)  # type: ignore[return-value]


def diagnosed(card: Scorecard) -> str:
    """Return the diagnosis: each fault found with its figures, or that none was."""
    diagnosis = diagnose(card)
    lines = [f"{one.title}. {one.words}" for one in diagnosis.found]
    few = sorted({one.title.lower() for one in diagnosis.too_few})
    if few:
        lines.append(f"Too few items to tell: {', '.join(few)}.")
    none = f"Diagnosis: {none_found(diagnosis)}."
    return "\n".join([*([] if diagnosis.found else [none]), *(f"Diagnosis: {line}" for line in lines)])


def none_found(diagnosis: Diagnosis) -> str:
    """Return what to say where no fault was found: it is no praise where most could not be told.

    >>> none_found(Diagnosis(looks=9, statements=()))
    'no fault found by 9 tests'
    """
    few, told = len(diagnosis.too_few), len(diagnosis.statements)
    undecided = f", but {few} of {told} rules had too few items to tell" if few else ""
    return f"no fault found by {diagnosis.looks} tests{undecided}"


def footing(card: Scorecard) -> str:
    """Return what the figures rest on: the leak guard, what was left out, what is absent and why."""
    lines = [line for line in (searched(card), asked_of(card), methods(card)) if line]
    lines += [*unscored(card), *absent(card), *levels(card)]
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
