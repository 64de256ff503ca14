"""The level audit agrees with right keys and finds planted wrong ones, on a film of five made-up bodies."""

from __future__ import annotations

import importlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
UID = "2.25.7"
LEVELS = {20: "L1", 21: "L2", 22: "L3", 23: "L4", 24: "L5"}
WINDOW = (18, 20, 198, 100)  # top, left, bottom, right: it cuts L1, L2 to L5 are whole


@pytest.fixture(scope="module")
def level_audit() -> Any:
    """The benchmark's module, imported as its script does."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("level_audit")
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
    _write_film(folder / "xr_lat" / "001.dcm", pixels)
    vertebrae = [{"level": level, "height_loss_percent": 0.0} for level in LEVELS.values()]
    named = {"name": "xr_lat", "kind": "xr_lat", "uid": UID, "posture": "standing", "boxes": []}
    standing = {"posture": "standing", "vertebrae": vertebrae, "discs": []}
    truth = {"postures": [standing], "series": [named], "later": None, "variant": "none"}
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "findings.jsonl").write_text("")
    np.save(folder / "pixels.npy", pixels)
    return folder


def _write_film(path: Path, pixels: np.ndarray[Any, Any]) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=["film"])
    film = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    film.SOPClassUID, film.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    film.Rows, film.Columns = pixels.shape
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    film.PixelSpacing = [1.0, 1.0]
    film.PatientOrientation = ["P", "F"]
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
