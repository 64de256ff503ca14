"""The page of the validity study: what was planted, what was found, how often, written from its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spinemed.bench.faults.diagnosis import RULES
from spinemed.bench.pages.figures import as_png, new_figure

Rates = Mapping[str, Any]


def write_page(found: Rates, folder: Path) -> list[Path]:
    """Write README.md and detection.png from the result of benchmarks/validity.py; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    page, picture = folder / "README.md", folder / "detection.png"
    page.write_text(text(found), encoding="utf-8")
    picture.write_bytes(draw(found))
    return [page, picture]


def text(found: Rates) -> str:
    """Return the page as Markdown; every figure in it is one of the result."""
    parts = (_opening, _planted, _weak, _rules, _again)
    return "\n".join(line for part in parts for line in part(found))


def _opening(found: Rates) -> list[str]:
    """Return what was tried on what, and the alarms that were false."""
    sizes = found["sizes"]
    honest, others = found["false_alarms_of_the_honest"], found["other_diagnoses"]
    return [
        "# Does the diagnosis find what is wrong?",
        "",
        "<!-- written by: python benchmarks/validity.py --page -->",
        "",
        "The report of a run ends in a diagnosis (`spinemed.bench.faults.diagnosis`). Here it is tried on "
        "simulated answerers, each with one planted fault. They are no models: an answerer knows an "
        "item and its key, and answers in varied words. The words go the way of any prediction: into a file, "
        "through the scorer, into a scorecard, and from its evidence to a diagnosis and a page. No rule "
        "knows the answerers.",
        "",
        f"All items are **synthetic**: {found['items']} held-out choice items of "
        f"{found['patients']} phantoms "
        f"(corpus hash `{found['data_hash']}`), "
        f"{found['items_of_patients_with_a_variant']} of them on patients with a sixth lumbar or a "
        "thirteenth thoracic vertebra. Each answerer met "
        f"{found['seeds']} random samples of {listed(sizes)} items, each with and without the picture: "
        f"{found['trials']} trials. What learns from text or place learnt from {found['training_items']} "
        "other items.",
        "",
        "![Detection by fault and number of items, synthetic](detection.png)",
        "",
        f"The honest reader was given a diagnosis in {counted(honest)} trials "
        f"(95 % interval {span(honest)}). "
        f"A diagnosis other than the deserved one was given in {counted(others)} trials of all answerers "
        f"({span(others)}).",
        "",
    ]


def _planted(found: Rates) -> list[str]:
    """Return the table of what was planted and what was found."""
    return [
        "## Planted and found",
        "",
        "Detected: the deserved diagnosis was given (95 % Wilson interval). Items: the median number on "
        "which the fault could show. Others: trials with any other diagnosis.",
        "",
        *table(found, found["sizes"]),
        "",
    ]


def _weak(found: Rates) -> list[str]:
    """Return what was missed, and what this study cannot show."""
    return [
        "## Where it is weak",
        "",
        *weaknesses(found),
        "- Answerers and rules were written by the same hand, and the order of the rules was changed "
        "once after a first trial, in which a learner from texts also looked like a shifted numbering. "
        "So this shows that the whole path works and what sample sizes it needs, not how it does on "
        "faults that nobody thought of.",
        "- The simulated answerers err at random from item to item. Models err alike on alike items, and "
        "the tests over patients are there for that; this study does not show how well they bear it.",
        "",
    ]


def _rules(found: Rates) -> list[str]:
    """Return how a fault is named, and every rule."""
    return [
        "## The rules",
        "",
        "A fault is named where its excess over what is expected without it reaches the threshold, and the p "
        "of a one-sided test over patients, corrected by Holm for all signs tested "
        f"({found['rules_tested'][0]} to {found['rules_tested'][1]} in these trials), is below 0.05. Rules "
        "without a threshold look for a gain in vain: a gain of 15 points is excluded at that level, and no "
        "gain is seen. What another fault brings along is listed as following from it, not as a diagnosis. "
        "Where neither can be told, the page says so, with the smallest excess that would have been seen in "
        "four of five cases.",
        "",
        "| rule | diagnosis | threshold, points |",
        "| --- | --- | --- |",
        *(
            f"| `{rule.name}` | {rule.title} | {f'{100 * rule.threshold:.0f}' if rule.threshold else ''} |"
            for rule in RULES
        ),
        "",
    ]


def _again(found: Rates) -> list[str]:
    """Return how the study is run again."""
    sizes = " ".join(map(str, found["sizes"]))
    return [
        "## Again",
        "",
        "```bash",
        f"python benchmarks/validity.py --seeds {found['seeds']} --sizes {sizes}",
        "```",
        "",
        f"Took {found['seconds']:.0f} seconds on {found['cores']} cores, without building the corpus; the "
        "machine did other work at the time. Figures: `benchmarks/results/validity.json`.",
        "",
    ]


def table(found: Rates, sizes: Sequence[int]) -> list[str]:
    """Return the lines of the table: one answerer a line, three columns a size."""
    heads = [f"{size} items: detected | items | others" for size in sizes]
    lines = [
        f"| answerer | planted | deserves | {' | '.join(heads)} |",
        f"| --- | --- | --- |{' --- | --- | --- |' * len(sizes)}",
    ]
    for name in dict.fromkeys(rate["answerer"] for rate in found["rates"]):
        mine = [rate for rate in found["rates"] if rate["answerer"] == name]
        deserved = ", ".join(f"`{rule}`" for rule in mine[0]["deserves"]) or "none"
        cells = [cell for rate in mine for cell in cells_of(rate)]
        lines.append(f"| {name} | {mine[0]['fault']} | {deserved} | {' | '.join(cells)} |")
    return lines


def cells_of(rate: Rates) -> tuple[str, str, str]:
    """Return detection, relevant items and other diagnoses of one answerer at one size."""
    detected = rate["detected"]
    others = f"{rate['others']['count']} of {rate['others']['n']}"
    named = ", ".join(f"`{name}` {count}" for name, count in rate["other_names"].items())
    said = f"{counted(detected)} ({span(detected)})" if detected else ""
    return said, str(rate["relevant_items"]), f"{others}: {named}" if named else others


def weaknesses(found: Rates) -> list[str]:
    """Return a line for each answerer and size that was found in less than four of five trials."""
    lines = [
        f"- {rate['answerer']}, {rate['size']} items: detected in {counted(rate['detected'])}, with "
        f'{rate["relevant_items"]} items on which it could show. The page said "too few items to tell" in '
        f"{rate['missed_and_said_so']} of the trials that missed it."
        for rate in found["rates"]
        if rate["detected"] and rate["detected"]["share"] < 0.8
    ]
    return lines or ["- Every planted fault was found in at least four of five trials at every size."]


def counted(rate: Rates) -> str:
    """Return a count of trials.

    >>> counted({"count": 3, "n": 5})
    '3 of 5'
    """
    return f"{rate['count']} of {rate['n']}"


def span(rate: Rates) -> str:
    """Return an interval in percent.

    >>> span({"low": 0.0, "high": 0.251})
    '0 to 25 %'
    """
    return f"{100 * rate['low']:.0f} to {100 * rate['high']:.0f} %"


def listed(numbers: Sequence[int]) -> str:
    """Return numbers as words list them.

    >>> listed([50, 200, 500]), listed([50])
    ('50, 200 and 500', '50')
    """
    words = [str(number) for number in numbers]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def draw(found: Rates) -> bytes:
    """Return the picture: detection and other diagnoses, a row an answerer, a column a number of items."""
    sizes = found["sizes"]
    names = list(dict.fromkeys(rate["answerer"] for rate in found["rates"]))
    figure = new_figure(10, 0.42 * len(names) + 2.4)
    axes = np.asarray(figure.subplots(1, 2, sharey=True)).ravel()
    titles = ("deserved diagnosis given", "any other diagnosis given")
    for one, key, title, colours in zip(
        axes, ("detected", "others"), titles, ("Blues", "Oranges"), strict=True
    ):
        shares = np.full((len(names), len(sizes)), np.nan)
        for rate in found["rates"]:
            if rate[key]:
                shares[names.index(rate["answerer"]), sizes.index(rate["size"])] = rate[key]["share"]
        one.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="auto")
        for row, column in np.ndindex(*shares.shape):
            share = shares[row, column]
            said = "none planted" if np.isnan(share) else f"{100 * share:.0f} %"
            dark = bool(share > 0.6)
            one.text(
                column, row, said, ha="center", va="center", fontsize=9, color="white" if dark else "black"
            )
        one.set_xticks(range(len(sizes)), [f"{size} items" for size in sizes])
        one.set_yticks(range(len(names)), names)
        one.set_title(title, fontsize=10)
    figure.suptitle(
        f"Planted faults, synthetic items, n = {found['seeds']} samples a cell, {found['trials']} trials",
        fontsize=11,
    )
    return as_png(figure)
