"""Other benchmarks become rows of ours; what cannot be read is a Reject with its reason."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  the field's name
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from spinemed.bench.data import rsna, silversorrow, spider, verse
from spinemed.bench.data.convert import convert
from spinemed.bench.data.foreign import Asked, foreign_row, table
from spinemed.bench.data.frozen import verify
from spinemed.bench.items import read_items
from spinemed.errors import ConfigError, SourceError
from spinemed.imaging.pictures import encode_png
from spinemed.records import Reject

DATA = os.environ.get("SPINEMED_DATA", "")
PNG = encode_png(np.tile(np.arange(40, dtype=np.uint8), (30, 1)))


def parted(found: Iterable[dict[str, Any] | Reject]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return rows, and the reasons of rejects."""
    everything = list(found)
    rows = [one for one in everything if not isinstance(one, Reject)]
    return rows, [one.reason for one in everything if isinstance(one, Reject)]


def question(**changed: Any) -> dict[str, Any]:
    """Return a diagnosis question of the other SpineBench, changed."""
    return {
        "image": "images/a.png",
        "question": "Which disease does the image show?",
        "task": "spine_disease_classification",
        "options": ["Osteophytes", "cervical Lordosis", "Healthy"],
        "answers": "Cervical lordosis",
    } | changed


@pytest.fixture
def other_spinebench(tmp_path: Path) -> Path:
    """Return a folder laid out as Silversorrow/SpineBench, with every variant that loaders know."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(PNG)
    (tmp_path / "evaluation").mkdir()
    lettered = "Which one?\nA. Osteophytes\nB. Foraminal stenosis"
    localised = {"task": "spine_lesion_localization", "options": None, "question": "At which levels is it?"}
    content = [
        question(),
        question(
            options={"A": "Osteophytes", "B": "Healthy"}, answers=["B"], image=None, image_path="./a.png"
        ),
        question(question=None, query=lettered, options=None, answers=None, answer="foraminal Stenosis"),
        question(**localised, answers=["L5/S1", "L4/L5"]),
        question(options=None, answers="Healthy", question="What is it?"),
        question(answers="Kyphosis"),
        question(image="images/missing.png"),
        question(answers=None),
        question(image="../../outside.png"),
        "no question",
    ]
    (tmp_path / "evaluation" / "test.json").write_text(json.dumps(content), encoding="utf-8")
    return tmp_path


def test_the_other_spinebench_is_read_in_all_its_spellings(other_spinebench: Path) -> None:
    rows, reasons = parted(silversorrow.read(other_spinebench))
    plain, letters, inline, several, opened = rows
    assert (plain["answer"], plain["options"][1], plain["task"]) == ("B", "cervical lordosis", "choice")
    assert (letters["answer"], letters["options"]) == ("B", ["osteophytes", "healthy"])
    assert (inline["question"], inline["answer"]) == ("Which one?", "B")
    assert (several["task"], several["answer"], several["axis"]) == ("multiple", "DE", "level")
    assert (opened["task"], opened["answer"]) == ("open", "healthy")
    assert {row["source"] for row in rows} == {"spinebench-2510.12267"}
    assert len(reasons) == 5
    for expected in (
        "is not among the options",
        "missing.png is not",
        "no answer",
        "outside.png",
        "str where",
    ):
        assert any(expected in reason for reason in reasons), expected


def test_the_scores_of_the_other_spinebench_follow_its_definition() -> None:
    assert silversorrow.set_scores({"L4-L5"}, {"L4-L5"}) == (True, 1.0, 1.0)
    assert silversorrow.set_scores((), {"L4-L5"}) == (False, 0.0, 0.0)
    with pytest.raises(ValueError, match="no right label"):
        silversorrow.set_scores({"L4-L5"}, ())


def test_a_converted_benchmark_is_scored_like_ours_and_never_named_like_ours(
    other_spinebench: Path, tmp_path: Path
) -> None:
    out = tmp_path / "rows"
    frozen, reasons = convert("spinebench-2510.12267", other_spinebench, out, print)
    assert sum(reasons.values()) == 5
    assert [item.truth for item in read_items(out, "choice", "test")]
    assert verify(out).sound
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "not the SpineBench of arXiv 2510.03160" in card.replace("\n", " ")
    assert frozen.sizes["multiple"] == {"level/image": 1}
    with pytest.raises(ConfigError, match="unknown benchmark 'spinebench'"):
        convert("spinebench", other_spinebench, out, print)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="download it there first"):
        convert("spinebench-2510.12267", tmp_path / "empty", tmp_path / "none", print)


def write_slice(path: Path) -> None:
    """Write one MR slice of 24 x 32 pixels of 2 mm as DICOM."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = (
        MRImageStorage,
        meta.MediaStorageSOPInstanceUID,
        "MR",
    )
    data.Rows, data.Columns, data.PixelSpacing = 24, 32, [2.0, 2.0]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelData = np.arange(24 * 32, dtype=np.uint16).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, data, enforce_file_format=True)


@pytest.fixture
def rsna_folder(tmp_path: Path) -> Path:
    """Return a folder laid out as RSNA 2024, with the spellings of the real tables and CRLF line ends."""
    columns = ["study_id", "spinal_canal_stenosis_l4_l5", "left_neural_foraminal_narrowing_l5_s1", "age"]
    (tmp_path / "train.csv").write_text(
        ",".join(columns) + "\r\n7,Severe,Moderate,61\r\n8,,Normal/Mild,50\r\n", encoding="utf-8"
    )
    (tmp_path / "train_series_descriptions.csv").write_text(
        "study_id,series_id,series_description\n7,70,Sagittal T2/STIR\n7,71,Sagittal T1\n8,80,Sagittal T1\n"
    )
    points = [
        "7,70,3,Spinal Canal Stenosis,L4/L5,10.5,12.0",
        "7,71,4,Left Neural Foraminal Narrowing,L5/S1,8,9",
        "8,80,1,Spinal Canal Stenosis,L4/L5,3,3",
        "7,99,1,Spinal Canal Stenosis,L4/L5,3,3",
        "7,70,9,Spinal Canal Stenosis,L4/L5,3,3",
        "7,70,3,Spinal Canal Stenosis,L4/L5,100,3",
        "7,70,3,Disc Herniation,L4/L5,3,3",
        "7,70,3,Spinal Canal Stenosis,L6/S1,3,3",
    ]
    head = "study_id,series_id,instance_number,condition,level,x,y"
    (tmp_path / "train_label_coordinates.csv").write_text("\n".join([head, *points]) + "\n")
    write_slice(tmp_path / "train_images" / "7" / "70" / "3.dcm")
    write_slice(tmp_path / "train_images" / "7" / "71" / "4.dcm")
    return tmp_path


def test_rsna_points_become_grading_and_level_questions(rsna_folder: Path) -> None:
    rows, reasons = parted(rsna.read(rsna_folder))
    grade, level, foramen = rows
    assert (grade["options"], grade["answer"]) == (["Normal/Mild", "Moderate", "Severe"], "C")
    assert (grade["level"], grade["patient"], grade["plane"]) == ("L4-L5", "rsna-7", "sagittal")
    assert grade["marker"] == {"column": 10.5, "row": 12.0, "radius": 4.5}
    assert (level["axis"], level["options"][ord(level["answer"]) - ord("A")]) == ("level", "L4-L5")
    assert (foramen["kind"], foramen["answer"]) == ("foraminal_stenosis", "B")
    assert "patient's left" in foramen["question"]
    assert "no-redistribution" in grade["licence"]
    expected = (
        "no grade",
        "no row in train_series",
        "no such slice",
        "outside the slice",
        "unknown condition",
        "L6/S1",
    )
    assert len(reasons) == len(expected)
    for text in expected:
        assert any(text in reason for reason in reasons), text
    assert not any(str(rsna_folder) in reason for reason in reasons)


def test_a_missing_table_or_column_stops_rsna(rsna_folder: Path) -> None:
    (rsna_folder / "train_series_descriptions.csv").write_text("study_id,series_id\n7,70\n")
    with pytest.raises(SourceError, match="no column series_description"):
        list(rsna.read(rsna_folder))
    (rsna_folder / "train.csv").unlink()
    with pytest.raises(SourceError, match="no such file"):
        list(rsna.read(rsna_folder))


@pytest.fixture
def spider_folder(tmp_path: Path) -> Path:
    """Return a folder laid out as SPIDER: patient 2 with a disc below L5/S1, patient 3 without T2."""
    head = (
        "Patient,IVD label,Modic,UP endplate,LOW endplate,Spondylolisthesis,Disc herniation,Disc narrowing,"
        "Disc bulging,Pfirrman grade"
    )
    lines = [
        "1,1,0,0,0,0,1,1,1,4",
        "1,2,0,0,0,1,0,0,0,9",
        "1,3,0,0,0,0,0,0,0,2",
        "2,0,0,0,0,0,0,0,0,1",
        "2,1,0,0,0,0,0,0,0,3",
    ]
    (tmp_path / "radiological_gradings.csv").write_text(
        "\r\n".join([head, *lines, "3,1,0,0,0,0,0,0,0,3"]) + "\r\n"
    )
    labels = np.zeros((20, 16, 6), np.uint8)  # [z, y, x]
    labels[4:6, 4:12, 3], labels[10:12, 4:12, 3] = 201, 202
    for patient in ("1", "2"):
        for part, array in (
            ("images", np.arange(labels.size).reshape(labels.shape).astype(np.int16)),
            ("masks", labels),
        ):
            image = sitk.GetImageFromArray(array)
            image.SetSpacing((4.0, 2.0, 2.0))
            (tmp_path / part).mkdir(exist_ok=True)
            sitk.WriteImage(image, str(tmp_path / part / f"{patient}_t2.mha"))
    return tmp_path


def test_spider_gradings_become_questions_at_the_disc_of_their_label(spider_folder: Path) -> None:
    rows, reasons = parted(spider.read(spider_folder))
    first = [row for row in rows if row["patient"] == "spider-1"]
    grade = next(row for row in first if row["kind"] == "disc_degeneration" and row["level"] == "L5-S1")
    assert grade["options"][ord(grade["answer"]) - ord("A")] == "Pfirrmann grade IV"
    assert (grade["marker"]["column"], grade["marker"]["row"]) == (
        19.5,
        37.0,
    )
    levels = [row for row in first if row["kind"] == "marked_disc"]
    assert [row["options"][ord(row["answer"]) - ord("A")] for row in levels] == ["L5-S1", "L4-L5"]
    herniated = next(row for row in first if row["kind"] == "herniation" and row["level"] == "L5-S1")
    assert herniated["answer"] == "A"
    second = [row for row in rows if row["patient"] == "spider-2"]
    assert second
    assert {row["level"] for row in second} == {""}
    assert "marked_disc" not in {row["kind"] for row in second}
    for text in ("'9' is not one of", "no disc 203", "transitional anatomy", "no T2 series"):
        assert any(text in reason for reason in reasons), text
    assert len(reasons) == 4


def test_verse_is_asked_by_the_corpus_own_reader(tmp_path: Path) -> None:
    from spinemed.phantom.export.styles import write_in_style

    list(write_in_style("verse", 5, 1, tmp_path, 1, None, None, "any", None))
    rows, _ = parted(verse.read(tmp_path))
    assert {row["split"] for row in rows} == {"test"}
    assert {row["axis"] for row in rows} <= {"level", "pathology"}
    assert {row["source"] for row in rows} == {"verse"}


def test_a_foreign_row_refuses_answers_that_do_not_fit() -> None:
    def asked(**changed: Any) -> Asked:
        plain: dict[str, Any] = {
            "benchmark": "b", "licence": "l", "axis": "level", "kind": "k", "modality": "MR", "question": "q",
            "options": ("a", "b"), "right": ("a",), "pictures": (), "study": "s", "patient": "p",
        }  # fmt: skip
        return Asked(**plain | changed)

    assert foreign_row(asked())["id"] == foreign_row(asked())["id"]
    for changed, message in (
        ({"right": ()}, "no answer"),
        ({"right": ("c",)}, "not among"),
        ({"right": ("a", "b")}, "2 answers where one"),
        ({"options": ("a", "a")}, "come twice"),
    ):
        with pytest.raises(ValueError, match=message):
            foreign_row(asked(**changed))


@pytest.mark.skipif(not DATA, reason="SPINEMED_DATA names no folder with the public samples")
def test_the_real_gradings_of_spider_are_read_and_label_0_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    real = Path(DATA) / "spider" / "radiological_gradings.csv"
    (tmp_path / "radiological_gradings.csv").symlink_to(real)
    rows, reasons = parted(spider.read(tmp_path))
    assert not rows
    patients = {row["Patient"] for _, row in table(real, ("Patient",))}
    assert len(reasons) == len(patients) > 200
    labels = {row["Patient"] for _, row in table(real, ("Patient", "IVD label")) if row["IVD label"] == "0"}
    assert labels == {"107", "152"}


@pytest.mark.skipif(not DATA, reason="SPINEMED_DATA names no folder with the public samples")
def test_the_real_verse_mask_without_its_ct_is_a_reject() -> None:
    rows, reasons = parted(verse.read(Path(DATA) / "verse"))
    assert not rows
    assert any("ct.nii.gz is missing" in reason for reason in reasons)
