"""Judge and clinicians: agreement is estimated where it can be, and its absence has a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from judge_fixture import DAY, some_judge

from spinemed.bench.judge.clinicians import ClinicianScore, agreements, read_clinicians
from spinemed.bench.judge.table import agreement_text
from spinemed.bench.judge.verdict import Verdict
from spinemed.errors import SourceError

PEOPLE = ("anna", "ben", "chen")
CASES = [f"case-{number}" for number in range(40)]


def truth(number: int) -> int:
    return 1 + number * 7 % 5


def verdict(case: str, score: int | None) -> Verdict:
    return Verdict(
        case=case, patient=case, language="en", candidate="w", section="diagnosis", dimension="diagnosis",
        repeat=0, status="missing" if score is None else "scored", score=score,
        reason="no answer" if score is None else "", attempts=1, judge=some_judge(), date=DAY,
    )  # fmt: skip


def scores(people: tuple[str, ...] = PEOPLE) -> list[ClinicianScore]:
    """Clinicians who agree but for one case in eight each."""
    return [
        ClinicianScore(
            case=case,
            clinician=person,
            dimension="diagnosis",
            score=min(5, truth(number) + ((number + place) % 8 == 0)),
        )
        for place, person in enumerate(people)
        for number, case in enumerate(CASES)
    ]


def test_a_judge_that_scores_as_clinicians_do_is_trusted_and_may_stand_in() -> None:
    found = agreements([verdict(case, truth(number)) for number, case in enumerate(CASES)], scores())
    one = next(one for one in found if one.dimension == "diagnosis")
    assert (one.n, one.clinicians, one.is_trusted, one.winning_rate) == (40, 3, True, 1.0)
    assert one.icc is not None and one.icc_low is not None and one.icc_low < one.icc > 0.9
    assert one.human_kappa is not None and one.kappa is not None and one.kappa > 0.9


def test_a_constant_bias_costs_agreement_but_not_correlation() -> None:
    harsh = [verdict(case, max(1, truth(number) - 1)) for number, case in enumerate(CASES)]
    one = next(one for one in agreements(harsh, scores()) if one.dimension == "diagnosis")
    assert one.pearson is not None and one.icc is not None and one.bias is not None
    assert one.pearson > 0.9 > one.icc
    assert -1.1 < one.bias < -0.8


def test_a_constant_judge_is_undefined_with_its_reason_and_not_trusted() -> None:
    one = next(
        one
        for one in agreements([verdict(case, 3) for case in CASES], scores())
        if one.dimension == "diagnosis"
    )
    assert one.pearson is None and "constant" in one.notes["pearson"]
    assert not one.is_trusted


def test_missing_verdicts_and_dimensions_without_scores_are_left_out_and_said() -> None:
    found = agreements([verdict(case, None if case == "case-0" else 3) for case in CASES], scores())
    by_name = {one.dimension: one for one in found}
    assert len(by_name) == 10
    assert by_name["diagnosis"].n == 39
    assert by_name["coverage"].n == 0 and "share 0 reports" in by_name["coverage"].notes["n"]


def test_two_clinicians_are_too_few_for_the_alternative_annotator_test() -> None:
    given = [verdict(case, truth(number)) for number, case in enumerate(CASES)]
    one = next(one for one in agreements(given, scores(PEOPLE[:2])) if one.dimension == "diagnosis")
    assert one.winning_rate is None and "three clinicians" in one.notes["winning_rate"]


def test_scores_are_read_from_csv_and_json_lines_alike(tmp_path: Path) -> None:
    rows = [one.model_dump() for one in scores()]
    (tmp_path / "a.csv").write_text(
        "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]), encoding="utf-8"
    )
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert read_clinicians(tmp_path / "a.csv") == read_clinicians(tmp_path / "a.jsonl") == scores()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("c,anna,diagnosis,6", "line 2"),
        ("c,anna,diagnosis,", "line 2"),
        ("c,anna,beauty,3", "is none of"),
        ("c,anna,diagnosis,3\nc,anna,diagnosis,4", "line 3.*given twice"),
    ],
)
def test_a_wrong_line_of_scores_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(f"case,clinician,dimension,score\n{line}\n", encoding="utf-8")
    with pytest.raises(SourceError, match=reason):
        read_clinicians(path)


def test_the_table_has_a_line_for_every_dimension() -> None:
    text = agreement_text(agreements([verdict(case, 3) for case in CASES], scores()))
    assert text.count("  no\n") + text.endswith("  no") == 10 or text.count("  no") == 10
