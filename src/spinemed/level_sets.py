"""Sets of sites compared: overlap, tolerant matching, distance, numbering shift, sides, transitional naming.

Definitions 6.2.4 to 6.2.9 of our evaluation design. Two sites are compared by their places on the axis of a
`Numbering`. Standard library only: metric folders carry this file.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Final, NamedTuple

from .levels import DEFAULT_NUMBERING, Level, Numbering, Site, position

FARTHEST: Final = 5.0
"""Steps that an unmatched site costs in `assignment_distance`, and the most that a match costs."""
Pair = tuple[Collection[str], Collection[str]]
"""The predicted and the gold sites of one item."""
SHIFTS: Final = (-2, -1, 0, 1, 2)
SIDES: Final = ("left", "right", "both", "central", "none")


class Overlap(NamedTuple):
    """How two sets agree; `hits` of the sites match, `predicted` and `gold` are the sizes."""

    hits: int
    predicted: int
    gold: int

    @property
    def precision(self) -> float:
        """Share of the predicted sites that match; 1 where both sets are empty, 0 where one is."""
        return self._share(self.predicted)

    @property
    def recall(self) -> float:
        """Share of the gold sites that are matched; 1 where both sets are empty, 0 where one is."""
        return self._share(self.gold)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall: 2 hits / (predicted + gold)."""
        whole = self.predicted + self.gold
        return 2 * self.hits / whole if whole else 1.0

    @property
    def jaccard(self) -> float:
        """Intersection over union."""
        union = self.predicted + self.gold - self.hits
        return self.hits / union if union else 1.0

    def _share(self, count: int) -> float:
        if not self.predicted and not self.gold:
            return 1.0
        return self.hits / count if count else 0.0


def strict_overlap(predicted: Collection[Hashable], gold: Collection[Hashable]) -> Overlap:
    """Return how many sites are in both sets; spellings are canonical.

    >>> strict_overlap({"L4-L5", "L5-S1"}, {"L4-L5"}).f1, strict_overlap(set(), set()).f1
    (0.6666666666666666, 1.0)
    """
    return Overlap(len(set(predicted) & set(gold)), len(set(predicted)), len(set(gold)))


def tolerant_overlap(
    predicted: Collection[str],
    gold: Collection[str],
    numbering: Numbering = DEFAULT_NUMBERING,
    reach: float = 1.0,
) -> Overlap:
    """Return the most pairs of sites within `reach` steps, each site used once; never fewer than strict.

    On a line the greedy choice from the head down is a maximum matching. A reach of 0.5 relaxes the kind
    alone: L4 then matches L4-L5, and no neighbour of its own kind.

    >>> tolerant_overlap({"L3-L4", "L5-S1"}, {"L4-L5", "L5-S1"}).hits
    2
    >>> tolerant_overlap({"L4", "L5"}, {"L4-L5"}, reach=0.5).f1
    0.6666666666666666
    """
    mine, theirs = _places(predicted, numbering), _places(gold, numbering)
    hits = place = 0
    for spot in mine:
        while place < len(theirs) and theirs[place] < spot - reach:
            place += 1
        if place < len(theirs) and theirs[place] <= spot + reach:
            hits += 1
            place += 1
    return Overlap(hits, len(mine), len(theirs))


def assignment_distance(
    predicted: Collection[str],
    gold: Collection[str],
    numbering: Numbering = DEFAULT_NUMBERING,
    farthest: float = FARTHEST,
) -> float:
    """Return the least mean cost of a matching, 0 to `farthest` steps.

    A pair costs min(d, farthest), a site alone `farthest`; divided by the size of the larger
    set. A vertebra and a disc are matched too, half a step or more apart. Both empty give 0, one empty
    gives `farthest`.

    >>> assignment_distance({"L3-L4"}, {"L4-L5"}), assignment_distance({"L4"}, {"L4", "L5"})
    (1.0, 2.5)
    """
    mine, theirs = _places(predicted, numbering), _places(gold, numbering)
    larger = max(len(mine), len(theirs))
    return _cheapest(mine, theirs, farthest) / larger if larger else 0.0


def _cheapest(mine: Sequence[float], theirs: Sequence[float], farthest: float) -> float:
    """Return the least sum of costs: min(d, farthest) for each pair, `farthest` for each place left over.

    Two crossing pairs that both cost less than `farthest` never cost less than the same places uncrossed, so
    it is enough to look at pairs in order; a pair at the cap is the same as no pair.
    """
    # best[j]: the most that pairs among the places so far and the first j of `theirs` save.
    best = [0.0] * (len(theirs) + 1)
    for spot in mine:
        last = best[:]
        for column, place in enumerate(theirs, start=1):
            saved = max(0.0, farthest - abs(spot - place))
            best[column] = max(last[column], best[column - 1], last[column - 1] + saved)
    return max(len(mine), len(theirs)) * farthest - best[-1]


def numbering_shift(pairs: Sequence[Pair], numbering: Numbering = DEFAULT_NUMBERING) -> int:
    """Return the s in -2..2 that, added to all predicted sites of a case, makes most of them gold.

    `pairs` are (predicted, gold) of the items of one case. -1 means that all was named one level too low. A
    tie goes to the smallest |s|, then to the negative one.

    >>> numbering_shift([({"L5", "S1"}, {"L4", "L5"})]), numbering_shift([({"L4"}, {"L4"})])
    (-1, 0)
    """

    def hits(shift: int) -> int:
        return sum(len(moved(predicted, shift, numbering) & set(gold)) for predicted, gold in pairs)

    return max(SHIFTS, key=lambda shift: (hits(shift), -abs(shift), shift < 0))


def is_numbering_error(pairs: Sequence[Pair], numbering: Numbering = DEFAULT_NUMBERING) -> bool:
    """Tell whether one wrong count explains a case: a shift lifts its set F1 from below 0.5 to above 0.9.

    >>> is_numbering_error([({"L4-L5", "L5-S1"}, {"L3-L4", "L4-L5"})]), is_numbering_error([({"L4"}, {"L5"})])
    (False, True)
    """
    shift = numbering_shift(pairs, numbering)
    if shift == 0 or pooled(strict_overlap(*pair) for pair in pairs).f1 >= 0.5:
        return False
    corrected = [strict_overlap(moved(predicted, shift, numbering), gold) for predicted, gold in pairs]
    return pooled(corrected).f1 > 0.9


def pooled(overlaps: Iterable[Overlap]) -> Overlap:
    """Return the overlap of several items counted together (micro average).

    >>> pooled([Overlap(1, 1, 2), Overlap(1, 2, 1)])
    Overlap(hits=2, predicted=3, gold=3)
    """
    total = Overlap(0, 0, 0)
    for one in overlaps:
        total = Overlap(*(sum(both) for both in zip(total, one, strict=True)))
    return total


def moved(sites: Iterable[str], steps: int, numbering: Numbering = DEFAULT_NUMBERING) -> set[str]:
    """Return sites moved along a numbering, caudal positive; what would leave the spine is left out.

    >>> sorted(moved({"L4-L5", "C1"}, -1)), sorted(moved({"L5"}, 1))
    (['L3-L4'], ['S1'])
    """
    levels = numbering.levels
    places = {level: place for place, level in enumerate(levels)}
    found = set()
    for name in sites:
        site = Site.parse(name)
        place = places.get(site.upper, -len(levels)) + steps
        if 0 <= place < len(levels) - site.is_segment:
            found.add(str(Site(levels[place], levels[place + 1] if site.is_segment else None)))
    return found


def side_parts(side: str) -> frozenset[str]:
    """Return a side as a set: both is left and right, "none" is empty, central stands for itself.

    An unknown word raises ValueError.

    >>> sorted(side_parts("both")), side_overlap("both", "left").f1
    (['left', 'right'], 0.6666666666666666)
    """
    if side not in SIDES:
        raise ValueError(f"side {side!r} is unknown; name one of {', '.join(SIDES)}")
    return frozenset({"both": ("left", "right"), "none": ()}.get(side, (side,)))


def side_overlap(predicted: str, gold: str) -> Overlap:
    """Return how two sides agree as sets over left and right."""
    mine, theirs = side_parts(predicted), side_parts(gold)
    return Overlap(len(mine & theirs), len(mine), len(theirs))


def is_wrong_plan(predicted: Collection[str], gold: Collection[str]) -> bool:
    """Tell whether a plan would be done at a wrong level: one not in the gold set, or a gold level missing.

    >>> is_wrong_plan({"L4-L5"}, {"L4-L5"}), is_wrong_plan({"L4-L5"}, {"L4-L5", "L5-S1"})
    (False, True)
    """
    return set(predicted) != set(gold)


_LOWER_SACRUM: Final = {"S1": "S2", "S2": "S3", "S1-S2": "S2-S3"}
_RENAMED: Final[dict[int, tuple[dict[str, str], ...]]] = {
    # The labels count six: the reply calls the lowest one S1 (lumbarised).
    6: ({"S1": "L6", "S2": "S1", "S3": "S2", "L5-S1": "L5-L6", "S1-S2": "L6-S1", "S2-S3": "S1-S2"},),
    # The labels count five: the reply calls a lumbarised S1 L6, or a sacralised L5 S1.
    5: (
        {**_LOWER_SACRUM, "L6": "S1", "L5-L6": "L5-S1", "L6-S1": "S1-S2"},
        {"S1": "L5", "S2": "S1", "L4-S1": "L4-L5", "S1-S2": "L5-S1", "S2-S3": "S1-S2"},
    ),
    # The labels count four: the reply calls the top of the sacrum L5.
    4: ({**_LOWER_SACRUM, "L5": "S1", "L4-L5": "L4-S1", "L5-S1": "S1-S2"},),
}


def renamings(predicted: Collection[str], numbering: Numbering) -> list[set[str]]:
    """Return the sets that a reply means under the names that a transitional vertebra also goes by.

    The first is the reply itself. L6 is also a lumbarised S1, a sacralised L5 also S1; the vertebrae below
    are renamed with it. The caller decides which items are transitional.

    >>> [sorted(one) for one in renamings({"L5-S1"}, Numbering(lumbar=6))]
    [['L5-S1'], ['L5-L6']]
    """
    found = [set(predicted)]
    for names in _RENAMED[numbering.lumbar]:
        other = {names.get(site, site) for site in predicted}
        if other not in found:
            found.append(other)
    return found


def numbering_of(text: str) -> Numbering:
    """Return the numbering of "7-12-5", "7-12-5-5", of a variant such as "L6" or "L4_only", or of "".

    Variants are T13, T11_only, L6, L4_only and L5_sacralised. A sacralised L5 keeps its name, so
    it counts as five. Anything else raises ValueError.

    >>> [str(numbering_of(text)) for text in ("7-12-6", "L4_only", "T13", "")]
    ['7-12-6-5', '7-12-4-5', '7-13-5-5', '7-12-5-5']
    """
    variants = {
        "": Numbering(), "L5_sacralised": Numbering(), "L6": Numbering(lumbar=6),
        "L4_only": Numbering(lumbar=4), "T13": Numbering(thoracic=13), "T11_only": Numbering(thoracic=11),
    }  # fmt: skip
    if text in variants:
        return variants[text]
    parts = text.split("-")
    if len(parts) not in (3, 4) or parts[0] != "7" or not all(part.isdigit() for part in parts):
        raise ValueError(f"numbering {text!r} is not like '7-12-5' and none of {', '.join(variants)[2:]}")
    return Numbering(int(parts[1]), int(parts[2]))


def numbering_for(sites: Iterable[str], numbering: Numbering = DEFAULT_NUMBERING) -> Numbering:
    """Return a numbering that also has the T13 and L6 that sites name.

    >>> str(numbering_for({"L6-S1"})), str(numbering_for({"L4"}))
    ('7-12-6-5', '7-12-5-5')
    """
    named = {name for site in sites for name in site.split("-")}
    return Numbering(13 if "T13" in named else numbering.thoracic, 6 if "L6" in named else numbering.lumbar)


def place_of(site: str, numbering: Numbering = DEFAULT_NUMBERING) -> float:
    """Return the place of a site on a numbering's axis; what it lacks stands where one with it has it.

    So T12-L1 keeps a place beside T13, half a step below T12, and an L5 where there are four lumbar vertebrae
    stands on S1.

    >>> place_of("L5-S1"), place_of("L5-S1", Numbering(lumbar=6)), place_of("L5", Numbering(lumbar=4))
    (24.5, 24.5, 24.0)
    """
    try:
        return position(site, numbering)
    except ValueError:
        upper = Site.parse(site).upper
        own = numbering if upper in numbering.levels else _with(upper, numbering)
        return position(upper, own) + (0.5 if "-" in site else 0.0)


def _with(level: Level, numbering: Numbering) -> Numbering:
    if level.region == "thoracic":
        return Numbering(max(numbering.thoracic, level.number), numbering.lumbar)
    return Numbering(numbering.thoracic, max(numbering.lumbar, level.number))


def _places(sites: Collection[str], numbering: Numbering) -> list[float]:
    """Return the places of distinct sites from the head down."""
    return sorted(place_of(site, numbering) for site in set(sites))
