"""Curves, postures and slips of the placed spine, measured on its solids."""

from __future__ import annotations

import statistics
from collections import Counter

import numpy as np
import pytest

from spinemed.phantom.anatomy.canal_room import room
from spinemed.phantom.anatomy.measure import (
    cobb,
    kyphosis,
    lordosis,
    neck_lordosis,
    slip_percent,
)
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.settings import PatientSettings
from spinemed.phantom.patient.shapes import POSTURES, Variant

VARIANTS: tuple[Variant, ...] = ("none", "L6", "T13", "L4_only", "L5_sacralised")


def spine(seed: int, *conditions: str, posture: str = "lying", **wish: object) -> Anatomy:
    settings = PatientSettings(**wish)  # type: ignore[arg-type]
    return place(sample_patient(seed, conditions, settings=settings), posture)  # type: ignore[arg-type]


def test_postures_share_every_bone_and_change_only_discs_and_pelvis() -> None:
    for seed in range(8):
        patient = sample_patient(seed)
        lying, *others = (place(patient, posture) for posture in POSTURES)
        for other in others:
            for one, two in zip(lying.vertebrae, other.vertebrae, strict=True):
                assert one.shape is two.shape
                assert one.heights() == two.heights()
                assert (one.body.half_width, one.body.slope) == (two.body.half_width, two.body.slope)
            assert [d.solid.pfirrmann for d in lying.placed_discs] == [
                d.solid.pfirrmann for d in other.placed_discs
            ]


def test_standing_adds_about_thirteen_degrees_of_lordosis() -> None:
    lying = [lordosis(place(sample_patient(seed))) for seed in range(250)]
    standing = [lordosis(place(sample_patient(seed), "standing")) for seed in range(250)]
    gains = [up - down for up, down in zip(standing, lying, strict=True)]
    assert statistics.mean(gains) == pytest.approx(13.0, abs=1.0)
    assert statistics.mean(lying) == pytest.approx(36.8, abs=2.5) and 8 < statistics.stdev(lying) < 14
    assert statistics.mean(standing) == pytest.approx(49.8, abs=2.5) and 8 < statistics.stdev(standing) < 14


def test_most_of_the_standing_lordosis_lies_between_l4_and_s1_and_women_have_more() -> None:
    shares, whole = [], {"F": [], "M": []}
    for seed in range(150):
        anatomy = spine(seed, posture="standing")
        total = lordosis(anatomy)
        whole[anatomy.patient.sex].append(total)
        shares.append((total - _above_l4(anatomy)) / total)
    assert statistics.median(shares) == pytest.approx(0.71, abs=0.06)
    assert statistics.mean(whole["F"]) > statistics.mean(whole["M"])


def _above_l4(anatomy: Anatomy) -> float:
    """L1 upper to L4 upper endplate, degrees."""
    tips = []
    for level in ("L4", "L1"):
        body = anatomy.vertebra(level).body
        normal = body.pose.rotation @ np.array([0.0, -body.slope, 1.0])
        tips.append(float(np.degrees(np.arctan2(-normal[1], normal[2]))))
    return tips[0] - tips[1]


def test_bending_forwards_opens_the_lordosis_and_backwards_deepens_it() -> None:
    for seed in range(12):
        flexed, upright, bent_back = (
            lordosis(spine(seed, posture=posture)) for posture in ("flexion", "standing", "extension")
        )
        assert flexed < upright - 12 and bent_back > upright + 3


def test_curves_come_out_near_what_was_asked_for() -> None:
    for seed in range(40):
        asked = 25.0 + seed
        assert lordosis(spine(seed, lordosis_deg=asked, posture="standing")) == pytest.approx(asked, abs=3.0)
        assert kyphosis(spine(seed, kyphosis_deg=asked)) == pytest.approx(asked, abs=3.0)
    bent = [kyphosis(spine(seed, "kyphosis")) for seed in range(30)]
    assert min(bent) > 50 and max(bent) < 82


def test_about_two_thirds_of_necks_are_lordotic() -> None:
    necks = [neck_lordosis(spine(seed)) for seed in range(200)]
    assert 0.55 < sum(angle > 4 for angle in necks) / 200 < 0.8
    assert 7 < statistics.mean(angle for angle in necks if angle > 4) < 18


def test_pelvic_incidence_is_sacral_slope_plus_tilt_in_every_posture() -> None:
    patient = sample_patient(5)
    for posture in POSTURES:
        anatomy = place(patient, posture)
        normal = anatomy.vertebra("S1").body.pose.rotation[:, 2]
        slope = np.degrees(np.arctan2(-normal[1], normal[2]))
        heads = sorted(
            anatomy.pelvis,
            key=lambda part: abs(part.radii[0] - part.radii[1]) + abs(part.radii[0] - part.radii[2]),
        )
        hip = (heads[0].centre_mm + heads[1].centre_mm) / 2
        tilt = np.degrees(np.arctan2(-hip[1], -hip[2]))
        assert slope + tilt == pytest.approx(patient.pelvic_incidence_deg, abs=2.0)


@pytest.mark.parametrize("age", [20, 65])
def test_measured_cobb_is_near_the_target(age: int) -> None:
    sides = Counter()
    for seed in range(60):
        target = 13.0 + 0.75 * seed if age < 50 else 13.0 + 0.4 * seed
        curves = cobb(spine(seed, "scoliosis", age=age, cobb_deg=target))
        assert curves[0].degrees == pytest.approx(target, abs=2.0), seed
        sides[curves[0].convex] += 1
        assert curves == sorted(curves, key=lambda curve: -curve.degrees)
    assert min(sides.values()) >= 8


def test_the_apex_lies_on_the_convex_side_between_the_ends_and_turns_towards_it() -> None:
    for seed in range(30):
        anatomy = spine(seed, "scoliosis", age=20, cobb_deg=45.0)
        upper, lower, apex, _, convex = cobb(anatomy)[0]
        ends = [anatomy.vertebra(level).body.pose.origin_mm for level in (lower, upper)]
        top = anatomy.vertebra(apex).body.pose
        share = (top.origin_mm[2] - ends[0][2]) / (ends[1][2] - ends[0][2])
        assert 0 < share < 1
        aside = top.origin_mm[0] - (ends[0][0] + share * (ends[1][0] - ends[0][0]))
        assert (aside > 0) == (convex == "left")
        front = -top.rotation[:, 1]
        assert (front[0] > 0) == (convex == "left")


def test_a_spine_without_scoliosis_has_no_curve() -> None:
    assert not any(cobb(spine(seed)) for seed in range(80))


def test_measured_slips_are_near_the_target_and_healthy_spines_have_none() -> None:
    for seed in range(40):
        asked = -20.0 + 2.5 * seed
        if abs(asked) < 1:
            continue
        anatomy = spine(seed, "spondylolisthesis", slip_percent=asked, level="L4")
        assert slip_percent(anatomy, "L4") == pytest.approx(asked, abs=1.5), seed
        healthy = spine(seed)
        assert max(abs(slip_percent(healthy, disc.above)) for disc in healthy.patient.discs) < 2.0


def test_unstable_slips_open_in_flexion_and_close_in_extension() -> None:
    unstable = 0
    for seed in range(60):
        patient = sample_patient(seed, ["spondylolisthesis"])
        disc = next(disc for disc in patient.discs if disc.slip_mm)
        lying, standing, flexed, back = (
            slip_percent(place(patient, posture), disc.above) for posture in POSTURES
        )
        if disc.unstable_mm:
            unstable += 1
            assert back < lying < standing < flexed
        else:
            assert flexed == pytest.approx(back, abs=1.0)
    assert unstable > 8


def test_broken_partes_leave_the_laminae_behind() -> None:
    seen = 0
    for seed in range(30):
        anatomy = spine(seed, "spondylolisthesis", level="L5", slip_percent=45.0)
        bone = anatomy.vertebra("L5")
        if bone.shape is None or not bone.shape.pars_defect:
            continue
        seen += 1
        assert bone.arch_back_mm == pytest.approx(anatomy.patient.disc("L5").slip_mm)
        assert room(anatomy, "L5").share_lost < 0.5
    assert seen > 20


def test_a_spine_bent_past_the_vertical_has_no_frontal_curve() -> None:
    for seed in range(40):
        anatomy = spine(seed, "scoliosis", posture="flexion")
        assert all(curve.degrees < 120 for curve in cobb(anatomy)), seed
