"""The rubric: ten dimensions in five groups, its JSON, and scores that never hide a missing one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spinemed.bench.judge.rubric import rubric as judge_rubric
from spinemed.report_rubric import DEFAULT_RUBRIC, as_json, as_printed, rate, read_rubric

FULL = {one.name: 3 for one in DEFAULT_RUBRIC.dimensions}


def test_the_default_has_ten_dimensions_in_groups_of_one_one_three_one_four() -> None:
    assert [len(group.dimensions) for group in DEFAULT_RUBRIC.groups] == [1, 1, 3, 1, 4]
    assert len({one.name for one in DEFAULT_RUBRIC.dimensions}) == 10


def test_the_default_and_the_judges_rubric_name_the_same_groups_and_dimensions() -> None:
    ours = {group.name: tuple(one.name for one in group.dimensions) for group in DEFAULT_RUBRIC.groups}
    assert ours == judge_rubric().groups


@pytest.mark.parametrize(("points", "paper", "unit"), [(1, 20.0, 0.0), (3, 60.0, 0.5), (5, 100.0, 1.0)])
def test_the_paper_scale_runs_from_20_to_100_and_the_unit_scale_from_0_to_1(
    points: int, paper: float, unit: float
) -> None:
    score = rate(dict.fromkeys(FULL, points))
    assert (score.paper.value, score.unit.value) == (paper, unit)
    assert score.paper.low == score.paper.high == paper
    assert as_printed(dict.fromkeys(FULL, points)) == 5 * paper  # out of scale as the paper prints it


def test_paper_scale_is_four_times_the_sum_of_section_means() -> None:
    scores = {name: 1 + place % 5 for place, name in enumerate(FULL)}
    score = rate(scores)
    means = [one.value for one in score.sections.values()]
    assert means == [1, 2, pytest.approx(4), 1, pytest.approx((2 + 3 + 4 + 5) / 4)]
    assert score.paper.value == pytest.approx(4 * sum(one for one in means if one is not None))
    assert score.unit.value == pytest.approx(((score.paper.value or 0) - 20) / 80)


def test_a_missing_dimension_gives_bounds_and_no_mean_of_what_is_there() -> None:
    for scores in (
        {**FULL, "coverage": None},
        {name: one for name, one in FULL.items() if name != "coverage"},
    ):
        score = rate(scores)
        assert score.missing == ("coverage",)
        assert score.paper.value is score.unit.value is score.sections["reasoning"].value is None
        assert (score.paper.low, score.paper.high) == (pytest.approx(58.0), pytest.approx(62.0))
        assert (score.sections["reasoning"].low, score.sections["reasoning"].high) == (2.5, 3.5)
        assert score.sections["diagnosis"].value == 3
    nothing = rate({})
    assert (nothing.paper.low, nothing.paper.high, nothing.unit.low, nothing.unit.high) == (20, 100, 0, 1)
    with pytest.raises(ValueError, match="no points for coverage"):
        as_printed({**FULL, "coverage": None})  # type: ignore[dict-item]


@pytest.mark.parametrize("points", [0, 6, 5.01, -1, float("nan"), float("inf"), True, "3"])
def test_points_outside_the_scale_are_refused(points: Any) -> None:
    with pytest.raises(ValueError, match="diagnosis has"):
        rate({**FULL, "diagnosis": points})


def test_an_unknown_dimension_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no dimension 'style'.*coverage"):
        rate({**FULL, "style": 3})


def test_a_rubric_of_ones_own_has_weights_and_another_scale() -> None:
    own = read_rubric(
        json.dumps(
            {
                "name": "own",
                "scale": [0, 10],
                "groups": [
                    {
                        "name": "facts",
                        "weight": 3,
                        "dimensions": ["level", {"name": "side", "asks": "Which?"}],
                    },
                    {"name": "words", "dimensions": ["clarity"]},
                ],
            }
        )
    )
    score = rate({"level": 10, "side": 0, "clarity": 9}, own)
    assert (score.paper.value, score.unit.value) == (60.0, 0.6)  # (3 x 5 + 9) / 4 = 6 of 10
    assert own.dimensions[1].asks == "Which?"
    assert read_rubric(as_json(own)) == own


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "the rubric is an object"),
        ("{}", "groups are a list"),
        ('{"groups": [], "scale": [1, 5]}', "groups are a list"),
        ('{"groups": [{"name": "a", "dimensions": ["x"]}], "scale": [5, 1]}', "two whole numbers"),
        ('{"groups": [{"name": "a", "dimensions": ["x"]}], "scale": [1, 2.5]}', "two whole numbers"),
        ('{"groups": [{"name": "a", "dimensions": []}]}', r"groups\[0\].dimensions is a list"),
        ('{"groups": [{"name": "a", "dimensions": ["x", "x"]}]}', "dimension 'x' is there twice"),
        ('{"groups": [{"name": "a", "dimensions": ["x"], "weight": 0}]}', r"groups\[0\].weight is 0"),
        ('{"groups": [{"name": "", "dimensions": ["x"]}]}', r"groups\[0\].name is a text"),
        ('{"groups": [{"name": "a", "dimension": ["x"]}]}', r"groups\[0\] has the unknown field 'dimension'"),
        ('{"groups": [{"name": "a", "dimensions": [{"name": "x", "anchors": ["bad"]}]}]}', "list of 5 texts"),
        ('{"groups": [{"name": "a", "dimensions": [3]}]}', r"dimensions\[0\] is an object"),
    ],
)
def test_a_faulty_rubric_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_rubric(text)
