"""A build is a pure function, loads offline, traces back to pixels, and refuses what it cannot do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from pydicom import dcmread
from typer.testing import CliRunner

from spinemed.cli import app, main
from spinemed.corpus.build import build
from spinemed.corpus.config import BuildConfig, Phantoms
from spinemed.corpus.releases.manifest import file_sha256, read_manifest
from spinemed.corpus.stages.task import rows_of
from spinemed.errors import ConfigError, OutputError, SourceError
from spinemed.imaging.slices import sagittal
from spinemed.imaging.volume import read_mask, read_volume
from spinemed.level_labels import value_of
from spinemed.phantom.export.study import write_studies, write_study
from spinemed.records import Study
from spinemed.sources import SOURCES

QUESTIONS = ("choice", "open", "dialogue", "report")
MARKED = ("marked_level", "level_above", "level_below", "height_loss")


def rows(corpus: Path, config: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of all splits of a config, as plain values."""
    for path in sorted((corpus / "data" / config).glob("*.parquet")):
        yield from pq.read_table(path).to_pylist()


def contents(corpus: Path) -> dict[str, str]:
    """Return path -> SHA-256 of every file of a corpus."""
    files = [path for path in sorted(corpus.rglob("*")) if path.is_file()]
    return {path.relative_to(corpus).as_posix(): file_sha256(path) for path in files}


def few(studies: Path, count: int, into: Path) -> Path:
    """Return a folder with links to the first studies of another."""
    into.mkdir()
    for path in sorted(studies.iterdir())[:count]:
        (into / path.name).symlink_to(path)
    return into


def test_load_dataset_reads_it_offline_with_images_configs_and_streaming(phantom_corpus: Path) -> None:
    """In a fresh process with an empty cache, as a user does it: the folder's name, in the folder above."""
    script = """
import warnings
from datasets import get_dataset_config_names, load_dataset
names = ["choice", "open", "dialogue", "report", "studies", "findings", "rejects"]
assert get_dataset_config_names("spinemed-450k") == names
choice = load_dataset("spinemed-450k")
assert choice["train"].features["images"].feature.__class__.__name__ == "Image"
marked = [row for row in choice["test"] if row["kind"] == "marked_level"]
assert (128, 256) in {row["images"][0].size for row in marked}
assert {len(row["options"]) for row in choice["test"]} <= {4, 5}
opened = load_dataset("spinemed-450k", "open", split="train", streaming=True)
row = next(iter(opened))
assert row["messages"][-1]["content"] == row["answer"]
for config in ("dialogue", "report", "studies", "findings", "rejects"):
    assert sum(part.num_rows for part in load_dataset("spinemed-450k", config).values()) > 0
"""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(phantom_corpus.parent / "hf")}
    environment["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    subprocess.run([sys.executable, "-c", script], cwd=phantom_corpus.parent, env=environment, check=True)


def test_load_dataset_never_answers_with_the_cached_rows_of_another_build(
    phantom_corpus: Path, phantom_studies: Path, tmp_path: Path
) -> None:
    """datasets names its cache by the card alone, so cards of different corpora must differ."""
    script = "import datasets; print(len(datasets.load_dataset('spinemed-450k', 'studies', split='train')))"
    build(
        BuildConfig(sources={"phantom": few(phantom_studies, 5, tmp_path / "few")}),
        tmp_path / phantom_corpus.name,
    )
    counts = []
    for corpus in (phantom_corpus, tmp_path / phantom_corpus.name):
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
        shown = subprocess.run(
            [sys.executable, "-c", script],
            cwd=corpus.parent,
            env=environment,
            check=True,
            capture_output=True,
        )
        counts.append(int(shown.stdout))
        assert counts[-1] == pq.read_table(corpus / "data/studies/train-00000-of-00001.parquet").num_rows
    assert counts[0] != counts[1]


def test_every_row_traces_back_to_the_mask_label_at_its_box(
    phantom_corpus: Path, phantom_studies: Path
) -> None:
    series = {
        one.uid: one
        for study in SOURCES["phantom"](phantom_studies)
        if isinstance(study, Study)
        for one in study.series
    }
    masks: dict[str, Any] = {}
    checked = 0
    for config in QUESTIONS:
        for row in rows(phantom_corpus, config):
            if row["kind"] not in MARKED or row["plane"] != "sagittal":
                continue
            source = series[row["series"]]
            if source.uid not in masks:
                masks[source.uid] = read_mask(source.mask, source.label_scheme, read_volume(source.image))
            box = row["box"]
            cut = sagittal(masks[source.uid], row["slice_index"])
            label = cut[(box["top"] + box["bottom"]) // 2, (box["left"] + box["right"]) // 2]
            assert label == value_of("verse", row["level"])
            assert row["sites"][0] == row["level"]
            checked += 1
    assert checked > 300


def test_no_patient_and_no_picture_is_in_two_splits(phantom_corpus: Path) -> None:
    patients: dict[str, set[str]] = {}
    pictures: dict[str, set[str]] = {}
    for config in QUESTIONS:
        for row in rows(phantom_corpus, config):
            patients.setdefault(row["patient"], set()).add(row["split"])
            for image in row["images"]:
                digest = sha256(image["bytes"]).hexdigest()
                assert image["path"] == f"{digest}.png"
                pictures.setdefault(digest, set()).add(row["split"])
    assert {len(splits) for splits in patients.values()} == {1}
    assert {len(splits) for splits in pictures.values()} == {1}
    assert {split for splits in patients.values() for split in splits} >= {"train", "test"}


def test_findings_of_every_row_exist(phantom_corpus: Path) -> None:
    known = {row["id"] for row in rows(phantom_corpus, "findings")}
    studies = {row["id"] for row in rows(phantom_corpus, "studies")}
    ids = []
    for config in QUESTIONS:
        for row in rows(phantom_corpus, config):
            assert set(row["findings"]) <= known
            assert row["findings"] or not row["images"] or row["axis"] == "level"
            assert row["study"] in studies
            ids.append(row["id"])
    assert len(set(ids)) == len(ids)


def test_the_columns_stand_in_the_agreed_order(phantom_corpus: Path) -> None:
    asked = [
        "images",
        "question",
        "options",
        "answer",
        "level",
        "side",
        "task",
        "axis",
        "kind",
        "modality",
        "conditions",
        "messages",
    ]
    whose = ["sites", "study", "patient", "split", "source", "synthetic", "licence"]
    where = ["series", "plane", "slice_index", "box", "window", "turn", "marker", "spacing_mm", "quote"]
    agreed = [*asked, *whose, *where, "findings", "gates", "template", "language", "id"]
    for config in QUESTIONS:
        path = next((phantom_corpus / "data" / config).glob("*.parquet"))
        columns = [name for name in agreed if config == "choice" or name != "options"]
        assert pq.read_schema(path).names == columns


def test_nothing_is_counted_from_the_sacrum_where_the_numbering_is_unusual(tmp_path: Path) -> None:
    """Five lumbar vertebrae are assumed above a sacrum; a sacralised L5 or an L6 would shift every level."""
    studies = write_studies(16, 8, tmp_path / "studies", 1, ("t2",), ("transitional_anatomy",), "lumbar")
    variants = {json.loads((path / "truth.json").read_text())["variant"] for path in studies}
    assert "L5_sacralised" in variants
    built = build(
        BuildConfig(sources={"phantom": tmp_path / "studies"}, languages=("en",)), tmp_path / "corpus"
    )
    asked = [
        row["question"] for config in ("choice", "open") for row in rows(built.out, config) if row["images"]
    ]
    assert len(asked) > 40
    assert not [
        text
        for text in asked
        if "sacrum and" in text or "from the sacrum" in text or "five lumbar" in text.lower()
    ]


@pytest.mark.parametrize("orientation", [["R", "F"], None])
def test_a_frontal_film_that_does_not_show_the_left_on_the_right_is_refused(
    tmp_path: Path, orientation: list[str] | None
) -> None:
    place = write_study(3, tmp_path, ("t2", "xr_ap")) / "xr_ap" / "001.dcm"
    film = dcmread(place)
    film.PatientOrientation = orientation
    film.save_as(place)
    [study] = SOURCES["phantom"](tmp_path)
    assert isinstance(study, Study)
    given = rows_of(study, BuildConfig().asking)
    assert not [one for one in given.instances if one.modality == "XR"]
    assert any("patient's left" in reject.reason for reject in given.rejects)


def test_pictures_are_stored_once(phantom_corpus: Path) -> None:
    manifest = read_manifest(phantom_corpus)
    assert manifest is not None
    text = sum(
        sum(len(message["content"]) for message in row["messages"]) + len(row["question"])
        for config in QUESTIONS
        for row in rows(phantom_corpus, config)
    )
    assert manifest.parquet_bytes <= 1.10 * manifest.image_bytes + text


def test_the_card_and_the_manifest_count_the_rows(phantom_corpus: Path) -> None:
    manifest = read_manifest(phantom_corpus)
    assert manifest is not None
    card = (phantom_corpus / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(card.split("---")[1])
    assert next(one["config_name"] for one in front["configs"] if one.get("default")) == "choice"
    for config, splits in manifest.rows.items():
        for split, count in splits.items():
            files = list((phantom_corpus / "data" / config).glob(f"{split}-*.parquet"))
            assert sum(pq.read_metadata(path).num_rows for path in files) == count
            assert f"{count:,}" in next(
                line for line in card.splitlines() if line.startswith(f"| {config} |")
            )
    assert sum(manifest.kinds.values()) == sum(sum(manifest.rows[config].values()) for config in QUESTIONS)
    assert sum(manifest.rejects.values()) == manifest.rows["rejects"]["rejects"]
    assert "**Everything is synthetic**" in card


def test_the_manifest_names_every_file_and_no_place_of_this_machine(phantom_corpus: Path) -> None:
    manifest = read_manifest(phantom_corpus)
    assert manifest is not None
    on_disk = contents(phantom_corpus)
    del on_disk["manifest.json"]
    assert {name: entry.sha256 for name, entry in manifest.files.items()} == on_disk
    for path in phantom_corpus.rglob("*"):
        assert path.suffix != ".py"
        if path.is_file():
            assert str(phantom_corpus.parent).encode() not in path.read_bytes()


def test_one_and_two_workers_give_the_same_bytes(phantom_studies: Path, tmp_path: Path) -> None:
    config = BuildConfig(sources={"phantom": few(phantom_studies, 2, tmp_path / "studies")})
    one = build(config, tmp_path / "one", workers=1)
    two = build(config, tmp_path / "two", workers=2)
    assert contents(one.out) == contents(two.out)


def test_a_build_without_change_is_kept_and_force_builds_again(phantom_studies: Path, tmp_path: Path) -> None:
    studies = few(phantom_studies, 1, tmp_path / "studies")
    config = BuildConfig(sources={"phantom": studies})
    first = build(config, tmp_path / "corpus")
    before = (tmp_path / "corpus" / "manifest.json").stat().st_mtime_ns
    assert not first.up_to_date
    assert build(config, tmp_path / "corpus").up_to_date
    assert (tmp_path / "corpus" / "manifest.json").stat().st_mtime_ns == before
    assert not build(config, tmp_path / "corpus", force=True).up_to_date
    assert not build(config.model_copy(update={"seed": 1}), tmp_path / "corpus").up_to_date
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "studies"]


def test_a_series_that_comes_twice_is_asked_once(phantom_studies: Path, tmp_path: Path) -> None:
    """The same image under another name must not reach another split."""
    studies = few(phantom_studies, 1, tmp_path / "studies")
    original = next(studies.iterdir())
    (studies / "phantom-799999").symlink_to(original.resolve())
    built = build(BuildConfig(sources={"phantom": studies}), tmp_path / "corpus")
    assert built.manifest.rejects["repeat: the same study already came with another patient"] == 1
    patients = {row["patient"] for config in QUESTIONS for row in rows(built.out, config)}
    assert patients == {original.name}


def test_an_image_that_comes_again_in_another_study_is_asked_once(
    phantom_studies: Path, tmp_path: Path
) -> None:
    """Other identifiers, the same pixels: they must not reach another split."""
    studies = few(phantom_studies, 1, tmp_path / "studies")
    original = next(studies.iterdir()).resolve()
    again = shutil.copytree(original, studies / "phantom-799999")
    for place in again.rglob("*.dcm"):
        header = dcmread(place)
        header.StudyInstanceUID += ".9"
        header.SeriesInstanceUID += ".9"
        header.save_as(place)
    (again / "findings.jsonl").write_text("", encoding="utf-8")
    built = build(BuildConfig(sources={"phantom": studies}), tmp_path / "corpus")
    assert built.manifest.rejects["repeat: the same image already came with another study"] > 3
    asked = {row["patient"] for config in QUESTIONS for row in rows(built.out, config) if row["images"]}
    assert len(asked) == 1


def test_a_killed_build_leaves_nothing_published_and_the_next_one_says_so(tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    command = [
        sys.executable,
        "-m",
        "spinemed.cli",
        "build",
        "--phantoms",
        "40",
        "--out",
        str(out),
        "--workers",
        "1",
    ]
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("phantom-studies/phantom-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not out.exists()
    assert len(list(tmp_path.glob("corpus.work-*"))) == 1
    said: list[str] = []
    build(BuildConfig(phantoms=Phantoms(count=1)), out, say=said.append)
    assert any("settings, inputs or code have changed since" in text for text in said)
    assert out.is_dir()
    assert not list(tmp_path.glob("corpus.work-*"))


def test_what_cannot_be_asked_publishes_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no phantom study"):
        build(BuildConfig(sources={"phantom": tmp_path / "empty"}), tmp_path / "corpus")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_sources_are_checked_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown source 'spider'; give one of"):
        build(BuildConfig(sources={"spider": tmp_path}), tmp_path / "corpus")
    with pytest.raises(SourceError, match=r"verse: no folder .*missing"):
        build(BuildConfig(sources={"verse": tmp_path / "missing"}), tmp_path / "corpus")
    with pytest.raises(ConfigError, match="--label-scheme"):
        build(BuildConfig(label_scheme="spider"), tmp_path / "corpus")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"holds files but no manifest\.json"):
        build(BuildConfig(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--source", "phantom=missing"], 1, "no folder missing"),
        (["--source", "phantom"], 1, "NAME=FOLDER"),
        (["--source", "nothing=."], 1, "unknown source 'nothing'"),
        (["--config", "missing.yaml"], 1, "missing.yaml: cannot be read"),
        (["--out", "taken"], 1, "is a file"),
        (["--phantom", "3"], 2, "No such option"),
        (["--workers", "0"], 2, "Invalid value"),
    ],
)
def test_bad_input_names_the_fix_and_the_exit_code(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["spinemed", "build", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_the_command_reports_what_went_in_and_out_as_json(phantom_studies: Path, tmp_path: Path) -> None:
    studies = few(phantom_studies, 1, tmp_path / "studies")
    arguments = [
        "build",
        "--source",
        f"phantom={studies}",
        "--out",
        str(tmp_path / "corpus"),
        "--workers",
        "1",
    ]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0
    assert "in: 1 studies from phantom" in first.stdout
    again = CliRunner().invoke(app, [*arguments, "--json"])
    report = json.loads(again.stdout)
    assert report["up_to_date"] is True
    assert report["studies"] == 1
