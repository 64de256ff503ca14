"""Reports on a scorecard: the truth from the corpus, figures of the metric, the judge where it judged."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench_corpus import picture
from PIL import Image
from rich.console import Console

from spinemed.bench.items import read_items
from spinemed.bench.judge.reports import finding_of
from spinemed.bench.judge.rubric import rubric
from spinemed.bench.judge.verdict import Judge, Verdict, write_verdicts
from spinemed.bench.pages.page import page
from spinemed.bench.pages.report import write_report
from spinemed.bench.pages.table import table
from spinemed.bench.score import score
from spinemed.bench.scoring.report_truth import plan_of, read_references, truth_of
from spinemed.bench.scoring.scorecard import Scorecard
from spinemed.errors import ConfigError, SourceError

METRICS = Path(__file__).parent.parent / "evaluate_metrics"
HEADINGS = (
    "1. Structured imaging findings", "2. AI-assisted diagnosis", "3. Treatment recommendations",
    "4. Risk and prognosis", "5. Postoperative", "6. Rationale and disclaimer",
)  # fmt: skip
TREATED = "### For the patient\nRest.\n### For the doctor\n1. Discectomy at L4-L5."
# case -> findings (site, pathology, grade, side, present) of its examination
CASES = {
    "slip": [("L4-L5", "slip", "1", None, True), ("L1", "fracture", "", None, False)],
    "disc": [("L4-L5", "herniation", "extrusion", "left", True), ("L1", "fracture", "", None, False)],
    "two": [("L4-L5", "herniation", "protrusion", "right", True), ("L3-L4", "slip", "2", None, True)],
    "curve": [("T8", "thoracic_kyphosis", "", None, True), ("L4-L5", "slip", "1", None, True)],
}


def written(*findings: str, sections: int = 6) -> str:
    bodies = ("\n".join(findings), findings[0], TREATED, "Fair.", "None.", "Images.")
    parts = zip(HEADINGS[:sections], bodies, strict=False)
    return "\n\n".join(f"## {heading}\n{body}" for heading, body in parts)


REPLIES = {
    "slip": written("Spondylolisthesis of L4-L5, Meyerding grade I."),
    "disc": written("Right extrusion of the L4-L5 disc. No fracture of L1.", "Fracture of L1.", sections=2),
    "two": written("No spondylolisthesis at L3-L4.", "Protrusion of the L4-L5 disc on the right."),
    "curve": written("Thoracic kyphosis of 60 degrees with the apex at T8.", "Spondylolisthesis of L4-L5."),
}


def finding(case: str, place: int, told: tuple[Any, ...]) -> dict[str, Any]:
    site, pathology, grade, side, present = told
    value, unit = (60.0, "degrees") if pathology == "thoracic_kyphosis" else (None, "")
    return {
        "id": f"{case}{place}", "study": f"study-{case}", "patient": f"p-{case}", "site": site,
        "pathology": pathology, "grade": grade, "side": side, "present": present, "value": value,
        "unit": unit, "detail": "", "posture": "standing", "extent": [], "error": None, "pixels": None,
        "contrast": None, "series": "1.2", "plane": "sagittal", "slice_index": 3, "slice_id": "",
        "box": {"left": 1, "top": 1, "right": 9, "bottom": 9},
    }  # fmt: skip


def report_row(case: str) -> dict[str, Any]:
    said = [{"role": "user", "content": "Report."}, {"role": "assistant", "content": written("x")}]
    own = [f"{case}{place}" for place, told in enumerate(CASES[case]) if told[-1]]
    return {
        "id": case, "question": "Report.", "answer": written("x"), "level": "L4-L5", "task": "report",
        "kind": f"report_{case}", "modality": "MR", "patient": f"p-{case}", "synthetic": True,
        "marker": None, "spacing_mm": 1.0, "images": [picture(len(case))], "sites": ["L4-L5"],
        "axis": "pathology", "language": "en", "study": f"study-{case}", "messages": said, "findings": own,
    }  # fmt: skip


def test_grades_and_sides_that_no_report_states_are_not_asked_for() -> None:
    slip = finding_of(finding("slip", 0, CASES["slip"][0]))
    back = slip.model_copy(update={"detail": "retrolisthesis"})
    screws = slip.model_copy(update={"site": "L4", "pathology": "screws", "grade": "", "side": "both"})
    asked = [json.loads(truth_of([one], "en"))["findings"][0] for one in (slip, back, screws)]
    assert asked[0] == {"site": "L4-L5", "finding": "slip", "present": True, "grade": "1"}
    assert asked[1] == {"site": "L4-L5", "finding": "slip", "present": True}
    assert asked[2] == {"site": "L4", "finding": "screws", "present": True}


def predictions(path: Path, replies: dict[str, str]) -> Path:
    lines = [
        {"instance": name, "model": "m", "text": text, "status": "answered", "seconds": 0.1, "tokens": 9}
        for name, text in replies.items()
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    rows = {
        "report": [report_row(case) for case in CASES],
        "findings": [
            finding(case, place, told)
            for case, all_told in CASES.items()
            for place, told in enumerate(all_told)
        ],
        "studies": [{"id": f"study-{case}", "series": ["1.2"], "sequences": ["T2"]} for case in CASES],
    }
    for config, given in rows.items():
        path = folder / "data" / config / "test-00000-of-00001.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(given), path)
    return folder


@pytest.fixture(scope="module")
def card(corpus: Path) -> Scorecard:
    blank = predictions(corpus / "blank.jsonl", dict.fromkeys(CASES, ""))
    mine = predictions(corpus / "mine.jsonl", REPLIES)
    return score(mine, (), corpus, "report", "test", METRICS, [f"blank={blank}"])


def verdicts(path: Path, **changed: Any) -> Path:
    """Write full points for the first two reports, 4 for all."""
    judge = Judge(model="judge", revision="r1", prompt_hash="abc", rubric_version="1")
    made = [
        Verdict.model_validate({
            "case": case, "patient": f"p-{case}", "language": "en", "candidate": "m", "section": section,
            "dimension": name, "repeat": 0, "status": "scored", "score": 4, "attempts": 1, "judge": judge,
            "date": "2026-11-23",
        } | changed)
        for case in list(CASES)[:2]
        for section, names in rubric().groups.items()
        for name in names
    ]  # fmt: skip
    write_verdicts(made, path)
    return path


def test_the_truth_is_what_the_report_is_about_and_what_its_study_denies(corpus: Path) -> None:
    found = read_references(corpus, "test", read_items(corpus, "report", "test"))
    assert json.loads(found["disc"]) == {
        "findings": [
            {"site": "L4-L5", "finding": "herniation", "present": True, "grade": "extrusion", "side": "left"},
            {"site": "L1", "finding": "fracture", "present": False},
        ],
        "language": "en",
        "plan_levels": ["L4-L5"],
    }
    assert plan_of("No headings at all.") is None


def test_reports_have_the_figures_of_the_metric_with_their_numbers(card: Scorecard) -> None:
    report = card.model.report
    assert report is not None and card.model.accuracy is None and card.baselines == ()
    assert (card.n, card.patients, report.empty) == (4, 4, 0)
    # True: slip, herniation, herniation, slip (denied), curve, slip. Stated: five of these, one invented.
    assert report.finding.recall is not None and report.finding.precision is not None
    assert (report.finding.recall.n, report.finding.recall.value) == (6, pytest.approx(5 / 6))
    assert (report.finding.precision.n, report.finding.precision.value) == (6, pytest.approx(5 / 6))
    assert report.finding_f1 == pytest.approx(5 / 6)
    assert (report.invented, report.denied) == (1, 1)
    assert report.sides is not None and (report.sides.correct, report.sides.n) == (1, 2)
    assert report.grades is not None and report.grades.n == 4
    assert report.sections["diagnosis"].correct == 4 and report.sections["risk"].correct == 3
    assert (report.complete.correct, report.complete.n) == (3, 4)
    assert report.wrong_plans is not None and (report.wrong_plans.correct, report.wrong_plans.n) == (1, 4)
    assert report.contradictions == {"presence": 1} and report.contradicting.correct == 1
    assert report.undue_plans is None
    curve = report.by_finding["thoracic_kyphosis"]
    assert curve.recall is not None and (curve.recall.n, curve.recall.value) == (1, 1.0)
    slip = report.by_finding["slip"].recall
    assert slip is not None and (slip.n, slip.value) == (3, pytest.approx(2 / 3))
    fracture = report.by_finding["fracture"]
    assert fracture.recall is None and fracture.precision is not None and fracture.precision.value == 0.0
    assert report.factual.span is not None and report.factual.span.method == "t"
    assert set(report.by_kind) == set(CASES)
    assert report.judged is None


def test_a_control_run_of_reports_is_compared_by_factual_scores(card: Scorecard) -> None:
    (blank,) = card.controls
    assert blank.accuracy is None and blank.factual is not None and blank.factual.value == 0.0
    assert card.model.report is not None
    assert blank.paired.difference == pytest.approx(card.model.report.factual.value)
    assert (blank.paired.wins, blank.paired.losses) == (2, 1)


def test_without_a_judge_the_score_of_the_paper_is_absent_and_said_to_be(card: Scorecard) -> None:
    text = page(card, [], [])
    assert "The paper&#x27;s report score (20 to 100): absent" in text
    assert "<h3>Judged" not in text
    assert "Diagnosis of the form of the replies" in text
    assert "Missing sections:</b>" in text and "4 risk, prognosis in 1" in text
    assert "Contradictions within reports:</b> presence 1." in text
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table(card))
    said = console.export_text()
    assert "section risk" in said and "sides right" in said and "control blank" in said


def test_verdicts_give_the_score_of_the_paper_or_what_it_could_be(corpus: Path, tmp_path: Path) -> None:
    file = verdicts(tmp_path / "verdicts.jsonl")
    both = predictions(tmp_path / "both.jsonl", {case: REPLIES[case] for case in ("slip", "disc")})
    judged = score(both, (), corpus, "report", "test", METRICS, judge=file)
    assert judged.model.report is not None and judged.model.report.judged is not None
    found = judged.model.report.judged
    assert (found.n, found.missing, found.score.mean) == (2, 0, 80.0)
    assert "By judge r1" in page(judged, [], [])
    mine = predictions(tmp_path / "mine.jsonl", REPLIES)
    half = score(mine, (), corpus, "report", "test", METRICS, judge=file).model.report
    assert half is not None and half.judged is not None
    assert (half.judged.n, half.judged.score.mean) == (2, None)
    assert (half.judged.score.worst, half.judged.score.best) == (pytest.approx(50.0), pytest.approx(90.0))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"candidate": "else"}, "verdicts are of reports by 'else', the predictions by 'm'"),
        ({"case": "nobody"}, "verdicts are of none of the reports"),
    ],
)
def test_verdicts_of_other_reports_are_refused(
    corpus: Path, tmp_path: Path, changed: dict[str, str], message: str
) -> None:
    file = verdicts(tmp_path / "v.jsonl", **changed)
    with pytest.raises(SourceError, match=message):
        score(predictions(tmp_path / "p.jsonl", REPLIES), (), corpus, "report", "test", METRICS, judge=file)


def test_reports_without_findings_and_findings_that_are_lost_are_refused(
    corpus: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone" / "data" / "report"
    alone.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([report_row("slip")]), alone / "test-00000-of-00001.parquet")
    items = read_items(tmp_path / "alone", "report", "test")
    with pytest.raises(SourceError, match="built from the config findings"):
        read_references(tmp_path / "alone", "test", items)
    lost = [items[0].__class__(**{**items[0].__dict__, "findings": ("gone",)})]
    with pytest.raises(SourceError, match="rests on finding gone"):
        read_references(corpus, "test", lost)


def test_pictures_of_reports_are_not_traced(corpus: Path, card: Scorecard, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(card.model_dump_json())
    with pytest.raises(ConfigError, match="not for reports"):
        write_report(
            tmp_path / "card.json", {"m": corpus / "mine.jsonl"}, corpus, tmp_path,
            sources={"phantom": tmp_path},
        )  # fmt: skip


def test_a_page_of_reports_has_charts_and_answers_of_each_sort(
    corpus: Path, card: Scorecard, tmp_path: Path
) -> None:
    (tmp_path / "scorecard.json").write_text(card.model_dump_json())
    picture_file, html = write_report(
        tmp_path / "scorecard.json", {"m": corpus / "mine.jsonl"}, corpus, tmp_path
    )
    with Image.open(picture_file) as image:
        assert image.width > 1000
    text = html.read_text(encoding="utf-8")
    for verdict in ("wholly true", "true in part", "empty, or false on balance"):
        assert f"<b>m {verdict}</b>" in text
