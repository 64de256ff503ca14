"""The HTML page of a scorecard in one file: diagnosis, scores, what is absent, figures, answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spinemed.bench.faults.diagnosis import Diagnosis, Statement, diagnose
from spinemed.bench.pages.absent import absent, asked_of, methods, searched, unscored
from spinemed.bench.pages.charts import labels
from spinemed.bench.pages.markup import embedded, safe, table
from spinemed.bench.pages.page_reports import reports
from spinemed.bench.pages.page_scores import comparisons, controls, levels, scores
from spinemed.bench.pages.table import none_found, p_value
from spinemed.bench.scoring.scorecard import Scorecard

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;
background:#fff}
h2{margin-top:2.2rem}table{border-collapse:collapse;margin:1rem 0}
td,th{border-bottom:1px solid #ccc;padding:.3rem .8rem;text-align:left;
vertical-align:top}
td.r,th.r{text-align:right;font-variant-numeric:tabular-nums}td.r{white-space:nowrap}
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
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>SpineMed report</title>'
        f"<style>{STYLE}</style></head><body><h1>SpineMed report: {safe(card.model.name)}</h1>"
        f'<p class="note">{made} Research only, not for diagnosis.</p>{_diagnosis(card)}'
        f"<p>{card.n} {_asked(card)}, split <code>{safe(card.split)}</code>, on "
        f"{card.patients} patients. {safe(searched(card))} {safe(asked_of(card))}</p>{_absent(card)}"
        f"{scores(card)}{reports(card)}{controls(card)}"
        f"{comparisons(card)}{levels(card)}<p class=dim>{safe(methods(card))}</p><h2>Figures</h2>"
        f"{''.join(_figure(figure) for figure in figures)}<h2>Answers, {_sorts(card)} alike</h2>"
        f"{''.join(_case(example) for example in examples)}{_origin(card)}</body></html>"
    )


def _asked(card: Scorecard) -> str:
    return f"questions of {safe(card.config)}" if card.model.report is None else "reports"


def _sorts(card: Scorecard) -> str:
    return "right and wrong" if card.model.report is None else "true and false"


def _absent(card: Scorecard) -> str:
    """Return the list of what the page does not say, with the reasons."""
    said = [*absent(card), *unscored(card)]
    lines = "".join(f"<li>{safe(one)}</li>" for one in said)
    return f'<div class="note"><b>What this page does not say</b><ul>{lines}</ul></div>' if said else ""


def _figure(figure: Figure) -> str:
    return f'<p><img alt="{safe(figure.words)}" src="{embedded(figure.png)}"><br>{safe(figure.words)}</p>'


def _diagnosis(card: Scorecard) -> str:
    """Return the box on top: the faults found, what follows from them, what could not be told."""
    if not card.signs:
        return ""
    diagnosis = diagnose(card)
    fault = " fault" if diagnosis.found else ""
    what = "Diagnosis" if card.model.report is None else "Diagnosis of the form of the replies"
    head = what if diagnosis.found else f"{what}: {none_found(diagnosis)}"
    said = "".join(_said(one) for one in diagnosis.found)
    return (
        f'<div class="box{fault}"><h2>{head}</h2><ul>{said}</ul>{_follows(diagnosis)}{_too_few(diagnosis)}'
        f'<p class="dim">{diagnosis.looks} tests over patients, p corrected by Holm for all of them. '
        f"A fault is a pattern among the answers, named where p &lt; 0.05 and its excess reaches the rule's "
        f"threshold; how often answers are right stands under Scores.</p>"
        f"<details><summary>All rules and their evidence</summary>{_evidence(diagnosis)}</details></div>"
    )


def _said(one: Statement) -> str:
    span_words = (
        "" if one.low is None or one.high is None or one.excess is None
        else f" Difference {100 * one.excess:+.0f} points, 95 % {100 * one.low:+.0f} to {100 * one.high:+.0f}"
        f" over {one.patients} patients, corrected p = {p_value(one.holm_p or 0.0)}."
    )  # fmt: skip
    return f"<li><b>{safe(one.title)}.</b> {safe(one.words)}{safe(span_words)}</li>"


def _follows(diagnosis: Diagnosis) -> str:
    found = [one for one in diagnosis.statements if one.state == "follows"]
    lines = "".join(
        f"<li>{safe(one.title)}: {safe(one.words)} (with: {safe(one.because_of.lower())})</li>"
        for one in found
    )
    head = "Also true, and to be expected from the above"
    return f"<details><summary>{head}</summary><ul>{lines}</ul></details>" if found else ""


def _too_few(diagnosis: Diagnosis) -> str:
    few = diagnosis.too_few
    lines = "".join(f"<li>{safe(one.title)} {safe(one.about)}: {safe(one.words)}</li>" for one in few)
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
    return table(head, body, 2)


def _points(share: float | None) -> str:
    return "" if share is None else f"{100 * share:+.0f}"


def _interval(one: Statement) -> str:
    return "" if one.low is None or one.high is None else f"{100 * one.low:+.0f} to {100 * one.high:+.0f}"


def _key(text: str) -> str:
    """Return the right answer: in the line where it is short, on its own lines where it is a report."""
    if "\n" not in text:
        return f"<p><b>key:</b> {safe(text)}</p>"
    return f"<p><b>the corpus's own:</b></p><pre>{safe(text)}</pre>"


def _case(example: Example) -> str:
    replies = "".join(
        f"<p><b>{safe(name)}:</b></p><pre>{safe(text)}</pre>" for name, text in example.replies.items()
    )
    shown = (
        f'<img alt="picture of the question" src="{embedded(example.picture)}">' if example.picture else ""
    )
    return (
        f'<div class="case">{shown}<div><p><b>{safe(example.verdict)}</b> '
        f'<span class="dim">{safe(example.about)}</span></p><pre>{safe(example.question)}</pre>'
        f"{_key(example.key)}{replies}</div></div>"
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
    return f"<details><summary>What made these figures</summary>{table(['', ''], lines, 2)}</details>"
