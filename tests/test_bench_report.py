"""The report: diagnosis, scores beside baselines and controls, pictures traced, answers, all in one file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from spinemed.bench.items import read_items
from spinemed.bench.pages.report import write_report
from spinemed.bench.pages.summary import summary
from spinemed.bench.score import score
from spinemed.bench.scoring.scorecard import Scorecard
from spinemed.cli import app
from spinemed.errors import SourceError
from spinemed.records import Prediction

METRICS = Path(__file__).parents[1] / "evaluate_metrics"
SCRIPT = "<script>alert(1)</script> & I cannot tell."


def answers(corpus: Path, out: Path, name: str, wrong_every: int) -> Path:
    """Write predictions that are right but for every `wrong_every`-th item, which refuses."""
    items = [item for item in read_items(corpus, "choice", "test") if item.kind == "marked_level"]
    lines = []
    for place, item in enumerate(items):
        text = SCRIPT if place % wrong_every == 0 else f"{item.truth} ({item.answer})"
        status, choice = ("refusal", "") if place % wrong_every == 0 else ("answered", item.answer)
        said = {"text": text, "status": status, "choice": choice}
        lines.append(Prediction(instance=item.id, model=name, seconds=0.1, tokens=4, **said))
    path = out / f"{name}.jsonl"
    path.write_text("".join(f"{line.model_dump_json()}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(phantom_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with predictions of three models and a control, their scorecard and a loss log."""
    out = tmp_path_factory.mktemp("run")
    tuned, base, poor = (
        answers(phantom_corpus, out, *each) for each in (("tuned", 5), ("base", 2), ("poor", 1))
    )
    blank = answers(phantom_corpus, out, "blank", 2)
    card = score(tuned, [base, poor], phantom_corpus, "choice", "test", METRICS, controls=[f"blank={blank}"])
    (out / "scorecard.json").write_text(card.model_dump_json(), encoding="utf-8")
    log = [{"stage": "alignment", "step": 5, "loss": 2.0}, {"stage": "fine-tuning", "step": 5, "loss": 1.0}]
    (out / "loss.jsonl").write_text("\n".join(map(json.dumps, log)), encoding="utf-8")
    return out


def test_a_report_shows_scores_pictures_and_answers_of_both_models(
    run: Path, phantom_corpus: Path, phantom_studies: Path, tmp_path: Path
) -> None:
    picture, page = write_report(
        run / "scorecard.json",
        {"tuned": run / "tuned.jsonl", "base": run / "base.jsonl"},
        phantom_corpus,
        tmp_path / "demo",
        training=run,
        sources={"phantom": phantom_studies},
    )
    with Image.open(picture) as image:
        assert image.width > 1000
    text = page.read_text(encoding="utf-8")
    assert "<b>synthetic</b>" in text
    assert "tuned right, base wrong" in text
    assert "geometry only" in text
    assert "Traced: instance" in text
    assert text.count("data:image/png;base64,") >= 4
    assert str(phantom_studies) not in text


def test_a_page_is_one_file_that_escapes_what_models_wrote(
    run: Path, phantom_corpus: Path, tmp_path: Path
) -> None:
    result = CliRunner().invoke(
        app, ["report", "--scorecard", str(run / "scorecard.json"), "--predictions", str(run / "tuned.jsonl"),
              "--against", str(run / "base.jsonl"), "--against", str(run / "poor.jsonl"),
              "--data", str(phantom_corpus), "--out", str(tmp_path)],
    )  # fmt: skip
    assert result.exception is None, result.output
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in text and "<script" not in text
    assert not re.search(r"(?:src|href)=(?![\"']data:)", text)
    assert text.index("Diagnosis") < text.index("<table")
    for said in (
        "Control runs",
        "grey picture",
        "corrected p",
        "refuse",
        "Charts of",
        "What made these figures",
    ):
        assert said in text
    with Image.open(tmp_path / "report.png") as image:
        assert image.width > 1000


def test_the_folder_of_a_run_is_enough(run: Path, phantom_corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bench-name"
    folder.mkdir()
    (folder / "choice.jsonl").write_bytes((run / "tuned.jsonl").read_bytes())
    with pytest.raises(SourceError, match="holds no scorecard"):
        CliRunner().invoke(app, ["report", str(folder)], catch_exceptions=False)
    (folder / "scorecard.choice.json").write_bytes((run / "scorecard.json").read_bytes())
    result = CliRunner().invoke(app, ["report", str(folder), "--data", str(phantom_corpus)])
    assert result.exception is None, result.output
    assert (folder / "report.html").is_file() and (folder / "report.png").is_file()
    (folder / "choice.jsonl").write_bytes((run / "base.jsonl").read_bytes())
    with pytest.raises(SourceError, match="no predictions with the hash"):
        CliRunner().invoke(
            app, ["report", str(folder), "--data", str(phantom_corpus)], catch_exceptions=False
        )


def test_files_that_were_not_scored_are_refused(run: Path, phantom_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="none of the files that were scored"):
        write_report(run / "scorecard.json", {"x": run / "blank.jsonl"}, phantom_corpus, tmp_path)


def test_a_report_without_the_sources_of_the_corpus_says_how_to_name_them(
    run: Path, phantom_corpus: Path, tmp_path: Path
) -> None:
    from spinemed.phantom.export.study import write_studies

    list(write_studies(500, 1, tmp_path / "others", kinds=["t2"]))
    with pytest.raises(SourceError, match="--source NAME=FOLDER"):
        write_report(
            run / "scorecard.json",
            {"tuned": run / "tuned.jsonl"},
            phantom_corpus,
            tmp_path / "demo",
            training=run,
            sources={"phantom": tmp_path / "others"},
        )


def test_a_scorecard_pairs_every_run_and_corrects_for_their_number(run: Path) -> None:
    card = Scorecard.model_validate_json((run / "scorecard.json").read_text(encoding="utf-8"))
    assert [pair.against for pair in card.paired] == ["base", "poor"]
    assert all(pair.holm_p is not None and pair.holm_p >= pair.patients_p for pair in card.paired)
    (control,) = card.controls
    assert control.name == "blank" and control.n == card.n
    assert control.paired.difference > 0
    assert control.unchanged is not None and control.unchanged.value == 1.0
    assert sum(card.model.distances.values()) == card.model.level["covered"]
    assert {sign.rule for sign in card.signs} >= {"refuses", "shift", "picture_ignored", "chance"}


def test_a_summary_puts_baselines_and_the_paired_test_beside_the_accuracy(run: Path) -> None:
    card = Scorecard.model_validate_json((run / "scorecard.json").read_text(encoding="utf-8"))
    text = summary(card, {"train": 10.0, "score": 2.4})
    assert f"{card.paired[0].wins} wins, {card.paired[0].losses} losses" in text
    assert "| chance | 25.0 % |" in text
    assert "train 10, score 2; 12 in all" in text
