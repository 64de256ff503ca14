"""The part of a page about reports: factual scores, sections, findings by kind, contradictions, the judge."""

from __future__ import annotations

from spinemed.bench.pages.charts import labels
from spinemed.bench.pages.markup import safe, table
from spinemed.bench.pages.page_scores import value_of
from spinemed.bench.pages.report_charts import section_name
from spinemed.bench.pages.table import percent, span
from spinemed.bench.scoring.scorecard import Bounded, Judged, Measured, Rate, Reports, Scorecard


def reports(card: Scorecard) -> str:
    """Return the part about reports, nothing for other questions."""
    model = card.model.report
    if model is None:
        return ""
    return (
        f"<h2>Reports</h2>{_answerers(card)}<p class=dim>The factual score is 1 for a copy of the truth and "
        "0 for an empty report; what is invented or denied takes from it, down to nearly -1. Findings count "
        "with their site. No judge is needed for what stands in these tables.</p>"
        f"{_missing(model)}{_sections(model)}{_shares(model)}{_contradictions(model)}{_findings(model)}"
        f"{_judged(model.judged)}"
    )


def _answerers(card: Scorecard) -> str:
    """Return the factual figures, one column an answerer."""
    named = zip(labels(card), (card.model, *card.against), strict=True)
    shown = [(name, one.report) for name, one in named if one.report is not None]
    given = [one for _, one in shown]
    lines = [
        ["reports", *(str(one.factual.n) for one in given)],
        ["factual score", *(value_of(one.factual) for one in given)],
        ["findings stated that are true (precision)", *(_share(one.finding.precision) for one in given)],
        ["true findings that are stated (recall)", *(_share(one.finding.recall) for one in given)],
        ["F1 of findings", *(f"{one.finding_f1:.2f}" for one in given)],
        ["levels, precision", *(_share(one.level.precision) for one in given)],
        ["levels, recall", *(_share(one.level.recall) for one in given)],
        ["F1 of levels", *(f"{one.level_f1:.2f}" for one in given)],
    ]
    return table(("with the 95 % interval over patients", *(name for name, _ in shown)), lines)


def _share(one: Measured | None) -> str:
    """Return a share in percent with its interval over patients."""
    if one is None:
        return ""
    return f"{percent(one.value)} ({span(one.span)})" if one.span else percent(one.value)


def _missing(model: Reports) -> str:
    """Return in one line which sections are missing most, and how many reports are empty."""
    lacking = sorted(
        ((rate.n - rate.correct, name) for name, rate in model.sections.items() if rate.correct < rate.n),
        reverse=True,
    )
    said = ", ".join(f"{section_name(name)} in {count}" for count, name in lacking)
    empty = f" Empty reports: {model.empty}." if model.empty else ""
    whole = f"{model.complete.correct} of {model.complete.n} reports have all six sections."
    return f"<p><b>Missing sections:</b> {safe(said or 'none')}. {whole}{empty}</p>"


def _sections(model: Reports) -> str:
    lines = [_rate(section_name(name), rate) for name, rate in model.sections.items()]
    lines += [_rate("all six", model.complete), _rate("in the usual order", model.in_order)]
    head = table(("section", "reports with it", "n", "share", "95 % Wilson"), lines)
    return f"<details><summary>Sections, one by one</summary>{head}</details>"


def _shares(model: Reports) -> str:
    rates = {
        "sides of matched findings right": model.sides, "grades of matched findings right": model.grades,
        "true and absent findings told rightly, of those told": model.presence,
        "reports with a level that has no true finding": model.with_invented_level,
        "reports that contradict themselves": model.contradicting,
        "of operations in the corpus's report: other levels, or none named": model.wrong_plans,
        "operation planned where the corpus's report has none": model.undue_plans,
    }  # fmt: skip
    lines = [_rate(name, rate) for name, rate in rates.items() if rate is not None]
    return (
        f"{table(('of all reports', 'count', 'n', 'share', '95 % Wilson'), lines)}"
        f"<p>Findings stated that are not true: {model.invented}; true ones denied: {model.denied}.</p>"
    )


def _rate(name: str, rate: Rate) -> list[str]:
    return [name, str(rate.correct), str(rate.n), percent(rate.value), span(rate)]


def _contradictions(model: Reports) -> str:
    said = ", ".join(f"{kind} {count}" for kind, count in model.contradictions.items())
    return f"<p><b>Contradictions within reports:</b> {safe(said or 'none')}.</p>"


def _findings(model: Reports) -> str:
    """Return precision and recall of each kind of finding."""
    lines = [
        [kind.replace("_", " "), str(one.precision.n if one.precision else 0), _share(one.precision),
         str(one.recall.n if one.recall else 0), _share(one.recall)]
        for kind, one in model.by_finding.items()
    ]  # fmt: skip
    head = ("finding", "stated", "of these true", "true", "of these stated")
    return f"<h3>Findings by kind</h3>{table(head, lines)}" if lines else ""


def _judged(judged: Judged | None) -> str:
    """Return what the judge gave, nothing without one: a score that nobody gave is not zero."""
    if judged is None:
        return ""
    parts = [("report score, 20 to 100", judged.score), *judged.sections.items()]
    parts += [(f"- {name}", one) for name, one in judged.dimensions.items()]
    lines = [[name.replace("_", " "), *_bounds(one)] for name, one in parts]
    own = " <b>The judge graded its own family.</b>" if judged.own_family else ""
    head = ("", "mean", "95 %, bootstrap over patients", "with missing points as worst", "as best")
    return (
        f"<h3>Judged</h3><p>By {safe(judged.judge)} (prompt {safe(judged.prompt_hash)}, rubric "
        f"{safe(judged.rubric_version)}): {judged.n} reports with all points, {judged.missing} points "
        f"missing.{own}</p>{table(head, lines)}"
    )


def _bounds(one: Bounded) -> list[str]:
    mean = "unknown, points are missing" if one.mean is None else f"{one.mean:.2f}"
    around = "" if one.low is None or one.high is None else f"{one.low:.2f} to {one.high:.2f}"
    return [mean, around, f"{one.worst:.2f}", f"{one.best:.2f}"]
