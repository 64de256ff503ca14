"""What the phantom states: measured, seen where it says, on the patient's side, borne out by its masks."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from spinemed.facts.bodies import Body
from spinemed.facts.measure import Endplate, disc_line, endplates, sac_depth_mm, slip_percent
from spinemed.facts.measure_curves import cobb_deg, frontal_tilts, largest_curve
from spinemed.facts.measure_sides import herniation_side
from spinemed.imaging.volume import read_mask, read_volume
from spinemed.phantom.anatomy.measure import slip_percent as placed_slip
from spinemed.phantom.export.claim import Claim, judged
from spinemed.phantom.export.findings import series_findings
from spinemed.phantom.export.kinds import checked_kinds
from spinemed.phantom.export.series import StudySeries, rendered_series, study_id
from spinemed.phantom.export.study import write_study
from spinemed.phantom.export.visibility import visibility
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.settings import PatientSettings
from spinemed.phantom.rendering.labels import verse_value
from spinemed.phantom.rendering.radiograph import RenderedRadiograph
from spinemed.phantom.rendering.series import RenderedSeries
from spinemed.phantom.rendering.tissues import Tissue
from spinemed.records import Box, Finding, Locator, Reject
from spinemed.sources.phantom import read

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@cache
def stated(
    seed: int, condition: str, *kinds: str
) -> tuple[tuple[StudySeries, tuple[Finding | Reject, ...]], ...]:
    """Every series of a patient with one forced condition ("" for none) and what it supports."""
    patient = sample_patient(seed, [condition] if condition else [])
    return tuple(
        (one, tuple(series_findings(one.anatomy, one.rendered, study_id(patient), one.uid)))
        for one in rendered_series(patient, checked_kinds(kinds))
    )


def findings(condition: str, kind: str, seeds: range = range(12)) -> list[tuple[StudySeries, Finding]]:
    return [
        (series, one)
        for seed in seeds
        for series, found in stated(seed, condition, kind)
        for one in found
        if isinstance(one, Finding)
    ]


def evidence_tissue(series: StudySeries, finding: Finding) -> np.ndarray:
    """The tissue numbers inside the evidence's box, by the locator's own way of counting slices."""
    assert isinstance(series.rendered, RenderedSeries)
    tissue = series.rendered.tissue
    index = finding.evidence.slice_index
    stored = index if finding.evidence.plane == "axial" else len(tissue) - 1 - index
    box = finding.evidence.box
    return np.asarray(tissue[stored, box.top : box.bottom, box.left : box.right])


@pytest.mark.parametrize(
    ("condition", "kind", "pathology", "tissue"),
    [
        ("metastasis", "t1", "metastasis", {Tissue.LYTIC, Tissue.BLASTIC}),
        ("metastasis", "ct", "metastasis", {Tissue.LYTIC, Tissue.BLASTIC}),
        ("disc_herniation", "t2_axial", "herniation", {Tissue.HERNIATION}),
        ("disc_degeneration", "t2", "modic_change", {Tissue.MODIC_1, Tissue.MODIC_2, Tissue.MODIC_3}),
        (
            "spondylodiscitis",
            "stir",
            "spondylodiscitis",
            {Tissue.INFECTED_DISC, Tissue.INFECTED_MARROW, Tissue.PHLEGMON},
        ),
        ("cervical_myelopathy", "t2", "cord_signal", {Tissue.CORD_LESION}),
        ("ankylosing_spondylitis", "ct", "bridging", {Tissue.BRIDGE}),
        ("post_operative", "ct", "screws", {Tissue.METAL}),
    ],
)
def test_the_box_of_a_change_holds_its_tissue(
    condition: str, kind: str, pathology: str, tissue: set[Tissue]
) -> None:
    seen = [(s, f) for s, f in findings(condition, kind) if f.pathology == pathology and f.present]
    assert seen, f"no {pathology} was seen in {kind} of twelve patients"
    for series, finding in seen:
        inside = evidence_tissue(series, finding)
        assert int(np.isin(inside, list(tissue)).sum()) >= 0.5 * (finding.pixels or 0)
        assert finding.contrast is not None
        assert finding.contrast >= visibility().findings[finding.pathology].contrast


@pytest.mark.parametrize(
    ("condition", "kind", "pathology"),
    [
        ("spondylolisthesis", "xr_lat", "slip"),
        ("spondylolisthesis", "ct", "pars_defect"),
        ("osteoporotic_fracture", "ct", "height_loss"),
        ("traumatic_fracture", "stir", "fracture"),
        ("scoliosis", "xr_full_ap", "scoliosis"),
        ("kyphosis", "xr_full_lat", "thoracic_kyphosis"),
        ("transitional_anatomy", "xr_full_ap", "transitional"),
        ("spinal_stenosis", "t2_axial", "canal_stenosis"),
        ("spinal_stenosis", "t2_axial", "recess_stenosis"),
        ("spinal_stenosis", "t2", "foraminal_stenosis"),
        ("disc_degeneration", "t1", "endplate_defect"),
        ("disc_degeneration", "xr_lat", "osteophyte"),
        ("post_operative", "xr_lat", "cage"),
    ],
)
def test_each_pathology_is_stated_as_present_and_as_absent(condition: str, kind: str, pathology: str) -> None:
    seen = [one for _, one in findings(condition, kind, range(16)) if one.pathology == pathology]
    assert any(one.present for one in seen), f"never present in {kind}"
    if pathology not in ("thoracic_kyphosis",):
        seen += [one for _, one in findings("", kind, range(10)) if one.pathology == pathology]
        assert any(not one.present for one in seen), f"never absent in {kind}"


def test_endplates_that_infection_has_eaten_are_no_schmorl_nodes() -> None:
    infected = findings("spondylodiscitis", "t2")
    assert [one for _, one in infected if one.pathology == "spondylodiscitis" and one.present]
    assert not [one for _, one in infected if one.pathology == "endplate_defect" and one.present]


def test_a_healthy_patient_has_no_change_present() -> None:
    normal = {"vertebra", "vertebra_in_part", "lumbar_lordosis", "thoracic_kyphosis", "disc_degeneration"}
    for seed in range(4):
        for _, found in stated(seed, "", "ct", "t2", "t2_axial", "xr_lat"):
            ill = [one for one in found if isinstance(one, Finding) and one.present]
            assert {one.pathology for one in ill} <= normal | {"osteophyte"}, (seed, ill)


def test_a_vertebra_that_the_border_cuts_is_only_said_to_be_seen_in_part() -> None:
    for seed in range(6):
        for series, found in stated(seed, "", "t2"):
            here = [one for one in found if isinstance(one, Finding)]
            cut = {one.site for one in here if one.pathology == "vertebra_in_part"}
            assert not cut & {one.site for one in here if one.pathology == "vertebra"}
            of_bodies = [one for one in here if one.site in cut and one.pathology != "vertebra_in_part"]
            assert not of_bodies, series.name


def test_sides_are_the_patients() -> None:
    seen = [
        (s, f) for s, f in findings("disc_herniation", "t2_axial", range(24)) if f.pathology == "herniation"
    ]
    sided = [(s, f) for s, f in seen if f.side in ("left", "right")]
    assert {f.side for _, f in sided} == {"left", "right"}
    for series, finding in sided:
        assert isinstance(series.rendered, RenderedSeries)
        box, grid = finding.evidence.box, series.rendered.acquisition.grid
        middle = np.array([finding.evidence.slice_index, box.top + box.bottom, box.left + box.right]) / (
            1,
            2,
            2,
        )
        point = grid.origin_mm + (middle * np.asarray(grid.steps_mm)) @ grid.directions
        disc = series.anatomy.disc(series.rendered.acquisition.disc_above).solid
        left = float((point - disc.pose.origin_mm) @ disc.pose.rotation[:, 0])
        assert (left > 0) == (finding.side == "left"), (finding.site, left)


def test_oedema_is_never_told_from_ct_and_is_told_from_stir() -> None:
    in_ct = [f for _, f in findings("traumatic_fracture", "ct") if f.pathology == "fracture" and f.present]
    in_stir = [
        f for _, f in findings("traumatic_fracture", "stir") if f.pathology == "fracture" and f.present
    ]
    assert in_ct and {one.detail for one in in_ct} == {""}
    assert in_stir and {one.detail for one in in_stir} <= {"fresh", "old"}


def test_what_is_there_but_not_seen_is_a_reject_with_the_reason() -> None:
    rejects = [
        one
        for seed in range(6)
        for _, found in stated(seed, "disc_herniation", "ct")
        for one in found
        if isinstance(one, Reject) and "herniation" in one.id
    ]
    assert rejects and all("a series of kind ct does not show it" in one.reason for one in rejects)
    assert all(one.source == "phantom" and one.step == "visibility" and one.fix for one in rejects)


BOX = Locator(series="s", slice_index=0, box=Box(left=0, top=0, right=9, bottom=9))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"pixels": 29}, "it covers 29 pixels, 30 are needed"),
        ({"contrast": 1.9}, "it stands out by 1.9 deviations of noise, 2 are needed"),
        ({"evidence": None}, "its place lies outside the picture"),
        ({"cut_off": True}, "the border of the picture cuts it"),
        ({"hidden": "a cloud hides it"}, "a cloud hides it"),
        ({"off_cut": 1.5, "error": 1.0}, "measuring error of a cut"),
        ({"off_cut": 1.6, "error": 1.0}, ""),
    ],
)
def test_a_claim_is_stated_only_above_every_threshold(change: dict[str, object], reason: str) -> None:
    fields: dict[str, object] = {"evidence": BOX, "pixels": 30, "contrast": 2.0, "grade": "lytic"}
    claim = Claim("L1", "metastasis", **{**fields, **change})  # type: ignore[arg-type]
    found = judged(claim, "study", "series", "t1", "lying", visibility())
    if reason:
        assert isinstance(found, Reject) and reason in found.reason
    else:
        assert isinstance(found, Finding) and found.evidence == BOX and found.posture == "lying"


def test_a_normal_site_that_is_not_seen_is_left_out_without_a_reject() -> None:
    claim = Claim("L1", "metastasis", None, present=False)
    assert judged(claim, "study", "series", "t1", "lying", visibility()) is None


@pytest.mark.parametrize(("degrees", "told"), [(66.7, True), (50.0, False)])
def test_a_bent_back_whose_angle_is_not_seen_is_told_of(degrees: float, told: bool) -> None:
    claim = Claim("T4", "thoracic_kyphosis", BOX, value=degrees, unit="deg", hidden="it is turned away")
    found = judged(claim, "study", "series", "xr_full_lat", "standing", visibility())
    assert (isinstance(found, Reject) and "turned away" in found.reason) if told else found is None


def test_evidence_read_back_from_disk_lies_on_the_vertebra_and_names_its_stored_slice(tmp_path: Path) -> None:
    write_study(21, tmp_path, ("ct", "t2"))
    study = next(iter(read(tmp_path)))
    assert not isinstance(study, Reject) and study.stated is not None
    found = [Finding.model_validate_json(line) for line in study.stated.read_text().splitlines()]
    for series in study.series:
        volume = read_volume(series.image)
        assert isinstance(series.mask, Path)
        mask = read_mask(series.mask, "verse", volume)
        seen = [one for one in found if one.evidence.series == series.uid and one.pathology == "vertebra"]
        assert seen
        for one in seen:
            where, box = one.evidence, one.evidence.box
            picture = mask[::-1, :, where.slice_index]
            middle = picture[(box.top + box.bottom) // 2, (box.left + box.right) // 2]
            assert middle == verse_value(one.site)
            assert where.slice_id == volume.slice_id(where.slice_index)


def test_values_are_measured_on_the_placed_solids_in_the_posture_of_the_series() -> None:
    patient = sample_patient(5, ["spondylolisthesis"], settings=PatientSettings(slip_percent=20.0))
    kinds = checked_kinds(("xr_lat", "xr_flexion", "ct"))
    checked = 0
    for series in rendered_series(patient, kinds):
        for one in series_findings(series.anatomy, series.rendered, "study", series.uid):
            if isinstance(one, Finding) and one.pathology == "slip":
                assert one.posture == series.anatomy.posture
                expected = placed_slip(series.anatomy, one.site.split("-")[0])
                assert one.value == pytest.approx(expected, abs=0.051)
                checked += 1
    assert checked > 10


def test_the_posture_of_a_film_is_that_of_its_findings() -> None:
    for series, found in stated(4, "spondylolisthesis", "xr_lat", "xr_flexion"):
        assert isinstance(series.rendered, RenderedRadiograph)
        assert {one.posture for one in found if isinstance(one, Finding)} == {series.rendered.posture}


def test_ten_studies_measured_on_their_masks_bear_out_what_is_stated() -> None:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import phantom_truth
    finally:
        sys.path.remove(str(BENCHMARKS))
    rows = [
        row for number in (1, 2, 3, 4, 6, 16, 21, 22, 31, 36) for row in phantom_truth.rows_of(number, 22)
    ]
    found = phantom_truth.table(rows)
    assert {row[2] for row in rows} == {"memory", "written"}
    assert found["level"]["n"] > 200 and found["level"]["share_within"] == 1.0
    assert found["herniation_side"]["share_within"] == found["scoliosis_side"]["share_within"] == 1.0
    for quantity, most in (("cobb", 2.0), ("slip", 1.5), ("height_loss", 1.5), ("sac_depth", 0.6)):
        assert found[quantity]["mean_error"] <= most, (quantity, found[quantity])
        assert found[quantity]["share_within"] >= 0.93, (quantity, found[quantity])


def block(top: int, left: int, height: int, depth: int) -> Body:
    box = Box(left=left, top=top, right=left + depth, bottom=top + height)
    return Body("L3", box, np.ones((height, depth), bool), True)


def test_endplates_of_an_upright_block_are_level_and_as_deep_as_it_is() -> None:
    upper, lower = endplates(block(10, 20, 25, 35), (1.0, 1.0), 0.0)
    assert upper.angle_deg == pytest.approx(0.0, abs=0.5) and lower.angle_deg == pytest.approx(0.0, abs=0.5)
    assert upper.depth_mm == pytest.approx(35.0, abs=2.0)


def test_a_block_moved_forwards_by_a_fifth_measures_a_slip_of_a_fifth_and_backwards_is_negative() -> None:
    low = endplates(block(50, 20, 25, 35), (1.0, 1.0), 0.0)[0]
    for moved, percent in ((-7, 20.0), (0, 0.0), (7, -20.0)):
        above = endplates(block(10, 20 + moved, 25, 35), (1.0, 1.0), 0.0)[1]
        assert slip_percent(above, low) == pytest.approx(percent, abs=1.5)
    assert slip_percent(Endplate((0, 2), (0, 32)), Endplate((10, 5), (10, 35))) == pytest.approx(10.0)


def test_the_depth_of_a_sac_is_counted_along_the_disc() -> None:
    picture = np.zeros((60, 80), np.uint16)
    picture[28:32, 10:40] = 224
    picture[:, 44:56] = 100
    picture[:, 48:50] = 101
    start, backwards = disc_line(picture, (1.0, 0.5), 224)
    assert backwards == pytest.approx((0.0, 1.0), abs=1e-6)
    assert sac_depth_mm(picture, (1.0, 0.5), start, backwards) == pytest.approx(6.0, abs=0.1)


def test_the_side_of_disc_tissue_behind_the_disc_is_the_patients() -> None:
    rows, columns = np.mgrid[:100, :100]
    disc = ((rows - 40) / 18) ** 2 + ((columns - 50) / 25) ** 2 < 1
    for column, side in ((62, "left"), (38, "right"), (50, "central")):
        picture = np.where(disc | (np.hypot(rows - 58, columns - column) < 5), 223, 0).astype(np.uint16)
        assert herniation_side(picture, (1.0, 1.0), 223) == side
    assert herniation_side(np.where(disc, 223, 0).astype(np.uint16), (1.0, 1.0), 223) == "none"


def test_a_curve_of_tilted_silhouettes_measures_the_angle_between_its_ends() -> None:
    picture = np.zeros((300, 200), np.uint8)
    rows, columns = np.mgrid[:300, :200]
    for number, (value, tilt) in enumerate(((19, 10.0), (20, 0.0), (21, -12.0))):
        turn = np.radians(tilt)
        across = (columns - 100) * np.cos(turn) + (rows - 60 - 80 * number) * np.sin(turn)
        down = (rows - 60 - 80 * number) * np.cos(turn) - (columns - 100) * np.sin(turn)
        picture[(np.abs(across) < 40) & (np.abs(down) < 22)] = value
    tilts = frontal_tilts(picture, (1.0, 1.0))
    assert cobb_deg(tilts, "T12", "L2") == pytest.approx(22.0, abs=1.0)
    curve = largest_curve(tilts)
    # The upper end falls to the patient's left, the lower one to the right: the middle lies to the right.
    assert curve is not None and (curve.upper, curve.lower, curve.convex) == ("T12", "L2", "right")
