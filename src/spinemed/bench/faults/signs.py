"""The evidence that a diagnosis rests on, counted from what was read: forms, habits, misreadings, groups.

Every sign is an excess over what an answerer without the fault would show, on the items on which the fault
could show at all. Signs about answers look at answered items alone, so that a refusal is no wrong answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from spinemed.bench.faults.evidence import Compared, contrast, estimate, nothing, sign_of
from spinemed.bench.items import Item
from spinemed.bench.scoring.join import is_site
from spinemed.bench.scoring.measure import Reading
from spinemed.bench.scoring.scorecard import Sign
from spinemed.levels import Numbering, Site, signed_distance

TOLERATED = 0.05  # share of refused, cut off or unreadable replies that is no fault
CONFLICTS = 0.02  # share of answers whose letter and wording disagree that is no fault
UNREADABLE = frozenset({"no_answer", "ambiguous", "out_of_range"})
LOWER_REGIONS = frozenset({"lumbar", "sacral"})
EDGES = re.compile(r"\bedge|边缘", re.IGNORECASE)  # of a picture: its left is not the patient's
SIDES = {
    "left": re.compile(r"\bleft\b|左", re.IGNORECASE),
    "right": re.compile(r"\bright\b|右", re.IGNORECASE),
}


def excess(
    rule: str, about: str, seen: Sequence[float], expected: Sequence[float], readings: Sequence[Reading]
) -> Sign:
    """Return the sign of what was seen item by item against what was expected."""
    if not readings:
        return nothing(rule, about, 0)
    differences = [one - other for one, other in zip(seen, expected, strict=True)]
    found = estimate(differences, [one.item.patient for one in readings])
    count = len(readings)
    return sign_of(rule, about, found, n=count, share=sum(seen) / count, expected=sum(expected) / count)


def answered(readings: Sequence[Reading]) -> list[Reading]:
    """Return the readings that commit to one answer."""
    return [one for one in readings if one.status == "answered"]


def form_signs(readings: Sequence[Reading]) -> list[Sign]:
    """Return signs of replies that are no answers: refused, cut off, unreadable."""
    states = {"refuses": {"refusal"}, "truncated": {"truncated"}, "unreadable": UNREADABLE}
    return [
        excess(
            rule, "", [float(one.status in names) for one in readings], [TOLERATED] * len(readings), readings
        )
        for rule, names in states.items()
    ]


def habit_signs(readings: Sequence[Reading]) -> list[Sign]:
    """Return signs of choosing by letter or by length, and of letters that contradict the wording."""
    given = [one for one in answered(readings) if one.item.options]
    letters = sorted({letter for one in given for letter in one.item.lettered})
    signs = []
    for letter in letters:
        offered = [one for one in given if letter in one.item.lettered]
        if 2 * len(offered) < len(given):
            continue  # a letter that few items have is no habit
        signs.append(
            excess(
                "letter", letter, [float(one.letter == letter) for one in offered],
                [float(one.item.answer == letter) for one in offered], offered,
            )
        )  # fmt: skip
    worded = [one for one in given if longest(one.item)]
    signs.append(
        excess(
            "longest", "", [float(one.text == longest(one.item)) for one in worded],
            [float(one.item.truth == longest(one.item)) for one in worded], worded,
        )
    )  # fmt: skip
    conflicts = [float(one.conflict) for one in given]
    return [*signs, excess("conflict", "", conflicts, [CONFLICTS] * len(given), given)]


def longest(item: Item) -> str:
    """Return the option that is longer than every other; "" if none is, or if options are levels.

    How long the name of a level is says where it lies, so that length is no habit there.
    """
    ordered = sorted(item.options, key=len)
    if len(ordered) < 2 or len(ordered[-1]) == len(ordered[-2]) or any(map(is_site, ordered)):
        return ""
    return ordered[-1]


def steps(site: str, truth: str) -> float | None:
    """Return signed level steps from `truth` to `site`, caudal positive; None where none can be counted.

    >>> steps("L5", "L4"), steps("L6", "L5"), steps("none", "L4")
    (1.0, 1.0, None)
    """
    if not (is_site(site) and is_site(truth)):
        return None
    named = {*site.split("-"), *truth.split("-")}
    numbering = Numbering(thoracic=13 if "T13" in named else 12, lumbar=6 if "L6" in named else 5)
    try:
        return float(signed_distance(site, truth, numbering))
    except ValueError:
        return None


def can_shift(item: Item, *shifts: int) -> bool:
    """Tell whether answers so many steps from the key can be given: any to an open item."""
    if not is_site(item.truth):
        return False
    return not item.options or set(shifts) <= {steps(text, item.truth) for text in item.options}


def level_signs(readings: Sequence[Reading]) -> list[Sign]:
    """Return signs of levels named one or two steps off in one direction, and of variants misnumbered.

    One step is held against one step the other way, two steps against one step the same way: who merely
    errs does both as often. Patients with a variant of the numbering are left to their own sign.
    """
    usual = [one for one in answered(readings) if not one.item.transitional]
    signs = []
    for shift, rival in ((-1, 1), (1, -1), (-2, -1), (2, 1)):
        able = [one for one in usual if can_shift(one.item, shift, rival)]
        signs.append(
            excess(
                "shift", f"{shift:+d}", [float(one.shift == shift) for one in able],
                [float(one.shift == rival) for one in able], able,
            )
        )  # fmt: skip
    return [*signs, transitional_sign(readings)]


def transitional_sign(readings: Sequence[Reading]) -> Sign:
    """Return the sign of lumbar levels misnumbered in patients with a variant more than in others."""
    named = [one for one in answered(readings) if one.shift is not None]
    lower = [one for one in named if Site.parse(one.item.truth).region in LOWER_REGIONS]
    return contrasted(
        "transitional", "", lower, lambda one: bool(one.item.transitional),
        lambda one: float(one.shift is not None and abs(one.shift) >= 1),
    )  # fmt: skip


def contrasted(
    rule: str,
    about: str,
    readings: Sequence[Reading],
    inside: Callable[[Reading], bool],
    outcome: Callable[[Reading], float],
) -> Sign:
    """Return the sign of an outcome that is more frequent inside a group, questions of a kind compared."""
    found, share, expected, count = contrast(
        [Compared(one.item.kind, inside(one), one.item.patient, outcome(one)) for one in readings]
    )
    return sign_of(rule, about, found, n=count, share=share, expected=expected)


def side_of(text: str) -> str:
    """Return left or right where a text names that side of a patient alone, else "".

    >>> side_of("left of the canal"), side_of("both the left and right ones"), side_of("the left edge")
    ('left', '', '')
    """
    named = [side for side, words in SIDES.items() if words.search(text)]
    return named[0] if len(named) == 1 and not EDGES.search(text) else ""


def is_mirrored(text: str, truth: str) -> bool:
    """Tell whether a text names the other side than the truth."""
    return bool(side_of(text)) and side_of(text) != side_of(truth)


def side_sign(readings: Sequence[Reading]) -> Sign:
    """Return the sign of the other side chosen more often than the right one."""
    able = [
        one
        for one in answered(readings)
        if side_of(one.item.truth) and any(is_mirrored(text, one.item.truth) for text in one.item.options)
    ]
    mirrored = [float(is_mirrored(one.text, one.item.truth)) for one in able]
    return excess("sides", "", mirrored, [float(one.correct) for one in able], able)


def region_of(item: Item) -> str:
    """Return the region of the level that an item asks about; "" without one."""
    return Site.parse(item.level).region if is_site(item.level) else ""


def group_signs(readings: Sequence[Reading]) -> list[Sign]:
    """Return signs of more wrong answers in one region, language or modality, where there are several."""
    given = answered(readings)
    names: Mapping[str, Callable[[Item], str]] = {
        "region": region_of,
        "language": lambda item: item.language,
        "modality": lambda item: item.modality,
    }
    signs = []
    for rule, name_of in names.items():
        named = [one for one in given if name_of(one.item)]
        groups = sorted({name_of(one.item) for one in named})
        for group in groups if len(groups) > 1 else ():
            signs.append(
                contrasted(
                    rule, group, named, lambda one, of=name_of, g=group: of(one.item) == g,  # type: ignore[misc]
                    lambda one: float(not one.correct),
                )
            )  # fmt: skip
    return [sign for sign in signs if sign.n]  # a group with its own kinds of questions compares with none
