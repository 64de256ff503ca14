"""The commands judge, judge-checks, judge-agreement and consult, from files to files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spinemed.bench.consultation.hold import HeldConsultation
from spinemed.bench.items import rows, shards
from spinemed.bench.judge.cases import MINOR
from spinemed.bench.judge.reports import read_report_cases
from spinemed.bench.judge.verdict import read_verdicts
from spinemed.cli.judging import app
from spinemed.errors import ConfigError, SourceError
from spinemed.report_facts import Truth, compare, statements_in


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def written(phantom_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two reports of the corpus as a model's predictions: one right, one empty."""
    path = tmp_path_factory.mktemp("reports") / "report.jsonl"
    asked = list(rows(shards(phantom_corpus, "report", "train"), ("id", "answer")))[:2]
    lines = [
        {"instance": row["id"], "text": row["answer"] if place == 0 else "", "model": "writer"}
        for place, row in enumerate(asked)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_reports_are_judged_from_predictions_to_verdicts(
    phantom_corpus: Path, written: Path, tmp_path: Path
) -> None:
    out = tmp_path / "verdicts.jsonl"
    text = run(
        "judge", written, "--out", out, "--scripted", "sound", "--data", phantom_corpus, "--split", "train"
    )
    found = list(read_verdicts(out))
    assert len(found) == 20
    assert sorted({one.status for one in found}) == ["absent", "scored"]
    assert "writer: 2 reports, judged by scripted-sound (prompt " in text
    assert "score (20 to 100)" in text and "60.00" in text


def test_the_checks_of_a_judge_are_printed_and_written(phantom_corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "checks.json"
    text = run(
        "judge-checks", "--scripted", "constant", "--data", phantom_corpus, "--split", "train",
        "--limit", "3", "--repeats", "2", "--out", out,
    )  # fmt: skip
    assert "empty_floor" in text and "fail" in text
    checks = json.loads(out.read_text(encoding="utf-8"))
    assert checks["judge"]["model"] == "scripted-constant"
    assert len(checks["checks"]) == 10


def test_a_judge_is_compared_with_clinicians(phantom_corpus: Path, written: Path, tmp_path: Path) -> None:
    out, scores = tmp_path / "verdicts.jsonl", tmp_path / "scores.csv"
    run("judge", written, "--out", out, "--scripted", "sound", "--data", phantom_corpus, "--split", "train")
    lines = [f"{one.case},anna,{one.dimension},{one.score}" for one in read_verdicts(out)]
    scores.write_text("case,clinician,dimension,score\n" + "\n".join(lines), encoding="utf-8")
    found = json.loads(run("judge-agreement", out, scores, "--json"))
    assert [one["n"] for one in found] == [2] * 10
    assert {one["exact"] for one in found} == {1.0}


def test_a_consultation_is_held_from_a_study_and_written(phantom_studies: Path, tmp_path: Path) -> None:
    out = tmp_path / "talks.jsonl"
    text = run(
        "consult", "--source", f"phantom={phantom_studies}", "--doctor", "ideal", "--language", "en",
        "--limit", "1", "--out", out,
    )  # fmt: skip
    lines = [HeldConsultation.model_validate_json(line) for line in out.read_text("utf-8").splitlines()]
    assert len(lines) == 1
    assert lines[0].score.score == 1.0
    assert "scripted-ideal: 1 consultations" in text


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("judge-checks",), "name who answers"),
        (("judge-checks", "--scripted", "blind"), "no scripted judge 'blind'"),
        (("judge-checks", "--scripted", "sound", "--protocol", "yaml"), "no protocol 'yaml'"),
        (("judge-checks", "--model", "m", "--base-url", "ftp://x"), "no base URL"),
        (("consult", "--source", "mars=.", "--doctor", "ideal", "--out", "x"), "mars"),
        (("consult", "--source", "phantom=.", "--doctor", "ideal", "--out", "x", "--language", "de"), "'de'"),
    ],
)
def test_wrong_options_say_what_there_is(
    phantom_corpus: Path, arguments: tuple[str, ...], reason: str
) -> None:
    given = [
        *arguments,
        *(["--data", str(phantom_corpus), "--split", "train"] if "checks" in arguments[0] else []),
    ]
    with pytest.raises(ConfigError, match=reason):
        CliRunner().invoke(app, given, catch_exceptions=False)


def test_reports_of_another_corpus_are_refused(phantom_corpus: Path) -> None:
    with pytest.raises(SourceError, match="1 of 1 written reports are not of"):
        read_report_cases(phantom_corpus, "train", {"stranger": "text"})


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_report_names_every_finding_that_the_judge_is_shown_and_no_other(
    phantom_corpus: Path, split: str
) -> None:
    cases = read_report_cases(phantom_corpus, split)
    assert {case.language for case in cases} == {"en", "zh"}
    for case in cases:
        true = tuple(dict.fromkeys(statements_in(case.findings)))
        assert len(true) >= case.findings.replace(f"\n{MINOR}", "").count("\n") + 1, case.findings
        facts = compare(case.reference, Truth(true))
        assert (facts.score, facts.findings.hits, facts.invented) == (1.0, len(true), ()), case.id
        for part in ((1,), (2,)):
            named = {
                (one.site, one.finding) for one in statements_in(case.part_of_reference(part)) if one.present
            }
            assert {(one.site, one.finding) for one in true} <= named, (case.id, part)
