"""Tests of counts, card, picture strip and licences of a corpus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import card_fixture
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from spinemed.corpus.card.card import CARD, card_faults, write_card
from spinemed.corpus.card.licences import TERMS, expression, hub_licence, is_redistributable
from spinemed.corpus.card.release_info import Creator, ReleaseInfo
from spinemed.corpus.card.strip import STRIP, chosen, write_strip
from spinemed.corpus.card.tables import card_numbers, expected_numbers
from spinemed.corpus.config import BuildConfig
from spinemed.corpus.releases.counts import Counts, counts_of
from spinemed.corpus.stages.mix import Mix
from spinemed.errors import OutputError, SourceError

MIX = Mix(total=30, targets={"task": {"open": 3}, "condition": {"scoliosis": 20}})
CONFIG = BuildConfig(mix=MIX)
RELEASE = ReleaseInfo(repository="org/spinemed-450k")
SHORT = {"total": 9, "task: open": 1, "spinebench: report": 4}
ALIKE = {"exact": 0.0, "near, 0.8": 1 / 3}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small corpus with its card."""
    folder = card_fixture.write_corpus(tmp_path_factory.mktemp("card") / "corpus")
    write_card(folder, CONFIG, counts_of(folder), RELEASE, SHORT, ALIKE)
    return folder


@pytest.fixture(scope="module")
def counts(corpus: Path) -> Counts:
    """Return the counts of the small corpus."""
    return counts_of(corpus)


def rows_of(corpus: Path) -> list[dict[str, Any]]:
    """Return all question rows, read the slow way."""
    files = [
        path for name in ("choice", "open", "dialogue", "report") for path in corpus.glob(f"data/{name}/*")
    ]
    return [row for path in sorted(files) for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize(
    "dimension", ["task", "axis", "kind", "modality", "level", "side", "language", "source"]
)
def test_counts_by_a_dimension_are_those_of_the_rows(corpus: Path, counts: Counts, dimension: str) -> None:
    slow: dict[tuple[str, ...], int] = {}
    for row in rows_of(corpus):
        slow[row[dimension], row["split"]] = slow.get((row[dimension], row["split"]), 0) + 1
    assert counts.by(dimension, "split") == dict(sorted(slow.items()))
    assert counts.instances == len(rows_of(corpus)) == counts.by()[()]


def test_a_row_with_two_conditions_counts_in_both(corpus: Path, counts: Counts) -> None:
    both = [row for row in rows_of(corpus) if "scoliosis" in row["conditions"]]
    found = counts.by("condition")
    assert found["scoliosis",] == found["canal_stenosis",] == len(both) > 0
    assert sum(found.values()) == counts.instances + len(both)
    assert counts.by("level", "condition", config="choice")["L3", "scoliosis"] == 3


def test_pictures_patients_studies_findings_and_rejects_are_counted_once_each(
    corpus: Path, counts: Counts
) -> None:
    shown = {image["path"] for row in rows_of(corpus) for image in row["images"]}
    assert counts.pictures_in_all == len(shown) == sum(counts.pictures_first.values())
    assert counts.patients == {
        (source, split): len(
            {r["patient"] for r in rows_of(corpus) if (r["source"], r["split"]) == (source, split)}
        )
        for source, split in counts.patients
    }
    assert counts.patients["phantom", "train"] == 6
    assert counts.studies["casebook", "spinebench"] == 1
    assert counts.studies_by("source", "language")["casebook", "zh"] == 1
    assert counts.findings_by("pathology", "present") == {("vertebra", "false"): 1, ("vertebra", "true"): 3}
    assert counts.rejects == {("gate", "too | few pixels"): 3}
    assert 0 < counts.picture_bytes < sum(counts.file_bytes.values())


def test_a_folder_without_data_counts_nothing(tmp_path: Path) -> None:
    counts = counts_of(tmp_path)
    assert (counts.instances, counts.pictures_in_all, counts.by("axis"), counts.by()) == (0, 0, {}, {(): 0})


@pytest.mark.parametrize("name", ["data/choice/train.parquet", "data/other/train-00000-of-00001.parquet"])
def test_a_file_that_no_corpus_has_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).touch()
    with pytest.raises(OutputError, match=f"{name} is no file of a corpus"):
        counts_of(tmp_path)


def test_a_broken_file_and_one_of_other_columns_are_named(tmp_path: Path) -> None:
    path = card_fixture.write(tmp_path, "choice", "train", [card_fixture.question(1)])
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["conditions"]), path)
    with pytest.raises(OutputError, match=r"train-00000-of-00002\.parquet: cannot be counted"):
        counts_of(tmp_path)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(OutputError, match=r"train-00000-of-00002\.parquet: cannot be counted"):
        counts_of(tmp_path)


def test_every_number_of_the_card_is_that_of_the_data(corpus: Path, counts: Counts) -> None:
    said = card_numbers((corpus / CARD).read_text(encoding="utf-8"))
    assert said == pytest.approx(expected_numbers(counts, MIX, SHORT, ALIKE))
    assert len(said) > 100
    assert said["instances"] == 21
    assert said["Rows: choice: train"] == 10
    assert said["What was left out: gate / too / few pixels: count"] == 3
    assert said["Duplicates: near, 0.8: share"] == pytest.approx(0.333333)
    assert said["What could not be filled: spinebench: report: missing"] == 4
    assert not card_faults(corpus, counts, MIX, SHORT, ALIKE)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("**21 instances**", "**22 instances**"),
        lambda text: text.replace("| choice | 10 |", "| choice | 11 |"),
        lambda text: text.replace("| near, 0.8 | 33.3333 % |", "| near, 0.8 | 3.3333 % |"),
        lambda text: "".join(line for line in text.splitlines(True) if not line.startswith("| zh |")),
        lambda text: (
            text.replace("| en | 13 |", "| en | 13 |", 1)
            + "\n### By language\n\n| a | b |\n|-|-|\n| x | 1 |\n"
        ),
    ],
)
def test_a_card_that_was_changed_by_hand_is_found(
    corpus: Path, counts: Counts, tmp_path: Path, change: Callable[[str], str]
) -> None:
    text = (corpus / CARD).read_text(encoding="utf-8")
    changed = change(text)
    assert changed != text
    (tmp_path / CARD).write_text(changed, encoding="utf-8")
    assert card_faults(tmp_path, counts, MIX, SHORT, ALIKE)


def test_a_card_of_other_data_is_found(corpus: Path, tmp_path: Path) -> None:
    other = card_fixture.write_corpus(tmp_path / "other", lambda row: row | {"axis": "planning"})
    (other / CARD).write_bytes((corpus / CARD).read_bytes())
    faults = card_faults(other, counts_of(other), MIX, SHORT, ALIKE)
    assert "README.md: By axis: planning: all: says 1, the data 21" in faults


def test_the_card_changes_with_the_content_and_with_nothing_else(corpus: Path, tmp_path: Path) -> None:
    """datasets names its cache by the card alone, so cards of different corpora must differ."""
    same = card_fixture.write_corpus(tmp_path / "same")
    write_card(same, CONFIG, counts_of(same), RELEASE, SHORT, ALIKE)
    assert (same / CARD).read_bytes() == (corpus / CARD).read_bytes()
    other = card_fixture.write_corpus(tmp_path / "other", lambda row: row | {"question": "Another?"})
    write_card(other, CONFIG, counts_of(other), RELEASE, SHORT, ALIKE)
    fronts = [yaml.safe_load((folder / CARD).read_text().split("---\n")[1]) for folder in (corpus, other)]
    assert fronts[0]["configs"][0]["description"] != fronts[1]["configs"][0]["description"]


def test_load_dataset_reads_every_config_and_split_by_the_header(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    assert datasets.get_dataset_config_names(str(corpus))[0] == "choice"
    choice = datasets.load_dataset(str(corpus), cache_dir=str(tmp_path))
    assert {split: len(rows) for split, rows in choice.items()} == {"train": 10, "test": 2, "spinebench": 1}
    assert datasets.load_dataset_builder(str(corpus), "report").config.data_files.keys() == {"train"}


def test_the_card_says_what_is_synthetic_and_what_is_not(corpus: Path, tmp_path: Path) -> None:
    assert "**Everything is synthetic**" in (corpus / CARD).read_text()
    real = card_fixture.write_corpus(
        tmp_path / "real",
        lambda row: row | {"synthetic": False, "source": "clinic", "licence": "LicenseRef-user-supplied"},
    )
    write_card(real, CONFIG, counts_of(real), RELEASE, {}, {})
    text = (real / CARD).read_text()
    assert "In part synthetic" in text
    assert "clinic" in text
    assert "Studies of clinic show people." in text
    front = yaml.safe_load(text.split("---\n")[1])
    assert (front["license"], front["license_link"]) == ("other", CARD)


def test_withdrawals_are_counted_from_the_tombstones(tmp_path: Path) -> None:
    folder = card_fixture.write_corpus(tmp_path / "corpus")
    (folder / "tombstones.jsonl").write_text('{"kind": "id"}\n{"kind": "id"}\n')
    write_card(folder, CONFIG, counts_of(folder), RELEASE, {}, {})
    assert card_numbers((folder / CARD).read_text())["withdrawals"] == 2


def test_the_strip_shows_each_kind_of_picture_once_and_its_bytes_are_fixed(tmp_path: Path) -> None:
    folder = card_fixture.write_corpus(tmp_path / "corpus")
    rows = chosen(folder)
    assert [(row["modality"], row["plane"]) for row in rows] == [
        ("CT", "sagittal"),
        ("MR", "sagittal"),
        ("XR", "radiograph"),
    ]
    first = write_strip(folder).read_bytes()
    assert write_strip(folder).read_bytes() == first
    with Image.open(folder / STRIP) as strip:
        marked = [colour for _, colour in strip.convert("RGB").getcolors(1 << 20) if colour == (176, 0, 32)]
        assert strip.size == (3 * 314 + 14, 300 + 156 + 28)
    assert marked  # the word SYNTHETIC stands on this red


def test_reasons_of_rejects_are_joined_whatever_they_are_about(tmp_path: Path) -> None:
    folder = card_fixture.write_corpus(tmp_path / "corpus")
    about = [f"L{n % 5 + 1} finding {n}: its place lies outside the picture" for n in range(70)]
    rare = [f"reason of its own {n}" for n in range(70)]
    rows = [card_fixture.reject(n) | {"reason": reason} for n, reason in enumerate([*about, *rare])]
    card_fixture.write(folder, "rejects", "rejects", rows)
    write_card(folder, CONFIG, counts_of(folder), RELEASE, {}, {})
    said = card_numbers((folder / CARD).read_text())
    joined = {key: number for key, number in said.items() if key.startswith("What was left out")}
    assert joined["What was left out: gate / its place lies outside the picture: count"] == 70
    assert joined["What was left out: any / 11 rarer reasons: count"] == 11
    assert sum(joined.values()) == said["rejects"] == 140
    assert not card_faults(folder, counts_of(folder), MIX, {}, {})


def test_real_pictures_are_not_called_synthetic_and_a_corpus_without_pictures_has_a_strip(
    tmp_path: Path,
) -> None:
    real = card_fixture.write_corpus(tmp_path / "real", lambda row: row | {"synthetic": False})
    write_strip(real)
    with Image.open(real / STRIP) as strip:
        assert (176, 0, 32) not in {colour for _, colour in strip.convert("RGB").getcolors(1 << 20)}
    card_fixture.write(tmp_path, "open", "train", [card_fixture.question(1, task="open", modality="text")])
    with Image.open(write_strip(tmp_path)) as strip:
        assert strip.height < 100


def test_the_most_restrictive_licence_decides() -> None:
    assert is_redistributable("CC-BY-4.0 AND Apache-2.0")
    assert not is_redistributable("CC-BY-4.0 AND CC-BY-ND-4.0")
    assert not is_redistributable("(MIT OR LicenseRef-x) AND LicenseRef-y")
    assert not is_redistributable("GPL-3.0-only WITH GCC-exception-3.1")
    assert hub_licence(["mit", "MIT"]) == "mit"
    assert all(expression(name) == name for name in TERMS)
    with pytest.raises(SourceError, match="is no SPDX expression"):
        is_redistributable("free for research")


def test_a_release_refuses_impossible_dates_and_names() -> None:
    for wrong in ({"date": "2026-02-30"}, {"date": "today"}, {"version": "1.0"}, {"repository": "a/b/c"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ReleaseInfo(**wrong)
    with pytest.raises(ValueError, match="orcid"):
        Creator(name="A", orcid="1234")
