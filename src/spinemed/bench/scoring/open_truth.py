"""What is right for an open question: sites, a side, or neither; and whether a reply has it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from spinemed.bench.items import Item
from spinemed.level_grammar import parse_levels

REPORT: Final = "report"  # the task whose answers are whole reports
SOMEWHERE: Final = "L4-L5"  # the grammar tells a side of a site only, so a side alone is read beside this one
NO_SIDE: Final = re.compile(
    r"\bedge|\b(?:neither|no|not)\b|边缘|[不未无]", re.IGNORECASE
)  # of a picture, or denied
BETWEEN: Final = re.compile(
    r"(?:\b(?:and|the|at|vertebra|disc|level|left|right)\b|[\s,;.。、，和左右侧()（）])+"
)


class Truth(NamedTuple):
    """The right sites in canonical spelling, from head to tail, and the right side; empty where not asked.

    `is_level_given` says that the question has the level already and asks for the side alone.
    """

    sites: tuple[str, ...]
    side: str
    is_level_given: bool = False


def truth_of(item: Item) -> Truth:
    """Return what an item's right answer states; all empty where it is neither sites nor a side.

    An answer in whole words that merely speaks of a level is not the name of a level, and the left edge of a
    picture is not the patient's left.
    """
    text = item.truth
    sites = named_sites(text)
    if sites:
        return Truth(sites, parse_levels(text).side or "")
    side = side_alone(text)
    if side:
        return Truth(tuple(own_site(item)), side, True)
    return Truth((), "")


def named_sites(text: str) -> tuple[str, ...]:
    """Return the sites of a text that is nothing but their names; roots and regions are none.

    >>> named_sites("腰4/5"), named_sites("T12 to L2"), named_sites("the L5 root")
    (('L4-L5',), ('T12', 'L1', 'L2'), ())
    """
    found = parse_levels(text)
    sites = tuple(site for site in found.levels if ":" not in site)
    left = list(text)
    for mention in found.mentions:
        left[mention.start : mention.end] = " " * (mention.end - mention.start)
    return sites if sites and not BETWEEN.sub("", "".join(left)) else ()


def side_alone(text: str) -> str:
    """Return left, right or both where a text tells a side of the patient and no level, else "".

    "Central" is none: it says what is narrow as often as where. Sides of a picture and denied ones are none.

    >>> side_alone("the patient's left"), side_alone("双侧侧隐窝"), side_alone("the left edge")
    ('left', 'both', '')
    """
    if NO_SIDE.search(text) or parse_levels(text).levels:
        return ""
    side = parse_levels(f"{SOMEWHERE}: {text}").side
    return side if side in ("left", "right", "both") else ""


def own_site(item: Item) -> Sequence[str]:
    """Return the one site that an item asks about, or a stand-in where it has none or several."""
    return item.sites if len(item.sites) == 1 else (SOMEWHERE,)


def placed(reply: str, truth: Truth) -> str:
    """Return a reply to be read for its side: with the level of the question before it, unless it names one.

    >>> placed("On the left.", Truth(("L4-L5",), "left", True)), placed("L5, left", Truth(("L5",), "left"))
    ('L4-L5: On the left.', 'L5, left')
    """
    if not truth.is_level_given or any(":" not in site for site in parse_levels(reply).levels):
        return reply
    return f"{truth.sites[0]}: {reply}"


def is_right(item: Item, reply: str) -> bool:
    """Tell whether a reply to an open item names just the right sites, and the right side where one is asked.

    An item with neither has no right reply that could be told.
    """
    truth = truth_of(item)
    if not truth.sites:
        return False
    read = parse_levels(placed(reply, truth))
    sites = {site for site in read.levels if ":" not in site}
    return sites == set(truth.sites) and (not truth.side or read.side == truth.side)


def why_unscored(item: Item) -> str:
    """Return why an item cannot be scored, "" for one that can: a choice, a report, sites or a side.

    >>> from spinemed.bench.items import Item
    >>> item = Item("i", "?", (), "Pfirrmann II", "", "k", "MR", "p", True, None, 1.0, 9, 9)
    >>> why_unscored(item)
    'the answer names neither a level nor a side'
    """
    if item.options or item.task == REPORT or truth_of(item).sites:
        return ""
    levels = parse_levels(item.truth).levels
    if any(site.startswith("root:") for site in levels):
        return "the answer is a nerve root"
    return "the answer is more than levels" if levels else "the answer names neither a level nor a side"
