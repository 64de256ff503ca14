"""The scores of a page: answerers and baselines, control runs, pairs, levels, sets of levels, sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spinemed.bench.pages.charts import CONTROLS, labels, right_word
from spinemed.bench.pages.markup import safe, table
from spinemed.bench.pages.table import p_value, percent, span
from spinemed.bench.scoring.scorecard import Measured, Paired, Scorecard

LEVEL_FIGURES = {
    "exact": "right site", "kind_relaxed": "within half a step", "mean_distance": "mean steps off",
    "median_distance": "median steps off", "mean_shift": "mean signed shift (negative: cranial)",
    "off_by_one_rate": "off by one", "region_error": "other region", "coverage": "names one site",
    "set_f1": "sites named, F1", "numbering_error_rate": "cases misnumbered as a whole",
    "cases_all_right": "cases all right", "transitional_subset": "right site, variants of the numbering",
    "transitional_renamed": "right site, variants renamed",
    "wrong_level_plan_rate": "plans with a wrong level",
}  # fmt: skip
SET_FIGURES = {
    "set_exact": "just the right sites", "set_precision": "precision of sites",
    "set_recall": "recall of sites", "set_f1": "F1 of sites",
    "set_f1_tolerant": "F1, a neighbouring site counts too", "jaccard": "Jaccard index",
    "assignment_distance": "mean steps off, best matching",
}  # fmt: skip
SIDE_FIGURES = {
    "side_joint": "level and side right", "side_accuracy": "side right where the level is",
    "side_f1": "F1 of sides",
}  # fmt: skip
OWN_COUNTS = {  # figures that are of fewer things than the table -> how many
    "numbering_error_rate": "cases", "cases_all_right": "cases", "wrong_level_plan_rate": "n_plans",
    "transitional_subset": "transitional_n_subset", "off_by_one_rate": "covered", "region_error": "covered",
}  # fmt: skip
AS_STEPS = (
    "mean_distance", "median_distance", "mean_shift", "set_f1", "set_f1_tolerant", "set_precision",
    "set_recall", "jaccard", "assignment_distance", "side_f1",
)  # fmt: skip


def scores(card: Scorecard) -> str:
    """Return the table of right answers, chosen or open; nothing for reports."""
    lines = [
        [name, str(one.reached.n), percent(one.reached.value), span(one.reached), span(one.patients_span),
         percent(one.states.get("answered", 0.0)), percent(one.accuracy_answered)]
        for name, one in zip(labels(card), (card.model, *card.against), strict=True)
        if one.reached is not None
    ]  # fmt: skip
    lines += [
        [one.name, str(card.n), percent(one.accuracy), span(one.rate) or "expected", "", "", ""]
        for one in card.baselines
    ]
    head = ("answerer", "n", right_word(card), "95 % Wilson", "95 % over patients", "answered",
            "right of answered")  # fmt: skip
    return f"<h2>Scores</h2>{table(head, lines)}" if lines else ""


def gap(card: Scorecard, pair: Paired) -> list[str]:
    """Return a difference with its interval over patients: in points, of factual scores as it is."""
    if card.model.report is None:
        return [f"{100 * pair.difference:+.1f} points", span(pair.span)]
    around = "" if pair.span is None else f"{pair.span.low:+.2f} to {pair.span.high:+.2f}"
    return [f"{pair.difference:+.2f}", around]


def controls(card: Scorecard) -> str:
    """Return the control runs, and the figures on rotated options and favoured letters."""
    is_chosen = any(one.unchanged for one in card.controls)
    lines = [
        [CONTROLS.get(one.name, one.name), str(one.n),
         percent(one.accuracy.value) if one.accuracy else value_of(one.factual), *gap(card, one.paired),
         p_value(one.paired.patients_p),
         *([percent(one.unchanged.value) if one.unchanged else ""] if is_chosen else [])]
        for one in card.controls
    ]  # fmt: skip
    reached = "factual score" if card.model.report else right_word(card)
    head = ("control run", "n", reached, "gap to the normal run", "95 % over patients", "p",
            *(["same answer"] if is_chosen else []))  # fmt: skip
    said = f"<h2>Control runs</h2>{table(head, lines)}" if lines else ""
    return said + rotations(card) + favoured(card)


def rotations(card: Scorecard) -> str:
    """Return how many items are right in every rotation of their options."""
    turned = [card.model.circular, *(one.circular for one in card.controls)]
    circles = [one for one in turned if one is not None]
    if not circles:
        return ""
    one = circles[0]
    return (
        f"<p>Options rotated: {percent(one.all_right)} of {one.n} items right in all {one.rotations} "
        f"rotations (95 % {100 * one.all_right_low:.1f} to {100 * one.all_right_high:.1f}); "
        f"{percent(one.vanilla)} in the first.</p>"
    )


def favoured(card: Scorecard) -> str:
    """Return which letters were chosen beside which are right."""
    letters = card.model.position
    if letters is None:
        return ""
    chosen = ", ".join(f"{letter} {percent(count)}" for letter, count in letters.chosen.items())
    keyed = ", ".join(f"{letter} {percent(count)}" for letter, count in letters.keyed.items())
    return (
        f"<p>Letters chosen: {safe(chosen)}; right: {safe(keyed)}; highest minus lowest recall "
        f"{percent(letters.bias)}.</p>"
    )


def comparisons(card: Scorecard) -> str:
    """Return the paired comparisons with other runs and baselines."""
    pairs: list[Paired] = [*card.paired, *(one.paired for one in card.baselines if one.paired)]
    exact = "sign test p" if card.model.report else "McNemar p"
    head = ("against", "n", "wins", "losses", "difference", "95 % over patients", exact,
            "p over patients", "corrected p")  # fmt: skip
    lines = [
        [one.against, str(one.n), str(one.wins), str(one.losses), *gap(card, one), p_value(one.mcnemar_p),
         p_value(one.patients_p), "" if one.holm_p is None else p_value(one.holm_p)]
        for one in pairs
    ]  # fmt: skip
    said = table(head, lines) if lines else "<p>No other run and no baseline was scored.</p>"
    return f"<h2>Pairs on the same questions</h2>{said}"


def levels(card: Scorecard) -> str:
    """Return the figures of items with one site, with several, and with a side, each with its number."""
    shown = [(card.model, labels(card)[0])]
    shown += [(one, name) for one, name in zip(card.against, labels(card)[1:], strict=True) if one.level]
    parts = (
        ("Levels", "items with one right site", LEVEL_FIGURES, [one.level for one, _ in shown], "n"),
        ("Several levels", "items with several right sites", SET_FIGURES,
         [one.level_sets for one, _ in shown], "n"),
        ("Sides", "items with a side", SIDE_FIGURES, [one.level for one, _ in shown], "n_sides"),
    )  # fmt: skip
    names = [name for _, name in shown]
    said = "".join(part(*each, names) for each in parts[:2])
    if card.model.set_f1 is not None:
        said += f"<p>F1 of the sites, mean over items: {value_of(card.model.set_f1)} over patients.</p>"
    return said + part(*parts[2], names)


def part(
    title: str,
    counted: str,
    figures: dict[str, str],
    given: Sequence[dict[str, float | None]],
    count: str,
    names: Sequence[str],
) -> str:
    """Return one table of level figures, nothing where no item is of its sort."""
    if not any(one.get(count) for one in given):
        return ""
    lines = [[counted, *(str(int(one.get(count) or 0)) for one in given)]]
    for key, words in figures.items():
        values = [one.get(key) for one in given]
        if any(value is not None for value in values):
            lines.append([words, *(figure_of(key, one) for one in given)])
    return f"<h2>{title}</h2>{table(['', *names], lines)}"


def figure_of(key: str, given: Mapping[str, float | None]) -> str:
    """Return a figure as a share in percent, or as steps or an F1; with its number where that is its own.

    >>> figure_of("cases_all_right", {"cases_all_right": 0.5, "cases": 4.0})
    '50.0 % of 4'
    """
    value = given.get(key)
    if value is None:
        return ""
    count = given.get(OWN_COUNTS.get(key, ""))
    of = "" if count is None else f" of {count:.0f}"
    return f"{value:.2f}" if key in AS_STEPS else f"{percent(value)}{of}"


def value_of(one: Measured | None) -> str:
    """Return a mean with two digits and its interval over patients.

    >>> value_of(Measured(n=2, value=0.5, span=None)), value_of(None)
    ('0.50', '')
    """
    if one is None:
        return ""
    around = "" if one.span is None else f" ({one.span.low:.2f} to {one.span.high:.2f})"
    return f"{one.value:.2f}{around}"
