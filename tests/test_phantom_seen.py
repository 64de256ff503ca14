"""What readers of the pictures found wrong, held fast: what is stated is what is seen."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.ndimage import label

from spinemed.facts.stated import hidden_by
from spinemed.phantom.anatomy.parts import Anatomy, Vertebra
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.anatomy.solids import Grid
from spinemed.phantom.export.findings import series_findings
from spinemed.phantom.export.kinds import checked_kinds
from spinemed.phantom.export.series import StudySeries, rendered_series, study_id
from spinemed.phantom.export.visibility import visibility
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.rendering.acquisition import plan_axial
from spinemed.phantom.rendering.labels import paint, verse_value
from spinemed.phantom.rendering.radiograph import RenderedRadiograph
from spinemed.phantom.rendering.series import RenderedSeries
from spinemed.phantom.rendering.tissues import Tissue
from spinemed.records import Finding, Pathology, Reject

SEEDS = range(14)
Stated = tuple[StudySeries, tuple[Finding | Reject, ...]]


@cache
def stated(seed: int, condition: str, kind: str) -> tuple[Stated, ...]:
    patient = sample_patient(seed, [condition] if condition else [])
    return tuple(
        (one, tuple(series_findings(one.anatomy, one.rendered, study_id(patient), one.uid)))
        for one in rendered_series(patient, checked_kinds([kind]))
    )


def present(condition: str, kind: str, pathology: Pathology) -> list[tuple[RenderedSeries, Finding]]:
    return [
        (series.rendered, one)
        for seed in SEEDS
        for series, found in stated(seed, condition, kind)
        for one in found
        if isinstance(one, Finding) and one.pathology == pathology and one.present
        if isinstance(series.rendered, RenderedSeries)
    ]


def tissue_in(rendered: RenderedSeries, finding: Finding, margin: int = 0) -> np.ndarray:
    """Tissue numbers of the evidence's box in its slice, counted as locators do."""
    where, box = finding.evidence, finding.evidence.box
    stored = where.slice_index if where.plane == "axial" else len(rendered.tissue) - 1 - where.slice_index
    rows = slice(max(box.top - margin, 0), box.bottom + margin)
    return np.asarray(rendered.tissue[stored, rows, max(box.left - margin, 0) : box.right + margin])


def sides_of_root_with_fat(tissue: np.ndarray) -> set[str]:
    """Where fat, not bone, disc or ligament, lies nearest to the root: before, behind, above, below."""
    rows, columns = np.nonzero(tissue == Tissue.ROOT)
    fat = np.isin(tissue, (Tissue.FAT, Tissue.EPIDURAL_FAT))
    row, column = int(np.median(rows)), int(np.median(columns))
    beside = {
        "before": fat[row, max(columns.min() - 2, 0) : columns.min()],
        "behind": fat[row, columns.max() + 1 : columns.max() + 3],
        "above": fat[max(rows.min() - 2, 0) : rows.min(), column],
        "below": fat[rows.max() + 1 : rows.max() + 3, column],
    }
    return {name for name, pixels in beside.items() if pixels.any()}


def test_the_grade_of_a_foramen_is_what_fat_is_left_around_its_root() -> None:
    by_grade: dict[str, list[set[str]]] = {}
    for seed in range(30):
        for series, found in stated(seed, "spinal_stenosis", "t1"):
            for one in found:
                if isinstance(one, Finding) and one.pathology == "foraminal_stenosis":
                    assert isinstance(series.rendered, RenderedSeries)
                    around = sides_of_root_with_fat(tissue_in(series.rendered, one, margin=2))
                    by_grade.setdefault(one.grade, []).append(around)
    assert set(by_grade) >= {"0", "1", "2"}
    # The pedicle may touch the root from above.
    assert all(around >= {"before", "behind", "below"} for around in by_grade["0"])
    assert all(around <= {"above", "below"} and around for around in by_grade["1"])
    assert not any(set.union(*by_grade["2"]))


def test_no_foramen_is_graded_without_a_root_beside_screws_or_at_a_slip() -> None:
    for condition in ("spinal_stenosis", "post_operative", "spondylolisthesis"):
        for seed in SEEDS:
            for series, found in stated(seed, condition, "t1"):
                screwed = {part.level for part in series.anatomy.metal if part.kind == "screw"}
                slipped = {d.above for d in series.anatomy.placed_discs if d.shape and d.shape.slip_mm > 3}
                for one in found:
                    if isinstance(one, Finding) and one.pathology == "foraminal_stenosis":
                        assert isinstance(series.rendered, RenderedSeries)
                        assert (tissue_in(series.rendered, one) == Tissue.ROOT).any()
                        assert not screwed & set(one.site.split("-")), one
                        assert one.site.split("-")[0] not in slipped, one


def test_the_bright_spot_of_a_cord_lies_in_the_plane_of_its_disc() -> None:
    seen = 0
    for seed in SEEDS:
        patient = sample_patient(seed, ["cervical_myelopathy"])
        anatomy = place(patient)
        pose = anatomy.disc(patient.myelopathy).solid.pose
        for series, _ in stated(seed, "cervical_myelopathy", "t2"):
            assert isinstance(series.rendered, RenderedSeries)
            spot = np.argwhere(series.rendered.tissue == Tissue.CORD_LESION)
            if not len(spot):
                continue
            grid = series.rendered.acquisition.grid
            middle = grid.origin_mm + (spot.mean(axis=0) * grid.steps_mm) @ grid.directions
            off_mm = abs(float(pose.rotation[:, 2] @ (middle - pose.origin_mm)))
            assert off_mm < 5.0, (seed, off_mm)
            seen += 1
    assert seen >= 5


def test_slices_along_a_steep_disc_show_a_canal_without_torn_rows() -> None:
    steep = 0
    for seed in range(60):
        anatomy = place(sample_patient(seed, []))
        tilt = anatomy.disc("L5").solid.pose.rotation[2, 2]
        if tilt > 0.82:
            continue
        steep += 1
        acquisition = plan_axial(anatomy, "L5")
        tissue = paint(anatomy, acquisition.grid).tissue
        sac = np.isin(tissue, (Tissue.CSF, Tissue.CAUDA))
        for one in sac:
            rows = np.flatnonzero(one.sum(axis=1) > 8)
            # Of the rows between the sac's first and last one none is empty.
            assert not len(rows) or len(rows) == rows[-1] - rows[0] + 1, seed
    assert steep >= 3


def test_screws_in_the_sacrum_are_stated_like_any_other() -> None:
    films = {"ct": 0, "xr_lat": 0}
    for seed in range(40):
        patient = sample_patient(seed, ["post_operative"])
        if not patient.sacral_screws:
            continue
        for kind in films:
            for _, found in stated(seed, "post_operative", kind):
                ids = {one.site for one in found if isinstance(one, Finding) and one.pathology == "screws"}
                films[kind] += "S1" in ids
    assert all(films.values()), films


@pytest.mark.parametrize("kind", ["ct", "t1"])
def test_what_a_cut_vertebra_has_is_a_reject_that_names_it(kind: str) -> None:
    named = 0
    for seed in range(60):
        patient = sample_patient(seed, ["metastasis"])
        ill = {shape.level for shape in patient.vertebrae if shape.lesion}
        for _, found in stated(seed, "metastasis", kind):
            cut = {
                one.site for one in found if isinstance(one, Finding) and one.pathology == "vertebra_in_part"
            }
            for site in ill & cut:
                ids = [one.id for one in found if isinstance(one, Reject)]
                assert any(f"/{site}/metastasis/" in one for one in ids), (seed, site)
                named += 1
    assert named >= 2


def arch_in_one_piece(anatomy: Anatomy, bone: Vertebra) -> bool:
    """Whether pedicle and lower joint are one piece in the sagittal plane of the body through the pars."""
    body, pixel_mm, size = bone.body, 0.5, 160
    directions = np.stack([-body.pose.rotation[:, 0], -body.pose.rotation[:, 2], body.pose.rotation[:, 1]])
    middle = body.pose.point(bone.canal_width_mm / 2 + 3.6, body.half_depth + 12.0, 0.0)
    origin = middle - size / 2 * pixel_mm * (directions[1] + directions[2])
    grid = Grid(origin, directions, (1.0, pixel_mm, pixel_mm), (1, size, size))
    pieces, _ = label(paint(anatomy, grid).vertebra[0] == verse_value(bone.level))

    def piece(posterior_mm: float, up_mm: float) -> int:
        row = int(size / 2 - up_mm / pixel_mm)
        column = int(size / 2 + (posterior_mm - 12.0) / pixel_mm)
        return int(pieces[row, column])

    height = 2 * body.half_height
    pedicle, joint = piece(4.0, 0.2 * height), piece(0.95 * bone.canal_depth_mm + 7.2, -0.55 * height)
    return pedicle > 0 and pedicle == joint


def test_an_intact_pars_joins_pedicle_and_lower_joint_and_a_broken_one_does_not() -> None:
    joined: dict[bool, list[bool]] = {True: [], False: []}
    for seed in range(16):
        anatomy = place(sample_patient(seed, ["spondylolisthesis"]))
        for bone in anatomy.vertebrae:
            if bone.level[0] == "L" and bone.shape is not None:
                joined[bone.shape.pars_defect].append(arch_in_one_piece(anatomy, bone))
    assert len(joined[True]) >= 3 and not any(joined[True])
    assert np.mean(joined[False]) > 0.95


def test_a_sagittal_slice_tells_no_depth_where_a_herniation_presses_beside_the_midline() -> None:
    lateral = {"subarticular", "foraminal", "extraforaminal"}
    for seed in SEEDS:
        for series, found in stated(seed, "disc_herniation", "t2"):
            shapes = {f"{d.above}-{d.below}": d.shape for d in series.anatomy.placed_discs if d.shape}
            for one in found:
                if isinstance(one, Finding) and one.pathology == "canal_stenosis":
                    herniation = shapes[one.site].herniation
                    assert herniation is None or herniation.zone not in lateral


def test_films_of_turned_end_vertebrae_give_no_cobb_angle() -> None:
    reasons = [
        one.reason
        for seed in range(24)
        for series, found in stated(seed, "scoliosis", "xr_full_ap")
        for one in found
        if isinstance(series.rendered, RenderedRadiograph) and isinstance(one, Reject)
    ]
    assert any("turned too far for an angle" in reason for reason in reasons)


@pytest.mark.parametrize("kind", ["t2", "t2_axial"])
def test_no_herniation_is_stated_that_reaches_less_than_the_least(kind: str) -> None:
    found = present("disc_herniation", kind, "herniation")
    assert {one.detail for _, one in found} >= {"central", "subarticular", "foraminal"}
    assert all((one.value or 0.0) >= visibility().herniation_least_mm for _, one in found)


def test_a_narrow_foramen_is_held_back_with_its_side_where_a_series_cannot_grade_it() -> None:
    sides = set()
    for seed in SEEDS:
        for series, found in stated(seed, "spinal_stenosis", "t2_axial"):
            hidden = hidden_by(one for one in found if isinstance(one, Reject))
            for disc in series.anatomy.placed_discs:
                site = f"{disc.above}-{disc.below}"
                if disc.shape is None or not any(isinstance(f, Finding) and f.site == site for f in found):
                    continue
                for side, lost in zip(("left", "right"), disc.shape.narrowing.foramen, strict=True):
                    if lost > 0.25:
                        assert (series.uid, site, "foraminal_stenosis", side) in {one[:4] for one in hidden}
                        sides.add(side)
    assert sides == {"left", "right"}


@pytest.mark.parametrize("kind", ["ct", "xr_lat"])
def test_a_large_osteophyte_stands_out_by_three_millimetres_and_three_pixels(kind: str) -> None:
    called = small = 0
    for seed in range(8):
        for series, found in stated(seed, "disc_degeneration", kind):
            claims = [one for one in found if isinstance(one, Finding) and one.pathology == "osteophyte"]
            named = {one.site for one in claims if one.present}
            for bone in series.anatomy.vertebrae:
                beak_mm = 0.09 * bone.body.osteophyte * bone.body.half_depth
                if bone.body.osteophyte < visibility().osteophyte_large:
                    assert bone.level not in named
                elif beak_mm < 3.0:
                    small += 1
                    assert bone.level not in {one.site for one in claims}
                else:
                    called += bone.level in named
            assert all((one.pixels or 0) >= 12 for one in claims)
    assert small
    assert called or kind == "ct"  # three of its pixels are more than most beaks here
