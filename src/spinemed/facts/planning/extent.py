"""Extent and side: the root a herniation compresses, and the levels to decompress, fuse or instrument."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, get_args

from spinemed.facts.planning.ruling import Ruling, claim, one_of
from spinemed.facts.planning.slip import meyerding
from spinemed.levels import (
    DEFAULT_NUMBERING,
    Level,
    Numbering,
    Site,
    above,
    axis_place,
    below,
    levels_between,
    site_of,
)

HerniationZone = Literal["central", "subarticular", "foraminal", "extraforaminal"]
HerniationSide = Literal["left", "right", "midline"]
RootPart = Literal["traversing", "exiting"]
Access = Literal["interlaminar", "lateral_paramedian", "surgeon_choice"]
Construct = Literal["short", "long"]


class CompressedRoot(Ruling):
    """The nerve root that a herniation compresses; `root` is a name such as L5 or C8."""

    root: str
    part: RootPart
    side: HerniationSide


class Decompression(Ruling):
    """Segment and side of a decompression (`keyed`) and the usual way in (`access_keyed`)."""

    segment: str
    side: HerniationSide
    access: Access
    access_keyed: bool


class Instrumentation(Ruling):
    """Levels that carry implants, cranial to caudal, and the segments that they bridge."""

    instrumented: tuple[str, ...]
    segments: tuple[str, ...]


def _disc(segment: Site | str) -> tuple[Level, Level]:
    """Return the vertebrae of a cervical (C2-C3 to C7-T1) or lumbar (L1-L2 to L5-S1) disc; or ValueError."""
    place = site_of(segment)
    lumbar_or_cervical = place.region in ("cervical", "lumbar") and place.upper is not Level.C1
    usual = place.upper is not Level.L6 and place.lower is not None
    if not lumbar_or_cervical or not usual or place.lower is not below(place.upper):
        raise ValueError(
            f"{place} is no disc that this rule names roots for; pass C2-C3 to C7-T1 or L1-L2 to L5-S1 in "
            "the usual numbering (thoracic discs and extra vertebrae are left out)"
        )
    return place.upper, place.lower


def exiting_root(segment: Site | str) -> str:
    """Return the root that leaves through the foramen of a disc: L4 at L4-L5, C6 at C5-C6, C8 at C7-T1.

    Cervical roots leave above the vertebra of their number, lumbar ones below it. Thoracic segments, C1-C2
    and numberings with extra vertebrae are a ValueError.

    >>> exiting_root("L4-L5"), exiting_root("C5-C6"), exiting_root("C7-T1")
    ('L4', 'C6', 'C8')
    """
    upper, lower = _disc(segment)
    if upper.region == "lumbar":
        return upper.value
    return "C8" if lower is Level.T1 else lower.value


def traversing_root(segment: Site | str) -> str:
    """Return the root that crosses a lumbar disc in the lateral recess: L5 at L4-L5, S1 at L5-S1.

    A cervical or thoracic segment, which has no traversing root, is a ValueError.

    >>> traversing_root("L4-L5"), traversing_root("L5-S1")
    ('L5', 'S1')
    """
    upper, lower = _disc(segment)
    if upper.region != "lumbar":
        raise ValueError(f"{upper.value}-{lower.value} has no traversing root; pass L1-L2 to L5-S1")
    return lower.value


def _check_side(zone: HerniationZone, side: HerniationSide) -> None:
    one_of(zone, get_args(HerniationZone), "zone")
    one_of(side, get_args(HerniationSide), "side")
    if side == "midline" and zone != "central":
        raise ValueError(f"side is 'midline' with zone {zone!r}; pass 'left' or 'right'")


def compressed_root(segment: Site | str, zone: HerniationZone, side: HerniationSide) -> CompressedRoot:
    """Return the root that a herniation of this disc, zone and side compresses.

    Lumbar: subarticular (paracentral) takes the traversing root, foraminal and extraforaminal the exiting
    one. Cervical: the exiting root in each lateral zone. A central herniation compresses sac or cord, so its
    root is not keyed. A lateral zone on the midline is a ValueError.

    >>> compressed_root("L4-L5", "subarticular", "left").root
    'L5'
    >>> compressed_root("L4-L5", "extraforaminal", "left").root
    'L4'
    """
    _check_side(zone, side)
    upper, _ = _disc(segment)
    part: RootPart = "exiting"
    if upper.region == "lumbar" and zone in ("central", "subarticular"):
        part = "traversing"
    root = traversing_root(segment) if part == "traversing" else exiting_root(segment)
    return CompressedRoot(
        keyed=zone != "central", source="herniation_anatomy", root=root, part=part, side=side
    )


def herniation_decompression(
    segment: Site | str, zone: HerniationZone, side: HerniationSide
) -> Decompression:
    """Return the segment and side to decompress for this herniation, and the usual way in.

    The operated segment is the herniated one, from the side of the herniation, whichever root it takes; a
    midline herniation leaves the side open. The way in is keyed for a lumbar subarticular herniation alone
    (interlaminar): far lateral ones are reached by a lateral, midline or combined way, cervical ones from
    the front or the back.

    >>> plan = herniation_decompression("L4-L5", "subarticular", "right")
    >>> plan.segment, plan.side, plan.access
    ('L4-L5', 'right', 'interlaminar')
    """
    _check_side(zone, side)
    upper, lower = _disc(segment)
    access: Access = "surgeon_choice"
    if upper.region == "lumbar":
        if zone in ("central", "subarticular"):
            access = "interlaminar"
        elif zone == "extraforaminal":
            access = "lateral_paramedian"
    return Decompression(
        keyed=side != "midline",
        source="herniation_anatomy",
        segment=f"{upper.value}-{lower.value}",
        side=side,
        access=access,
        access_keyed=upper.region == "lumbar" and zone == "subarticular",
    )


def _bridged(levels: tuple[Level, ...]) -> tuple[str, ...]:
    return tuple(str(Site(upper, lower)) for upper, lower in pairwise(levels))


def segment_fusion(
    first: Level | str, last: Level | str, numbering: Numbering = DEFAULT_NUMBERING
) -> Instrumentation:
    """Return the levels that a fusion from `first` to `last` instruments and the segments that it bridges.

    A fusion of one segment instruments its two vertebrae. One level alone, or a level below S1 or above C2,
    is a ValueError. This is a definition, no recommendation.

    >>> segment_fusion("L3", "L5").segments
    ('L3-L4', 'L4-L5')
    """
    levels = levels_between(first, last, numbering)
    if len(levels) < 2 or levels[0] < Level.C2 or levels[-1] > Level.S1:
        raise ValueError(
            f"a fusion from {Level(first).value} to {Level(last).value} is not described here; pass two "
            "different levels from C2 to S1"
        )
    return Instrumentation(
        keyed=True,
        source="definition",
        instrumented=tuple(level.value for level in levels),
        segments=_bridged(levels),
    )


def fracture_fixation(
    fracture: Level | str,
    construct: Construct,
    include_fractured: bool = False,
    numbering: Numbering = DEFAULT_NUMBERING,
) -> Instrumentation:
    """Return the pedicle screw levels for one fractured vertebra: short = 1 above and below, long = 2 and 2.

    `include_fractured` adds screws in the fractured vertebra. Which construct to choose is the surgeon's
    matter; the levels of a named construct are keyed. All screws must lie in T1 to S1, otherwise ValueError.
    Source: PMC7452221 (short), PMC3990854 (long).

    >>> fracture_fixation("L1", "short").instrumented
    ('T12', 'L2')
    >>> fracture_fixation("L1", "long", include_fractured=True).instrumented
    ('T11', 'T12', 'L1', 'L2', 'L3')
    """
    one_of(construct, get_args(Construct), "construct")
    broken = Level(fracture)
    axis_place(broken, numbering)
    steps = 1 if construct == "short" else 2
    first, last = broken, broken
    if Level.T1 <= broken <= Level.L6:
        for _ in range(steps):
            first, last = above(first, numbering), below(last, numbering)
    if first is last or first < Level.T1 or last > Level.S1:
        raise ValueError(
            f"a {construct} construct around {broken.value} leaves T1 to S1; pass a fracture further from "
            "the ends or the short construct"
        )
    levels = levels_between(first, last, numbering)
    with_screws = claim(include_fractured, "include_fractured")
    return Instrumentation(
        keyed=True,
        source="burst_fixation",
        instrumented=tuple(level.value for level in levels if with_screws or level is not broken),
        segments=_bridged(levels),
    )


def slip_fusion(segment: Site | str, slip_percent: float) -> Instrumentation:
    """Return the levels to fuse for an isthmic or dysplastic slip that is operated.

    L5-S1 of low grade (to 50 percent): L5 to S1, keyed. L5-S1 of high grade: L4 to S1 in situ, one of
    several methods and not keyed. Another lumbar segment: its two vertebrae, not keyed, since a repair of
    the pars may serve. No slip, and segments outside L1-L2 to L5-S1, are a ValueError. Source: PMID 16885480,
    abstract.

    >>> slip_fusion("L5-S1", 30).instrumented, slip_fusion("L5-S1", 70).instrumented
    (('L5', 'S1'), ('L4', 'L5', 'S1'))
    """
    upper, lower = _disc(segment)
    grade = meyerding(slip_percent)
    if upper.region != "lumbar" or grade.grade == "0":
        raise ValueError(
            f"no slip fusion for {upper.value}-{lower.value} with a slip of {slip_percent:g} percent; pass a "
            "lumbar segment and a slip above 0"
        )
    lumbosacral = lower is Level.S1
    first = above(upper) if lumbosacral and grade.high_grade else upper
    levels = levels_between(first, lower)
    return Instrumentation(
        keyed=lumbosacral and not grade.high_grade,
        source="adolescent_slip_2006",
        instrumented=tuple(level.value for level in levels),
        segments=_bridged(levels),
    )
