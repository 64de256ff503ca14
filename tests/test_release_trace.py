"""`trace` finds an instance at once and tells all: words, pixels or quote, findings, licence, place."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from release_fixture import CITATION, QUOTED, png, rehashed, write_release
from typer.testing import CliRunner

from spinemed.cli.release import app
from spinemed.corpus.releases import lookup
from spinemed.corpus.releases.lookup import Lookup, lookup_table, write_lookup
from spinemed.corpus.releases.originals import original
from spinemed.corpus.releases.trace import Trace, Tracer
from spinemed.corpus.releases.trace_files import with_box
from spinemed.corpus.releases.trace_lines import lines, write_trace
from spinemed.errors import OutputError


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release of three patients with pictures and three written cases."""
    return write_release(tmp_path_factory.mktemp("trace") / "corpus", range(1, 4), range(100_001, 100_004))


@pytest.fixture(scope="module")
def ids(release: Path) -> list[str]:
    """Return all ids of it."""
    return [str(one) for one in lookup_table(release)["id"].to_pylist()]


@pytest.fixture(scope="module")
def traced(release: Path, ids: list[str]) -> dict[str, Trace]:
    """Return id -> trace of every instance."""
    return {one.id: one for one in Tracer(release).traces(ids)}


def test_every_instance_is_traced_to_pixels_or_words_and_findings(
    traced: dict[str, Trace], ids: list[str]
) -> None:
    assert sorted(traced) == sorted(ids)
    for one in traced.values():
        facts = one.facts
        assert facts["licence"] == "Apache-2.0"
        assert facts["redistributable"] is True
        assert "no patient" in facts["attribution"]
        assert facts["gates"] == ["levels_read_back"]
        assert "no language model took part" in facts["words"]
        assert facts["reviews"].startswith("not reviewed by a clinician")
        assert [finding["site"] for finding in facts["findings"]] == ["L4"]
        if facts["modality"] == "text":
            assert not one.pictures
            assert facts["evidence"]["quote"]["text"] in (QUOTED, CITATION)
        else:
            [content] = one.pictures.values()
            assert content == png_of(facts)
            assert facts["evidence"]["series_of_study"] == "CT"
            assert facts["original"].startswith(f"spinemed phantom --seed {int(facts['patient'][-6:])} ")


def png_of(facts: dict[str, Any]) -> bytes:
    """Return the picture that the fixture made for an instance."""
    return png(int(facts["patient"][-6:]) * 3 + facts["evidence"]["slice_index"])


def test_a_choice_is_told_with_its_options_and_the_words_of_the_answer(traced: dict[str, Trace]) -> None:
    facts = next(one.facts for one in traced.values() if one.facts["task"] == "choice")
    assert (facts["options"], facts["answer"], facts["answer_text"]) == (["L3", "L4"], "B", "L4")
    text = "\n".join(lines(Trace(facts, {})))
    assert "user: Which vertebra is marked?\nA. L3\nB. L4" in text
    assert "vertebra at L4" in text


def test_a_quote_is_shown_in_its_document_with_the_span_marked(
    traced: dict[str, Trace], tmp_path: Path
) -> None:
    one = next(one for one in traced.values() if one.facts["evidence"].get("quote", {}).get("is_in_document"))
    [path] = write_trace(one, tmp_path)
    text = path.read_text(encoding="utf-8")
    assert f"[[{QUOTED}]] The patient is" in text
    assert text.count("Synthetic case") == 1
    assert "document_text" not in "\n".join(lines(one))
    assert one.facts["original"].startswith("the column text of row")


def test_the_evidence_box_is_drawn_where_the_window_says() -> None:
    """40 x 30 pixels of the slice on a picture of 80 x 60, three times as large: six for one."""
    stream = io.BytesIO()
    Image.new("L", (80, 60)).save(stream, "png")
    window = {"left": 10.0, "top": 20.0, "right": 50.0, "bottom": 50.0}
    box = {"left": 20, "top": 30, "right": 40, "bottom": 40}
    with Image.open(io.BytesIO(with_box(stream.getvalue(), box, window))) as drawn:
        assert drawn.size == (240, 180)
        coloured = drawn.getbbox()
    assert coloured == (60, 60, 181, 121)
    with Image.open(io.BytesIO(with_box(stream.getvalue(), box, window, turn=180))) as drawn:
        assert drawn.getbbox() == (240 - 181, 180 - 121, 180, 120)
    with pytest.raises(OutputError, match="cannot be read"):
        with_box(b"no picture", box, window)


def test_an_unknown_id_is_an_error_that_names_ids_which_begin_alike(release: Path, ids: list[str]) -> None:
    with pytest.raises(OutputError, match=f"did you mean {ids[3]}"):
        list(Tracer(release).traces([ids[3][:12] + "zzzz"]))
    with pytest.raises(OutputError, match="16 hexadecimal digits"):
        list(Tracer(release).traces(["L4/5"]))
    with pytest.raises(OutputError, match="no manifest"):
        Tracer(release / "data")


def test_ids_are_found_in_any_row_group_and_only_those_are_read(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "GROUP_ROWS", 4)
    (tmp_path / "data").symlink_to(release / "data")
    write_lookup(tmp_path)
    table = lookup_table(tmp_path)
    found = Lookup(tmp_path)
    assert found._file.num_row_groups == 6
    places = {row["id"]: (row["file"], row["row_group"], row["row"]) for row in table.to_pylist()}
    assert found.find(min(places)) == places[min(places)]
    assert len(found._groups) == 1
    assert {one: found.find(one) for one in places} == places
    assert found.find("0") is None
    assert found.find("zz") is None
    assert found.find(min(places) + "0") is None


def test_a_lookup_that_is_not_that_of_the_corpus_is_an_error(tmp_path: Path) -> None:
    corpus = write_release(tmp_path / "corpus", range(1, 3), range(100_001, 100_001))
    other = write_release(tmp_path / "other", range(3, 5), range(100_001, 100_001))
    wrong = str(lookup_table(other)["id"][0])
    (corpus / "lookup.parquet").write_bytes((other / "lookup.parquet").read_bytes())
    rehashed(corpus)
    with pytest.raises(OutputError, match="lookup"):
        list(Tracer(corpus).traces([wrong]))
    (corpus / "lookup.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(OutputError, match="not the file of the manifest"):
        Tracer(corpus)
    with pytest.raises(OutputError, match="cannot be read"):
        Lookup(corpus)
    (corpus / "lookup.parquet").write_bytes(next(corpus.glob("data/open/*")).read_bytes())
    with pytest.raises(OutputError, match="not a lookup of this version"):
        Lookup(corpus)


def test_the_command_reads_ids_from_stdin_and_writes_what_it_found(
    release: Path, ids: list[str], tmp_path: Path
) -> None:
    runner = CliRunner()
    done = runner.invoke(
        app, ["trace", "-", "--corpus", str(release), "--json", "--out", str(tmp_path)], input="\n".join(ids)
    )
    assert done.exit_code == 0, done.output
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(one["id"] for one in told) == sorted(ids)
    assert len(list(tmp_path.iterdir())) == len(ids)
    assert runner.invoke(app, ["trace", "-", ids[0]]).exit_code == 2


def test_a_review_log_beside_the_corpus_is_quoted(release: Path, ids: list[str]) -> None:
    log = release.with_name("corpus.reviews.jsonl")
    line = json.dumps({"instance": ids[0], "says": "right"})
    log.write_text(f"{line}\n", encoding="utf-8")
    try:
        by_id = {one.id: one.facts["reviews"] for one in Tracer(release).traces(ids[:2])}
    finally:
        log.unlink()
    assert by_id[ids[0]] == [line]
    assert by_id[ids[1]].startswith("not reviewed")


def test_the_command_for_an_original_names_the_series_that_its_study_has() -> None:
    from spinemed.phantom.export.dicom import series_uid
    from spinemed.phantom.patient.sample import sample_patient

    series = [str(series_uid(sample_patient(7), name)) for name in ("t2", "xr_lat")]
    row = {"patient": "phantom-000007", "study": "s", "source": "phantom"}
    assert (
        original(row, {"series": series})
        == "spinemed phantom --seed 7 --count 1 --kinds t2,xr_lat --out original"
    )
