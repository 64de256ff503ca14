"""The charts of a scorecard: levels, steps off, confusion, controls, parse states, groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from spinemed.bench.pages.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, as_png, new_figure
from spinemed.bench.pages.table import order
from spinemed.bench.scoring.scorecard import Answerer, Rate, Scorecard

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SKY, RED, YELLOW = "#56B4E9", "#D55E00", "#F0E442"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED)
STATES = {
    "answered": BLUE, "no_answer": GREY, "refusal": ORANGE, "ambiguous": PURPLE, "out_of_range": SKY,
    "truncated": RED,
}  # fmt: skip
CONTROLS = {
    "blank": "grey picture", "text": "no picture", "wrong_image": "another patient's picture",
    "shuffled": "options shuffled", "circular": "options rotated",
}  # fmt: skip
GROUPS = ("axis", "language", "modality", "condition")
MOST_GROUPS = 16


def right_word(card: Scorecard) -> str:
    """Return what a share of right answers is called: accuracy where options are chosen from."""
    return "accuracy" if card.model.accuracy is not None else "right answers"


def origin(card: Scorecard) -> str:
    """Return what a figure's title says of where its items come from."""
    if not card.real:
        return "synthetic"
    return "real" if not card.synthetic else f"{card.synthetic} synthetic, {card.real} real"


def answerers(card: Scorecard) -> list[Answerer]:
    """Return the model and whom it is compared with, each name once (a number is added where it repeats)."""
    return [card.model, *card.against]


def labels(card: Scorecard) -> list[str]:
    """Return a label for each answerer, told apart where names repeat.

    The name is that of the predictions.
    """
    names = [one.name for one in answerers(card)]
    return [f"{name} ({place + 1})" if names.count(name) > 1 else name for place, name in enumerate(names)]


def draw_rates(axes: Axes, rows: Sequence[tuple[str, Rate | float]], colours: Sequence[str]) -> None:
    """Draw a line a row, the first on top: a share with its interval, or an expectation without one."""
    for place, ((_, rate), colour) in enumerate(zip(rows, colours, strict=True)):
        if isinstance(rate, Rate):
            axes.errorbar(
                rate.value, place, xerr=[[rate.value - rate.low], [rate.high - rate.value]], fmt="o",
                color=colour, capsize=3, markersize=5,
            )  # fmt: skip
        else:
            axes.plot(rate, place, marker="|", color=colour, markersize=14, markeredgewidth=2)
    named = [f"{name}\nn={rate.n}" if isinstance(rate, Rate) else f"{name}\nexpected" for name, rate in rows]
    axes.set_yticks(range(len(rows)), named, fontsize=8)
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(-0.02, 1.02), xlabel="share right, 95 % Wilson interval")
    axes.grid(axis="x", alpha=0.3)


def draw_levels(axes: Axes, card: Scorecard) -> None:
    """Draw accuracy by level asked about, from head to tail, one colour an answerer."""
    models = {label: one.by_level for label, one in zip(labels(card), answerers(card), strict=True)}
    levels = sorted({level for rates in models.values() for level in rates if level}, key=order)
    width = 0.7 / max(1, len(models))
    for number, (label, rates) in enumerate(models.items()):
        there = [(place, rates[level]) for place, level in enumerate(levels) if level in rates]
        places = [place + (number - (len(models) - 1) / 2) * width for place, _ in there]
        axes.errorbar(
            places,
            [rate.value for _, rate in there],
            yerr=[[r.value - r.low for _, r in there], [r.high - r.value for _, r in there]],
            fmt="osD^v<"[number % 6], color=COLOURS[number % 6], capsize=2, markersize=4.5, label=label,
        )  # fmt: skip
    for style, one in zip((":", "--", "-."), card.baselines, strict=False):
        axes.axhline(one.accuracy, linestyle=style, color=GREY, linewidth=1.1, label=f"{one.name} (all)")
    counts = [card.model.by_level[level].n if level in card.model.by_level else 0 for level in levels]
    named = [f"{level}\n{count}" for level, count in zip(levels, counts, strict=True)]
    axes.set_xticks(range(len(levels)), named, fontsize=6.5 if len(levels) > 20 else 8)
    for place, tick in enumerate(axes.get_xticklabels()):
        if len(levels) > 26 and place % 2:
            tick.set_y(-0.07)
    axes.set(ylim=(-0.03, 1.03), ylabel=right_word(card))
    axes.legend(fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False)
    axes.grid(axis="y", alpha=0.3)
    total = sum(counts)
    said = f"{right_word(card).capitalize()} by level asked about (number of items below)"
    axes.set_title(f"{said}, 95 % Wilson, {origin(card)}, n = {total}")


def draw_distances(axes: Axes, card: Scorecard) -> None:
    """Draw how many level steps the sites named lie from the right ones, cranial to the left."""
    shown = answerers(card)[:4]
    width = 0.8 / len(shown)
    for number, (one, label) in enumerate(zip(shown, labels(card), strict=False)):
        total = max(1, sum(one.distances.values()))
        for steps, count in one.distances.items():
            place = float(np.clip(float(steps), -6, 6)) + (number - (len(shown) - 1) / 2) * width
            axes.bar(place, count / total, width=min(width, 0.45), color=COLOURS[number])
        axes.bar(0, 0, color=COLOURS[number], label=f"{label}, n = {sum(one.distances.values())}")
    axes.set_xticks(range(-6, 7), ["≤-6", *(str(step) for step in range(-5, 6)), "≥6"], fontsize=8)
    axes.set(xlabel="level steps from the right site (negative: too far cranial)", ylabel="share of answers")
    axes.legend(fontsize=7, frameon=False)
    axes.grid(axis="y", alpha=0.3)
    axes.set_title(f"How far off, {origin(card)}, n = {sum(card.model.distances.values())}")


def draw_confusion(axes: Axes, card: Scorecard) -> None:
    """Draw which site was named for which, as the share of each row; counts where they are readable."""
    rows = {truth: named for truth, named in card.model.confusion.items() if "-" not in truth}
    rows = rows or dict(card.model.confusion)
    names = sorted({*rows, *(site for named in rows.values() for site in named)}, key=order)
    if not names:
        axes.set_axis_off()
        axes.set_title(f"Confusion: no answer names one site, {origin(card)}, n = 0")
        return
    counts = np.array([[rows.get(truth, {}).get(site, 0) for site in names] for truth in names])
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    size = 7 if len(names) <= 16 else 5
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.6 else "black"
        axes.text(
            column, row, str(counts[row, column]), ha="center", va="center", fontsize=size, color=colour
        )
    axes.set_xticks(range(len(names)), names, fontsize=size, rotation=90 if len(names) > 14 else 0)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set(xlabel="named", ylabel="right")
    kind = "vertebrae" if any("-" not in name for name in names) else "discs"
    total = int(counts.sum())
    rest = sum(sum(named.values()) for named in card.model.confusion.values()) - total
    left_out = f" ({rest} of discs not drawn)" if rest else ""
    axes.set_title(f"Confusion of {kind}, {card.model.name},\n{origin(card)}, n = {total}{left_out}")


def draw_controls(axes: Axes, card: Scorecard) -> None:
    """Draw the normal run beside its control runs, methods that see no picture, and other runs."""
    rows: list[tuple[str, Rate | float]] = []
    colours = []
    for number, (one, label) in enumerate(zip(answerers(card), labels(card), strict=True)):
        if one.reached is not None:
            rows.append((label, one.reached))
            colours.append(COLOURS[number % 6])
    for control in card.controls:
        if control.accuracy is None:
            continue
        rows.append((f"control: {CONTROLS.get(control.name, control.name)}", control.accuracy))
        colours.append(SKY)
    for baseline in card.baselines:
        rows.append((baseline.name, baseline.rate or baseline.accuracy))
        colours.append(GREY)
    draw_rates(axes, rows, colours)
    axes.set_title(f"With and without the picture, {origin(card)}, n = {card.n}")


def draw_states(axes: Axes, card: Scorecard) -> None:
    """Draw the shares of parse states of each answerer as one bar."""
    shown = [(one, label) for one, label in zip(answerers(card), labels(card), strict=True) if one.states]
    for place, (one, _) in enumerate(shown):
        left = 0.0
        for state, colour in STATES.items():
            share = one.states.get(state, 0.0)
            axes.barh(place, share, left=left, color=colour, height=0.6)
            if share >= 0.08:
                bright = "white" if state in ("answered", "truncated") else "black"
                said = f"{100 * share:.0f} %"
                axes.text(left + share / 2, place, said, ha="center", va="center", fontsize=8, color=bright)
            left += share
    for state, colour in STATES.items():
        axes.barh(0, 0, color=colour, label=state.replace("_", " "))
    axes.set_yticks(range(len(shown)), [label for _, label in shown], fontsize=8)
    axes.set(ylim=(max(len(shown), 3) - 0.4, -0.6), xlim=(0, 1), xlabel="share of replies")
    axes.legend(fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False)
    axes.set_title(f"How replies were read, {origin(card)}, n = {card.n}")


def draw_groups(axes: Axes, card: Scorecard) -> None:
    """Draw accuracy by axis, language, modality and condition, the largest conditions first."""
    rows: list[tuple[str, Rate | float]] = []
    for group in GROUPS:
        rates: Mapping[str, Rate] = getattr(card.model, f"by_{group}")
        largest = sorted(rates.items(), key=lambda pair: -pair[1].n)
        rows += [(f"{group}: {name or 'none'}".replace("_", " "), rate) for name, rate in largest]
    rows = [(name.removeprefix("condition: "), rate) for name, rate in rows[:MOST_GROUPS]]
    draw_rates(axes, rows, [BLUE] * len(rows))
    named = [f"{name} (n={rate.n})" for name, rate in rows if isinstance(rate, Rate)]
    axes.set_yticks(range(len(rows)), named, fontsize=7)
    axes.set_title(f"By group, {card.model.name}, {origin(card)}, n = {card.n}")


def draw_benchmark(card: Scorecard, title: str) -> bytes:
    """Return one PNG with all charts of a scorecard."""
    figure = new_figure(15, 13)
    above, middle, below = np.asarray(figure.subfigures(3, 1, height_ratios=(0.9, 1.25, 0.95))).ravel()
    draw_levels(above.subplots(), card)
    left, right = np.asarray(middle.subfigures(1, 2, width_ratios=(1, 1.15))).ravel()
    draw_confusion(left.subplots(), card)
    draw_groups(right.subplots(), card)
    parts = np.asarray(below.subfigures(1, 3)).ravel()
    for part, draw in zip(parts, (draw_distances, draw_controls, draw_states), strict=True):
        draw(part.subplots(), card)
    figure.suptitle(title, fontsize=12)
    return as_png(figure)
