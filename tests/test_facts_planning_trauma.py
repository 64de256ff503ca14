"""Injury scores: every combination adds up, bands change exactly at their cuts, the undefined is refused."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import pytest

from spinemed.facts.planning import slic, subaxial_aosis, thoracolumbar_aosis, tlics
from spinemed.facts.planning.trauma import (
    AoFacet,
    AoMorphology,
    AoNeurology,
    InjuryScore,
    Ligaments,
    SlicMorphology,
    SlicNeurology,
    SubaxialModifier,
    ThoracolumbarModifier,
    TlicsMorphology,
    TlicsNeurology,
)


def check(score: InjuryScore, conservative_to: int, operative_from: int) -> None:
    """Fail unless the total is the sum and the band and key follow from it."""
    assert score.total == sum(part.points for part in score.parts)
    expected = "either"
    if score.total <= conservative_to:
        expected = "non_operative"
    elif score.total >= operative_from:
        expected = "operative"
    assert score.treatment == expected


@pytest.mark.parametrize(
    ("morphology", "ligaments", "neurology", "total"),
    [
        ("compression", "intact", "intact", 1),
        ("burst", "intact", "intact", 2),
        ("translation_rotation", "disrupted", "intact", 6),
        ("distraction", "disrupted", "intact", 7),
        ("compression", "indeterminate", "intact", 3),
        ("compression", "disrupted", "intact", 4),
        ("compression", "intact", "nerve_root", 3),
        ("compression", "intact", "complete_cord", 3),
        ("compression", "intact", "incomplete_cord", 4),
        ("compression", "intact", "cauda_equina", 4),
        ("burst", "intact", "incomplete_cord", 5),
        ("distraction", "disrupted", "incomplete_cord", 10),
    ],
)
def test_tlics_gives_the_points_of_table_1(
    morphology: Any, ligaments: Any, neurology: Any, total: int
) -> None:
    assert tlics(morphology, ligaments, neurology).total == total


def test_tlics_is_operative_from_5_and_open_at_4_in_every_combination() -> None:
    seen = set()
    grid = product(get_args(TlicsMorphology), get_args(Ligaments), get_args(TlicsNeurology))
    for morphology, ligaments, neurology in grid:
        if morphology in ("distraction", "translation_rotation") and ligaments != "disrupted":
            with pytest.raises(ValueError, match="implies a disrupted posterior ligamentous complex"):
                tlics(morphology, ligaments, neurology)
            continue
        score = tlics(morphology, ligaments, neurology)
        check(score, conservative_to=3, operative_from=5)
        assert score.keyed is (score.total != 4)
        seen.add(score.total)
    assert seen == set(range(1, 11))


@pytest.mark.parametrize(
    ("morphology", "ligaments", "neurology", "compression", "total"),
    [
        ("none", "intact", "intact", False, 0),
        ("compression", "intact", "intact", False, 1),
        ("burst", "intact", "intact", False, 2),
        ("distraction", "disrupted", "intact", False, 5),
        ("translation_rotation", "disrupted", "intact", False, 6),
        ("none", "indeterminate", "intact", False, 1),
        ("none", "intact", "nerve_root", False, 1),
        ("none", "intact", "complete_cord", False, 2),
        ("none", "intact", "incomplete_cord", False, 3),
        ("none", "intact", "incomplete_cord", True, 4),
        ("burst", "disrupted", "intact", False, 4),
    ],
)
def test_slic_gives_the_published_points(
    morphology: Any, ligaments: Any, neurology: Any, compression: bool, total: int
) -> None:
    assert slic(morphology, ligaments, neurology, compression).total == total


def test_slic_is_operative_from_5_and_open_at_4_wherever_it_is_defined() -> None:
    seen = set()
    grid = product(get_args(SlicMorphology), get_args(Ligaments), get_args(SlicNeurology), (False, True))
    for morphology, ligaments, neurology, compression in grid:
        implied = morphology in ("distraction", "translation_rotation") and ligaments != "disrupted"
        if implied or (compression and neurology == "intact"):
            with pytest.raises(ValueError, match=r"disrupted|deficit"):
                slic(morphology, ligaments, neurology, compression)
            continue
        score = slic(morphology, ligaments, neurology, compression)
        check(score, conservative_to=3, operative_from=5)
        assert score.keyed is (score.total != 4)
        seen.add(score.total)
    assert seen == set(range(11))


def test_thoracolumbar_aosis_gives_keplers_points() -> None:
    points = [thoracolumbar_aosis(kind, "N0").total for kind in get_args(AoMorphology)]
    assert points == [0, 1, 2, 3, 5, 5, 6, 7, 8]
    points = [thoracolumbar_aosis("A0", status).total for status in get_args(AoNeurology)]
    assert points == [0, 1, 2, 4, 4, 3]
    points = [thoracolumbar_aosis("A0", "N0", modifier).total for modifier in get_args(ThoracolumbarModifier)]
    assert points == [0, 1, 0]


@pytest.mark.parametrize(
    ("morphology", "modifier", "treatment"),
    [
        ("A3", "none", "non_operative"),
        ("A3", "M1", "either"),
        ("A4", "none", "either"),
        ("A4", "M1", "operative"),
    ],
)
def test_the_bands_of_the_burst_fractures_are_those_of_pmc10676184_table_4(
    morphology: Any, modifier: Any, treatment: str
) -> None:
    assert thoracolumbar_aosis(morphology, "N0", modifier).treatment == treatment


def test_thoracolumbar_aosis_is_open_at_4_and_5_and_never_keyed_with_a_comorbidity() -> None:
    grid = product(get_args(AoMorphology), get_args(AoNeurology), get_args(ThoracolumbarModifier))
    for morphology, neurology, modifier in grid:
        if modifier == "M1" and morphology[0] in "BC":
            with pytest.raises(ValueError, match="M1 leaves the tension band undecided"):
                thoracolumbar_aosis(morphology, neurology, modifier)
            continue
        score = thoracolumbar_aosis(morphology, neurology, modifier)
        check(score, conservative_to=3, operative_from=6)
        assert score.keyed is (score.total not in (4, 5) and modifier != "M2")


def test_subaxial_aosis_gives_the_points_of_the_abstract_and_recommends_nothing() -> None:
    assert [subaxial_aosis(kind, "N0").total for kind in get_args(AoMorphology)] == [
        0,
        1,
        2,
        4,
        5,
        5,
        6,
        6,
        7,
    ]
    assert [subaxial_aosis("A0", "N0", facet).total for facet in get_args(AoFacet)] == [0, 2, 4, 5, 7]
    statuses: tuple[AoNeurology, ...] = ("N0", "N1", "N2", "N3", "N4")
    assert [subaxial_aosis("A0", status).total for status in statuses] == [0, 1, 2, 4, 4]
    modifiers: tuple[SubaxialModifier, ...] = ("none", "M1", "M2", "M3")
    assert [subaxial_aosis("A0", "N0", modifier=m).total for m in modifiers] == [0, 1, 4, 4]
    assert not subaxial_aosis("C", "N4").keyed


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("A1", "NX"), "neurology is 'NX'"),
        (("A1", "N0", "none", "M4"), "modifier is 'M4'"),
        (("A1", "N0", "F2"), "how their points combine"),
        (("B2", "N0", "none", "M1"), "incomplete injury"),
        (("D", "N0"), "morphology is 'D'"),
    ],
)
def test_subaxial_aosis_refuses_what_was_not_checked(arguments: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        subaxial_aosis(*arguments)


def test_unknown_words_are_refused_with_the_words_that_are_known() -> None:
    with pytest.raises(ValueError, match="pass one of 'compression', 'burst'"):
        tlics("wedge", "intact", "intact")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ligaments is 'torn'"):
        slic("burst", "torn", "intact", False)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="neurology is 'N5'"):
        thoracolumbar_aosis("A1", "N5")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ongoing_compression is 'no'"):
        slic("burst", "intact", "intact", "no")  # type: ignore[arg-type]
