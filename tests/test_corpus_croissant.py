"""Tests of croissant.json and datacite.json: what machines read about a corpus."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import card_fixture
import pytest

from spinemed.corpus.card.croissant import CROISSANT, check_croissant, write_croissant
from spinemed.corpus.card.datacite import DATACITE, read_datacite, write_datacite
from spinemed.corpus.card.release_info import Creator, ReleaseInfo
from spinemed.corpus.config import BuildConfig
from spinemed.corpus.releases.counts import counts_of
from spinemed.corpus.rows import CONFIGS, features
from spinemed.errors import OutputError

# mlcroissant 1.1.1 parses with a class that rdflib 7 deprecates, and reads with a keyword that pandas 3 does.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index is deprecated"),
]
CONFIG = BuildConfig()
HERE = ReleaseInfo()
ON_HUB = ReleaseInfo(
    version="1.1.0",
    previous="1.0.0",
    repository="org/spinemed-450k",
    doi="10.5281/zenodo.2",
    previous_doi="10.5281/zenodo.1",
    creators=(Creator(name="Family, Given", kind="Personal", orcid="0000-0002-1825-0097"),),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small corpus with its metadata."""
    folder = card_fixture.write_corpus(tmp_path_factory.mktemp("croissant") / "corpus")
    write_croissant(folder, CONFIG, counts_of(folder), HERE)
    write_datacite(folder, CONFIG, counts_of(folder), HERE)
    return folder


@pytest.fixture(scope="module")
def dataset(corpus: Path) -> Any:
    """Return the small corpus as mlcroissant sees it."""
    mlcroissant = pytest.importorskip("mlcroissant")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return mlcroissant.Dataset(str(corpus / CROISSANT))


def test_mlcroissant_finds_nothing_wrong_and_sees_the_responsible_ai_fields(dataset: Any) -> None:
    metadata = dataset.metadata
    assert not metadata.issues.errors
    assert not metadata.issues.warnings
    assert metadata.conforms_to[0].endswith("/croissant/1.1")
    assert "Everything is synthetic" in metadata.data_collection
    assert "withdrawn patient" in metadata.data_release_maintenance_plan
    assert metadata.personal_sensitive_information[0].startswith("None.")
    assert any("scoliosis" in line for line in metadata.data_biases)
    for field in ("data_annotation_protocol", "data_limitations", "data_use_cases", "data_social_impact"):
        assert getattr(metadata, field)


def test_records_read_through_mlcroissant_are_those_of_the_files(dataset: Any) -> None:
    rows = {row["choice/id"].decode(): row for row in dataset.records("choice")}
    assert len(rows) == 13
    wanted = card_fixture.question(1)
    read = rows[wanted["id"]]
    assert read["choice/question"].decode() == wanted["question"]
    assert [option.decode() for option in read["choice/options"]] == wanted["options"]
    assert {part: read["choice/box"][f"choice/box/{part}"] for part in wanted["box"]} == wanted["box"]
    stored = io.BytesIO()
    read["choice/images"][0].save(stored, "png")
    assert stored.getvalue() == wanted["images"][0]["bytes"]
    turns = [turn["choice/messages/content"].decode() for turn in read["choice/messages"]]
    assert turns == [turn["content"] for turn in wanted["messages"]]


def test_a_corpus_on_the_hub_is_read_from_its_repository(tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    folder = card_fixture.write_corpus(tmp_path / "corpus")
    path = write_croissant(folder, CONFIG, counts_of(folder), ON_HUB)
    dataset = mlcroissant.Dataset(str(path), mapping={"repository": str(folder)})
    assert len(list(dataset.records("dialogue"))) == 4
    assert not dataset.metadata.issues.warnings


def test_each_config_has_a_file_set_and_a_field_for_every_column(corpus: Path) -> None:
    content = json.loads((corpus / CROISSANT).read_text())
    assert [one["includes"] for one in content["distribution"]] == [
        f"data/{name}/*.parquet" for name in CONFIGS
    ]
    for name, records in zip(CONFIGS, content["recordSet"], strict=True):
        assert [field["name"] for field in records["field"]] == [
            f"{name}/{column}" for column in features(name)
        ]


def test_provenance_names_every_source_with_its_licence(corpus: Path, tmp_path: Path) -> None:
    derived = json.loads((corpus / CROISSANT).read_text())["prov:wasDerivedFrom"]
    assert [one["@id"] for one in derived] == ["urn:spinemed:casebook", "urn:spinemed:phantom"]
    folder = card_fixture.write_corpus(tmp_path / "corpus")
    card_fixture.write(
        folder, "studies", "train", [card_fixture.study(9, source="verse", licence="CC-BY-SA-4.0")], 1
    )
    content = json.loads(write_croissant(folder, CONFIG, counts_of(folder), HERE).read_text())
    licences = {one["@id"]: one["license"] for one in content["prov:wasDerivedFrom"]}
    apache, share_alike = (
        "https://www.apache.org/licenses/LICENSE-2.0",
        "https://creativecommons.org/licenses/by-sa/4.0/",
    )
    assert licences == {
        "urn:spinemed:casebook": [apache],
        "urn:spinemed:phantom": [apache],
        "https://doi.org/10.1016/j.media.2021.102166": [share_alike],
    }
    assert content["license"] == [apache, share_alike]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"http://mlcommons.org/croissant/1.1"', '"http://mlcommons.org/croissant/9.9"'),
        ('"@id": "choice-files"', '"@id": "other-files"'),
        (
            "{",
            "",
        ),
    ],
)
def test_a_broken_croissant_is_refused(corpus: Path, tmp_path: Path, old: str, new: str) -> None:
    pytest.importorskip("mlcroissant")
    text = (corpus / CROISSANT).read_text()
    assert old in text
    (tmp_path / CROISSANT).write_text(text.replace(old, new, 1))
    with pytest.raises(OutputError, match="mlcroissant refuses it"):
        check_croissant(tmp_path)


def test_metadata_have_the_same_bytes_for_the_same_corpus(corpus: Path, tmp_path: Path) -> None:
    again = card_fixture.write_corpus(tmp_path / "again")
    write_croissant(again, CONFIG, counts_of(again), HERE)
    write_datacite(again, CONFIG, counts_of(again), HERE)
    for name in (CROISSANT, DATACITE):
        assert (again / name).read_bytes() == (corpus / name).read_bytes()
        assert str(tmp_path) not in (again / name).read_text()


def test_datacite_holds_what_a_doi_needs_and_the_chain_of_releases(corpus: Path, tmp_path: Path) -> None:
    draft = read_datacite(corpus)
    assert (draft.doi, draft.publication_year, draft.sizes[0]) == (None, "2026", "21 instances")
    verse = card_fixture.write_corpus(tmp_path / "corpus", lambda row: row | {"source": "verse"})
    write_datacite(verse, CONFIG, counts_of(verse), ON_HUB)
    record = json.loads((verse / DATACITE).read_text())
    related = {(one["relationType"], one["relatedIdentifier"]) for one in record["relatedIdentifiers"]}
    assert ("IsDerivedFrom", "10.1016/j.media.2021.102166") in related
    assert ("IsNewVersionOf", "10.5281/zenodo.1") in related
    assert record["doi"] == "10.5281/zenodo.2"
    assert record["creators"][0]["nameIdentifiers"][0]["nameIdentifier"].endswith("0000-0002-1825-0097")
    assert {"creators", "titles", "publisher", "publicationYear", "types", "schemaVersion"} <= set(record)


@pytest.mark.parametrize("key", ["creators", "titles", "publisher", "publicationYear", "version"])
def test_datacite_without_a_mandatory_property_is_refused(corpus: Path, tmp_path: Path, key: str) -> None:
    record = json.loads((corpus / DATACITE).read_text())
    del record[key]
    (tmp_path / DATACITE).write_text(json.dumps(record))
    with pytest.raises(OutputError, match="no record of DataCite"):
        read_datacite(tmp_path)
