"""A benchmark is selected fairly, frozen, readable as a corpus, and shares no patient with one."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from spinemed.bench.data import build as building
from spinemed.bench.data.build import build
from spinemed.bench.data.frozen import FILE, Frozen, read_frozen, verify
from spinemed.bench.data.inspect_rows import METADATA, eval_yaml, montage
from spinemed.bench.data.seeds import first_patient
from spinemed.bench.data.selection import select
from spinemed.bench.data.settings import BenchSettings, Patients, overridden
from spinemed.bench.data.strata import Candidate
from spinemed.bench.items import read_items
from spinemed.cli.benchdata import app
from spinemed.corpus.config import load_settings
from spinemed.errors import ConfigError, OutputError, SourceError
from spinemed.imaging.pictures import encode_png
from spinemed.phantom.patient.seeds import CORPUS, FRESH, PUBLISHED, check_patients

SCRIPTS = Path(__file__).parents[1] / "dataset_scripts" / "spinebench"
SIZES = {
    "choice": {"level/image": 9, "pathology/image": 3},
    "open": {"level/image": 3},
    "report": {"pathology/image": 1},
    "dialogue": {"planning/image": 1},
}


def silent(text: str) -> None:
    """Hear nothing."""


@pytest.fixture(scope="module")
def frozen(phantom_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Frozen]:
    """Return a benchmark selected from the test split of the phantom corpus, and its manifest."""
    out = tmp_path_factory.mktemp("bench") / "spinebench-2510.03160"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "pools", lambda *_: iter([phantom_corpus]))
        return out, build(BenchSettings(sizes=SIZES, per_patient={"choice": 12}), out, [], say=silent)


def candidate(number: int, kind: str = "slip_grade", answer: str = "A", patient: str = "") -> Candidate:
    """Return a candidate with a picture of its own."""
    return Candidate(
        id=f"{kind}{number}",
        config="choice",
        axis="pathology",
        kind=kind,
        region="lumbar",
        modality="MR",
        language="en",
        severity="mild",
        answer=answer,
        patient=patient or f"p{number}",
        study=f"s{number}",
        source="phantom",
        words=f"w{number}",
        pictures=(f"{kind}{number}",),
        pool=Path(),
    )


def test_seeds_of_corpus_benchmark_and_fresh_sets_never_meet() -> None:
    assert not set(CORPUS) & set(PUBLISHED)
    assert not set(PUBLISHED) & set(FRESH)
    assert first_patient(5, fresh=False, most=600) == first_patient(9, fresh=False, most=600)
    assert first_patient(5, fresh=True, most=600) != first_patient(9, fresh=True, most=600)
    starts = [first_patient(seed, fresh=True, most=600) for seed in range(50)]
    assert all(start in FRESH and start + 599 in FRESH for start in starts)
    with pytest.raises(ConfigError, match="do not fit"):
        first_patient(0, fresh=True, most=200_000)
    with pytest.raises(ConfigError, match="kept for benchmarks"):
        check_patients({"phantom-000001", "phantom-800001"}, "corpus")


def test_a_selection_spreads_kinds_and_letters_and_limits_patients_and_pictures() -> None:
    many = [candidate(number, "slip_grade", answer="AAAB"[number % 4]) for number in range(80)]
    few = [candidate(number, "herniation_side", answer="C") for number in range(5)]
    one_patient = [candidate(100 + number, "modic_type", patient="same") for number in range(30)]
    chosen = select([*many, *few, *one_patient], {"choice": {"pathology/image": 20}}, {"choice": 2}, seed=1)
    kinds = Counter(one.kind for one in chosen.items)
    assert kinds == {"slip_grade": 13, "herniation_side": 5, "modic_type": 2}
    slips = Counter(one.answer for one in chosen.items if one.kind == "slip_grade")
    assert slips["B"] >= 6
    assert not chosen.short
    again = select([*one_patient, *few, *many], {"choice": {"pathology/image": 20}}, {"choice": 2}, seed=1)
    assert [one.id for one in again.items] == [one.id for one in chosen.items]
    other = select([*many, *few, *one_patient], {"choice": {"pathology/image": 20}}, {"choice": 2}, seed=2)
    assert {one.id for one in other.items} != {one.id for one in chosen.items}


def test_scarce_strata_do_not_favour_what_comes_first_by_name() -> None:
    places = [
        (region, language) for region in ("cervical", "lumbar", "thoracic") for language in ("en", "zh")
    ]
    many = [
        replace(candidate(number, kind=f"kind{number % 40}"), region=region, language=language)
        for number in range(240)
        for region, language in [places[number // 40]]
    ]
    chosen = select(many, {"choice": {"pathology/image": 40}}, {"choice": 1}, seed=0)
    languages = Counter(one.language for one in chosen.items)
    assert abs(languages["en"] - languages["zh"]) <= 4
    assert max(Counter(one.region for one in chosen.items).values()) <= 16


def test_a_selection_says_what_is_short_and_shows_no_picture_twice() -> None:
    twice = [candidate(1), replace(candidate(2), pictures=("slip_grade1",))]
    text = [replace(candidate(3), pictures=()), replace(candidate(4), pictures=(), words="w3")]
    sizes = {"choice": {"pathology/image": 2, "pathology/text": 2}}
    chosen = select([*twice, *text], sizes, {"choice": 4}, seed=0)
    assert len(chosen.items) == 2
    assert chosen.short == {"choice": {"pathology/image": 1, "pathology/text": 1}}


def test_the_benchmark_is_read_as_a_corpus_is(frozen: tuple[Path, Frozen], phantom_corpus: Path) -> None:
    out, manifest = frozen
    items = read_items(out, "choice", "test")
    assert {item.id for item in items} == {one.id for one in manifest.items if one.config == "choice"}
    for config in ("choice", "findings"):
        ours = pq.read_schema(out / "data" / config / "test-00000-of-00001.parquet")
        assert (
            ours.names
            == pq.read_schema(phantom_corpus / "data" / config / "test-00000-of-00001.parquet").names
        )
    known = set(
        pq.read_table(out / "data/findings/test-00000-of-00001.parquet", columns=["id"])["id"].to_pylist()
    )
    rows = pq.read_table(out / "data/choice/test-00000-of-00001.parquet", columns=["findings"]).to_pylist()
    assert all(set(row["findings"]) <= known for row in rows)
    card = (out / "README.md").read_text(encoding="utf-8")
    named = [one["config_name"] for one in yaml.safe_load(card.split("---\n")[1])["configs"]]
    assert {"choice", "findings", "studies", "mcq_inspect"} <= set(named)
    assert "2510.12267" in card
    assert json.loads((out / "manifest.json").read_text())["rows"]["choice"] == {"test": len(items)}


def test_the_inspect_rows_hold_one_data_uri_a_letter_and_the_case(frozen: tuple[Path, Frozen]) -> None:
    out, _ = frozen
    found = [
        row
        for path in (out / "data").glob("mcq_inspect_*/*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]
    items = {item.id: item for item in read_items(out, "choice", "test")}
    assert {row["item_id"] for row in found} == set(items)
    for row in found:
        item = items[row["item_id"]]
        assert (row["answer"], row["case_id"]) == (item.answer, item.patient)
        assert row["image"].startswith("data:image/png;base64,") == bool(item.width)
    tasks = yaml.safe_load((out / "eval.yaml").read_text())["tasks"]
    columns = set(found[0])
    for task in tasks:
        spec = task["field_spec"]
        assert {
            spec["input"],
            spec["target"],
            spec["choices"],
            spec["input_image"],
            *spec["metadata"],
        } <= columns


def test_eval_yaml_has_the_keys_that_inspect_ai_takes_and_no_other() -> None:
    """Recorded from inspect-ai 0.3.285 (HFTask); benchmarks/peer_tools.py validates with the real one."""
    content = yaml.safe_load(eval_yaml("a", "b", ["mcq_inspect", "mcq_inspect_text", "mcq_inspect_image"]))
    assert set(content) == {"name", "description", "evaluation_framework", "tasks"}
    assert [task["id"] for task in content["tasks"]] == ["mcq_all", "mcq_text", "mcq_image"]
    for task in content["tasks"]:
        assert set(task) <= {
            "id", "config", "split", "field_spec", "shuffle_choices", "epochs", "epoch_reducer", "solvers",
            "scorers",
        }  # fmt: skip
        assert set(task["field_spec"]) == {"input", "target", "choices", "input_image", "metadata"}
        assert task["field_spec"]["metadata"] == METADATA
        assert task["solvers"] == [{"name": "multiple_choice"}]
        assert task["scorers"] == [{"name": "choice"}]


def test_several_pictures_become_one_side_by_side() -> None:
    import io

    import numpy as np
    from PIL import Image

    grey = encode_png(np.full((20, 10), 90, np.uint8))
    white = encode_png(np.full((30, 12), 255, np.uint8))
    assert montage([grey]) == grey
    both = Image.open(io.BytesIO(montage([grey, white])))
    assert both.size == (10 + 8 + 12, 30)
    assert both.getpixel((29, 29)) == (255, 255, 255)
    assert both.getpixel((3, 3)) == (90, 90, 90)


def test_verify_finds_a_changed_a_missing_and_an_added_item(
    frozen: tuple[Path, Frozen], tmp_path: Path
) -> None:
    out, manifest = frozen
    assert verify(out).sound
    assert verify(out).items_sha256 == manifest.items_sha256
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    path = copy / "data/choice/test-00000-of-00001.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0]["answer"] = "B" if rows[0]["answer"] == "A" else "A"
    rows[1]["id"] = "0123456789abcdef"
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), path)
    found = verify(copy)
    assert not found.sound
    assert (len(found.changed), len(found.missing), len(found.added)) == (1, 1, 1)
    assert found.files_changed == ("data/choice/test-00000-of-00001.parquet",)


def test_verify_does_not_mind_how_parquet_files_are_written(
    frozen: tuple[Path, Frozen], tmp_path: Path
) -> None:
    out, manifest = frozen
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    path = copy / "data/choice/test-00000-of-00001.parquet"
    pq.write_table(pq.read_table(path), path, compression="GZIP", row_group_size=2)
    found = verify(copy)
    assert found.sound
    assert found.files_changed
    edited = json.loads((copy / FILE).read_text())
    edited["items"][0]["sha256"] = "0" * 64
    (copy / FILE).write_text(json.dumps(edited))
    assert not verify(copy).manifest_sound
    assert read_frozen(out) == manifest


def test_a_benchmark_shares_nothing_with_a_corpus_and_is_not_replaced(
    phantom_corpus: Path, frozen: tuple[Path, Frozen], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(building, "pools", lambda *_: iter([phantom_corpus]))
    with pytest.raises(SourceError, match="no item was selected of 0 candidates"):
        build(BenchSettings(sizes=SIZES), tmp_path / "b", [phantom_corpus], say=silent)
    assert not (tmp_path / "b").exists()
    with pytest.raises(OutputError, match="frozen"):
        build(BenchSettings(sizes=SIZES), frozen[0], [], say=silent)


def test_two_builds_give_the_same_bytes(
    phantom_corpus: Path, frozen: tuple[Path, Frozen], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(building, "pools", lambda *_: iter([phantom_corpus]))
    settings = BenchSettings(sizes=SIZES, per_patient={"choice": 12})
    again = build(settings, tmp_path / frozen[0].name, [], say=silent)
    assert again.files == frozen[1].files


def test_a_fresh_set_is_drawn_from_patients_of_its_own(tmp_path: Path) -> None:
    settings = BenchSettings(
        seed=3,
        sizes={"choice": {"level/image": 2}},
        patients=Patients(batch=1, most=3, kinds=("t2",), field="lumbar"),
        languages=("en",),
        items_per_kind=0,
    )
    made = build(settings, tmp_path / "fresh", [], fresh=True, say=silent)
    assert made.fresh
    assert {int(one.patient.removeprefix("phantom-")) for one in made.items} <= set(FRESH)
    assert not (tmp_path / "fresh.pools").exists()
    assert verify(tmp_path / "fresh").sound


def test_the_shipped_build_yaml_holds_every_key_with_its_default() -> None:
    path = SCRIPTS / "build.yaml"
    assert load_settings(path, BenchSettings) == BenchSettings()
    assert set(yaml.safe_load(path.read_text(encoding="utf-8"))) == set(BenchSettings.model_fields)
    sizes = BenchSettings().sizes
    assert sum(sizes["choice"].values()) > 487
    assert sizes["report"]["pathology/image"] > 87


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds: 1", "seeds: Extra inputs are not permitted"),
        ("sizes: {choice: {level/picture: 3}}", "unknown cells level/picture"),
        ("sizes: {quiz: {level/image: 3}}", "configs quiz"),
        ("a: [", "not valid YAML"),
    ],
)
def test_a_wrong_key_is_named_with_its_file(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "build.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_settings(path, BenchSettings)


def test_the_command_line_scales_and_limits() -> None:
    settings = overridden(BenchSettings(), [], 50, 4, 0.1)
    assert (settings.patients.most, settings.patients.batch, settings.seed) == (50, 50, 4)
    assert settings.sizes["report"] == {"pathology/image": 30}
    with pytest.raises(ConfigError, match="above 0"):
        overridden(BenchSettings(), [], None, None, 0.0)


def test_the_commands_tell_what_they_found_and_end_with_1_where_a_benchmark_changed(
    frozen: tuple[Path, Frozen], phantom_corpus: Path, tmp_path: Path
) -> None:
    out = str(frozen[0])
    told = CliRunner().invoke(app, ["verify", out])
    assert (told.exit_code, "sound: every item" in told.output) == (0, True)
    given = ["contamination", out, "--against", str(phantom_corpus), "--out", str(tmp_path / "clean.json")]
    told = CliRunner().invoke(app, given, catch_exceptions=False)
    items = len(frozen[1].items)
    assert f"{items} of {items} items are clean" in told.output
    assert len(json.loads((tmp_path / "clean.json").read_text())["clean"]) == items
    leaked = CliRunner().invoke(app, [*given, "--split", "test", "--json"], catch_exceptions=False)
    reasons = json.loads(leaked.output)["reasons"]
    assert reasons["same patient"] == items
    assert reasons["sibling item"] > 0
    copy = tmp_path / "copy"
    shutil.copytree(frozen[0], copy)
    shutil.rmtree(copy / "data" / "open")
    told = CliRunner().invoke(app, ["verify", str(copy)])
    assert (told.exit_code, "NOT sound" in told.output) == (1, True)
