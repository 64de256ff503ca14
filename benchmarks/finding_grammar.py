"""How well `finding_grammar.read_findings` reads the reports of a corpus back into the findings they state.

    python benchmarks/finding_grammar.py --corpus corpus/v1

Truth are the findings that a report's row names (config `report`, joined with config `findings`); whole
vertebrae and the sagittal curves are left out, which every report measures. Read is the whole answer: all six
sections, plans and warnings too. `supported` is the share of what was read that some series of the study
bears out, which the row may leave out; `denials_right` the share of denied (site, finding) pairs that no
series contradicts. The reports were written with our own phrases, so this is a self-test; the hand-made
sentences of tests/data/finding_statements.json are scored beside it, and the note in that file says how many
were read before the grammar was mended with them. Results go to benchmarks/results/finding_grammar.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
from setting import setting

from spinemed.finding_grammar import Statement, read_findings

ROOT = Path(__file__).resolve().parent.parent
SENTENCES = ROOT / "tests" / "data" / "finding_statements.json"
RESULT = ROOT / "benchmarks" / "results" / "finding_grammar.json"
LEFT_OUT = {"vertebra", "vertebra_in_part", "thoracic_kyphosis", "lumbar_lordosis"}
SIDES = {"both": ("left", "right")}
# A grade that findings have and no report writes.
UNWRITTEN = {"retrolisthesis", "transitional"}

Key = tuple[str, str, str]


def rows(corpus: Path, config: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of all splits of one config of a corpus folder."""
    files = sorted((corpus / "data" / config).glob("*.parquet"))
    if not files:
        raise SystemExit(f"no parquet files under {corpus / 'data' / config}; name a corpus with --corpus")
    return [row for file in files for row in parquet.read_table(file, columns=list(columns)).to_pylist()]


def sided(site: str, finding: str, side: str | None, grade: str) -> dict[Key, str]:
    """Return (site, finding, side) -> grade; both sides are two keys."""
    return {(site, finding, one): grade for one in SIDES.get(side or "", (side or "",))}


def truth_of(findings: Iterable[dict[str, Any]]) -> dict[Key, str]:
    """Return what abnormal findings amount to."""
    found: dict[Key, str] = {}
    for one in findings:
        if one["present"] and one["pathology"] not in LEFT_OUT:
            grade = "" if one["detail"] in UNWRITTEN else one["grade"]
            found |= sided(one["site"], one["pathology"], one["side"], grade)
    return found


def read_of(statements: Iterable[Statement], present: bool) -> dict[Key, str]:
    """Return what statements amount to, those that are stated or those that are denied."""
    found: dict[Key, str] = {}
    for one in statements:
        if one.present == present and one.finding not in LEFT_OUT:
            found |= sided(one.site, one.finding, one.side, one.grade)
    return found


def pairs(keys: Iterable[Key]) -> set[tuple[str, str]]:
    """Return the (site, finding) pairs of keys."""
    return {key[:2] for key in keys}


def scores(hits: int, read: int, true: int) -> dict[str, float]:
    """Return precision, recall and F1 with the counts."""
    return {
        "stated": true,
        "read": read,
        "precision": round(hits / read, 4) if read else 1.0,
        "recall": round(hits / true, 4) if true else 1.0,
        "f1": round(2 * hits / (read + true), 4) if read + true else 1.0,
    }


def of_language(reports: list[dict[str, Any]], by_id: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of the reports in one language, and print each miss."""
    by_study: dict[str, list[dict[str, Any]]] = {}
    for one in by_id.values():
        by_study.setdefault(one["study"], []).append(one)
    count: dict[str, int] = dict.fromkeys(
        ("hit", "read", "true", "hit3", "read3", "true3", "grades", "right", "ok", "denied", "denied_right"),
        0,
    )
    for report in reports:
        statements = read_findings(report["answer"])
        truth = truth_of(by_id[one] for one in report["findings"])
        study = truth_of(by_study[report["study"]])
        read, denied = read_of(statements, True), pairs(read_of(statements, False))
        for miss in sorted(pairs(truth) - pairs(read)):
            print("missed", report["id"], miss)
        for extra in sorted(pairs(read) - pairs(truth)):
            print("extra ", report["id"], extra, "" if extra in pairs(study) else "NOT IN THE STUDY")
        for key in sorted(truth.keys() & read.keys()):
            if truth[key] and truth[key] != read[key]:
                print("grade ", report["id"], key, truth[key], "read", read[key])
        for key in sorted(truth.keys() ^ read.keys()):
            if key[:2] in pairs(truth) & pairs(read):
                print("side  ", report["id"], key, "stated" if key in truth else "read")
        count["hit"] += len(pairs(truth) & pairs(read))
        count["read"] += len(pairs(read))
        count["true"] += len(pairs(truth))
        count["hit3"] += len(truth.keys() & read.keys())
        count["read3"] += len(read)
        count["true3"] += len(truth)
        graded = [key for key in truth.keys() & read.keys() if truth[key]]
        count["grades"] += len(graded)
        count["right"] += sum(truth[key] == read[key] for key in graded)
        count["ok"] += len(pairs(read) & pairs(study))
        count["denied"] += len(denied)
        count["denied_right"] += len(denied - pairs(study))
    return {
        "reports": len(reports),
        "site_finding": scores(count["hit"], count["read"], count["true"]),
        "site_side_finding": scores(count["hit3"], count["read3"], count["true3"]),
        "grades": count["grades"],
        "grade_accuracy": round(count["right"] / count["grades"], 4) if count["grades"] else None,
        "supported": round(count["ok"] / count["read"], 4) if count["read"] else None,
        "denials": count["denied"],
        "denials_right": round(count["denied_right"] / count["denied"], 4) if count["denied"] else None,
    }


def of_sentences(path: Path) -> dict[str, Any]:
    """Return how many hand-made sentences are read exactly as written down."""
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    right = sum(
        {tuple(one) for one in read_findings(case["text"])} == {tuple(one) for one in case["statements"]}
        for case in cases
    )
    return {"sentences": len(cases), "read_exactly": right}


def measure(corpus: Path) -> dict[str, Any]:
    """Return the figures of both languages, with versions and machine."""
    reports = rows(corpus, "report", ["id", "answer", "findings", "language", "study"])
    columns = ["id", "study", "site", "pathology", "grade", "side", "present", "detail"]
    by_id = {one["id"]: one for one in rows(corpus, "findings", columns)}
    start = time.process_time()
    for report in reports:
        read_findings(report["answer"])
    seconds = time.process_time() - start
    characters = sum(len(report["answer"]) for report in reports)
    return {
        **{
            language: of_language([one for one in reports if one["language"] == language], by_id)
            for language in ("en", "zh")
        },
        "hand_made": of_sentences(SENTENCES),
        "reports_per_second": round(len(reports) / seconds, 1),
        "mean_characters": round(characters / len(reports)),
        **setting("spinemed"),
    }


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True, help="folder of a built corpus")
    result = measure(parser.parse_args().corpus)
    print(json.dumps(result, indent=2))
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
