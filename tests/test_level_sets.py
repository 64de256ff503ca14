"""level_sets.py: overlap, matching, distance, numbering shift, sides, plans, transitional names."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from spinemed.level_grammar import parse_levels
from spinemed.level_sets import (
    FARTHEST,
    Overlap,
    assignment_distance,
    is_numbering_error,
    is_wrong_plan,
    moved,
    numbering_for,
    numbering_of,
    numbering_shift,
    place_of,
    pooled,
    renamings,
    side_overlap,
    side_parts,
    strict_overlap,
    tolerant_overlap,
)
from spinemed.levels import DEFAULT_NUMBERING, Numbering, distance, render, style_names

LEVELS = [level.value for level in DEFAULT_NUMBERING.levels[:25]]
SEGMENTS = [f"{upper}-{lower}" for upper, lower in itertools.pairwise(LEVELS)]
SITES = LEVELS + SEGMENTS
sets = st.sets(st.sampled_from(SITES), max_size=6)
few = settings(max_examples=50, deadline=None)
near = st.sets(st.sampled_from(SITES[15:25] + SEGMENTS[15:]), max_size=7)


def scores(overlap: Overlap) -> tuple[float, float, float, float]:
    return overlap.precision, overlap.recall, overlap.f1, overlap.jaccard


@few
@given(sets, sets)
def test_f1_and_jaccard_are_symmetric_and_precision_swaps_with_recall(mine, theirs):
    one, other = strict_overlap(mine, theirs), strict_overlap(theirs, mine)
    assert (one.f1, one.jaccard) == (other.f1, other.jaccard)
    assert (one.precision, one.recall) == (other.recall, other.precision)
    assert tolerant_overlap(mine, theirs).f1 == tolerant_overlap(theirs, mine).f1


@few
@given(near, near)
def test_f1_is_one_just_where_the_sets_are_equal(mine, theirs):
    assert (strict_overlap(mine, theirs).f1 == 1) == (mine == theirs)
    assert (strict_overlap(mine, theirs).jaccard == 1) == (mine == theirs)
    assert (assignment_distance(mine, theirs) == 0) == (mine == theirs)


@few
@given(near, near)
def test_tolerant_scores_are_never_below_strict_ones(mine, theirs):
    strict, tolerant = strict_overlap(mine, theirs), tolerant_overlap(mine, theirs)
    relaxed = tolerant_overlap(mine, theirs, reach=0.5)
    for low, middle, high in zip(scores(strict), scores(relaxed), scores(tolerant), strict=True):
        assert 0 <= low <= middle <= high <= 1


def test_both_empty_agree_and_one_empty_does_not():
    assert scores(strict_overlap([], [])) == (1, 1, 1, 1)
    assert scores(strict_overlap([], ["L4"])) == scores(strict_overlap(["L4"], [])) == (0, 0, 0, 0)
    assert (assignment_distance([], []), assignment_distance([], ["L4"])) == (0, FARTHEST)


@few
@given(near, near)
def test_the_greedy_matching_is_as_large_as_that_of_scipy(mine, theirs):
    hits = tolerant_overlap(mine, theirs).hits
    if not mine or not theirs:
        assert hits == 0
        return
    gaps = np.abs(np.subtract.outer([place_of(a) for a in mine], [place_of(b) for b in theirs]))
    partners = maximum_bipartite_matching(csr_matrix(gaps <= 1), perm_type="column")
    assert hits == (partners >= 0).sum()


@few
@given(sets, sets)
def test_the_assignment_distance_is_that_of_scipy(mine, theirs):
    size = max(len(mine), len(theirs))
    if not size:
        return
    costs = np.full((size, size), FARTHEST)
    for row, a in enumerate(mine):
        for column, b in enumerate(theirs):
            costs[row, column] = min(distance(a, b), FARTHEST)
    best = costs[linear_sum_assignment(costs)].sum() / size
    assert assignment_distance(mine, theirs) == pytest.approx(best)


@few
@given(near, near, near)
def test_the_distance_is_symmetric_and_unscaled_obeys_the_triangle(a, b, c):
    def unscaled(x, y):
        return assignment_distance(x, y) * max(len(x), len(y))

    assert assignment_distance(a, b) == assignment_distance(b, a) >= 0
    assert unscaled(a, c) <= unscaled(a, b) + unscaled(b, c) + 1e-9


@few
@given(st.sets(st.sampled_from(LEVELS[5:20] + SEGMENTS[5:19])), st.integers(-2, 2))
def test_shifting_both_sides_leaves_every_score(sites, steps):
    other = moved(sites, 1)
    assert moved(moved(sites, steps), -steps) == sites
    for score in (strict_overlap, tolerant_overlap, assignment_distance):
        assert score(moved(sites, steps), moved(other, steps)) == score(sites, other)


@pytest.mark.parametrize("style", style_names())
def test_a_set_of_rendered_sites_is_read_back_and_reading_again_changes_nothing(style):
    for chosen in (SITES, SITES[::-1]):
        read = {site for one in chosen for site in parse_levels(render(one, style)).levels}
        assert strict_overlap(read, SITES).f1 == 1
        assert {site for one in read for site in parse_levels(one).levels} == read


def test_a_shift_is_what_must_be_added_to_what_was_named():
    gold = {"L3-L4", "L4-L5"}
    assert numbering_shift([({"L4-L5", "L5-S1"}, gold)]) == -1
    assert numbering_shift([({"L1-L2", "L2-L3"}, gold)]) == 2
    assert numbering_shift([({"C3"}, gold)]) == 0
    assert numbering_shift([({"L5"}, {"L4"}), ({"S1"}, {"L5"}), ({"L2"}, {"L2"})]) == -1


def test_one_wrong_count_is_one_numbering_error():
    low = [({"L4-L5", "L5-S1"}, {"L3-L4", "L4-L5"})]
    assert strict_overlap(*low[0]).f1 == 0.5
    assert not is_numbering_error(low)  # from 0.5, not from below it
    assert is_numbering_error([({"L5"}, {"L4"}), ({"S1"}, {"L5"})])
    assert not is_numbering_error([({"L5"}, {"L4"}), ({"L5"}, {"L5"})])


@few
@given(near.filter(lambda sites: len(sites) > 2))
def test_a_case_shifted_as_a_whole_is_put_right_by_its_shift(gold):
    named = moved(gold, 1)
    shift = numbering_shift([(named, gold)])
    if len(moved(named, -1)) == len(gold):
        assert strict_overlap(moved(named, shift), gold).hits >= len(gold)


def test_sides_are_sets_over_left_and_right():
    assert side_overlap("both", "left").f1 == pytest.approx(2 / 3)
    assert side_overlap("none", "none").f1 == 1
    assert side_overlap("none", "left").f1 == side_overlap("central", "left").f1 == 0
    assert side_parts("central") == {"central"}
    with pytest.raises(ValueError, match="side 'up' is unknown"):
        side_parts("up")


def test_a_plan_is_wrong_with_a_level_too_many_or_too_few():
    assert is_wrong_plan({"L4-L5"}, {"L4-L5", "L5-S1"}) and is_wrong_plan({"L4-L5", "L5-S1"}, {"L4-L5"})
    assert not is_wrong_plan(["L4-L5", "L5-S1"], ["L5-S1", "L4-L5"])


def test_a_transitional_vertebra_goes_by_two_names():
    six = Numbering(lumbar=6)
    assert {"L6"} in renamings({"S1"}, six) and {"L6-S1", "L5-L6"} in renamings({"S1-S2", "L5-S1"}, six)
    assert {"S1"} in renamings({"L6"}, Numbering())
    assert {"L5"} in renamings({"S1"}, Numbering())
    assert {"S1", "L4-S1"} in renamings({"L5", "L4-L5"}, Numbering(lumbar=4))
    assert renamings({"L2"}, six) == [{"L2"}]


def test_numberings_are_read_from_counts_and_variants():
    assert str(numbering_of("7-13-6-5")) == "7-13-6-5"
    assert numbering_of("T11_only").thoracic == 11
    for wrong in ("6-12-5", "L7", "7-12", "7-x-5", "7-14-5"):
        with pytest.raises(ValueError, match=r"numbering"):
            numbering_of(wrong)
    assert str(numbering_for({"T13", "L6-S1"})) == "7-13-6-5"


@few
@given(st.sampled_from(SITES), st.sampled_from(["7-12-6", "7-13-5", "7-11-4", "7-12-4"]))
def test_every_site_has_a_place_in_every_numbering(site, text):
    assert 1 <= place_of(site, numbering_of(text)) <= 32


def test_pooling_adds_counts():
    assert pooled([]) == Overlap(0, 0, 0)
    assert pooled([strict_overlap({"L4"}, {"L4"}), strict_overlap({"L1"}, set())]).f1 == pytest.approx(2 / 3)
