"""The phantom's slices: same bytes, shared label maps, and every illness where and as it should be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from spinemed.errors import ConfigError
from spinemed.phantom.anatomy.canal_room import room
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.anatomy.solids import Grid
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.shapes import (
    DiscShape,
    Fracture,
    Herniation,
    Lesion,
    Narrowing,
    Patient,
    VertebraShape,
)
from spinemed.phantom.rendering.acquisition import (
    Acquisition,
    SeriesKind,
    picture_plan,
    plan,
    plan_axial,
    plan_session,
    retake,
)
from spinemed.phantom.rendering.framing import sagittal_frame
from spinemed.phantom.rendering.labels import paint
from spinemed.phantom.rendering.maps import CORD, DISC, EPIDURAL_FAT, SAC, verse_value
from spinemed.phantom.rendering.series import pictures, render, render_session
from spinemed.phantom.rendering.texture import field
from spinemed.phantom.rendering.tissues import Tissue

SAGITTAL = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
PIXEL_MM = 0.6
Values = NDArray[np.int16]


def healthy() -> Patient:
    return sample_patient(11, [])


def with_vertebra(level: str, **changes: object) -> Patient:
    def changed(shape: VertebraShape) -> VertebraShape:
        return replace(shape, **changes) if shape.level == level else shape  # type: ignore[arg-type]

    patient = healthy()
    return replace(patient, vertebrae=tuple(changed(shape) for shape in patient.vertebrae))


def with_disc(above: str, **changes: object) -> Patient:
    def changed(shape: DiscShape) -> DiscShape:
        return replace(shape, **changes) if shape.above == above else shape  # type: ignore[arg-type]

    patient = healthy()
    return replace(patient, discs=tuple(changed(shape) for shape in patient.discs))


def beside(anatomy: Anatomy, level: str, kind: SeriesKind, left_mm: float = 0.0) -> Acquisition:
    """One sagittal slice of 120 mm around a vertebra, so many mm to the patient's left of its middle."""
    size = 200
    middle = anatomy.vertebra(level).body.pose.point(left_mm, 12.0, 0.0)
    origin = middle - SAGITTAL.T @ np.array([0.0, size / 2, size / 2]) * PIXEL_MM
    planned = retake(anatomy, picture_plan(anatomy, "t2"), kind)
    return replace(planned, grid=Grid(origin, SAGITTAL, (4.0, PIXEL_MM, PIXEL_MM), (1, size, size)))


def noise_of(acquisition: Acquisition) -> float:
    look = acquisition.look
    return look.noise * (1.0 if acquisition.kind == "ct" else look.gain)


def test_the_same_seed_gives_the_same_bytes_on_every_call() -> None:
    for kind in ("ct", "t2_axial"):
        first, again = (
            render(anatomy, picture_plan(anatomy, kind, 128))
            for anatomy in (place(sample_patient(5)), place(sample_patient(5)))
        )
        assert first.pixels.tobytes() == again.pixels.tobytes()
        assert first.structures.tobytes() == again.structures.tobytes()
    other = place(sample_patient(6))
    assert render(other, picture_plan(other, "ct", 128)).pixels.tobytes() != first.pixels.tobytes()


def test_series_of_one_session_share_one_grid_and_one_mask_but_not_their_values() -> None:
    anatomy = place(sample_patient(3))
    found = render_session(anatomy, ("t1", "t2", "stir", "ct"))
    t1, t2, stir, ct = found.values()
    assert t1.acquisition.grid is t2.acquisition.grid is stir.acquisition.grid
    assert np.array_equal(t1.mask, t2.mask) and np.array_equal(t1.structures, stir.structures)
    assert not np.array_equal(t1.pixels, t2.pixels)
    assert ct.acquisition.grid is not t1.acquisition.grid
    alone = render(anatomy, plan(anatomy, "stir"))
    assert np.array_equal(alone.pixels, stir.pixels) and np.array_equal(alone.mask, stir.mask)


def test_pictures_are_the_pixels_that_render_gives() -> None:
    anatomy = place(sample_patient(4))
    plans = [picture_plan(anatomy, "t2", 96), picture_plan(anatomy, "t2_axial", 96)]
    plans.append(retake(anatomy, plans[0], "ct"))
    for values, acquisition in zip(pictures(anatomy, plans), plans, strict=True):
        assert values.shape == (1, 96, 96) and values.dtype == np.int16
        assert np.array_equal(values, render(anatomy, acquisition).pixels)


FRACTURE = Fracture("wedge", "A1", 2, "osteoporotic", fresh=True)
LESION = Lesion("lytic", (0.1, 0.1, 0.0), (0.5, 0.5, 0.6))
ILLNESSES: dict[str, tuple[Callable[[], Patient], Tissue, dict[SeriesKind, int]]] = {
    "fresh fracture": (
        lambda: with_vertebra("L2", fracture=FRACTURE),
        Tissue.OEDEMA,
        {"t1": -1, "t2": 1, "stir": 1, "ct": 1},
    ),
    "Modic 1": (lambda: with_disc("L2", modic=1), Tissue.MODIC_1, {"t1": -1, "t2": 1, "stir": 1}),
    "Modic 2": (lambda: with_disc("L2", modic=2), Tissue.MODIC_2, {"t1": 1, "t2": 1}),
    "Modic 3": (lambda: with_disc("L2", modic=3), Tissue.MODIC_3, {"t1": -1, "t2": -1, "ct": 1}),
    "lytic metastasis": (
        lambda: with_vertebra("L2", lesion=LESION),
        Tissue.LYTIC,
        {"t1": -1, "t2": 1, "stir": 1, "ct": -1},
    ),
    "blastic metastasis": (
        lambda: with_vertebra("L2", lesion=replace(LESION, kind="blastic")),
        Tissue.BLASTIC,
        {"t1": -1, "t2": -1, "ct": 1},
    ),
    "infected marrow": (
        lambda: with_disc("L2", infected=True),
        Tissue.INFECTED_MARROW,
        {"t1": -1, "t2": 1, "stir": 1},
    ),
    "infected disc": (lambda: with_disc("L2", infected=True), Tissue.INFECTED_DISC, {"t2": 1, "stir": 1}),
    "ankylosis": (lambda: with_disc("L2", bridged=True), Tissue.BRIDGE, {"ct": 1}),
}


@pytest.mark.parametrize("name", ILLNESSES)
def test_each_illness_changes_the_values_where_it_lies_by_more_than_the_noise(name: str) -> None:
    make, tissue, signs = ILLNESSES[name]
    well, ill = place(healthy()), place(make())
    for kind, sign in signs.items():
        acquisition = beside(well, "L2", kind)
        there = paint(ill, acquisition.grid).tissue == tissue
        # Marrow or disc of the healthy patient at the very same place, under the very same noise.
        before, after = (render(anatomy, acquisition).pixels[there] for anatomy in (well, ill))
        assert there.sum() > 20, kind
        change = sign * float(np.mean(after.astype(float) - before))
        assert change > 1.5 * noise_of(acquisition), (kind, change, noise_of(acquisition))
        away = ~_grown(paint(ill, acquisition.grid).tissue != paint(well, acquisition.grid).tissue, 3)
        assert np.array_equal(render(well, acquisition).pixels[away], render(ill, acquisition).pixels[away])


def _grown(flags: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    for axis in (1, 2):
        flags = np.any([np.roll(flags, shift, axis) for shift in range(-by, by + 1)], axis=0)
    return flags


def test_a_worn_nucleus_is_darker_grade_by_grade_in_t2_and_stir() -> None:
    for kind in ("t2", "stir"):
        means = []
        for grade in range(1, 6):
            anatomy = place(with_disc("L2", pfirrmann=grade))
            acquisition = beside(anatomy, "L2", kind)
            nucleus = paint(anatomy, acquisition.grid).tissue == Tissue.NUCLEUS_1 + grade - 1
            rows = np.nonzero(nucleus)
            here = np.abs(rows[1] - 100) < 60
            means.append(float(render(anatomy, acquisition).pixels[nucleus][here].mean()))
        assert means == sorted(means, reverse=True) and means[0] > 2 * means[4], means


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_herniation_takes_the_place_of_bright_fluid_on_its_own_side(side: str) -> None:
    tissue = Herniation("extrusion", "subarticular", side, 7.0, 9.0)  # type: ignore[arg-type]
    anatomy = place(with_disc("L4", herniation=tissue))
    acquisition = plan_axial(anatomy, "L4")
    maps = paint(anatomy, acquisition.grid)
    out = maps.tissue == Tissue.HERNIATION
    columns = np.nonzero(out)[2]
    middle = acquisition.grid.index_of(anatomy.disc("L4").solid.pose.origin_mm)[2]
    # The patient's right is on the picture's left.
    assert (columns.mean() > middle + 2) == (side == "left")
    values = render(anatomy, acquisition).pixels
    fluid = maps.tissue == Tissue.CSF
    assert values[fluid].mean() - values[out].mean() > 5 * noise_of(acquisition)


def test_axial_slices_run_from_below_with_the_patients_right_on_the_left() -> None:
    anatomy = place(healthy())
    grid = plan_axial(anatomy, "L3").grid
    slices, rows, columns = grid.directions
    assert slices[2] > 0.7 and rows[1] > 0.7 and columns[0] > 0.9
    assert np.allclose(np.cross(columns, rows), slices, atol=1e-9)
    disc = anatomy.disc("L3").solid.pose
    assert abs(float(slices @ disc.rotation[:, 2])) > 0.99


def test_the_sac_in_the_picture_is_as_deep_as_the_room_that_is_measured() -> None:
    for narrowing in (Narrowing(), Narrowing(flavum_mm=5.0), Narrowing(flavum_mm=3.0, recess_mm=(3.0, 0.0))):
        anatomy = place(with_disc("L3", narrowing=narrowing))
        pose = anatomy.disc("L3").solid.pose
        directions = np.stack([pose.rotation[:, 2], pose.rotation[:, 1], pose.rotation[:, 0]])
        size, step = 240, 0.25
        corner = np.array([0.0, -step * 30, -step * size / 2])
        grid = Grid(pose.origin_mm + directions.T @ corner, directions, (1.0, step, step), (1, size, size))
        structures = render(anatomy, replace(plan_axial(anatomy, "L3"), grid=grid)).structures[0]
        inside = (structures == SAC) | (structures == CORD)
        columns = np.flatnonzero(inside.any(axis=0))
        depth = step * float(inside[:, round(columns.mean())].sum())
        assert depth == pytest.approx(room(anatomy, "L3").left_mm, abs=0.8)


def test_structures_are_disjoint_and_lie_at_their_poses() -> None:
    for seed in (0, 1, 2):
        anatomy = place(sample_patient(seed, []))
        series = render(anatomy, beside(anatomy, "L2", "t2"))
        grid = series.acquisition.grid
        for disc in (anatomy.disc("L2"), anatomy.disc("L1")):
            centre = _centre(grid, series.structures == DISC + verse_value(disc.above))
            across = np.abs((centre - disc.solid.pose.origin_mm) @ disc.solid.pose.rotation)[1:]
            assert (across < 1.5).all(), (seed, disc.above, across)
        known = {0, SAC, CORD, EPIDURAL_FAT, *range(1, 29), *range(DISC + 1, DISC + 29)}
        assert set(np.unique(series.structures)) <= known
        vertebral = series.structures <= 28
        assert np.array_equal(series.mask[vertebral], series.structures[vertebral])
        assert not series.mask[~vertebral].any()


@pytest.mark.parametrize("level", ["C4", "T6", "L1", "L4"])
def test_the_mask_of_a_body_is_centred_on_its_pose(level: str) -> None:
    anatomy = place(sample_patient(2, []))
    series = render(anatomy, beside(anatomy, level, "t2"))
    body = anatomy.vertebra(level).body
    grid = series.acquisition.grid
    index = np.argwhere(series.mask == verse_value(level))
    points = grid.origin_mm + (index * np.asarray(grid.steps_mm)) @ grid.directions
    local = (points - body.pose.origin_mm) @ body.pose.rotation
    front = local[np.abs(local[:, 1]) < 0.8 * body.half_depth]
    front = front[np.abs(front[:, 2]) < body.half_height + 4.0]
    wedge_mm = body.slope * body.half_depth**2 / (3 * body.half_height)
    assert abs(front[:, 1].mean() - wedge_mm) < 1.0 and abs(front[:, 2].mean()) < 1.0


def _centre(grid: Grid, flags: NDArray[np.bool_]) -> NDArray[np.float64]:
    middle = np.argwhere(flags).mean(axis=0) * np.asarray(grid.steps_mm)
    return np.asarray(grid.origin_mm + middle @ grid.directions)


def test_metal_blooms_and_streaks_in_ct_and_leaves_a_void_in_mr() -> None:
    anatomy = place(sample_patient(21, ["post_operative"]))
    screw = next(part for part in anatomy.metal if part.kind == "screw" and part.level[0] != "S")
    pose = anatomy.vertebra(screw.level).body.pose
    aside = float(((screw.ends_mm[0] + screw.ends_mm[1]) / 2 - pose.origin_mm) @ pose.rotation[:, 0])
    metal = paint(anatomy, beside(anatomy, screw.level, "ct", aside).grid).tissue == Tissue.METAL
    assert metal.sum() > 30
    ct, t2 = (render(anatomy, beside(anatomy, screw.level, kind, aside)).pixels for kind in ("ct", "t2"))
    near = _grown(metal, 12) & ~_grown(metal, 3)
    assert ct[metal].min() > 2500
    without = replace(anatomy, metal=())
    plain = render(without, beside(anatomy, screw.level, "ct", aside)).pixels
    assert np.abs(ct[near].astype(float) - plain[near]).mean() > 30
    around = _grown(metal, 1)
    assert t2[around].mean() < 0.25 * np.percentile(t2, 90)


def test_the_cord_is_bright_in_t2_where_the_patient_has_myelopathy() -> None:
    anatomy = place(sample_patient(8, ["cervical_myelopathy"]))
    above = anatomy.patient.myelopathy
    assert above
    acquisition = beside(anatomy, above, "t2")
    maps = paint(anatomy, acquisition.grid)
    values = render(anatomy, acquisition).pixels
    ill, well = maps.tissue == Tissue.CORD_LESION, maps.tissue == Tissue.CORD
    assert ill.sum() > 5
    assert values[ill].mean() - values[well].mean() > 3 * noise_of(acquisition)


def test_roots_are_dots_in_the_fat_of_the_foramina_and_a_narrow_foramen_has_less_fat() -> None:
    def fat(narrowing: Narrowing) -> tuple[int, int]:
        anatomy = place(with_disc("L3", narrowing=narrowing))
        half = anatomy.vertebra("L3").canal_width_mm / 2
        grid = beside(anatomy, "L3", "t1", half + 5.0).grid
        tissue = paint(anatomy, grid).tissue
        row, column = grid.index_of(anatomy.disc("L3").solid.pose.point(0.0, 22.0, 2.0))[1:].astype(int)
        part = tissue[0, row - 18 : row + 14, column - 12 : column + 20]
        return int((part == Tissue.FAT).sum()), int((part == Tissue.ROOT).sum())

    open_fat, roots = fat(Narrowing())
    lost_fat, _ = fat(Narrowing(foramen=(0.8, 0.0)))
    assert roots > 5 and lost_fat < 0.7 * open_fat


def test_broken_partes_show_a_gap_beside_the_midline_in_ct() -> None:
    well, broken = place(healthy()), place(with_vertebra("L5", pars_defect=True))
    half = well.vertebra("L5").canal_width_mm / 2
    acquisition = beside(well, "L5", "ct", half + 3.0)
    before, after = (render(anatomy, acquisition) for anatomy in (well, broken))
    gap = (paint(broken, acquisition.grid).tissue == Tissue.SCAR) & (before.mask == verse_value("L5"))
    assert gap.sum() > 10 and not after.mask[gap].any()
    assert before.pixels[gap].mean() - after.pixels[gap].mean() > 3 * noise_of(acquisition)


def test_fields_of_view_differ_and_show_the_sacrum_only_at_times() -> None:
    shown, sizes, regions = 0, set(), set()
    for seed in range(60):
        anatomy = place(sample_patient(seed))
        acquisition = picture_plan(anatomy, "t2", 256)
        assert acquisition.grid.shape == (1, 256, 256)
        row, column = acquisition.grid.index_of(anatomy.vertebra("S1").body.pose.origin_mm)[1:]
        shown += bool(0 <= row < 256 and 0 <= column < 256)
        sizes.add(round(acquisition.grid.steps_mm[1], 2))
        regions.add(acquisition.region)
    assert 0.3 * 60 < shown < 0.85 * 60
    assert len(sizes) > 25 and len(regions) >= 3


def test_a_frame_that_must_show_the_lumbar_spine_holds_it_whole_with_s1() -> None:
    for seed in range(25):
        anatomy = place(sample_patient(seed))
        rng = np.random.default_rng(seed)
        grid = sagittal_frame(rng, anatomy, "lumbar", True, 5, 320, 4.5)
        size, steps = np.array(grid.shape[1:]), np.array(grid.steps_mm[1:])
        body = anatomy.vertebra("S1").body
        centre, reach = grid.index_of(body.pose.origin_mm)[1:], body.extents(grid.directions)[1:] / steps
        assert (centre - reach > 0).all() and (centre + reach < size - 1).all(), seed
        for part in anatomy.vertebrae[:5]:
            for axis in (1, 2):
                span = np.array(part.span(grid.directions[axis]))
                pixels = (span - grid.directions[axis] @ grid.origin_mm) / grid.steps_mm[axis]
                assert pixels[0] > 0 and pixels[1] < grid.shape[axis] - 1, (seed, part.level, axis)


def test_the_region_is_the_same_in_all_series_of_a_patient() -> None:
    for seed in range(8):
        anatomy = place(sample_patient(seed))
        plans = plan_session(anatomy, ("ct", "t1", "t2", "stir"))
        assert len({made.region for made in plans}) == 1
        assert len({made.noise for made in plans}) == 4


def test_what_cannot_be_planned_is_named() -> None:
    anatomy = place(healthy())
    with pytest.raises(ConfigError, match="'xr_ap' is no sagittal stack"):
        plan(anatomy, "xr_ap")
    with pytest.raises(ConfigError, match="no disc below 'C1'"):
        plan_axial(anatomy, "C1")
    with pytest.raises(ConfigError, match="31 pixels"):
        picture_plan(anatomy, "t2", 31)


def test_texture_draws_as_many_numbers_for_one_slice_as_for_many() -> None:
    first, second = (np.random.default_rng(1) for _ in range(2))
    field(first, "medium", (1, 40, 40))
    field(second, "medium", (7, 80, 60))
    assert first.random() == second.random()


def test_pictures_larger_than_the_noise_banks_are_filled() -> None:
    whole = field(np.random.default_rng(1), "noise", (1, 900, 1000))
    assert whole.shape == (1, 900, 1000) and abs(float(whole.std()) - 1) < 0.05
