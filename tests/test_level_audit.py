"""The level audit agrees with right keys and finds planted wrong ones, on made-up films and discs."""

from __future__ import annotations

import importlib
import io
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from spinemed.instances.templates import LANGUAGES, templates

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
UID = "2.25.7"
LEVELS = {20: "L1", 21: "L2", 22: "L3", 23: "L4", 24: "L5"}
WINDOW = (18, 20, 198, 100)  # top, left, bottom, right: it cuts L1, L2 to L5 are whole


@pytest.fixture(scope="module")
def level_audit() -> Any:
    """The benchmark's module, imported as its script does."""
    with benchmark("level_audit") as module:
        yield module


@contextmanager
def benchmark(name: str) -> Iterator[Any]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study folder with one lateral film of noise, five bodies in its mask, and truth.json."""
    folder = tmp_path_factory.mktemp("phantom-000001")
    mask = np.zeros((220, 120), np.uint8)
    for place, number in enumerate(LEVELS):
        mask[place * 40 + 10 : place * 40 + 25, 50:80] = number
    mask[:12] = 0
    pixels = np.random.default_rng(0).integers(800, 2000, mask.shape).astype(np.uint16)
    pixels[:6] = pixels[-6:] = 100  # the collimator's shadow
    nib.save(
        nib.Nifti1Image(mask.T[:, :, np.newaxis], np.diag([-1.0, -1.0, 1.0, 1.0])),
        folder / "xr_lat_seg.nii.gz",
    )
    (folder / "xr_lat").mkdir()
    edges = {"CollimatorUpperHorizontalEdge": 7, "CollimatorLowerHorizontalEdge": 214}
    _write_slice(
        folder / "xr_lat" / "001.dcm",
        pixels,
        PatientOrientation=["P", "F"],
        PixelSpacing=[1.0, 1.0],
        **edges,
    )
    vertebrae = [{"level": level, "height_loss_percent": 0.0} for level in LEVELS.values()]
    named = {"name": "xr_lat", "kind": "xr_lat", "uid": UID, "posture": "standing", "boxes": []}
    standing = {"posture": "standing", "vertebrae": vertebrae, "discs": []}
    truth = {"postures": [standing], "series": [named], "later": None, "variant": "none"}
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "findings.jsonl").write_text("")
    np.save(folder / "pixels.npy", pixels)
    return folder


def _write_slice(path: Path, pixels: np.ndarray[Any, Any], **header: Any) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=["film"])
    film = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    film.SOPClassUID, film.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    film.Rows, film.Columns = pixels.shape
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    for name, value in header.items():
        setattr(film, name, value)
    film.PixelData = pixels.tobytes()
    film.save_as(path)


def row_of(study: Path, **changes: Any) -> dict[str, Any]:
    """A row about the film's window with a ring on L3, whose key is right unless changed."""
    top, left, bottom, right = WINDOW
    pixels = np.load(study / "pixels.npy")[top:bottom, left:right]
    grey = ((pixels - 800) / 1200 * 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(grey).convert("RGB").save(stream, "PNG")
    row = {"kind": "marked_level", "task": "choice", "series": UID, "slice_index": 0, "spacing_mm": 1.0}
    row |= {"images": [{"bytes": stream.getvalue()}], "options": ["L2", "腰3", "L4", "L5"], "answer": "B"}
    row |= {"question": "Which vertebra is marked? The topmost complete vertebra in this view is L2."}
    return row | {"marker": {"column": 45.0, "row": 79.5, "radius": 9.0}, "id": "1", "patient": "p"} | changes


def test_a_right_key_agrees_in_both_languages_and_forms(level_audit: Any, study: Path) -> None:
    files = level_audit.StudyFiles(study)
    whole = {"task": "open", "marker": None}
    rows = (
        row_of(study),
        row_of(study, task="open", answer="L3"),
        row_of(study, kind="level_above", task="open", answer="腰2"),
        row_of(study, kind="levels_in_view", answer="L2 to L5", **whole),
        row_of(
            study,
            kind="marked_disc",
            task="open",
            answer="L3/4",
            marker={"column": 45.0, "row": 99.5, "radius": 9.0},
        ),
        row_of(study, kind="front_edge", answer="the left edge", question="", **whole),
    )
    assert [level_audit.judged(row, files) for row in rows] == [("agreed", "")] * len(rows)


@pytest.mark.parametrize(
    "wrong",
    [
        {"answer": "C"},
        {"task": "open", "answer": "腰2"},
        {"marker": {"column": 45.0, "row": 119.5, "radius": 9.0}},
        {"kind": "level_below", "answer": "B"},
        {"kind": "levels_in_view", "task": "open", "answer": "L1 to L5"},
        {"question": "Which vertebra is marked? The topmost complete vertebra in this view is L1."},
        {"question": "Which vertebra is marked? Five lumbar vertebrae are assumed above the sacrum."},
        {"series": "2.25.8"},
    ],
)
def test_a_planted_error_is_found(level_audit: Any, study: Path, wrong: dict[str, Any]) -> None:
    assert level_audit.judged(row_of(study, **wrong), level_audit.StudyFiles(study))[0] == "disagreed"


def test_a_picture_of_another_patient_is_found(level_audit: Any, study: Path) -> None:
    stream = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (180, 80, 3)).astype(np.uint8)
    Image.fromarray(noise).save(stream, "PNG")
    outcome = level_audit.judged(
        row_of(study, images=[{"bytes": stream.getvalue()}]), level_audit.StudyFiles(study)
    )
    assert outcome[0] == "disagreed"
    assert "not in its slice" in outcome[1]


def test_a_wrong_sentence_of_a_report_is_found(level_audit: Any, study: Path) -> None:
    files = level_audit.StudyFiles(study)

    def outcome(words: str) -> str:
        row = row_of(study, task="report", kind="report", messages=[{"role": "assistant", "content": words}])
        return str(level_audit.judged(row, files)[0])

    assert outcome("- No fracture in L1 to L4.") == "agreed"
    assert outcome("- L2至L4无骨折征象。- L3骨折。") == "disagreed"
    assert outcome("- There is a fracture of L3.") == "disagreed"
    assert outcome("- Rest and come back in six weeks.") == "not checked"


def test_what_has_no_judge_is_counted_and_not_agreed(level_audit: Any, study: Path) -> None:
    audit = level_audit.Audit()
    files = level_audit.StudyFiles(study)
    audit.add(row_of(study, kind="a_new_kind"), files)
    audit.add(row_of(study), files)
    audit.add(row_of(study, answer="A"), files)
    result = audit.result()
    assert (result["checked"], result["agreed"], result["disagreed"]) == (2, 1, 1)
    assert result["not_checked"] == {"a_new_kind: no judge for this kind": 1}
    assert [one["answer"] for one in result["disagreements"]] == ["L2"]


def test_a_picture_half_a_pixel_beside_the_slices_own_pixels_is_found(level_audit: Any, study: Path) -> None:
    top, left, bottom, right = WINDOW
    pixels = np.load(study / "pixels.npy").astype(np.float32)
    between = (pixels[:-1, :-1] + pixels[1:, :-1] + pixels[:-1, 1:] + pixels[1:, 1:]) / 4
    grey = ((between[top:bottom, left:right] - 800) / 1200 * 255).astype(np.uint8)
    picture = np.repeat(grey[..., np.newaxis], 3, axis=2)
    files = level_audit.StudyFiles(study).series[UID]
    place = files.place(picture, 1.0, 0, turns=False)
    assert files.place_by_pixels(picture, 1.0, 0).score < level_audit.LEAST_FIT < 0.95 < place.score
    assert (place.top_mm, place.left_mm) == (top + 0.5, left + 0.5)


def test_a_picture_that_reaches_beyond_its_slice_is_black_there_and_found(
    level_audit: Any, study: Path
) -> None:
    top, _, bottom, right = WINDOW
    pixels = np.load(study / "pixels.npy").astype(np.float32)
    between = (pixels[:-1] + pixels[1:]) / 2
    grey = ((between[top:bottom, :right] - 800) / 1200 * 255).astype(np.uint8)
    picture = np.repeat(np.pad(grey, ((0, 0), (3, 0)))[..., np.newaxis], 3, axis=2)
    place = level_audit.StudyFiles(study).series[UID].place(picture, 1.0, 0, turns=False)
    assert place.score > 0.93
    assert (place.top_mm, place.left_mm) == (top + 0.5, -3.0)


def test_the_collimators_shadow_is_known_by_its_value_and_no_dark_lung_is_taken_for_it(
    level_audit: Any, study: Path
) -> None:
    files = level_audit.StudyFiles(study).series[UID]
    stack, spacing, header = files._read
    dark = stack.copy()
    dark[0, 60:90, 20:60] = 120
    files.__dict__["_read"] = dark, spacing, header
    assert files.shuttered[:9].all() and not files.shuttered[12:200].any()


AXIAL_UID = "2.25.8"
PIXEL_MM = 0.5


def axial_study(folder: Path, lump_mm: tuple[float, float] | None) -> dict[str, Any]:
    """Write one axial slice of C4-C5; return a right row, keyed "right-sided", about a picture that cuts it.

    The disc measures 10 mm aside and 8 mm behind its middle. A lump's middle lies on the hind margin, as far
    left as `lump_mm` says first, and it reaches as far behind as it says second.
    """
    rows, columns = np.mgrid[:100, :120] * PIXEL_MM
    left, behind = columns - 30.0, rows - 20.0
    disc = (left / 10.0) ** 2 + (behind / 8.0) ** 2 <= 1
    if lump_mm is not None:
        aside, deep = lump_mm
        margin = 8.0 * float(np.sqrt(1 - (aside / 10.0) ** 2))
        disc |= ((left - aside) / 2.5) ** 2 + ((behind - margin) / deep) ** 2 <= 1
    pixels = np.where(disc, 1500, 500) + np.random.default_rng(0).integers(0, 300, disc.shape)
    affine = np.diag([-PIXEL_MM, -PIXEL_MM, 4.0, 1.0])
    for name, mask in (("seg", 0 * disc), ("structures", 204 * disc)):
        volume = nib.Nifti1Image(mask.T[:, :, np.newaxis].astype(np.uint8), affine)
        nib.save(volume, folder / f"t2_axial_C4-C5_{name}.nii.gz")
    header = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    (folder / "t2_axial_C4-C5").mkdir()
    path = folder / "t2_axial_C4-C5" / "001.dcm"
    _write_slice(path, pixels.astype(np.uint16), PixelSpacing=[PIXEL_MM, PIXEL_MM], **header)
    ends = [{"level": level, "left": [1, 0, 0], "posterior": [0, 1, 0]} for level in ("C4", "C5")]
    lying = {"posture": "lying", "vertebrae": ends, "discs": [{"site": "C4-C5", "centre_mm": [30, 20, 0]}]}
    named = {"name": "t2_axial_C4-C5", "kind": "t2_axial", "uid": AXIAL_UID, "posture": "lying"}
    truth = {"postures": [lying], "series": [named], "later": None, "variant": "none"}
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "findings.jsonl").write_text("")
    stream = io.BytesIO()
    grey = ((pixels - 500) / 1300 * 255).astype(np.uint8)[30:96, 8:112]
    Image.fromarray(grey).convert("RGB").save(stream, "PNG")
    row = {"kind": "herniation_side", "task": "open", "answer": "right-sided", "question": "Which side?"}
    row |= {"series": AXIAL_UID, "slice_index": 0, "spacing_mm": PIXEL_MM, "marker": None, "patient": "p"}
    return row | {"images": [{"bytes": stream.getvalue()}], "level": "C4-C5", "id": "1"}


@pytest.mark.parametrize(
    ("lump_mm", "right", "zone"),
    [
        # A herniation of 3 mm beyond a disc that bulges 0.7 mm all around reaches 2.3 mm beyond the bulge.
        ((-4.3, 2.3), "right-sided", "subarticular"),
        ((4.3, 2.3), "患者左侧", "subarticular"),
        ((0.0, 2.3), "central", "central"),
        ((8.0, 3.5), "患者左侧", "foraminal"),
        (None, "no herniation", "no herniation"),
        ((-4.3, 0.7), "no herniation", "no herniation"),
    ],
)
def test_a_small_herniation_is_seen_on_its_side_and_no_other_key_agrees(
    level_audit: Any, tmp_path: Path, lump_mm: tuple[float, float] | None, right: str, zone: str
) -> None:
    row = axial_study(tmp_path, lump_mm)
    study = level_audit.StudyFiles(tmp_path)
    keys = {"right-sided", "患者左侧", "central", "no herniation"}
    agreed = {key for key in keys if level_audit.judged({**row, "answer": key}, study) == ("agreed", "")}
    assert agreed == {right}
    zones = {"subarticular", "foraminal", "central", "no herniation"}
    asked = [{**row, "kind": "herniation_zone", "answer": key} for key in sorted(zones)]
    assert [one["answer"] for one in asked if level_audit.judged(one, study)[0] == "agreed"] == [zone]


def test_each_worded_answer_of_the_templates_is_read_as_a_meaning_of_its_own(level_audit: Any) -> None:
    for kind in sorted({*level_audit.VOLUME, *level_audit.STATED} & set(templates())):
        for language in LANGUAGES:
            words = templates()[kind].answers.words(language)
            read = {level_audit.meaning(kind, text) for text in words.values()}
            assert len(read - {""}) == len(words), f"{kind} {language}: {words} are read as {read}"


def test_each_kind_that_is_asked_of_pictures_has_a_judge(level_audit: Any) -> None:
    without = set(templates()) - {*level_audit.VOLUME, *level_audit.STATED}
    text = {kind for kind in without if kind.endswith(("_rule", "_points"))}
    assert without - text == {"level_arithmetic", "root_of_disc", "tlics_plan"}


def stated(**lesion: Any) -> dict[str, Any]:
    return {"evidence": {"series": UID}, "site": "L4-L5", "present": True} | lesion


def test_what_a_report_says_of_types_sides_and_curves_must_hold(level_audit: Any, study: Path) -> None:
    files = level_audit.StudyFiles(study)
    files.stated = [
        stated(pathology="modic_change", grade="1"),
        stated(pathology="herniation", grade="protrusion", side="left"),
        stated(pathology="fracture", site="L1", grade="A1"),
    ]
    files.truth["postures"][0]["curves"] = {
        "cobb": [{"upper": "L1", "lower": "L4", "apex": "L3", "degrees": 21.4, "convex": "left"}]
    }

    def outcome(words: str) -> str:
        row = row_of(study, task="report", kind="report", messages=[{"role": "assistant", "content": words}])
        return str(level_audit.judged(row, files)[0])

    curve = "Left-convex scoliosis from L1 to L4 with its apex at L3, Cobb angle 21°."
    right = (
        "Modic type 1 change, as at L4-L5, is common, yet it does not settle the source of the pain.",
        "Before any training it must be clear that the fracture of L1 is not recent.",
        "L4/5椎间盘左侧突出。",
        "Fresh AO type A1 fracture of L1.",
        curve,
        "L1至L4侧弯，凸向左侧，顶椎为L3，Cobb角21°。",
    )
    wrong = (
        "Modic type 2 change, as at L4-L5, is common, yet it does not settle the source of the pain.",
        "Modic type 1 change at L4-L5 is not seen.",
        "Before any training it must be clear that the fracture of L2 is not recent.",
        "L4/5椎间盘右侧突出。",
        "Fresh AO type A4 fracture of L1.",
        curve.replace("Left", "Right"),
        curve.replace("21", "31"),
        curve.replace("L1 to", "L2 to"),
    )
    assert [outcome(words) for words in right] == ["agreed"] * len(right)
    assert [outcome(words) for words in wrong] == ["disagreed"] * len(wrong)


def test_a_curves_course_is_judged_by_both_examinations(level_audit: Any, study: Path) -> None:
    files = level_audit.StudyFiles(study)

    def posture(degrees: float) -> dict[str, Any]:
        curve = {"upper": "L1", "lower": "L4", "apex": "L3", "degrees": degrees, "convex": "right"}
        return {**files.truth["postures"][0], "curves": {"cobb": [curve]}}

    files.truth["postures"][0]["curves"] = posture(18.0)["curves"]
    row = row_of(study, kind="change_curve", task="open", question="", marker=None)
    right = {"convex to the right and progressed": 28.0, "凸向右侧且无变化": 20.0}
    for degrees in right.values():
        files.truth["later"] = {"postures": [posture(degrees)]}
        agreed = [key for key in right if level_audit.judged({**row, "answer": key}, files)[0] == "agreed"]
        assert agreed == [key for key, value in right.items() if value == degrees]


def test_two_processes_find_what_one_finds(level_audit: Any, study: Path, tmp_path: Path) -> None:
    patients = [f"phantom-{number:06}" for number in range(1, 11)]
    for patient in patients:
        shutil.copytree(study, tmp_path / "studies" / patient)
    rows = [
        {**row_of(study, patient=patient, id=patient, answer=answer), "modality": "XR", "source": "phantom"}
        for patient, answer in zip(patients, "BBABBBBBBC", strict=True)
    ]
    (tmp_path / "data" / "choice").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data" / "choice" / "0.parquet")
    one, two = (
        level_audit.audit(tmp_path, 10, 0, tmp_path / "studies", None, workers).result() for workers in (1, 2)
    )
    assert one == two
    assert [found["id"] for found in one["disagreements"]] == ["phantom-000003", "phantom-000010"]
