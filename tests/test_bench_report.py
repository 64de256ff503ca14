"""The report: pictures traced to the source, scores beside baselines, answers right and wrong alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from spinemed.bench.items import read_items
from spinemed.bench.report import write_report
from spinemed.bench.score import score
from spinemed.bench.scorecard import Scorecard
from spinemed.bench.summary import summary
from spinemed.errors import SourceError
from spinemed.records import Prediction

METRICS = Path(__file__).parents[1] / "evaluate_metrics"


def answers(corpus: Path, out: Path, name: str, wrong_every: int) -> Path:
    """Write predictions that are right but for every `wrong_every`-th item, which refuses."""
    items = [item for item in read_items(corpus, "choice", "test") if item.kind == "marked_level"]
    lines = []
    for place, item in enumerate(items):
        text = "I cannot tell." if place % wrong_every == 0 else f"{item.truth} ({item.answer})"
        status, choice = ("refusal", "") if place % wrong_every == 0 else ("answered", item.answer)
        said = {"text": text, "status": status, "choice": choice}
        lines.append(Prediction(instance=item.id, model=name, seconds=0.1, tokens=4, **said))
    path = out / f"{name}.jsonl"
    path.write_text("".join(f"{line.model_dump_json()}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(phantom_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with predictions of two models, their scorecard and a loss log."""
    out = tmp_path_factory.mktemp("run")
    tuned = answers(phantom_corpus, out, "tuned", 5)
    base = answers(phantom_corpus, out, "base", 2)
    card = score(tuned, base, phantom_corpus, "choice", "test", METRICS)
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
        run,
        {"phantom": phantom_studies},
        tmp_path / "demo",
    )
    with Image.open(picture) as image:
        assert image.width > 1000
    text = page.read_text(encoding="utf-8")
    assert "<b>synthetic</b>" in text
    assert "tuned right, base wrong" in text
    assert "I cannot tell." in text
    assert "geometry only" in text
    assert str(phantom_studies) not in text


def test_a_report_without_the_sources_of_the_corpus_says_how_to_name_them(
    run: Path, phantom_corpus: Path, tmp_path: Path
) -> None:
    from spinemed.phantom.export.study import write_studies

    list(write_studies(500, 1, tmp_path / "others"))
    with pytest.raises(SourceError, match="--source NAME=FOLDER"):
        write_report(
            run / "scorecard.json",
            {"tuned": run / "tuned.jsonl"},
            phantom_corpus,
            run,
            {"phantom": tmp_path / "others"},
            tmp_path / "demo",
        )


def test_a_summary_puts_baselines_and_the_paired_test_beside_the_accuracy(run: Path) -> None:
    card = Scorecard.model_validate_json((run / "scorecard.json").read_text(encoding="utf-8"))
    text = summary(card, {"train": 10.0, "score": 2.4})
    assert card.paired is not None
    assert f"{card.paired.wins} wins, {card.paired.losses} losses" in text
    assert "| chance | 25.0 % |" in text
    assert "train 10, score 2; 12 in all" in text
