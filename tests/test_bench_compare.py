"""spinemed compare: score files and predictions, joined, tested over patients, refused with line numbers."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from spinemed.bench.items import corpus_hash
from spinemed.bench.running.runs import Run, sidecar
from spinemed.bench.scoring.compare import Comparison, compare, compare_files
from spinemed.bench.scoring.score_files import Matched
from spinemed.cli.statistics import app
from spinemed.comparisons import holm, mcnemar_exact, mcnemar_mid_p
from spinemed.errors import ConfigError, SourceError
from spinemed.intervals import clustered_error

NOWHERE = Path("no-corpus")
LEVELS = ["L1", "L2", "L3", "L4"]
OPEN = [*LEVELS, *LEVELS[:3], "Pfirrmann III"]


def write(path: Path, rows: list[Any]) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def score_rows(scores: list[float], per_patient: int = 2) -> list[dict[str, Any]]:
    return [
        {"id": f"i{place}", "score": score, "patient": f"p{place // per_patient}"}
        for place, score in enumerate(scores)
    ]


def run_on(*paths: Path, common: bool = False) -> Comparison:
    return compare_files(paths, NOWHERE, "choice", "test", common=common)


def matched(*scores: list[float], per_patient: int = 1) -> Matched:
    count = len(scores[0])
    return Matched(
        names=tuple("abcdef"[: len(scores)]),
        ids=tuple(map(str, range(count))),
        patients=tuple(f"p{place // per_patient}" for place in range(count)),
        scores=tuple(tuple(each) for each in scores),
        left_out=(0,) * len(scores),
        unscored=(0,) * len(scores),
    )


FIRST = [1.0] * 30 + [0.0] * 10
SECOND = [1.0] * 12 + [0.0] * 22 + [1.0] * 6


def test_a_pair_has_the_figures_of_the_statistics_modules(tmp_path: Path) -> None:
    found = run_on(
        write(tmp_path / "a.jsonl", score_rows(FIRST)), write(tmp_path / "b.jsonl", score_rows(SECOND))
    )
    (pair,) = found.pairs
    assert (found.n, found.patients, found.right_or_wrong) == (40, 20, True)
    assert (pair.wins, pair.losses) == (18, 6)
    assert pair.difference == pytest.approx(12 / 40)
    assert (pair.mcnemar_p, pair.mcnemar_mid_p) == (mcnemar_exact(18, 6), mcnemar_mid_p(18, 6))
    differences = [one - other for one, other in zip(FIRST, SECOND, strict=True)]
    error = clustered_error(differences, [place // 2 for place in range(40)])
    assert pair.error == pytest.approx(error, abs=1e-12)
    assert pair.detectable == pytest.approx((2.0930240544 + 0.8609505558) * error, abs=1e-8)  # t with 19 df
    assert pair.low is not None and pair.low < 0.3 < (pair.high or 0)
    assert pair.patients_p == pair.holm_p == 2 * sum(math.comb(12, k) for k in range(4)) / 2**12
    assert pair.least_p == 2.0**-11


def test_pairs_are_corrected_together_and_said_in_order() -> None:
    third = [1.0] * 31 + [0.0] * 9
    found = compare(matched(FIRST, SECOND, third))
    assert [(pair.first, pair.second) for pair in found.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [pair.holm_p for pair in found.pairs] == holm([pair.patients_p for pair in found.pairs])
    single = compare(matched(FIRST, SECOND)).pairs[0].detectable
    assert single is not None and found.pairs[0].detectable == pytest.approx(
        single * 1.166676870663838, abs=1e-9
    )
    assert found.pairs[0].conclusion == (
        "a is right more often than b, by 30.0 points (p = 0.045 over patients after Holm over 3 pairs)."
    )
    assert "none could be" in found.pairs[1].conclusion  # one item differs
    assert found.pairs[2].conclusion.startswith("c is right more often than b")


def test_a_difference_that_is_not_shown_says_what_would_be() -> None:
    found = compare(matched([1.0] * 22 + [0.0] * 18, [0.0] * 18 + [1.0] * 22)).pairs[0]
    assert found.conclusion.startswith(
        "No difference between a and b is shown (p = 1 over patients); one of "
    )
    assert found.conclusion.endswith("points would be found with 80% power.")


def test_one_patient_and_equal_scores_are_said_and_have_no_interval() -> None:
    same = compare(matched(FIRST, FIRST)).pairs[0]
    assert same.conclusion == "a and b score the same on every item."
    assert (same.low, same.detectable, same.error, same.mcnemar_p, same.patients_p) == (
        None,
        None,
        None,
        1.0,
        1.0,
    )
    alone = compare(matched(FIRST, SECOND, per_patient=40)).pairs[0]
    assert alone.conclusion.startswith("All items are of one patient")
    assert (alone.low, alone.t_low, alone.detectable, alone.patients_p) == (None, None, None, 1.0)


def test_the_order_of_the_files_turns_the_sign_and_nothing_else() -> None:
    one, other = (compare(matched(*pair)).pairs[0] for pair in ((FIRST, SECOND), (SECOND, FIRST)))
    assert one.difference == -other.difference
    assert (one.patients_p, one.mcnemar_p, one.detectable) == (
        other.patients_p,
        other.mcnemar_p,
        other.detectable,
    )


def test_scores_between_0_and_1_have_no_mcnemar_test() -> None:
    found = compare(matched([0.5, 0.9, 0.7, 0.8] * 5, [0.1, 0.2, 0.6, 0.1] * 5))
    assert not found.right_or_wrong
    assert (found.pairs[0].mcnemar_p, found.pairs[0].mcnemar_mid_p) == (None, None)
    assert found.pairs[0].conclusion.startswith("a scores higher than b, by 0.475 (p < 0.0001 over patients")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (['{"id": "i0", "score": NaN, "patient": "p0"}'], "line 1 is no score .*finite number"),
        (
            [{"id": "i0", "score": 1, "patient": "p0"}, '{"id": "i1", "score": 1e999, "patient": "p0"}'],
            "line 2",
        ),
        ([{"id": "i0", "score": 1, "patient": "p0"}] * 2, "line 2: item i0 was scored in line 1 already"),
        (
            [{"id": "i0", "score": 1, "patient": "p0"}, {"id": "i1", "score": 1}],
            "line 2 is no score .*patient",
        ),
        ([{"id": "i0", "score": 1, "patient": "p0"}, "{"], "line 2 is no score"),
        ([{"id": "i0", "score": 1, "patient": "p0", "judge": "x"}], "line 1 is no score .*judge"),
    ],
)
def test_a_line_that_is_no_score_is_named(tmp_path: Path, rows: list[Any], message: str) -> None:
    good = write(tmp_path / "good.jsonl", score_rows([1.0, 0.0]))
    with pytest.raises(SourceError, match=message):
        run_on(good, write(tmp_path / "bad.jsonl", rows))


def test_invalid_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    good = write(tmp_path / "good.jsonl", score_rows([1.0, 0.0]))
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(good.read_bytes() + b'{"id": "i\xff", "score": 1, "patient": "p"}\n')
    with pytest.raises(SourceError, match=r"line 3 is no score .*utf-8"):
        run_on(good, bad)


def test_items_of_one_file_alone_are_refused_or_left_out_and_counted(tmp_path: Path) -> None:
    longer = write(tmp_path / "a.jsonl", score_rows([1.0, 0.0, 1.0, 1.0]))
    shorter = write(tmp_path / "b.jsonl", score_rows([1.0, 1.0]))
    with pytest.raises(
        SourceError, match=r"2 items of .*a.jsonl are not in .*b.jsonl \(first file, line 3, 4\)"
    ):
        run_on(longer, shorter)
    found = run_on(longer, shorter, common=True)
    assert found.n == 2
    assert [each.left_out for each in found.candidates] == [2, 0]
    apart = write(tmp_path / "c.jsonl", [{"id": "other", "score": 1, "patient": "p0"}])
    with pytest.raises(SourceError, match="share no item"):
        run_on(longer, apart, common=True)


def test_two_patients_for_one_item_and_a_file_named_twice_are_refused(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", score_rows([1.0, 0.0], per_patient=1))
    second = write(tmp_path / "b.jsonl", score_rows([1.0, 0.0], per_patient=2))
    with pytest.raises(SourceError, match=r"line 2: item i1 is of patient p0, but of p1 in .* line 2"):
        run_on(first, second)
    with pytest.raises(ConfigError, match="named twice"):
        run_on(first, first)
    with pytest.raises(ConfigError, match="two files or more"):
        run_on(first)
    with pytest.raises(SourceError, match="empty"):
        run_on(first, write(tmp_path / "c.jsonl", []))
    with pytest.raises(SourceError, match="does not exist"):
        run_on(first, tmp_path / "d.jsonl")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a corpus of eight choice and eight open items of four patients."""
    folder = tmp_path_factory.mktemp("corpus")
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    picture = {"bytes": buffer.getvalue(), "path": "x.png"}
    for config in ("choice", "open"):
        rows = [
            {
                "id": f"i{place}", "question": "Which?", "level": LEVELS[place % 4], "kind": "marked_level",
                "answer": "ABCD"[place % 4] if config == "choice" else OPEN[place], "modality": "CT",
                "patient": f"p{place // 2}", "synthetic": True, "marker": None, "spacing_mm": 1.0,
                "images": [picture], **({"options": LEVELS} if config == "choice" else {}),
            }
            for place in range(8)
        ]  # fmt: skip
        path = folder / "data" / config / "test-00000-of-00001.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), path)
    return folder


def predicted(path: Path, replies: list[str], orders: list[str] | None = None) -> Path:
    return write(
        path,
        [
            {
                "instance": f"i{place % 8}", "model": path.stem, "text": text, "status": "answered",
                "seconds": 0.1, "tokens": 3, "order": orders[place] if orders else "",
            }
            for place, text in enumerate(replies)
        ],
    )  # fmt: skip


def test_predictions_are_joined_with_their_keys_and_mix_with_score_files(
    corpus: Path, tmp_path: Path
) -> None:
    right = predicted(tmp_path / "right.jsonl", [f"The answer is {letter}." for letter in "ABCDABCD"])
    scores = write(tmp_path / "scores.jsonl", score_rows([0.0] * 8))
    found = compare_files([right, scores], corpus, "choice", "test")
    assert [each.mean for each in found.candidates] == [1.0, 0.0]
    assert found.patients == 4
    opened = predicted(
        tmp_path / "open.jsonl", ["L1", "at L2", "L3 or L4", "none", "L1/2", "L2", "L3.", "L5"]
    )
    with pytest.raises(SourceError, match=r"1 items of .*scores.jsonl are not in .*open.jsonl .*line 8"):
        compare_files([opened, scores], corpus, "open", "test")
    found = compare_files([opened, scores], corpus, "open", "test", common=True)
    assert found.candidates[0].mean == pytest.approx(4 / 7)
    assert [(each.unscored, each.left_out) for each in found.candidates] == [(1, 0), (0, 1)]


def test_letters_shown_in_another_order_are_read_in_that_order(corpus: Path, tmp_path: Path) -> None:
    plain = predicted(tmp_path / "plain.jsonl", list("ABCDABCD"))
    turned = predicted(tmp_path / "turned.jsonl", list("BCDABCDA"), orders=["DABC"] * 8)
    found = compare_files([plain, turned], corpus, "choice", "test")
    assert [each.mean for each in found.candidates] == [1.0, 1.0]
    both = predicted(tmp_path / "both.jsonl", list("ABCDABCD") * 2, orders=[""] * 8 + ["DABC"] * 8)
    found = compare_files([plain, both], corpus, "choice", "test")
    assert [each.mean for each in found.candidates] == [1.0, 0.5]  # the same letters are wrong when turned


def test_predictions_that_do_not_fit_are_refused_with_their_line(corpus: Path, tmp_path: Path) -> None:
    good = predicted(tmp_path / "good.jsonl", list("ABCDABCD"))
    twice = predicted(tmp_path / "twice.jsonl", list("ABCDABCDA"))
    with pytest.raises(SourceError, match="line 9: item i0 was answered in line 1 already"):
        compare_files([good, twice], corpus, "choice", "test")
    strange = write(tmp_path / "strange.jsonl", [good.read_text().splitlines()[0].replace("i0", "i99")])
    with pytest.raises(SourceError, match=r"1 predictions are of no item of .* choice/test, first in line 1"):
        compare_files([good, strange], corpus, "choice", "test")
    turned = predicted(tmp_path / "turned.jsonl", list("ABCDABCD"), orders=["XABC"] * 8)
    with pytest.raises(SourceError, match="line 1: order 'XABC' is none of the letters"):
        compare_files([good, turned], corpus, "choice", "test")
    torn = write(tmp_path / "torn.jsonl", [*good.read_text().splitlines()[:2], '{"instance": "i2"'])
    with pytest.raises(SourceError, match="line 3 is no prediction"):
        compare_files([good, torn], corpus, "choice", "test")


def test_an_unfinished_run_and_one_on_another_corpus_are_refused(corpus: Path, tmp_path: Path) -> None:
    good, other = (predicted(tmp_path / f"{name}.jsonl", list("ABCDABCD")) for name in ("good", "other"))
    fields = {"model": "m", "model_hash": "1", "config": "choice", "split": "test", "max_new_tokens": 9}
    whole = Run(**fields, items=8, data_hash=corpus_hash(corpus, "choice", "test"))  # type: ignore[arg-type]
    for run, message in (
        (whole.model_copy(update={"items": 9}), "unfinished, 8 of 9"),
        (whole.model_copy(update={"data_hash": "0"}), "another corpus"),
    ):
        sidecar(other).write_text(run.model_dump_json())
        with pytest.raises(SourceError, match=message):
            compare_files([good, other], corpus, "choice", "test")
    sidecar(other).write_text(whole.model_dump_json())
    assert compare_files([good, other], corpus, "choice", "test").n == 8


def test_the_command_prints_figures_and_one_sentence_a_pair(tmp_path: Path) -> None:
    paths = [
        str(write(tmp_path / f"{name}.jsonl", score_rows(scores, per_patient=1)))
        for name, scores in (("tuned", FIRST), ("base", SECOND))
    ]
    said = CliRunner().invoke(app, ["compare", *paths])
    assert said.exit_code == 0
    assert "40 items of 40 patients" in said.output and "tuned: 75.0 %" in said.output
    assert "too short" not in said.output
    assert "tuned - base" in said.output and "18/6" in said.output
    assert said.output.splitlines()[-1].startswith(
        "tuned is right more often than base, by 30.0 points (p = 0.02"
    )
    found = Comparison.model_validate_json(CliRunner().invoke(app, ["compare", *paths, "--json"]).output)
    assert found.pairs[0].difference == pytest.approx(0.3)


def test_few_patients_are_said_to_make_bootstrap_intervals_too_short(tmp_path: Path) -> None:
    paths = [
        str(write(tmp_path / f"{name}.jsonl", score_rows(scores, per_patient=4)))
        for name, scores in (("tuned", FIRST), ("base", SECOND))
    ]
    said = CliRunner().invoke(app, ["compare", *paths])
    assert said.output.splitlines()[-1].startswith("10 patients are few: bootstrap intervals are too short")
