"""Extent rules: the root of each disc, the side of a decompression, the levels of fixation and fusion."""

from __future__ import annotations

from typing import Any

import pytest

from spinemed.facts.planning import (
    compressed_root,
    exiting_root,
    fracture_fixation,
    herniation_decompression,
    segment_fusion,
    slip_fusion,
    traversing_root,
)
from spinemed.levels import Numbering

LUMBAR = {"L1-L2": "L2", "L2-L3": "L3", "L3-L4": "L4", "L4-L5": "L5", "L5-S1": "S1"}
CERVICAL = {"C2-C3": "C3", "C3-C4": "C4", "C4-C5": "C5", "C5-C6": "C6", "C6-C7": "C7", "C7-T1": "C8"}


def test_lumbar_roots_exit_with_the_upper_vertebra_and_traverse_to_the_lower() -> None:
    for segment, traversing in LUMBAR.items():
        assert exiting_root(segment) == segment.split("-")[0]
        assert traversing_root(segment) == traversing


def test_cervical_roots_exit_above_the_vertebra_of_their_number_and_c8_above_t1() -> None:
    assert {segment: exiting_root(segment) for segment in CERVICAL} == CERVICAL
    for segment in CERVICAL:
        with pytest.raises(ValueError, match="no traversing root"):
            traversing_root(segment)


@pytest.mark.parametrize("site", ["L4", "C1-C2", "T5-T6", "T12-L1", "S1-S2", "L5-L6", "L6-S1", "L4-S1", "Co"])
def test_segments_whose_roots_are_not_named_here_are_refused(site: str) -> None:
    with pytest.raises(ValueError, match="is no disc that this rule names roots for"):
        exiting_root(site)


@pytest.mark.parametrize(
    ("segment", "zone", "root", "part"),
    [
        ("L4-L5", "subarticular", "L5", "traversing"),
        ("L4-L5", "foraminal", "L4", "exiting"),
        ("L4-L5", "extraforaminal", "L4", "exiting"),
        ("L3-L4", "extraforaminal", "L3", "exiting"),
        ("L5-S1", "subarticular", "S1", "traversing"),
        ("C5-C6", "subarticular", "C6", "exiting"),
        ("C5-C6", "foraminal", "C6", "exiting"),
        ("C7-T1", "foraminal", "C8", "exiting"),
    ],
)
def test_zone_and_segment_tell_the_compressed_root_on_either_side(
    segment: str, zone: Any, root: str, part: str
) -> None:
    for side in ("left", "right"):
        found = compressed_root(segment, zone, side)
        assert (found.root, found.part, found.side, found.keyed) == (root, part, side, True)


def test_a_central_herniation_keys_no_root() -> None:
    assert not compressed_root("L4-L5", "central", "midline").keyed
    assert not compressed_root("C5-C6", "central", "left").keyed


def test_a_lateral_zone_on_the_midline_and_unknown_words_are_refused() -> None:
    with pytest.raises(ValueError, match="side is 'midline'"):
        compressed_root("L4-L5", "foraminal", "midline")
    with pytest.raises(ValueError, match="zone is 'lateral'"):
        compressed_root("L4-L5", "lateral", "left")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="side is 'both'"):
        herniation_decompression("L4-L5", "foraminal", "both")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("segment", "zone", "side", "access", "keyed", "access_keyed"),
    [
        ("L4-L5", "subarticular", "left", "interlaminar", True, True),
        ("L4-L5", "central", "left", "interlaminar", True, False),
        ("L4-L5", "central", "midline", "interlaminar", False, False),
        ("L4-L5", "foraminal", "right", "surgeon_choice", True, False),
        ("L4-L5", "extraforaminal", "right", "lateral_paramedian", True, False),
        ("C5-C6", "subarticular", "right", "surgeon_choice", True, False),
    ],
)
def test_the_herniated_segment_is_decompressed_from_the_side_of_the_herniation(
    segment: str, zone: Any, side: Any, access: str, keyed: bool, access_keyed: bool
) -> None:
    plan = herniation_decompression(segment, zone, side)
    assert (plan.segment, plan.side, plan.access) == (segment, side, access)
    assert (plan.keyed, plan.access_keyed) == (keyed, access_keyed)


def test_a_short_construct_takes_one_level_each_way_and_a_long_one_two() -> None:
    assert fracture_fixation("L1", "short").instrumented == ("T12", "L2")
    assert fracture_fixation("L1", "short").segments == ("T12-L1", "L1-L2")
    assert fracture_fixation("T12", "long").instrumented == ("T10", "T11", "L1", "L2")
    assert fracture_fixation("T12", "short", include_fractured=True).instrumented == ("T11", "T12", "L1")


def test_the_levels_of_a_construct_follow_the_numbering_of_the_patient() -> None:
    assert fracture_fixation("L1", "short", numbering=Numbering(thoracic=13)).instrumented == ("T13", "L2")
    assert fracture_fixation("L5", "short", numbering=Numbering(lumbar=6)).instrumented == ("L4", "L6")
    with pytest.raises(ValueError, match="T13 does not exist"):
        fracture_fixation("T13", "short")


@pytest.mark.parametrize(
    ("fracture", "construct"),
    [("T1", "short"), ("T2", "long"), ("L5", "long"), ("S1", "short"), ("C5", "short"), ("Co", "short")],
)
def test_a_construct_that_leaves_the_thoracolumbar_spine_is_refused(fracture: str, construct: Any) -> None:
    with pytest.raises(ValueError, match="leaves T1 to S1"):
        fracture_fixation(fracture, construct)


@pytest.mark.parametrize(
    ("fracture", "construct"), [("T2", "short"), ("T3", "long"), ("L5", "short"), ("L4", "long")]
)
def test_a_construct_that_just_fits_is_given(fracture: str, construct: Any) -> None:
    assert fracture_fixation(fracture, construct).keyed


def test_a_fusion_instruments_every_level_from_first_to_last() -> None:
    fusion = segment_fusion("L4", "L5")
    assert (fusion.instrumented, fusion.segments) == (("L4", "L5"), ("L4-L5",))
    assert segment_fusion("S1", "L4").segments == ("L4-L5", "L5-S1")
    assert segment_fusion("L5", "S1", Numbering(lumbar=6)).segments == ("L5-L6", "L6-S1")
    for first, last in (("L4", "L4"), ("C1", "C2"), ("L5", "S2")):
        with pytest.raises(ValueError, match="is not described here"):
            segment_fusion(first, last)


def test_a_lumbosacral_slip_is_fused_from_l5_and_a_high_one_from_l4() -> None:
    low, high = slip_fusion("L5-S1", 50), slip_fusion("L5-S1", 51)
    assert (low.instrumented, low.keyed) == (("L5", "S1"), True)
    assert (high.instrumented, high.keyed) == (("L4", "L5", "S1"), False)
    other = slip_fusion("L4-L5", 20)
    assert (other.instrumented, other.keyed) == (("L4", "L5"), False)
    for segment, slip in (("C5-C6", 20), ("L5-S1", 0)):
        with pytest.raises(ValueError, match="no slip fusion"):
            slip_fusion(segment, slip)
