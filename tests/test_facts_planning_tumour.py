"""Tumour rules: SINS over every region and combination, ESCC bands, NOMS in all its cases."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import pytest

from spinemed.facts.planning import escc_band, noms, sins, sins_band, sins_collapse, sins_region
from spinemed.facts.planning.tumour import (
    EsccGrade,
    SinsAlignment,
    SinsBone,
    SinsCollapse,
    SinsPain,
    SinsPosterolateral,
)
from spinemed.levels import DEFAULT_NUMBERING, Level, Site


def test_every_vertebra_from_c1_to_s5_has_its_sins_region() -> None:
    expected = {
        "junctional": {"C1", "C2", "C7", "T1", "T2", "T11", "T12", "L1", "L5", "S1"},
        "mobile": {"C3", "C4", "C5", "C6", "L2", "L3", "L4"},
        "semirigid": {f"T{number}" for number in range(3, 11)},
        "rigid": {"S2", "S3", "S4", "S5"},
    }
    seen: dict[str, set[str]] = {}
    for level in DEFAULT_NUMBERING.levels:
        if level is not Level.Co:
            seen.setdefault(sins_region(level), set()).add(level.value)
    assert seen == expected


@pytest.mark.parametrize("site", ["T13", "L6", "Co"])
def test_a_vertebra_that_sins_does_not_define_is_refused(site: str) -> None:
    with pytest.raises(ValueError, match=f"no location for {site}"):
        sins_region(site)


def test_a_segment_has_a_region_only_inside_one_class() -> None:
    assert sins_region(Site.parse("L5-S1")) == "junctional"
    assert sins_region("C3-C4") == "mobile"
    for site in ("C2-C3", "T10-T11", "S1-S2"):
        with pytest.raises(ValueError, match="between two SINS classes"):
            sins_region(site)


def test_sins_bands_change_after_6_and_after_12() -> None:
    bands = [sins_band(total) for total in range(19)]
    assert bands == ["stable"] * 7 + ["potentially_unstable"] * 6 + ["unstable"] * 6
    for total in (-1, 19):
        with pytest.raises(ValueError, match="total is"):
            sins_band(total)


def test_sins_adds_up_in_every_combination_and_calls_a_surgeon_from_7() -> None:
    seen = set()
    grid = product(
        ("L1", "L3", "T5", "S3"), get_args(SinsPain), get_args(SinsBone), get_args(SinsAlignment),
        get_args(SinsCollapse), get_args(SinsPosterolateral),
    )  # fmt: skip
    for case in grid:
        score = sins(*case)
        assert score.total == sum(part.points for part in score.parts)
        assert score.band == sins_band(score.total)
        assert score.surgical_consultation is (score.total >= 7)
        assert score.keyed
        seen.add(score.total)
    assert seen == set(range(19))


def test_each_sins_part_has_its_published_points() -> None:
    base = ("S3", "none", "blastic", "normal", "none", "none")
    published = [
        (0, {"L1": 3, "L3": 2, "T5": 1, "S3": 0}),
        (1, {"mechanical": 3, "occasional_not_mechanical": 1, "none": 0}),
        (2, {"lytic": 2, "mixed": 1, "blastic": 0}),
        (3, {"subluxation": 4, "deformity": 2, "normal": 0}),
        (4, {"over_50_percent": 3, "under_50_percent": 2, "none_but_over_50_percent_of_body": 1, "none": 0}),
        (5, {"bilateral": 3, "unilateral": 1, "none": 0}),
    ]
    for place, points in published:
        for value, expected in points.items():
            case: Any = [*base[:place], value, *base[place + 1 :]]
            assert sins(*case).total == expected
        wrong: Any = [*base[:place], "unknown", *base[place + 1 :]]
        with pytest.raises(ValueError, match="unknown"):
            sins(*wrong)


def test_collapse_is_cut_at_half_and_refuses_the_cut_itself() -> None:
    assert sins_collapse(50.1, 10) == "over_50_percent"
    assert sins_collapse(49.9, 90) == "under_50_percent"
    assert sins_collapse(0, 50.1) == "none_but_over_50_percent_of_body"
    assert sins_collapse(0, 49.9) == "none"
    for loss, involved in ((50, 80), (0, 50)):
        with pytest.raises(ValueError, match="exactly 50"):
            sins_collapse(loss, involved)
    with pytest.raises(ValueError, match="height_loss_percent"):
        sins_collapse(101, 0)


def test_escc_is_high_from_grade_2_and_not_keyed_at_1c() -> None:
    grades = get_args(EsccGrade)
    assert [escc_band(grade).band for grade in grades] == ["low"] * 4 + ["high"] * 2
    assert [escc_band(grade).keyed for grade in grades] == [True, True, True, False, True, True]
    with pytest.raises(ValueError, match="grade is '1'"):
        escc_band("1")  # type: ignore[arg-type]


def test_noms_irradiates_what_is_sensitive_and_decompresses_what_is_resistant_and_high_grade() -> None:
    for escc, unstable in product(get_args(EsccGrade), (False, True)):
        sensitive = noms(escc, True, unstable)
        assert (sensitive.local_control, sensitive.keyed) == ("conventional_radiotherapy", True)
        resistant = noms(escc, False, unstable)
        high = escc in ("2", "3")
        assert resistant.local_control == ("decompression_then_radiosurgery" if high else "radiosurgery")
        assert resistant.keyed is (escc != "1c")
        assert sensitive.stabilise is resistant.stabilise is unstable


def test_noms_refuses_a_patient_who_needs_but_cannot_bear_an_operation() -> None:
    for escc, sensitive, unstable in (("3", False, False), ("0", True, True), ("0", False, True)):
        with pytest.raises(ValueError, match="tolerates_surgery is False"):
            noms(escc, sensitive, unstable, tolerates_surgery=False)  # type: ignore[arg-type]
    assert noms("3", True, False, tolerates_surgery=False).local_control == "conventional_radiotherapy"
    assert noms("1a", False, False, tolerates_surgery=False).local_control == "radiosurgery"
