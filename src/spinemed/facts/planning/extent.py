"""Extent and side: the root that a herniation compresses, and the levels to decompress, fuse or instrument."""

from __future__ import annotations

from typing import Literal

from spinemed.facts.planning.ruling import Ruling
from spinemed.levels import DEFAULT_NUMBERING, Level, Numbering, Site

HerniationZone = Literal["central", "subarticular", "foraminal", "extraforaminal"]
HerniationSide = Literal["left", "right", "midline"]
RootPart = Literal["traversing", "exiting"]
Access = Literal["interlaminar", "lateral_paramedian", "anterior_cervical", "surgeon_choice"]
Construct = Literal["short", "long"]


class CompressedRoot(Ruling):
    """The nerve root that a herniation compresses; `root` is a name such as L5 or C8."""

    root: str
    part: RootPart
    side: HerniationSide


class Decompression(Ruling):
    """Segment and side of a decompression and the usual way in."""

    segment: str
    side: HerniationSide
    access: Access


class Instrumentation(Ruling):
    """Levels that carry implants, cranial to caudal, and the segments that they bridge."""

    instrumented: tuple[str, ...]
    segments: tuple[str, ...]


def exiting_root(segment: Site | str, numbering: Numbering = DEFAULT_NUMBERING) -> str:
    """Return the root that leaves through the foramen of a segment: L4 at L4-L5, C6 at C5-C6, C8 at C7-T1."""
    raise NotImplementedError


def traversing_root(segment: Site | str, numbering: Numbering = DEFAULT_NUMBERING) -> str:
    """Return the root that crosses a lumbar disc in the lateral recess: L5 at L4-L5."""
    raise NotImplementedError


def compressed_root(
    segment: Site | str,
    zone: HerniationZone,
    side: HerniationSide,
    numbering: Numbering = DEFAULT_NUMBERING,
) -> CompressedRoot:
    """Return the root that a herniation of this segment, zone and side compresses."""
    raise NotImplementedError


def herniation_decompression(
    segment: Site | str,
    zone: HerniationZone,
    side: HerniationSide,
    numbering: Numbering = DEFAULT_NUMBERING,
) -> Decompression:
    """Return the segment, side and way in of a decompression for this herniation."""
    raise NotImplementedError


def fracture_fixation(
    fracture: Level | str,
    construct: Construct,
    include_fractured: bool = False,
    numbering: Numbering = DEFAULT_NUMBERING,
) -> Instrumentation:
    """Return the pedicle screw levels: short = one above and one below, long = two and two."""
    raise NotImplementedError


def slip_fusion(segment: Site | str, numbering: Numbering = DEFAULT_NUMBERING) -> Instrumentation:
    """Return the levels of a one-segment fusion for a slip of this segment."""
    raise NotImplementedError
