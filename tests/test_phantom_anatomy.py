"""The placed anatomy: what was asked for is there, postures share bones, measures are near their targets."""

from __future__ import annotations

import statistics
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from spinemed.facts.normal import HEIGHT_POSITION
from spinemed.phantom.anatomy.canal_room import Room, body_room, encroachment, room
from spinemed.phantom.anatomy.measure import (
    cobb,
    height_loss,
    kyphosis,
    lordosis,
    neck_lordosis,
    slip_percent,
)
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.anatomy.solids import Body, Dent, Grid, Lump, Mould, Pose, lump
from spinemed.phantom.patient.morphometry import FRACTURE_LEVELS
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.settings import PatientSettings
from spinemed.phantom.patient.shapes import POSTURES, Variant
from spinemed.phantom.rendering.labels import paint
from spinemed.phantom.rendering.maps import verse_value

VARIANTS: tuple[Variant, ...] = ("none", "L6", "T13", "L4_only", "L5_sacralised")


def spine(seed: int, *conditions: str, posture: str = "lying", **wish: object) -> Anatomy:
    settings = PatientSettings(**wish)  # type: ignore[arg-type]
    return place(sample_patient(seed, conditions, settings=settings), posture)  # type: ignore[arg-type]


def test_the_same_patient_is_placed_the_same_way() -> None:
    first, second = place(sample_patient(3)), place(sample_patient(3))
    for one, other in zip(first.vertebrae, second.vertebrae, strict=True):
        assert np.array_equal(one.body.pose.origin_mm, other.body.pose.origin_mm)
        assert all(np.array_equal(a.matrix, b.matrix) for a, b in zip(one.arch, other.arch, strict=True))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_spine_runs_from_the_coccyx_to_c1_in_every_variant(variant: Variant) -> None:
    for seed in range(12):
        anatomy = spine(seed, variant=variant)
        patient = anatomy.patient
        assert [part.level for part in anatomy.vertebrae] == [bone.level for bone in patient.vertebrae]
        assert [part.level for part in anatomy.sacrum] == ["S1", "S2", "S3", "S4", "S5", "Co", "Co", "Co"]
        heights = [part.body.pose.origin_mm[2] for part in (*reversed(anatomy.sacrum), *anatomy.vertebrae)]
        assert heights == sorted(heights)
        thoracic = [bone.level for bone in patient.vertebrae if bone.level[0] == "T"]
        assert [rib.level for rib in anatomy.ribs[::2]] == thoracic and len(anatomy.ribs) == 2 * len(thoracic)
        assert anatomy.disc(patient.vertebrae[0].level).below == "S1"
        assert all(np.isfinite(rib.points_mm).all() for rib in anatomy.ribs)


def test_arches_stay_within_thirteen_lumps_and_c2_has_its_dens() -> None:
    anatomy = spine(1)
    assert max(len(part.arch) for part in anatomy.vertebrae) <= 13
    axis, atlas = anatomy.vertebra("C2"), anatomy.vertebra("C1")
    tops = [float(part.extents(np.array([[0.0, 0.0, 1.0]]))[0] + part.centre_mm[2]) for part in axis.arch]
    dens = axis.arch[int(np.argmax(tops))]
    assert abs(float(dens.centre_mm[0])) < 3
    # The dens stands behind C1's anterior arch with a gap of less than 4 mm.
    front = atlas.body.pose
    ahead = front.rotation[:, 1] @ (dens.centre_mm - front.origin_mm) - atlas.body.half_depth - dens.radii[1]
    assert 0.0 < ahead < 4.0


def test_facets_face_each_other_across_a_joint_gap() -> None:
    for seed in range(6):
        anatomy = spine(seed)
        for above in ("L2", "L3", "L4", "T8", "T6"):
            below = anatomy.disc(above).below
            upper, lower = anatomy.vertebra(above), anatomy.vertebra(below)
            gaps = [_gap(a, b) for a in upper.arch for b in lower.arch]
            assert min(gaps) > -2.5, (seed, above)
            assert min(gaps) < 4.0, (seed, above)


def _gap(one: Lump, other: Lump) -> float:
    """About how far two lumps are apart along the line between their centres, in mm; negative inside."""
    way = other.centre_mm - one.centre_mm
    distance = float(np.linalg.norm(way))
    return distance - sum(distance / float(np.linalg.norm(part.matrix @ way)) for part in (one, other))


def test_size_follows_the_scale_and_women_are_smaller() -> None:
    small, big = spine(2, scale=0.85), spine(2, scale=1.15)
    for level in ("L3", "T7", "C5"):
        assert big.vertebra(level).body.half_width / small.vertebra(level).body.half_width == pytest.approx(
            1.15 / 0.85
        )
    widths = {
        sex: statistics.mean(spine(s, sex=sex).vertebra("L3").body.half_width for s in range(25))
        for sex in "FM"
    }
    assert 1.05 < widths["M"] / widths["F"] < 1.15


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


@pytest.mark.parametrize("condition", ["osteoporotic_fracture", "traumatic_fracture"])
def test_fractured_bodies_measure_what_they_were_drawn_for(condition: str) -> None:
    for seed in range(80):
        anatomy = spine(seed, condition)
        for bone in anatomy.vertebrae:
            if bone.shape is None or bone.level in ("C1", "C2"):
                continue
            loss = height_loss(anatomy, bone.level)
            if bone.shape.fracture is None:
                assert loss.percent < 18.0, (seed, bone.level, loss)
            elif bone.shape.fracture.form != "crush":
                assert loss.form == bone.shape.fracture.form, (seed, bone.level, loss)
                assert sum(loss.percent >= cut for cut in (20, 25, 40)) == bone.shape.fracture.grade
            else:
                assert loss.percent > 12.0


def test_burst_bodies_narrow_the_canal_behind_them() -> None:
    seen = 0
    for seed in range(80):
        anatomy = spine(seed, "traumatic_fracture")
        for bone in anatomy.vertebrae:
            if bone.shape and bone.shape.fracture:
                burst = bone.shape.fracture.retropulsion_mm > 0
                assert (bone.fragment is not None) == burst
                if burst:
                    seen += 1
                    found = body_room(anatomy, bone.level)
                    assert found.front_mm == pytest.approx(bone.shape.fracture.retropulsion_mm, abs=2.5)
    assert seen > 10


def test_torn_posterior_elements_gape() -> None:
    for seed in range(120):
        anatomy = spine(seed, "traumatic_fracture")
        for bone in anatomy.vertebrae:
            shape = bone.shape
            if shape and shape.fracture and shape.fracture.splay_mm and not shape.laminectomy:
                crest = bone.arch[-1].centre_mm - bone.body.pose.origin_mm
                level = float(bone.body.pose.rotation[:, 2] @ crest)
                assert level < -shape.fracture.splay_mm


def test_healthy_canals_are_free() -> None:
    for seed in range(25):
        anatomy = spine(seed)
        table = encroachment(anatomy)
        for disc in anatomy.patient.discs:
            found = room(anatomy, disc.above, table)
            assert found.share_lost < 0.15, (seed, disc.above, found)
            assert max(found.recess_share_lost) < 0.15 and found.foramen_lost == (0.0, 0.0)
            assert 8 < found.normal_mm < 24


def test_stenosis_comes_in_all_grades_of_the_middle_the_recess_and_the_foramen() -> None:
    middle, recess, foramen, decidable = Counter(), Counter(), Counter(), []
    for seed in range(120):
        anatomy = spine(seed, "spinal_stenosis")
        table = encroachment(anatomy)
        for disc in anatomy.patient.discs:
            if disc.narrowing.flavum_mm or max(*disc.narrowing.recess_mm, *disc.narrowing.foramen):
                found = room(anatomy, disc.above, table)
                middle[_grade(found.share_lost)] += 1
                recess.update(_grade(share) for share in found.recess_share_lost)
                foramen.update(int(share * 4) for share in found.foramen_lost)
                decidable.append(min(abs(found.share_lost - cut) for cut in (0.15, 1 / 3, 2 / 3)) > 0.03)
    for counts in (middle, recess):
        assert set(counts) == {0, 1, 2, 3} and min(counts.values()) > 0.08 * counts.total(), counts
    assert set(foramen) >= {0, 1, 2, 3}
    assert sum(decidable) > 0.75 * len(decidable)


def _grade(share: float) -> int:
    return sum(share > cut for cut in (0.15, 1 / 3, 2 / 3))


def test_a_herniation_takes_room_on_its_own_side() -> None:
    for seed in range(60):
        anatomy = spine(seed, "disc_herniation")
        for disc in anatomy.placed_discs:
            part = disc.shape.herniation if disc.shape else None
            assert (disc.herniation is None) == (part is None)
            if part is None or disc.shape is None or abs(part.migration_mm) > 4:
                continue
            found = room(anatomy, disc.above)
            left, right = found.recess_share_lost
            if part.zone == "central":
                assert found.front_mm == pytest.approx(part.reach_mm, abs=1.6), (seed, disc.above)
            elif part.zone == "subarticular":
                own, other = (left, right) if part.side == "left" else (right, left)
                assert own > other or (own == other and disc.above[0] != "L"), (seed, disc.above, found)
            else:
                assert (found.foramen_lost[0] > 0) == (part.side == "left")


def test_myelopathy_squeezes_the_neck() -> None:
    for seed in range(30):
        anatomy = spine(seed, "cervical_myelopathy")
        assert anatomy.patient.myelopathy in ("C3", "C4", "C5", "C6")
        assert room(anatomy, anatomy.patient.myelopathy).share_lost > 0.33


def test_the_room_is_none_where_nothing_is_normal() -> None:
    empty = Room(0.0, 0.0, 0.0, 0.0, (0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
    assert empty.share_lost == 0.0 and empty.recess_share_lost == (0.0, 0.0)


def test_implants_sit_in_pedicles_and_discs() -> None:
    for seed in range(30):
        anatomy = spine(seed, "post_operative")
        kinds = Counter(part.kind for part in anatomy.metal)
        held = [bone for bone in anatomy.vertebrae if bone.shape and bone.shape.screws]
        assert kinds["screw"] == 2 * (len(held) + anatomy.patient.sacral_screws)
        assert kinds["rod"] == kinds["screw"] - 2
        assert kinds["cage"] == sum(disc.cage for disc in anatomy.patient.discs)
        for bone in held:
            for part in anatomy.metal:
                if part.kind == "screw" and part.level == bone.level:
                    middle = sum(part.ends_mm) / 2 - bone.body.pose.origin_mm
                    assert np.linalg.norm(middle) < 45


def test_bridged_discs_carry_bone_and_their_bodies_are_squared() -> None:
    anatomy = spine(4, "ankylosing_spondylitis")
    bridged = [disc for disc in anatomy.placed_discs if disc.shape and disc.shape.bridged]
    assert len(bridged) >= 3 and all(len(disc.bridges) == 3 for disc in bridged)
    assert all(anatomy.vertebra(disc.above).body.waist < 0.05 for disc in bridged)
    before, after = (lordosis(place(anatomy.patient, posture)) for posture in ("standing", "flexion"))
    assert after <= before


def test_the_last_rib_is_long_in_one_patient_and_short_in_the_next() -> None:
    lengths = []
    for seed in range(60):
        points = spine(seed).ribs[0].points_mm
        lengths.append(float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()))
    assert min(lengths) < 40 and max(lengths) > 120


def test_a_lump_knows_its_own_inverse_and_its_reach() -> None:
    pose = Pose(np.array([1.0, 2.0, 3.0]), np.eye(3))
    part = lump(pose, Mould((1.0, 0.0, 0.0), (2.0, 3.0, 4.0), slant=0.4, flare=-0.3, lift=0.2))
    assert np.allclose(part.matrix @ part.spread, np.eye(3))
    along = np.array([[0.0, 0.0, 1.0]])
    angles = np.linspace(0, np.pi, 60)
    ball = np.stack(
        [
            np.outer(np.sin(angles), np.cos(2 * angles)),
            np.outer(np.sin(angles), np.sin(2 * angles)),
            np.outer(np.cos(angles), np.ones(60)),
        ]
    )
    surface = np.einsum("ij,jkl->ikl", part.spread, ball)
    assert surface[2].max() <= float(part.extents(along)[0]) + 1e-9
    assert surface[2].max() == pytest.approx(float(part.extents(along)[0]), rel=0.02)


def test_dents_hollow_one_endplate_only() -> None:
    pose = Pose(np.zeros(3), np.eye(3))
    plain = Body(pose, 20.0, 16.0, 12.0, 0.0, 1.0)
    dented = Body(pose, 20.0, 16.0, 12.0, 0.0, 1.0, dents=(Dent(1, 0.0, 0.0, 5.0, 4.0),))
    zero = np.zeros(1, np.float32)
    for up, lost in ((9.0, 4.0), (-9.0, 0.0)):
        place_up = np.array([up], np.float32)
        assert float(
            plain.depth_inside(zero, zero, place_up)[0] - dented.depth_inside(zero, zero, place_up)[0]
        ) == pytest.approx(lost)


def body_plane(anatomy: Anatomy, level: str, pixel_mm: float) -> NDArray[np.bool_]:
    """The mask of one vertebra in the mid-sagittal plane of its body's own frame (row down, column back)."""
    pose = anatomy.vertebra(level).body.pose
    directions = np.stack([-pose.rotation[:, 0], -pose.rotation[:, 2], pose.rotation[:, 1]])
    size = 96
    origin = pose.origin_mm - (size - 1) / 2 * pixel_mm * (directions[1] + directions[2])
    grid = Grid(origin, directions, (1.0, pixel_mm, pixel_mm), (1, size, size))
    return np.asarray(paint(anatomy, grid).vertebra[0] == verse_value(level))


@pytest.mark.parametrize("seed", range(6))
def test_heights_measured_on_the_painted_mask_are_those_of_the_placed_body(seed: int) -> None:
    anatomy = spine(seed, "osteoporotic_fracture", "kyphosis")
    pixel_mm = 0.5
    for level in FRACTURE_LEVELS:
        mask = body_plane(anatomy, level, pixel_mm)
        vertebra = anatomy.vertebra(level)
        measured, expected = [], []
        for share in (-HEIGHT_POSITION, 0.0, HEIGHT_POSITION):
            middle = (mask.shape[1] - 1) / 2
            column = round(middle + share * vertebra.body.half_depth / pixel_mm)
            measured.append(mask[:, column].sum() * pixel_mm)
            expected.append(vertebra.body.height_at((column - middle) * pixel_mm))
        if not vertebra.body.dents:
            assert np.allclose(measured, expected, atol=1.3 * pixel_mm), (level, measured, expected)
