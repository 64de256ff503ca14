"""Evidence that pictures are not read: against control runs, what needs no picture, and chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spinemed.bench.faults.evidence import absence_of, estimate
from spinemed.bench.faults.signs import answered, excess
from spinemed.bench.scoring.measure import Reading
from spinemed.bench.scoring.scorecard import Sign

MARGIN = 0.15  # a gain smaller than this is none, where no gain is seen
HALF = 0.5  # share of answers that may stay the same without the picture
HIDING = ("blank", "text", "wrong_image")


def blindness_signs(
    readings: Sequence[Reading],
    baselines: Mapping[str, Sequence[str]],
    controls: Mapping[str, Sequence[Reading]],
) -> list[Sign]:
    """Return the signs of not reading pictures.

    `baselines` maps "text" and "place" to the letter that each answers to every reading's item; `controls`
    maps the name of a control run that hides the picture to its readings.
    """
    signs = []
    for name in HIDING:
        if name in controls:
            signs += control_signs(name, readings, controls[name])
    for name, letters in baselines.items():
        signs += baseline_signs(name, readings, letters)
    return [*signs, chance_sign(readings)]


def control_signs(name: str, readings: Sequence[Reading], control: Sequence[Reading]) -> list[Sign]:
    """Return whether answers stay the same without the picture, and whether it adds nothing to accuracy."""
    others = {one.item.id: one for one in control}
    with_pictures = [one for one in answered(readings) if one.item.id in others and one.item.width]
    both = [one for one in with_pictures if others[one.item.id].status == "answered"]
    same = [float(one.text == others[one.item.id].text) for one in both]
    gains = [float(one.correct) - others[one.item.id].correct for one in with_pictures]
    return [
        excess("picture_ignored", name, same, [HALF] * len(both), both),
        no_gain("picture_no_gain", name, with_pictures, gains),
    ]


def no_gain(
    rule: str, about: str, readings: Sequence[Reading], gains: Sequence[float], *, both: bool = False
) -> Sign:
    """Return the sign that the readings' answers gain nothing over another way to answer."""
    count = len(readings)
    right = sum(one.correct for one in readings) / count if count else 0.0
    found = estimate(gains, [one.item.patient for one in readings]) if count else None
    other = right - sum(gains) / count if count else 0.0
    return absence_of(rule, about, found, n=count, share=right, expected=other, margin=MARGIN, both=both)


def baseline_signs(name: str, readings: Sequence[Reading], letters: Sequence[str]) -> list[Sign]:
    """Return whether a baseline's errors are repeated, and whether nothing is gained over it."""
    given = [(one, letter) for one, letter in zip(readings, letters, strict=True) if one.status == "answered"]
    wrong = [(one, letter) for one, letter in given if letter != one.item.answer]
    same = [float(one.letter == letter) for one, letter in wrong]
    by_luck = [0.0 if one.correct else 1 / (len(one.item.options) - 1) for one, _ in wrong]
    gains = [float(one.correct) - (letter == one.item.answer) for one, letter in given]
    return [
        excess(f"follows_{name}", "", same, by_luck, [one for one, _ in wrong]),
        no_gain(f"not_above_{name}", "", [one for one, _ in given], gains),
    ]


def chance_sign(readings: Sequence[Reading]) -> Sign:
    """Return the sign that answers are right as often as guesses, no more and no less."""
    given = answered(readings)
    gains = [float(one.correct) - 1 / len(one.item.options) for one in given]
    return no_gain("chance", "", given, gains, both=True)
