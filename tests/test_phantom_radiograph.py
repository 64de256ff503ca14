"""Radiographs of phantoms: chords against sampled rays, sides, places, silhouettes, DICOM there and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spinemed.errors import ConfigError
from spinemed.level_labels import value_of
from spinemed.phantom.anatomy.parts import Anatomy, Metal
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.anatomy.solids import Array, Body, Flags, Grid, Lump, Mould, lump
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.shapes import Lesion
from spinemed.phantom.rendering.radiograph import RADIOGRAPH_KINDS, plan_film, posture_of, project, view_of
from spinemed.phantom.rendering.radiograph_bodies import body_chords
from spinemed.phantom.rendering.radiograph_bones import project_bones
from spinemed.phantom.rendering.radiograph_chords import Chords, lump_chords
from spinemed.phantom.rendering.radiograph_tubes import Tube, tube_chords

SEED = 7
Inside = Callable[[Array], Flags]


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    """Return a standing phantom."""
    return place(sample_patient(SEED), "standing")


def film_around(centre: Array, directions: Array, pixels: int = 44, step: float = 1.6) -> Grid:
    corner = centre - (directions[1] + directions[2]) * (pixels - 1) / 2 * step
    return Grid(corner, directions, (1.0, step, step), (1, pixels, pixels))


def sampled(grid: Grid, centre: Array, inside: Inside, reach: float = 48.0) -> NDArray[np.float64]:
    """Return chords found by walking along the rays in steps of 0.2 mm."""
    rows, columns = np.mgrid[: grid.shape[1], : grid.shape[2]]
    points = (
        grid.origin_mm
        + rows[..., None] * grid.steps_mm[1] * grid.directions[1]
        + columns[..., None] * grid.steps_mm[2] * grid.directions[2]
    )
    start = float(grid.directions[0] @ (centre - grid.origin_mm))
    found = np.zeros(rows.shape)
    for along in np.arange(-reach, reach, 0.2) + 0.1:
        found += 0.2 * inside(points + (start + along) * grid.directions[0])
    return found


def as_picture(chords: list[Chords], grid: Grid) -> NDArray[np.float64]:
    picture = np.zeros(grid.shape[1] * grid.shape[2])
    for part in chords:
        np.add.at(picture, part.place, part.outer)
    return picture.reshape(grid.shape[1:])


def in_body(body: Body) -> Inside:
    def inside(points: Array) -> Flags:
        own = ((points - body.pose.origin_mm) @ body.pose.rotation).astype(np.float32)
        return np.asarray(body.depth_inside(own[..., 0], own[..., 1], own[..., 2]) > 0)

    return inside


def in_lump(part: Lump) -> Inside:
    def inside(points: Array) -> Flags:
        squares = ((points - part.centre_mm) @ part.matrix.T) ** 2
        if part.squared:
            return np.asarray(squares[..., 0] + np.hypot(squares[..., 1], squares[..., 2]) < 1)
        return np.asarray(squares.sum(axis=-1) < 1)

    return inside


def error_share(found: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return float(np.abs(found - truth).sum() / truth.sum())


@pytest.mark.parametrize("kind", ["xr_ap", "xr_lat"])
@pytest.mark.parametrize("level", ["L5", "L2", "T7", "C5", "S2"])
def test_chords_through_bodies_agree_with_sampled_rays(level: str, kind: Any, anatomy: Anatomy) -> None:
    body = replace(anatomy.vertebra(level).body, dents=())  # holes are drawn as lumps of their own
    centre = body.pose.origin_mm
    grid = film_around(centre, plan_film(anatomy, kind).grid.directions)
    found = as_picture(list(body_chords(grid, [body], np.ones(1), np.ones(1))), grid)
    assert error_share(found, sampled(grid, centre, in_body(body))) < 0.025


def test_chords_through_a_wedged_tilted_body_with_spurs_agree_with_sampled_rays(anatomy: Anatomy) -> None:
    normal = replace(anatomy.vertebra("L3").body, dents=())
    body = replace(normal, slope=0.18, side_slope=0.12, osteophyte=1.0, concavity=4.0)
    for kind in ("xr_ap", "xr_lat"):
        grid = film_around(body.pose.origin_mm, plan_film(anatomy, kind).grid.directions)
        found = as_picture(list(body_chords(grid, [body], np.ones(1), np.ones(1))), grid)
        assert error_share(found, sampled(grid, body.pose.origin_mm, in_body(body))) < 0.02


@pytest.mark.parametrize("kind", ["xr_ap", "xr_lat"])
def test_chords_through_arches_agree_with_sampled_rays(kind: Any, anatomy: Anatomy) -> None:
    directions = plan_film(anatomy, kind).grid.directions
    for part in anatomy.vertebra("L2").arch[::3] + anatomy.vertebra("L2").arch[-1:]:
        grid = film_around(part.centre_mm, directions, pixels=60, step=1.0)
        found = as_picture([lump_chords(grid, [part], np.ones(1))], grid)
        assert error_share(found, sampled(grid, part.centre_mm, in_lump(part))) < 0.02


def test_chords_through_a_bent_tube_agree_with_sampled_rays(anatomy: Anatomy) -> None:
    points = np.array([[0.0, -20.0, 0.0], [4.0, 0.0, 2.0], [12.0, 18.0, -4.0]])

    def inside(at: Array) -> Flags:
        """Within the radius of either straight piece; at the bend the nearer piece decides."""
        near = np.full(at.shape[:-1], np.inf)
        for first, last in pairwise(points):
            way = (last - first) / np.linalg.norm(last - first)
            along = (at - first) @ way
            off_end = np.maximum(np.maximum(-along, along - np.linalg.norm(last - first)), 0)
            away = ((at - first) ** 2).sum(axis=-1) - along**2
            slack = np.where(off_end < 3.0, 0, np.inf)
            near = np.minimum(near, away + slack * (off_end > 0))
        ends = ((at - points[0]) @ (points[1] - points[0]) >= 0) & (
            (at - points[-1]) @ (points[-1] - points[-2]) <= 0
        )
        return np.asarray((near < 25.0) & ends)

    grid = film_around(np.array([5.0, 0.0, 0.0]), plan_film(anatomy, "xr_lat").grid.directions)
    found = as_picture([tube_chords(grid, [Tube(points, 5.0, 1.0)])], grid)
    assert error_share(found, sampled(grid, np.zeros(3), inside)) < 0.02


def test_a_shell_is_what_the_outer_chord_has_more_than_the_inner(anatomy: Anatomy) -> None:
    ball = lump(anatomy.vertebra("L2").body.pose, Mould((0.0, 0.0, 0.0), (10.0, 10.0, 10.0)))
    grid = film_around(ball.centre_mm, np.eye(3)[[0, 2, 1]])
    chords = lump_chords(grid, [ball], np.array([2.0]))
    assert chords.outer.max() == pytest.approx(20.0, abs=0.2)
    assert chords.inner.max() == pytest.approx(16.0, abs=0.2)


@pytest.mark.parametrize("kind", RADIOGRAPH_KINDS)
def test_every_kind_gives_the_same_picture_on_every_call(kind: Any) -> None:
    patient = sample_patient(SEED)
    first, second = (project(place(patient, posture_of(kind)), kind, 128) for _ in range(2))
    assert first.pixels.tobytes() == second.pixels.tobytes()
    assert first.masks.tobytes() == second.masks.tobytes()
    assert max(first.pixels.shape) == 128
    assert first.pixels.max() <= 4095
    assert first.view == view_of(kind)


def test_the_field_on_the_patient_does_not_depend_on_the_number_of_pixels(anatomy: Anatomy) -> None:
    small, large = plan_film(anatomy, "xr_lat", 128).grid, plan_film(anatomy, "xr_lat", 512).grid
    for grid in (small, large):
        assert max(grid.shape) * grid.steps_mm[1] == pytest.approx(
            max(small.shape) * small.steps_mm[1], rel=1e-3
        )
    edge = large.origin_mm - (large.directions[1] + large.directions[2]) * large.steps_mm[1] / 2
    assert small.index_of(edge)[1:] == pytest.approx([-0.5, -0.5], abs=0.01)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_frontal_film_shows_the_patients_left_on_its_right(side: float, anatomy: Anatomy) -> None:
    middle = anatomy.vertebra("L3").body.pose.origin_mm
    ends = (middle + np.array([side * 35.0, 0.0, -8.0]), middle + np.array([side * 35.0, 0.0, 8.0]))
    pin = Metal("rod", "L3", ends, 4.0)
    film = plan_film(anatomy, "xr_ap", 256)
    grid = film_around(middle, film.grid.directions, pixels=120, step=1.0)
    metal = project_bones(replace(anatomy, metal=(pin,)), grid).metal
    columns = np.flatnonzero(metal.sum(axis=0))
    assert (columns.mean() - grid.index_of(middle)[2]) * side == pytest.approx(35.0, abs=2.0)
    assert film.orientation == ("L", "F")


def test_a_point_of_the_patient_appears_where_place_of_says(anatomy: Anatomy) -> None:
    for kind in ("xr_full_ap", "xr_full_lat"):
        radiograph = project(anatomy, kind, 400)
        for level in ("L4", "L1", "T8", "C6"):
            body = anatomy.vertebra(level).body
            row, column = radiograph.place_of(body.pose.origin_mm)
            assert radiograph.masks[round(row), round(column)] == value_of("verse", level)
            rows, columns = np.nonzero(radiograph.masks == value_of("verse", level))
            assert rows.mean() == pytest.approx(row, abs=4.0)
            assert columns.mean() == pytest.approx(column, abs=4.0)


def test_silhouettes_lie_in_the_exposed_field_and_upper_bodies_over_lower_ones(anatomy: Anatomy) -> None:
    radiograph = project(anatomy, "xr_full_lat", 300)
    field = radiograph.collimation
    rows, columns = np.nonzero(radiograph.masks)
    assert rows.min() >= field.top - 8
    assert rows.max() <= field.bottom + 8
    assert columns.min() >= field.left - 8
    assert set(np.unique(radiograph.masks)) - {0} <= {
        value_of("verse", part.level) for part in (*anatomy.vertebrae, anatomy.sacrum[0])
    }


@pytest.mark.parametrize(("pedicle", "sign"), [("left", 1), ("right", -1)])
def test_a_lytic_pedicle_is_missing_on_its_side_of_a_frontal_film(
    pedicle: Any, sign: int, anatomy: Anatomy
) -> None:
    level = "L2"
    healthy = anatomy.vertebra(level)
    assert healthy.shape is not None
    lesion = Lesion("lytic", (0.0, 0.5, 0.2), (0.01, 0.01, 0.01), pedicle)
    ill = replace(healthy, shape=replace(healthy.shape, lesion=lesion))
    sick = replace(
        anatomy, vertebrae=tuple(ill if part.level == level else part for part in anatomy.vertebrae)
    )
    grid = film_around(healthy.body.pose.origin_mm, plan_film(anatomy, "xr_ap").grid.directions, 80, 1.0)
    lost = project_bones(anatomy, grid).bone - project_bones(sick, grid).bone
    place_lost = float((lost * np.arange(80)).sum() / lost.sum())
    middle = grid.index_of(healthy.body.pose.origin_mm)[2]
    assert lost.max() > 0.2
    assert (place_lost - middle) * sign > 0.3 * healthy.canal_width_mm


@pytest.mark.parametrize(("kind", "change"), [("lytic", -1), ("blastic", 1)])
def test_lesions_change_the_density_of_the_body(kind: Any, change: int, anatomy: Anatomy) -> None:
    healthy = anatomy.vertebra("L3")
    assert healthy.shape is not None
    bare = replace(healthy, shape=replace(healthy.shape, lesion=None))
    ill = replace(healthy, shape=replace(healthy.shape, lesion=Lesion(kind, (0, 0, 0), (0.7, 0.7, 0.7))))
    grid = film_around(healthy.body.pose.origin_mm, plan_film(anatomy, "xr_lat").grid.directions)
    maps = [
        project_bones(
            replace(anatomy, vertebrae=tuple(new if p.level == "L3" else p for p in anatomy.vertebrae)), grid
        ).bone[20:24, 20:24]
        for new in (bare, ill)
    ]
    assert (maps[1] - maps[0]).mean() * change > 0.1


def test_a_laminectomy_leaves_less_bone_behind_the_canal(anatomy: Anatomy) -> None:
    """Whatever the anatomy leaves out of the arch is not in the picture."""
    part = anatomy.vertebra("L3")
    bare = replace(part, arch=part.arch[:2])
    grid = film_around(part.body.pose.point(0, 60, -5), plan_film(anatomy, "xr_lat").grid.directions)
    others = tuple(bare if one.level == "L3" else one for one in anatomy.vertebrae)
    assert (
        project_bones(replace(anatomy, vertebrae=others), grid).bone.sum()
        < 0.9 * project_bones(anatomy, grid).bone.sum()
    )


def test_the_side_letter_stands_on_its_own_side_of_a_frontal_film() -> None:
    letters = set()
    for seed in range(12):
        anatomy = place(sample_patient(seed), "standing")
        film = plan_film(anatomy, "xr_ap", 256)
        middle = (film.collimation.left + film.collimation.right) / 2
        assert (film.marker.letter == "L") == (film.marker.column > middle)
        radiograph = project(anatomy, "xr_ap", 256)
        around = radiograph.pixels[
            int(film.marker.row - film.marker.height) : int(film.marker.row + film.marker.height) + 2,
            int(film.marker.column - film.marker.height) : int(film.marker.column + film.marker.height) + 2,
        ]
        assert around.max() > 3000
        letters.add(film.marker.letter)
    assert letters == {"L", "R"}


def test_fields_of_view_differ_from_patient_to_patient() -> None:
    """Neither the field's edges nor the place of the fifth lumbar body in it may give a level away."""
    places, tall = [], []
    for seed in range(24):
        anatomy = place(sample_patient(seed), "standing")
        grid = plan_film(anatomy, "xr_lat", 256).grid
        places.append(grid.index_of(anatomy.vertebrae[0].body.pose.origin_mm)[1] / grid.shape[1])
        tall.append(grid.shape[1] * grid.steps_mm[1])
    assert np.std(places) > 0.25
    assert max(tall) > 1.6 * min(tall)


def test_impossible_radiographs_are_refused_with_the_value_and_the_way_out(anatomy: Anatomy) -> None:
    with pytest.raises(ConfigError, match="'ct' is no kind of radiograph; give one of xr_ap"):
        project(anatomy, "ct")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="8 pixels asked; a radiograph has 32 to 4096"):
        project(anatomy, "xr_ap", 8)
    with pytest.raises(ConfigError, match="xr_flexion is taken flexion, the anatomy is placed standing"):
        project(anatomy, "xr_flexion", 64)
