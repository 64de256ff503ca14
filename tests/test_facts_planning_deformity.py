"""Deformity rules: Cobb angles on both sides of every cut, SRS-Schwab modifiers, Lenke's types."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Any, get_args

import pytest

from spinemed.facts.planning import (
    idiopathic_scoliosis,
    lenke_minor_curve,
    lenke_thoracic_modifier,
    lenke_type,
    risser_skeleton,
    schwab_curve,
    schwab_pi_ll,
    schwab_pt,
    schwab_sva,
)
from spinemed.facts.planning.deformity import LenkeCurve

PROXIMAL, MAIN, LUMBAR = get_args(LenkeCurve)


@pytest.mark.parametrize(
    ("cobb_deg", "skeleton", "plan", "keyed"),
    [
        (9.9, "immature", "no_scoliosis", True),
        (10, "immature", "observe", True),
        (19.9, "immature", "observe", True),
        (20, "immature", "observe", False),
        (24.9, "immature", "observe", False),
        (25, "immature", "brace", True),
        (39.9, "immature", "brace", True),
        (40, "immature", "either", False),
        (50, "immature", "either", False),
        (50.1, "immature", "operate", True),
        (9.9, "mature", "no_scoliosis", True),
        (22, "mature", "observe", True),
        (25, "mature", "observe", True),
        (39.9, "mature", "observe", True),
        (40, "mature", "either", False),
        (50, "mature", "either", False),
        (50.1, "mature", "operate", True),
    ],
)
def test_scoliosis_is_planned_by_cobb_and_skeleton(
    cobb_deg: float, skeleton: Any, plan: str, keyed: bool
) -> None:
    ruling = idiopathic_scoliosis(cobb_deg, skeleton)
    assert (ruling.plan, ruling.keyed) == (plan, keyed)


def test_scoliosis_of_adults_and_impossible_angles_are_refused() -> None:
    with pytest.raises(ValueError, match="skeleton is 'adult'"):
        idiopathic_scoliosis(30, "adult")  # type: ignore[arg-type]
    for cobb_deg in (-1, 181):
        with pytest.raises(ValueError, match="cobb_deg"):
            idiopathic_scoliosis(cobb_deg, "mature")


def test_risser_3_belongs_to_neither_side() -> None:
    assert [risser_skeleton(sign) for sign in (0, 1, 2)] == ["immature"] * 3
    assert [risser_skeleton(sign) for sign in (4, 5)] == ["mature"] * 2
    for sign in (3, 6, -1):
        with pytest.raises(ValueError, match="risser is"):
            risser_skeleton(sign)


def test_srs_schwab_modifiers_change_at_their_cuts() -> None:
    assert [schwab_pi_ll(60, 60 - gap).modifier for gap in (9.9, 10, 20, 20.1)] == ["0", "+", "+", "++"]
    assert [schwab_sva(mm).modifier for mm in (-20, 39.9, 40, 95, 95.1)] == ["0", "0", "+", "+", "++"]
    assert [schwab_pt(tilt).modifier for tilt in (19.9, 20, 30, 30.1)] == ["0", "+", "+", "++"]
    for rule, value in ((schwab_sva, 900), (schwab_pt, 91)):
        with pytest.raises(ValueError, match="pass a number"):
            rule(value)
    with pytest.raises(ValueError, match="pelvic_incidence_deg"):
        schwab_pi_ll(-5, 40)


def test_srs_schwab_curves_are_cut_at_30_and_not_keyed_there() -> None:
    curves = {(45, 20): "T", (20, 45): "L", (31, 31): "D", (29, 29): "N"}
    for (thoracic, lumbar), curve in curves.items():
        assert schwab_curve(thoracic, lumbar).curve == curve
        assert schwab_curve(thoracic, lumbar).keyed
    assert not schwab_curve(30, 45).keyed
    assert not schwab_curve(45, 30).keyed


@pytest.mark.parametrize("curve", [PROXIMAL, LUMBAR])
def test_a_minor_curve_is_structural_from_25_on_bending_or_20_of_kyphosis(curve: LenkeCurve) -> None:
    cases = {(24.9, 19.9): False, (25, 0): True, (0, 20): True, (40, 40): True}
    for (bending, kyphosis), structural in cases.items():
        ruling = lenke_minor_curve(curve, bending, kyphosis)
        assert (ruling.structural, ruling.keyed) == (structural, True)


def test_a_main_thoracic_curve_that_kyphosis_alone_would_make_structural_is_not_keyed() -> None:
    assert not lenke_minor_curve(MAIN, 10, 25).keyed
    assert lenke_minor_curve(MAIN, 25, 25).keyed
    assert lenke_minor_curve(MAIN, 10, 19).keyed


def test_the_aofoundations_lenke_5_patient_is_type_5() -> None:
    assert not lenke_minor_curve(MAIN, 16, 10).structural
    kind = lenke_type(LUMBAR, frozenset())
    assert (kind.type, kind.fused) == (5, (LUMBAR,))


def test_every_combination_of_curves_has_its_lenke_type_or_is_refused() -> None:
    expected = {
        (MAIN, frozenset()): 1,
        (MAIN, frozenset({PROXIMAL})): 2,
        (MAIN, frozenset({LUMBAR})): 3,
        (MAIN, frozenset({PROXIMAL, LUMBAR})): 4,
        (LUMBAR, frozenset({PROXIMAL, MAIN})): 4,
        (LUMBAR, frozenset()): 5,
        (LUMBAR, frozenset({MAIN})): 6,
    }
    curves = (PROXIMAL, MAIN, LUMBAR)
    subsets = list(chain.from_iterable(combinations(curves, size) for size in range(4)))
    for major in curves:
        for minors in subsets:
            key = (major, frozenset(minors))
            if key in expected:
                kind = lenke_type(*key)
                assert kind.type == expected[key]
                assert set(kind.fused) == {major, *minors}
                assert list(kind.fused) == [curve for curve in curves if curve in kind.fused]
            else:
                with pytest.raises(ValueError, match="has no Lenke type"):
                    lenke_type(*key)


def test_unknown_curves_are_refused() -> None:
    with pytest.raises(ValueError, match="major is 'cervical'"):
        lenke_type("cervical", frozenset())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="structural_minor is 'cervical'"):
        lenke_type(MAIN, frozenset({"cervical"}))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="curve is 'cervical'"):
        lenke_minor_curve("cervical", 20, 0)  # type: ignore[arg-type]


def test_the_sagittal_modifier_changes_at_10_and_40() -> None:
    angles = (-5, 9.9, 10, 40, 40.1)
    assert [lenke_thoracic_modifier(angle).modifier for angle in angles] == ["-", "-", "N", "N", "+"]
