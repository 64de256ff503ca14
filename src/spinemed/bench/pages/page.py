"""The HTML page of a report in one file: diagnosis, scores, controls, pairs, figures, answers."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spinemed.bench.faults.diagnosis import Diagnosis, Statement, diagnose
from spinemed.bench.pages.charts import CONTROLS, labels
from spinemed.bench.pages.table import p_value, percent, span
from spinemed.bench.scoring.scorecard import Paired, Scorecard

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;
background:#fff}
h2{margin-top:2.2rem}table{border-collapse:collapse;margin:1rem 0}
td,th{border-bottom:1px solid #ccc;padding:.3rem .8rem;text-align:left;
vertical-align:top}
td.r,th.r{text-align:right;font-variant-numeric:tabular-nums}
img{max-width:100%}.case{display:flex;gap:1.5rem;margin:1rem 0;border-top:1px solid #ddd;padding-top:1rem}
.case img{height:240px}.case pre{font:inherit}
pre{white-space:pre-wrap;margin:0;overflow-wrap:anywhere}
.note{background:#fff4d6;padding:.6rem 1rem;border-left:4px solid #E69F00}
.box{padding:.8rem 1.2rem;margin:1rem 0;
border:1px solid #bbb;border-left:6px solid #0072B2;background:#f3f8fc}
.box.fault{border-left-color:#D55E00;background:#fdf3ec}.box h2{margin:0 0 .4rem}.box ul{margin:.3rem 0}
.dim{color:#555}details{margin:1rem 0}code{overflow-wrap:anywhere}.scroll{overflow-x:auto}
@media(prefers-color-scheme:dark){body{color-scheme:light}}
"""
LEVEL_FIGURES = {
    "exact": "right site", "kind_relaxed": "within half a step", "mean_distance": "mean steps off",
    "median_distance": "median steps off", "mean_shift": "mean signed shift (negative: cranial)",
    "off_by_one_rate": "off by one", "region_error": "other region", "coverage": "names one site",
    "set_f1": "sites named, F1", "numbering_error_rate": "cases misnumbered as a whole",
    "cases_all_right": "cases all right", "transitional_subset": "right site, variants of the numbering",
    "transitional_renamed": "right site, variants renamed", "side_joint": "level and side right",
    "wrong_level_plan_rate": "plans with a wrong level",
}  # fmt: skip
AS_STEPS = ("mean_distance", "median_distance", "mean_shift", "set_f1")


@dataclass(frozen=True)
class Example:
    """One held-out item: question with options, key in words, replies by answerer, verdict, first picture."""

    question: str
    key: str
    about: str
    replies: Mapping[str, str]
    verdict: str
    picture: bytes | None


@dataclass(frozen=True)
class Figure:
    """A PNG with what it shows in words."""

    png: bytes
    words: str


def page(card: Scorecard, figures: Sequence[Figure], examples: Sequence[Example]) -> str:
    """Return the page; everything that a model, a corpus or a file name could have written is escaped."""
    made = (
        "All questions below are on <b>synthetic</b> patients (a procedural phantom)."
        if not card.real
        else f"{card.synthetic} questions are on <b>synthetic</b>, {card.real} on real patients."
    )
    left_out = f" {card.not_asked} items of the split were not asked." if card.not_asked else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>SpineMed report</title>'
        f"<style>{STYLE}</style></head><body><h1>SpineMed report: {_safe(card.model.name)}</h1>"
        f'<p class="note">{made} Research only, not for diagnosis.</p>{_diagnosis(card)}'
        f"<p>{card.n} questions of {_safe(card.config)}, split <code>{_safe(card.split)}</code>, on "
        f"{card.patients} patients; none of their {card.leak_pictures} pictures or patients is in training "
        f"(looked for by hash and by patient).{left_out}</p>{_scores(card)}{_controls(card)}"
        f"<h2>Pairs on the same questions</h2>{_comparisons(card)}{_levels(card)}<h2>Figures</h2>"
        f"{''.join(_figure(figure) for figure in figures)}<h2>Answers, right and wrong alike</h2>"
        f"{''.join(_case(example) for example in examples)}{_origin(card)}</body></html>"
    )


def _safe(text: object) -> str:
    return html.escape(str(text))


def _embedded(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _figure(figure: Figure) -> str:
    return f'<p><img alt="{_safe(figure.words)}" src="{_embedded(figure.png)}"><br>{_safe(figure.words)}</p>'


def _table(head: Sequence[str], body: Sequence[Sequence[str]], words: int = 1) -> str:
    """Return a table; the first `words` columns are text, the others figures."""

    def line(cells: Sequence[str], tag: str) -> str:
        made = (
            f"<{tag}{' class=r' if place >= words else ''}>{_safe(cell)}</{tag}>"
            for place, cell in enumerate(cells)
        )
        return f"<tr>{''.join(made)}</tr>"

    rows = "".join(line(cells, "td") for cells in body)
    return f'<div class="scroll"><table>{line(head, "th")}{rows}</table></div>'


def _diagnosis(card: Scorecard) -> str:
    """Return the box on top: the faults found, what follows from them, what could not be told."""
    if not card.signs:
        return ""
    diagnosis = diagnose(card)
    fault = " fault" if diagnosis.found else ""
    head = "Diagnosis" if diagnosis.found else "Diagnosis: no fault found"
    said = "".join(_said(one) for one in diagnosis.found)
    return (
        f'<div class="box{fault}"><h2>{head}</h2><ul>{said}</ul>{_follows(diagnosis)}{_too_few(diagnosis)}'
        f'<p class="dim">{diagnosis.looks} tests over patients, p corrected by Holm for all of them. '
        f"A fault is named where p &lt; 0.05 and the excess reaches the threshold of its rule.</p>"
        f"<details><summary>All rules and their evidence</summary>{_evidence(diagnosis)}</details></div>"
    )


def _said(one: Statement) -> str:
    span_words = (
        "" if one.low is None or one.high is None or one.excess is None
        else f" Difference {100 * one.excess:+.0f} points, 95 % {100 * one.low:+.0f} to {100 * one.high:+.0f}"
        f" over {one.patients} patients, corrected p = {p_value(one.holm_p or 0.0)}."
    )  # fmt: skip
    return f"<li><b>{_safe(one.title)}.</b> {_safe(one.words)}{_safe(span_words)}</li>"


def _follows(diagnosis: Diagnosis) -> str:
    found = [one for one in diagnosis.statements if one.state == "follows"]
    lines = "".join(
        f"<li>{_safe(one.title)}: {_safe(one.words)} (with: {_safe(one.because_of.lower())})</li>"
        for one in found
    )
    head = "Also true, and to be expected from the above"
    return f"<details><summary>{head}</summary><ul>{lines}</ul></details>" if found else ""


def _too_few(diagnosis: Diagnosis) -> str:
    few = diagnosis.too_few
    lines = "".join(f"<li>{_safe(one.title)} {_safe(one.about)}: {_safe(one.words)}</li>" for one in few)
    head = f"Too few items to tell ({len(few)} of the rules)"
    return f"<details><summary>{head}</summary><ul>{lines}</ul></details>" if few else ""


def _evidence(diagnosis: Diagnosis) -> str:
    states = {"found": "found", "follows": "follows", "not_found": "no", "too_few": "too few to tell"}
    body = [
        [f"{one.title} {one.about}".strip(), states[one.state], str(one.n), str(one.patients),
         _points(one.excess), _interval(one), _points(one.threshold), _points(one.smallest),
         "" if one.holm_p is None else p_value(one.holm_p)]
        for one in diagnosis.statements
    ]  # fmt: skip
    head = ("rule", "state", "n", "patients", "excess", "95 %", "threshold", "smallest seen", "corrected p")
    return _table(head, body, 2)


def _points(share: float | None) -> str:
    return "" if share is None else f"{100 * share:+.0f}"


def _interval(one: Statement) -> str:
    return "" if one.low is None or one.high is None else f"{100 * one.low:+.0f} to {100 * one.high:+.0f}"


def _scores(card: Scorecard) -> str:
    lines = [
        [name, str(one.accuracy.n), percent(one.accuracy.value), span(one.accuracy), span(one.patients_span),
         percent(one.states.get("answered")), percent(one.accuracy_answered)]
        for name, one in zip(labels(card), (card.model, *card.against), strict=True)
        if one.accuracy is not None
    ]  # fmt: skip
    lines += [
        [one.name, str(card.n), percent(one.accuracy), span(one.rate) or "expected", "", "", ""]
        for one in card.baselines
    ]
    head = ("answerer", "n", "accuracy", "95 % Wilson", "95 % over patients", "answered", "right of answered")
    return _table(head, lines) if lines else ""


def _controls(card: Scorecard) -> str:
    """Return the control runs, and the figures on rotated options and favoured letters."""
    lines = [
        [CONTROLS.get(one.name, one.name), str(one.n), percent(one.accuracy.value),
         f"{100 * one.paired.difference:+.1f}", span(one.paired.span), p_value(one.paired.patients_p),
         percent(one.unchanged.value) if one.unchanged else ""]
        for one in card.controls
    ]  # fmt: skip
    head = ("control run", "n", "accuracy", "gap, points", "95 % over patients", "p", "same answer")
    said = f"<h2>Control runs</h2>{_table(head, lines)}" if lines else ""
    turned = [card.model.circular, *(one.circular for one in card.controls)]
    circles = [one for one in turned if one is not None]
    for circular in circles[:1]:
        said += (
            f"<p>Options rotated: {percent(circular.all_right)} of {circular.n} items right in all "
            f"{circular.rotations} rotations (95 % {100 * circular.all_right_low:.1f} to "
            f"{100 * circular.all_right_high:.1f}); {percent(circular.vanilla)} in the first.</p>"
        )
    letters = card.model.position
    if letters is not None:
        chosen = ", ".join(f"{letter} {percent(count)}" for letter, count in letters.chosen.items())
        keyed = ", ".join(f"{letter} {percent(count)}" for letter, count in letters.keyed.items())
        said += f"<p>Letters chosen: {_safe(chosen)}; right: {_safe(keyed)}; "
        said += f"highest minus lowest recall {percent(letters.bias)}.</p>"
    return said


def _comparisons(card: Scorecard) -> str:
    pairs: list[Paired] = [*card.paired, *(one.paired for one in card.baselines if one.paired)]
    head = ("against", "n", "wins", "losses", "difference", "95 % over patients", "McNemar p",
            "p over patients", "corrected p")  # fmt: skip
    lines = [
        [one.against, str(one.n), str(one.wins), str(one.losses), f"{100 * one.difference:+.1f} points",
         span(one.span), p_value(one.mcnemar_p), p_value(one.patients_p),
         "" if one.holm_p is None else p_value(one.holm_p)]
        for one in pairs
    ]  # fmt: skip
    return _table(head, lines) if lines else "<p>No other run and no baseline was scored.</p>"


def _levels(card: Scorecard) -> str:
    if not card.model.level:
        return ""
    shown = [one for one in (card.model, *card.against) if one.level]
    lines = []
    for key, words in LEVEL_FIGURES.items():
        values = [one.level.get(key) for one in shown]
        if any(value is not None for value in values):
            lines.append([words, *("" if v is None else _figure_of(key, v) for v in values)])
    counts = [str(int(one.level.get("n") or 0)) for one in shown]
    names = [name for name, one in zip(labels(card), (card.model, *card.against), strict=True) if one.level]
    return f"<h2>Levels</h2>{_table(['', *names], [['items with one site', *counts], *lines])}"


def _figure_of(key: str, value: float) -> str:
    return f"{value:.2f}" if key in AS_STEPS else percent(value)


def _case(example: Example) -> str:
    replies = "".join(
        f"<p><b>{_safe(name)}:</b></p><pre>{_safe(text)}</pre>" for name, text in example.replies.items()
    )
    shown = (
        f'<img alt="picture of the question" src="{_embedded(example.picture)}">' if example.picture else ""
    )
    return (
        f'<div class="case">{shown}<div><p><b>{_safe(example.verdict)}</b> '
        f'<span class="dim">{_safe(example.about)}</span></p><pre>{_safe(example.question)}</pre>'
        f"<p><b>key:</b> {_safe(example.key)}</p>{replies}</div></div>"
    )


def _origin(card: Scorecard) -> str:
    """Return what made the figures: hashes and versions."""
    lines = [["corpus", f"{card.config}/{card.split}, hash {card.data_hash}"]]
    for name, one in zip(labels(card), (card.model, *card.against), strict=True):
        run = one.run
        made = (
            "no sidecar" if run is None
            else f"{run.model} {run.model_hash} {run.adapter} {run.adapter_hash}, {run.decoding}, {run.dtype}"
        )  # fmt: skip
        lines.append([name, f"predictions {one.predictions_hash}; {made}"])
    lines += [[f"metric {name}", code] for name, code in card.metrics.items()]
    lines.append(["versions", ", ".join(f"{name} {version}" for name, version in card.versions.items())])
    return f"<details><summary>What made these figures</summary>{_table(['', ''], lines, 2)}</details>"
