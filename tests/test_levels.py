"""levels.py: order, neighbours, distance, sites and printing."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemed.levels import (
    DEFAULT_NUMBERING,
    Level,
    Numbering,
    Site,
    above,
    axis_place,
    below,
    distance,
    levels_between,
    position,
    render,
    signed_distance,
    style_names,
)

DEFAULT = DEFAULT_NUMBERING.levels
SEGMENTS = [f"{upper.value}-{lower.value}" for upper, lower in itertools.pairwise(DEFAULT)]
SITES = [level.value for level in DEFAULT] + SEGMENTS
sites = st.sampled_from(SITES)


def test_the_names_run_from_c1_to_the_coccyx_with_t13_and_l6():
    names = [level.value for level in Level]
    assert names[:8] == ["C1", "C2", "C3", "C4", "C5", "C6", "C7", "T1"]
    assert names[names.index("T12") : names.index("L1") + 1] == ["T12", "T13", "L1"]
    assert names[names.index("L5") : names.index("S1") + 1] == ["L5", "L6", "S1"]
    assert names[-2:] == ["S5", "Co"]


def test_smaller_means_more_cranial_and_not_earlier_in_the_alphabet():
    assert Level.C7 < Level.T1 < Level.T2 < Level.T10 < Level.L1 < Level.S1 < Level.Co
    assert Level.Co > Level.S5 and Level.T10 >= Level.T9 and Level.L1 <= Level.L1
    assert sorted([Level.S1, Level.L5, Level.T12, Level.C2]) == [Level.C2, Level.T12, Level.L5, Level.S1]


def test_the_axis_has_the_places_that_the_definition_names():
    places = {name: axis_place(name) for name in ("C1", "C7", "T1", "T12", "L1", "L4", "L5", "S1")}
    assert places == {"C1": 1, "C7": 7, "T1": 8, "T12": 19, "L1": 20, "L4": 23, "L5": 24, "S1": 25}
    assert position("L4-L5") == 23.5


def test_with_t13_or_l6_what_lies_below_moves_by_one():
    assert axis_place("L1", Numbering(thoracic=13)) == 21
    assert axis_place("S1", Numbering(lumbar=6)) == 26
    assert axis_place("S1", Numbering(thoracic=11, lumbar=4)) == 23
    assert position("L6-S1", Numbering(lumbar=6)) == 25.5


@pytest.mark.parametrize("numbering", [Numbering(t, n) for t in (11, 12, 13) for n in (4, 5, 6)], ids=str)
def test_above_undoes_below_in_every_numbering(numbering):
    for upper, lower in itertools.pairwise(numbering.levels):
        assert below(upper, numbering) is lower
        assert above(lower, numbering) is upper
        assert Site(upper, lower).middle(numbering) == axis_place(upper, numbering) + 0.5


def test_nothing_lies_above_c1_or_below_the_coccyx():
    with pytest.raises(ValueError, match="above C1"):
        above("C1")
    with pytest.raises(ValueError, match="below Co"):
        below("Co")


def test_a_level_outside_the_numbering_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"L6 does not exist in the numbering 7-12-5-5; pass Numbering"):
        distance("L6", "L5")
    with pytest.raises(ValueError, match="L5-S1 are not neighbours in the numbering 7-12-6-5"):
        position("L5-S1", Numbering(lumbar=6))
    with pytest.raises(ValueError, match="14 thoracic"):
        Numbering(thoracic=14)


def test_a_site_is_read_in_its_one_spelling_only():
    assert [str(Site.parse(text)) for text in SITES] == SITES
    assert str(Site.parse("T12-T13")) == "T12-T13"
    for wrong in ("l4", "L4/5", "L4/L5", "L4 ", "", "L5-L4", "L4-L4", "L4-L5-S1", "L3-L5", "C8", "S1-L5"):
        with pytest.raises(ValueError, match=r"canonical spelling|not a motion segment"):
            Site.parse(wrong)


def test_regions_follow_the_upper_vertebra():
    regions = [Site.parse(text).region for text in ("C7", "T1", "L6", "S1", "Co", "L5-S1", "T12-L1")]
    assert regions == ["cervical", "thoracic", "lumbar", "sacral", "coccygeal", "lumbar", "thoracic"]


@given(sites, sites, sites)
def test_distance_is_a_metric(a, b, c):
    assert distance(a, b) == distance(b, a) >= 0
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, c) <= distance(a, b) + distance(b, c)
    assert signed_distance(a, b) == -signed_distance(b, a)


@given(st.integers(0, 24), st.integers(0, 24), st.integers(-5, 5))
def test_shifting_both_sides_leaves_the_distance(first, second, shift):
    if 0 <= first + shift < 30 and 0 <= second + shift < 30:
        moved = distance(DEFAULT[first + shift], DEFAULT[second + shift])
        assert moved == distance(DEFAULT[first], DEFAULT[second])


def test_a_prediction_too_far_cranial_has_a_negative_sign():
    assert signed_distance("L3", "L4") == -1
    assert signed_distance("L5-S1", "L4-L5") == 1


def test_levels_between_takes_either_order_and_the_numbering():
    assert [level.value for level in levels_between("L2", "T11")] == ["T11", "T12", "L1", "L2"]
    assert Level.T13 in levels_between("T11", "L2", Numbering(thoracic=13))


def test_there_are_twenty_styles_and_more_and_an_unknown_one_is_refused():
    assert len(style_names()) >= 20
    assert render("L4-L5", "elided_hyphen") == "L4-5"
    assert render("L5-S1", "elided_hyphen") == "L5-S1"
    with pytest.raises(ValueError, match="unknown style 'morse'; known styles: canonical"):
        render("L4", "morse")
