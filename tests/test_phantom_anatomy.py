"""The placed anatomy: what was asked for is there, postures share bones, measures are near their targets."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from spinemed.facts.normal import HEIGHT_POSITION
from spinemed.phantom.anatomy.canal_room import Room, body_room, encroachment, room
from spinemed.phantom.anatomy.disc_tissue import margin_mm
from spinemed.phantom.anatomy.measure import height_loss, herniation_reach_mm, lordosis
from spinemed.phantom.anatomy.parts import Anatomy, PlacedDisc
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.anatomy.solids import Body, Dent, Grid, Lump, Mould, Pose, lump
from spinemed.phantom.patient.morphometry import FRACTURE_LEVELS
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.settings import PatientSettings
from spinemed.phantom.patient.shapes import Herniation, Variant
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
            assert min(gaps) > -5.0, (seed, above)  # facets of a lordotic segment override
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
                assert found.front_mm == pytest.approx(part.reach_mm, abs=1.8), (seed, disc.above)
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
        if not vertebra.body.dents and vertebra.fragment is None:
            assert np.allclose(measured, expected, atol=1.3 * pixel_mm), (level, measured, expected)


@pytest.mark.parametrize("level", ["C4", "C5", "L4", "L5"])
def test_a_foraminal_herniation_hangs_together_with_its_disc_and_reaches_outwards(level: str) -> None:
    tissue = Herniation("protrusion", "foraminal", "right", 4.0, 9.0)
    patient = sample_patient(5, [])
    discs = tuple(replace(d, herniation=tissue) if d.above == level else d for d in patient.discs)
    disc = place(replace(patient, discs=discs)).disc(level)
    assert disc.herniation is not None
    solid = disc.solid
    left, posterior, _ = solid.pose.rotation.T @ (disc.herniation.centre_mm - solid.pose.origin_mm)
    assert -0.85 * solid.half_width < left < 0
    assert posterior == pytest.approx(float(margin_mm(solid, np.array(left))))
    assert herniation_reach_mm(disc) == pytest.approx(4.0, abs=0.1)


def test_a_narrow_sac_keeps_about_three_millimetres() -> None:
    left = [
        found.left_mm
        for seed in range(40)
        for anatomy in [spine(seed, "spinal_stenosis")]
        for disc in anatomy.placed_discs
        if disc.shape is not None and (found := room(anatomy, disc.above)).normal_mm > 8
    ]
    assert 1.9 < min(left) < 5.0


def test_a_lumbar_disc_of_grade_5_looks_collapsed_beside_a_healthy_one() -> None:
    shares = []
    for seed in range(60):
        anatomy = spine(seed, "disc_degeneration")
        whole = [disc for disc in anatomy.placed_discs if disc.shape and not disc.shape.rudimentary]
        lumbar = [disc for disc in whole if disc.above[0] == "L"]
        for low, high in pairwise(lumbar):
            grades = {disc.solid.pfirrmann: disc for disc in (low, high)}
            if 5 in grades and min(grades) <= 3:
                heights = [_drawn_height(anatomy, grades[grade]) for grade in (5, min(grades))]
                shares.append(heights[0] / heights[1])
                worn = grades[5].solid
                assert worn.height - abs(worn.tangent) * worn.half_depth > 0.8  # the rims do not meet
    assert len(shares) >= 10 and statistics.median(shares) < 0.45 and max(shares) < 0.65


def _drawn_height(anatomy: Anatomy, disc: PlacedDisc) -> float:
    """A disc's height in its middle, between the hollow endplates."""
    hollows = [anatomy.vertebra(level).body.concavity for level in (disc.above, disc.below)]
    return disc.solid.height + sum(hollows)
