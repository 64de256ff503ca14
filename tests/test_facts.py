"""Facts say what the mask says: which bodies are whole, where they lie, and how much height they lost."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spinemed.facts import find
from spinemed.facts.bodies import bodies, bodies_and_strays, tilts
from spinemed.facts.find import in_order
from spinemed.facts.heights import heights
from spinemed.facts.normal import expected_ratio
from spinemed.facts.stated import hidden_by
from spinemed.imaging.slices import sagittal
from spinemed.imaging.volume import Volume, read_mask, read_volume
from spinemed.level_labels import SCHEMES
from spinemed.phantom.anatomy.measure import kyphosis
from spinemed.phantom.anatomy.place import place as placed
from spinemed.phantom.anatomy.solids import Grid
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.settings import PatientSettings
from spinemed.phantom.rendering.labels import paint
from spinemed.records import Box, Finding, Reject, Series, Study
from spinemed.sources import SOURCES

L3, L4, L5, SACRUM = 22, 23, 24, 26
Labels = NDArray[np.uint8]


def lumbar_slice() -> Labels:
    """Return a slice with L3 to L5 and S1 as blocks, 30 columns deep, and spinous processes behind."""
    labels = np.zeros((160, 120), np.uint8)
    for place, value in enumerate((L3, L4, L5)):
        top = 10 + 36 * place
        labels[top : top + 26, 30:60] = value
        labels[top + 10 : top + 20, 80:100] = value
    labels[118:150, 32:60] = SACRUM
    return labels


def study_of(labels: Labels, spacing_mm: float = 1.0) -> tuple[Study, Volume, Labels, Series]:
    """Return a study of three slices that all look like `labels`."""
    mask = np.repeat(labels[::-1, :, np.newaxis], 3, axis=2)
    volume = Volume(
        mask.astype(np.int16),
        (spacing_mm, spacing_mm, 4.0),
        (0.0, 0.0, 0.0),
        (1, 0, 0, 0, 1, 0, 0, 0, 1),
        "LPS",
    )
    series = Series(uid="1.2.3", modality="CT", image=Path("a"), mask=Path("b"), label_scheme="verse")
    study = Study(
        id="s",
        patient="p",
        source="test",
        licence="CC0-1.0",
        synthetic=True,
        numbering="file_labels",
        series=(series,),
    )
    return study, volume, mask, series


def found_in(labels: Labels, spacing_mm: float = 1.0) -> tuple[list[Finding], list[Reject]]:
    study, volume, mask, series = study_of(labels, spacing_mm)
    found = find(study, volume, mask, series)
    return [one for one in found if isinstance(one, Finding)], [
        one for one in found if isinstance(one, Reject)
    ]


def polygon(
    anterior: float, posterior: float, depth: float, turn_deg: float, spacing: float
) -> NDArray[np.bool_]:
    """Return the mask of a trapezoid body, turned, drawn by the centres of pixels."""
    side = math.ceil((depth + posterior + anterior) / spacing) + 8
    rows, columns = (np.indices((side, side)) + 0.5 - side / 2) * spacing
    angle = math.radians(turn_deg)
    back = columns * math.cos(angle) + rows * math.sin(angle)
    down = rows * math.cos(angle) - columns * math.sin(angle)
    share = back / depth + 0.5
    half = (anterior + (posterior - anterior) * share) / 2
    return np.asarray((np.abs(back) <= depth / 2) & (np.abs(down) <= half))


def test_a_body_is_the_front_component_without_the_spinous_process() -> None:
    seen = bodies(lumbar_slice(), (1.0, 1.0))
    assert [body.site for body in seen] == ["L3", "L4", "L5", "S1"]
    assert [(body.box.left, body.box.right) for body in seen[:3]] == [(30, 60)] * 3
    assert (seen[1].box.top, seen[1].box.bottom) == (46, 72)


def test_the_sacrum_stands_for_its_upper_25_mm() -> None:
    sacrum = bodies(lumbar_slice(), (1.0, 1.0))[-1]
    assert (sacrum.box.top, sacrum.box.bottom) == (118, 143)


def test_a_pedicle_that_joins_body_and_arch_is_cut_at_its_neck() -> None:
    labels = lumbar_slice()
    labels[46 + 12 : 46 + 18, 60:80] = L4
    body = bodies(labels, (1.0, 1.0))[1]
    assert body.site == "L4"
    assert body.box.right == 60


def test_a_vertebra_met_in_its_spinous_process_alone_is_left_out() -> None:
    labels = lumbar_slice()
    labels[46:72, 30:60] = 0
    labels[46:72, 80:100] = L4
    assert [body.site for body in bodies(labels, (1.0, 1.0))] == ["L3", "L5", "S1"]


def test_a_body_cut_by_the_border_is_seen_in_part_and_nothing_else() -> None:
    findings, rejects = found_in(lumbar_slice()[20:])
    [part] = [finding for finding in findings if finding.site == "L3"]
    assert part.pathology == "vertebra_in_part"
    assert part.evidence.box == Box(left=30, top=0, right=60, bottom=16)
    assert {finding.site for finding in findings if finding.pathology == "vertebra"} == {"L4", "L5", "S1"}
    assert not [reject for reject in rejects if reject.id.endswith("/L3")]


def test_a_body_that_the_slice_passes_beside_is_a_reject_and_no_vertebra() -> None:
    study, volume, mask, series = study_of(lumbar_slice())
    wide = np.zeros((*mask.shape[:2], 45), np.uint8)
    wide[:, :, 5:40] = mask[:, :, :1]
    wide[wide == L5] = 0
    aside = np.where(mask[:, :, :1] == L5, L5, 0)
    wide[:, :, 1:12] += aside.astype(np.uint8)  # its middle lies 10 voxels beside that of the others
    volume = Volume(wide.astype(np.int16), volume.spacing_mm, volume.origin_mm, volume.direction, "LPS")
    found = find(study, volume, wide, series)
    seen = {one.site for one in found if isinstance(one, Finding) and one.pathology == "vertebra"}
    assert seen == {"L3", "L4", "S1"}
    [reject] = [one for one in found if isinstance(one, Reject) and one.id.endswith("/L5/vertebra")]
    assert reject.reason == "the slice passes beside the middle of this body"


def test_a_body_lower_than_its_neighbours_behind_too_is_not_called_normal() -> None:
    labels = lumbar_slice()
    labels[46:54, 30:60] = 0  # L4 has lost a third of its height, in front and behind alike
    findings, rejects = found_in(labels)
    assert not [one for one in findings if one.site == "L4" and one.pathology == "height_loss"]
    assert [one.reason for one in rejects if one.id.endswith("/L4")] == [
        "another height than that of the front may be lost: crush"
    ]


def test_levels_out_of_order_give_no_finding_at_all() -> None:
    findings, rejects = found_in(lumbar_slice()[::-1])
    assert not findings
    assert [reject.reason for reject in rejects] == ["the levels of the mask do not run from head to foot"]


def test_an_empty_mask_is_a_reject() -> None:
    findings, rejects = found_in(np.zeros((20, 20), np.uint8))
    assert not findings
    assert [reject.reason for reject in rejects] == ["the mask holds no vertebra"]


def test_coarse_pixels_give_levels_but_no_height_loss() -> None:
    findings, rejects = found_in(lumbar_slice(), spacing_mm=1.3)
    assert {finding.pathology for finding in findings} == {"vertebra"}
    assert sum("coarser" in reject.reason for reject in rejects) == 3


@pytest.mark.parametrize("turn_deg", [-30, -12, 0, 17, 35])
@pytest.mark.parametrize(("anterior", "posterior"), [(24, 24), (18, 25), (12, 24), (28, 23)])
def test_heights_of_a_turned_body_are_right_within_a_pixel(
    turn_deg: float, anterior: float, posterior: float
) -> None:
    spacing, depth = 0.9, 33.0
    measured = heights(
        polygon(anterior, posterior, depth, turn_deg, spacing), (spacing, spacing), math.radians(turn_deg)
    )
    slope = (posterior - anterior) / 2
    middle = (anterior + posterior) / 2
    assert measured.anterior == pytest.approx(middle - 0.9 * slope, abs=spacing)
    assert measured.middle == pytest.approx(middle, abs=spacing)
    assert measured.posterior == pytest.approx(middle + 0.9 * slope, abs=spacing)
    assert measured.depth == pytest.approx(depth, abs=1.2)


def test_the_tilt_of_a_body_follows_its_neighbours() -> None:
    labels = np.zeros((120, 120), np.uint8)
    for place, value in enumerate((L3, L4, L5)):
        labels[5 + 36 * place : 31 + 36 * place, 50 - 18 * place : 80 - 18 * place] = value
    middle = tilts(bodies(labels, (1.0, 1.0)), (1.0, 1.0))[1]
    assert math.degrees(middle) == pytest.approx(math.degrees(math.atan2(18, 36)), abs=1)


def test_a_healthy_l1_is_expected_to_be_wedged_and_an_l5_the_other_way() -> None:
    assert expected_ratio("L1", "unknown") == pytest.approx(
        (expected_ratio("L1", "F") + expected_ratio("L1", "M")) / 2, abs=2e-3
    )
    assert expected_ratio("L1", "M") < 0.95 < 1.05 < expected_ratio("L5", "F")


def test_findings_on_phantoms_are_right(phantom_studies: Path) -> None:
    """At least 97 % of stated grades equal the truth's; every box has its own label at its centre."""
    right = wrong = 0
    for study in SOURCES["phantom"](phantom_studies):
        assert isinstance(study, Study)
        truth = json.loads((phantom_studies / study.patient / "truth.json").read_text(encoding="utf-8"))
        lying = next(one for one in truth["postures"] if one["posture"] == "lying")
        # The front is measured against the back: what lost its middle or all of its height is not told.
        grades = {
            part["level"]: part["genant_grade"]
            for part in lying["vertebrae"]
            if part["form"] == "wedge" or part["genant_grade"] == 0
        }
        for series in study.series:
            if series.plane != "sagittal":
                continue
            volume = read_volume(series.image)
            mask = read_mask(series.mask, series.label_scheme, volume)
            findings = [one for one in find(study, volume, mask, series) if isinstance(one, Finding)]
            assert len({one.site for one in findings}) >= 3
            for finding in findings:
                if finding.pathology == "height_loss" and finding.site in grades:
                    right += int(finding.grade) == grades[finding.site]
                    wrong += int(finding.grade) != grades[finding.site]
                if finding.pathology != "vertebra" or finding.site in ("C1", "C2"):
                    continue
                box = finding.evidence.box
                cut = sagittal(mask, finding.evidence.slice_index)
                label = int(cut[(box.top + box.bottom) // 2, (box.left + box.right) // 2])
                assert label == _verse_value(finding.site)
    assert right + wrong > 100
    assert right / (right + wrong) >= 0.97


def _verse_value(site: str) -> int:
    from spinemed.level_labels import value_of

    return int(value_of("verse", site))


def arc(bend_deg: float, values: range = range(8, 22)) -> Labels:
    """Return a column of blocks of 30 x 20 mm, 24 mm apart, that bends forwards by so much at each."""
    labels = np.zeros((420, 420), np.uint8)
    rows, columns = np.indices(labels.shape).astype(float)
    row, column, angle = 395.0, 330.0, 0.0
    for value in reversed(values):
        back = (columns - column) * math.cos(angle) - (rows - row) * math.sin(angle)
        down = (columns - column) * math.sin(angle) + (rows - row) * math.cos(angle)
        labels[(np.abs(back) <= 15) & (np.abs(down) <= 10)] = value
        angle += math.radians(bend_deg if value < 18 else 0)
        row, column = row - 24 * math.cos(angle), column - 24 * math.sin(angle)
    return labels


@pytest.mark.parametrize("bend_deg", [0, 5, 9])
def test_a_spine_that_bends_until_it_runs_level_loses_none_of_its_bodies(bend_deg: float) -> None:
    seen, strays = bodies_and_strays(arc(bend_deg), (1.0, 1.0))
    assert not strays
    assert len(seen) == 14
    assert in_order(seen)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_vertebrae_met_in_their_spinous_processes_alone_are_rejects(length: int) -> None:
    labels = np.zeros((420, 140), np.uint8)
    for place, value in enumerate(range(8, 22)):
        left = 85 if 5 <= place < 5 + length else 30
        labels[5 + 28 * place : 27 + 28 * place, left : left + 30] = value
    names = SCHEMES["verse"]
    findings, rejects = found_in(labels)
    astray = [names[value] for value in range(13, 13 + length)]
    assert not set(astray) & {one.site for one in findings}
    said = [one.id.split("/")[-2] for one in rejects if "out of line" in one.reason]
    assert said == astray
    assert {(one.site, one.pathology) for one in hidden_by(rejects)} >= {(one, "vertebra") for one in astray}


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_a_phantom_bent_by_over_80_degrees_shows_every_thoracic_body(seed: int) -> None:
    """The neck hangs over: what is taken for a body there and lies out of line is told as left out."""
    anatomy = placed(sample_patient(seed, [], settings=PatientSettings(kyphosis_deg=88.0)))
    assert kyphosis(anatomy) > 80
    bones = [bone for bone in anatomy.vertebrae if bone.level[0] == "T"]
    points = np.array([bone.body.pose.origin_mm for bone in bones])
    high, wide = int(np.ptp(points[:, 2])) + 120, int(np.ptp(points[:, 1])) + 150
    origin = np.array([points[:, 0].mean(), points[:, 1].min() - 60, points[:, 2].max() + 60])
    directions = np.array([[-1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    grid = Grid(origin, directions, (1.0, 1.0, 1.0), (1, high, wide))
    labels = paint(anatomy, grid).vertebra[0]
    seen, strays = bodies_and_strays(labels, (1.0, 1.0))
    assert {bone.level for bone in bones} <= {body.site for body in seen if body.whole}
    assert {body.site for body in strays} <= {"C2", "C3"}
    assert in_order(seen)
