"""The published SpineBench tables: data with sources, the split search, totals that follow, the command."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from spinemed.bench.published.checks import (
    PaperCheck,
    agree,
    check_paper,
    check_split,
    fitting_splits,
    ranks,
    whole,
)
from spinemed.bench.published.sheets import WARNING, as_markdown, sheets
from spinemed.bench.published.values import Value, published
from spinemed.cli.paper import app


@pytest.fixture(scope="module")
def check() -> PaperCheck:
    return check_paper()


def test_every_value_has_a_source_that_is_explained() -> None:
    data = published()
    seen = []

    def walk(value: object) -> None:
        if isinstance(value, Value):
            seen.append(value)
            assert value.tags
            assert set(value.tags) <= set(data.sources)
        elif hasattr(value, "model_fields_set"):
            for name in type(value).model_fields:  # type: ignore[attr-defined]
                walk(getattr(value, name))
        elif isinstance(value, tuple):
            for one in value:
                walk(one)
        elif isinstance(value, dict):
            for one in value.values():
                walk(one)

    walk(data)
    assert len(seen) == 118
    assert (len(data.ours.rows), len(data.ours.ablation), len(data.other.rows)) == (10, 6, 12)


def test_the_split_of_294_text_and_193_image_questions_is_the_only_one(check: PaperCheck) -> None:
    rows = [(85.71, 81.35), (75.51, 74.09), (83.67, 77.20), (89.46, 84.46)]
    assert fitting_splits(rows, 487) == [(294, 193)]
    assert check.split.splits == ((294, 193),)
    assert (len(check.split.fitted), check.split.misfits, check.split.runner_up) == (4, ("GPT5",), 1)
    assert fitting_splits([*rows, (87.41, 79.97)], 487) == []  # GPT5's image value is no count
    assert (294, 193) in fitting_splits([(50.0, 100 * 96 / 193)], 487)  # one vague row leaves many
    assert len(fitting_splits([(50.0, 50.0)], 487)) == 0  # an odd number has no two even parts
    assert len(fitting_splits([(50.0, 50.0)], 488)) == 243


def test_a_split_search_on_made_up_rows_finds_the_split_that_made_them() -> None:
    rows = [
        published()
        .ours.rows[0]
        .model_copy(
            update={
                "model": f"m{right}",
                "text": Value(value=round(100 * right / 131, 2), tags=("D",)),
                "image": Value(value=round(100 * (right - 20) / 89, 2), tags=("D",)),
            }
        )
        for right in (37, 53, 71, 101)
    ]
    found = check_split(rows, 220)
    assert found.splits == ((131, 89),)
    assert len(found.fitted) == 4


@pytest.mark.parametrize(
    ("model", "verdict", "recomputed"),
    [
        ("Gemini-2.5-Pro", "follows", 89.23),
        ("GPT5-mini", "follows", 87.00),
        ("GPT5", "follows", 85.54),
        ("GLM-4.5V", "follows", 83.26),
        ("Qwen2.5-VL-72B", "follows", 79.88),
        ("Medgemma-27B", "does not follow", 80.49),
        ("Qwen2.5-VL-7B", "plain mean", 71.85),
        ("SpineGPT", "follows from counts", 87.44),
        ("Claude4", "no parts", None),
    ],
)
def test_each_total_gets_the_verdict_it_deserves(
    check: PaperCheck, model: str, verdict: str, recomputed: float | None
) -> None:
    row = next(one for one in check.rows if one.model == model)
    assert row.verdict == verdict
    assert row.recomputed == (None if recomputed is None else pytest.approx(recomputed, abs=0.005))


def test_spinegpt_has_426_right_by_its_parts_and_428_by_its_printed_average(check: PaperCheck) -> None:
    row = next(one for one in check.rows if one.model == "SpineGPT")
    assert row.right == {"text": 263, "image": 163, "questions": 428}
    assert row.pooled == pytest.approx(87.47, abs=0.005)
    assert row.questions_verdict == "does not follow"
    assert row.as_printed == pytest.approx(87.79, abs=0.005)


def test_intervals_are_wilsons_on_487_questions(check: PaperCheck) -> None:
    ends = {row.model: (round(row.low or 0, 1), round(row.high or 0, 1)) for row in check.rows}
    assert ends["Gemini-2.5-Pro"] == (85.4, 91.0)
    assert ends["SpineGPT"] == (84.2, 90.1)
    assert ends["GPT5-mini"] == (82.5, 88.6)
    assert ends["GLM-4.5V"] == (80.5, 87.0)
    assert ends["Qwen2.5-VL-7B"] == (70.9, 78.6)


def test_two_ablation_averages_are_counts_of_the_text_questions_only(check: PaperCheck) -> None:
    odd = {row.model: row.as_text for row in check.ablation if row.as_text is not None}
    assert odd == {"general medical only": 192, "spine subset only": 256}
    assert whole(87.07, 487) is None  # 424 of 487 are 87.06
    assert round(100 * 424 / 487, 2) == 87.06


def test_ranks_change_for_two_models_of_each_table(check: PaperCheck) -> None:
    ours = {row.model: (row.printed_rank, row.recomputed_rank) for row in check.rows if row.printed_rank}
    assert {name: both for name, both in ours.items() if both[0] != both[1]} == {
        "Qwen2.5-VL-72B": (6, 7),
        "Medgemma-27B": (7, 6),
    }
    other = {row.model: (row.printed_rank, row.recomputed_rank) for row in check.other_rows}
    assert {name: both for name, both in other.items() if both[0] != both[1]} == {
        "Grok 3": (6, 5),
        "HuatuoGPT-Vision-7B": (5, 6),
    }


def test_the_other_spinebench_follows_in_eleven_of_twelve_rows(check: PaperCheck) -> None:
    wrong = [row for row in check.other_rows if row.verdict != "follows"]
    assert [(row.model, row.printed) for row in wrong] == [("HuatuoGPT-Vision-7B", 15.84)]
    assert wrong[0].recomputed == pytest.approx(15.54)
    assert check.other_rows[0].recomputed == pytest.approx(20.86)
    assert sum(row.right["diagnosis"] is not None for row in check.other_rows) == 3
    assert not next(row for row in check.other_rows if row.model.startswith("Qwen")).above_chance


def test_the_named_differences_follow_from_the_table(check: PaperCheck) -> None:
    assert [(one.claimed, one.follows) for one in check.claims] == [(4.18, True), (7.44, True), (4.36, True)]


def test_rounding_of_parts_and_of_the_mean_is_allowed_and_no_more() -> None:
    assert agree(87.0016, 87.01)
    assert not agree(87.0016, 87.02)
    assert (whole(50.0, 3), whole(33.33, 3), whole(0.0, 5), whole(100.0, 5)) == (None, 1, 0, 5)
    assert ranks([1.0, 2.0, 2.0, None]) == [3, 1, 1, None]


@pytest.mark.parametrize("option", ["--json", "--markdown", ""])
def test_the_command_says_which_spinebench_is_which(option: str) -> None:
    result = CliRunner().invoke(app, [option] if option else [])
    assert result.exit_code == 0
    assert "TWO DIFFERENT BENCHMARKS ARE CALLED SpineBench" in result.stdout
    assert result.stdout.count("2510.12267") >= 2
    if option == "--json":
        said = json.loads(result.stdout)
        assert said["published"]["ours"]["rows"][0]["total"] == {"value": 89.23, "tags": ["N", "K", "R"]}
        assert said["checks"]["split"]["splits"] == [[294, 193]]
    else:
        for figure in ("71.85", "80.49", "87.79", "15.54", "263/294", "85.4 to 91.0"):
            assert figure in result.stdout


def test_two_outputs_at_once_are_refused() -> None:
    assert CliRunner().invoke(app, ["--json", "--markdown"]).exit_code == 2


def test_markdown_tables_are_whole(check: PaperCheck) -> None:
    text = as_markdown(check)
    assert WARNING in text
    for sheet in sheets(check):
        assert all(len(line) == len(sheet.heads) for line in sheet.lines)
        assert f"## {sheet.title}" in text
