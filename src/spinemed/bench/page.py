"""The HTML page of a report: scores, pairs, the picture, and answers right and wrong alike, in one file."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spinemed.bench.scorecard import Paired, Scorecard
from spinemed.bench.table import p_value, percent, span

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse;margin:1rem 0}
td,th{border-bottom:1px solid #ccc;padding:.3rem .8rem;text-align:left}
img{max-width:100%}.case{display:flex;gap:1.5rem;margin:1rem 0}.case img{height:256px}
pre{white-space:pre-wrap;margin:0}.note{background:#fff4d6;padding:.6rem 1rem;border-left:4px solid #E69F00}
"""


@dataclass(frozen=True)
class Example:
    """One held-out item with what each model answered."""

    row: Mapping[str, Any]
    replies: dict[str, str]
    verdict: str


def page(card: Scorecard, picture: bytes, traced: str, examples: list[Example]) -> str:
    """Return the page; `picture` is the report's PNG, `traced` says which instance it traces."""
    made = (
        "All questions below are on <b>synthetic</b> patients (a procedural phantom)."
        if not card.real
        else f"{card.synthetic} questions are on synthetic, {card.real} on real patients."
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>SpineMed report</title>"
        f"<style>{STYLE}</style><h1>SpineMed report</h1>"
        f"<p class=note>{made} Research only, not for diagnosis.</p>"
        f"<p>{card.n} questions of the split <code>{card.split}</code> on {card.patients} patients; none of "
        f"their {card.leak_pictures} pictures or patients is in training (looked for by hash and by patient)."
        f"</p>{_scores(card)}<h2>Pairs on the same questions</h2>{_comparisons(card)}"
        f"<img alt='contact sheet, loss, accuracy by level, traced instance' src='{_embedded(picture)}'>"
        f"<p>Traced: {html.escape(traced)}.</p><h2>Answers, right and wrong alike</h2>"
        f"{''.join(_case(example) for example in examples)}</html>"
    )


def _embedded(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _table(head: list[str], body: list[list[str]]) -> str:
    cells = "".join(f"<th>{html.escape(word)}</th>" for word in head)
    lines = ("".join(f"<td>{html.escape(word)}</td>" for word in line) for line in body)
    return f"<table><tr>{cells}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _scores(card: Scorecard) -> str:
    lines = [
        [one.name, percent(one.accuracy.value), span(one.accuracy), span(one.patients_span)]
        for one in (card.model, card.against)
        if one is not None and one.accuracy is not None
    ]
    lines += [[one.name, percent(one.accuracy), span(one.rate), ""] for one in card.baselines]
    return _table(["answerer", "accuracy", "95 % Wilson", "95 % over patients"], lines)


def _comparisons(card: Scorecard) -> str:
    pairs: list[Paired] = [card.paired] if card.paired else []
    pairs += [one.paired for one in card.baselines if one.paired]
    head = [
        "against",
        "n",
        "wins",
        "losses",
        "difference",
        "95 % over patients",
        "McNemar p",
        "p over patients",
    ]
    lines = [
        [one.against, str(one.n), str(one.wins), str(one.losses), f"{100 * one.difference:+.1f} points",
         span(one.span), p_value(one.mcnemar_p), p_value(one.patients_p)]
        for one in pairs
    ]  # fmt: skip
    return _table(head, lines)


def _case(example: Example) -> str:
    row = example.row
    replies = "".join(f"<p><b>{html.escape(n)}:</b> {html.escape(t)}</p>" for n, t in example.replies.items())
    shown = _embedded(row["images"][0]["bytes"])
    return (
        f"<div class=case><img alt='sagittal picture with a ring' src='{shown}'><div>"
        f"<p><b>{html.escape(example.verdict)}</b></p>"
        f"<pre>{html.escape(row['messages'][0]['content'])}</pre>"
        f"<p><b>key:</b> {html.escape(row['messages'][1]['content'])}</p>{replies}</div></div>"
    )
