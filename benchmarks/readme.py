"""The README's table of measured figures, written from benchmarks/results.

    python benchmarks/readme.py            # writes the table
    python benchmarks/readme.py --check    # ends with 1 where the table is not what the results say

Each row names the script that measures it. No figure is typed by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
START, END = (
    "<!-- figures: written by python benchmarks/readme.py, checked by a test -->\n",
    "<!-- /figures -->",
)
OURS = "spinemed parse_answer"


def result(name: str) -> dict[str, Any]:
    """Return what a script measured."""
    found: dict[str, Any] = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text("utf-8"))
    return found


def parsers() -> list[tuple[str, str, str]]:
    """Return how replies are read, beside the best of the other tools in each column."""
    found, rows = result("answer_parsers"), []
    names = {"given": "given to us", "own": "of our own", "peers": "of the tools' own tests"}
    tools = ", ".join(f"{tool} {version}" for tool, version in found["versions"].items())
    for part, called in names.items():
        ours = found[part]["parsers"][OURS]
        others = [each for name, each in found[part]["parsers"].items() if name != OURS]
        best = {key: (max if key == "right" else min)(each[key] for each in others) for key in ours}
        figure = (
            f"{ours['right']} right, {ours['letter_to_none']} letters given to a non-answer, "
            f"{ours['wrong_letter']} wrong letters; the best of {tools} in each: "
            f"{best['right']}, {best['letter_to_none']}, {best['wrong_letter']}"
        )
        rows.append((f"{found[part]['pairs']} replies {called}, read", figure, "answer_parsers.py"))
    return rows


def speed() -> list[tuple[str, str, str]]:
    """Return what is quick, each with what it is compared with."""
    choice, runner = result("choice_speed"), result("runner_overhead")
    boot = result("score_statistics")["bootstrap_speed"]
    ratios = [each["ratio"] for each in boot.values() if isinstance(each, dict)]
    large = result("bench_throughput_smolvlm-2b")
    naive = choice["naive_regex"]
    return [
        (
            f"{choice['public']['replies']:,} replies parsed and scored with intervals, one core",
            f"{choice['public']['seconds']:.1f} s by `spine_choice`, {choice['library']['seconds']:.1f} s "
            f"as a function; a naive expression takes {naive['seconds']:.1f} s and reads "
            f"{naive['right'] / naive['meant']:.0%} of the answers",
            "choice_speed.py",
        ),
        (
            f"`spinemed bench` beside a bare client, {runner['in_flight']} in flight",
            f"{runner['overhead_percent']:+.1f} % of the time of `AsyncOpenAI`, "
            f"{runner['overhead_percent_beside_aiohttp']:+.1f} % of the same with aiohttp",
            "runner_overhead.py",
        ),
        (
            "Bootstrap of an accuracy beside a plain Python loop",
            f"{min(ratios):.1f} to {max(ratios):.0f} times as fast",
            "score_statistics.py",
        ),
        (
            f"Questions of a 2B model in batches of 64 beside one by one, {large['device']}",
            f"{large['batch_64']['times_plain_loop']:.1f} times",
            "gpu/bench_throughput.py",
        ),
    ]


def validity() -> list[tuple[str, str, str]]:
    """Return what the statistics and the diagnosis are worth."""
    null = result("score_statistics")["null_calibration"]
    found = result("validity")
    honest, other = found["false_alarms_of_the_honest"], found["other_diagnoses"]
    most = max(rate["size"] for rate in found["rates"])
    faults = [rate["detected"] for rate in found["rates"] if rate["size"] == most and rate["detected"]]
    always = sum(fault["share"] == 1 for fault in faults)
    return [
        (
            f"False differences at 5 %, {null['items_per_patient']} items a patient, correlated",
            f"{null['normal']['item_bootstrap']:.1%} where items are resampled, "
            f"{null['normal']['patient_bootstrap']:.1%} where patients are",
            "score_statistics.py",
        ),
        (
            f"Planted faults found in all {found['seeds']} trials of {most} items",
            f"{always} of {len(faults)}; false alarms of the honest reader {honest['count']} of "
            f"{honest['n']}, undeserved diagnoses {other['count']} of {other['n']}",
            "validity.py",
        ),
    ]


def corpus() -> list[tuple[str, str, str]]:
    """Return what the corpus at full size costs, and what it is worth."""
    scale, loop, leaks = result("scale"), result("obvious_loop"), result("leak_recall")
    full = scale["sizes"][-1]
    per_instance = ", ".join(
        f"{one['instances']:,}: {one['processor_milliseconds_an_instance']:.2f}" for one in scale["sizes"]
    )
    planted, found = leaks["planted"]["planted"], leaks["planted"]["found"]
    return [
        (
            f"`spinemed build`, {full['instances']:,} instances, {scale['workers']} cores",
            f"{full['wall_seconds'] / 60:.1f} minutes, {full['most_memory_gb']:.1f} GB at most, "
            f"{full['instances_a_second']:.0f} instances a second; processor milliseconds an instance at "
            f"{per_instance}",
            "scale.py",
        ),
        (
            "Beside the obvious loop (DICOM, Pillow, json, `Dataset.from_generator`)",
            f"{loop['times_faster_a_core']:.1f} times as fast a core, {loop['times_smaller']:.1f} times "
            "smaller",
            "obvious_loop.py",
        ),
        (
            "Planted leaks that stop a build",
            f"{sum(found.values())} of {sum(planted.values())}, of {len(planted)} sorts",
            "leak_recall.py",
        ),
        *published(),
    ]


def published() -> list[tuple[str, str, str]]:
    """Return what a built corpus stands up to: audit, roots, trace, withdrawal, reading."""
    audit, roots, trace = result("level_audit"), result("same_root"), result("tracing")
    gone, loaders, cold = result("withdrawal"), result("loaders")["loaders"], result("cold_load")
    rates = {name: one["at_random_decoded_rows_per_s"] for name, one in loaders.items()
             if isinstance(one, dict) and "at_random_decoded_rows_per_s" in one}  # fmt: skip
    return [
        (
            f"Keys of random image instances of {audit['from_patients'] or 'all'} random patients, "
            "checked from masks, headers and stored truth",
            f"{audit['agreed']:,} of {audit['checked']:,} agree, {audit['disagreed']} disagree",
            "level_audit.py",
        ),
        (
            f"{100 * roots['share']:g} % of it by two workers, killed three times, by Ray, by one worker",
            "one Merkle root" if roots["same"] else "different roots",
            "same_root.py",
        ),
        (
            f"`spinemed trace` of {trace['traced']} random ids",
            f"{trace['complete']} complete, {trace['seconds_most']:.2f} s at most",
            "tracing.py",
        ),
        (
            f"Bytes that change when {100 * gone['share_of_patients']:g} % of the patients are withdrawn",
            f"{100 * gone['worst_chunk_share']:.1f} % at most in {len(gone['draws'])} draws; "
            f"{100 * gone['reshuffled_chunk_share']:.0f} % if rows were shuffled anew",
            "withdrawal.py",
        ),
        (
            "Random rows a second, decoded: by number from the mapped files, and from memory",
            f"{rates['spinemed_by_number']:,.0f} and {rates['spinemed_by_number_in_memory']:,.0f}; datasets "
            f"{rates['datasets']:,.0f}, pyarrow in memory {rates['pyarrow']:,.0f}, litdata "
            f"{rates['litdata']:,.0f}",
            "loaders.py",
        ),
        (
            f"`load_dataset` for the first time, {cold['rows']:,} rows of four configs, all splits",
            f"{cold['seconds']:.0f} s, {cold['cache_gb']:.1f} GB of cache",
            "cold_load.py",
        ),
    ]


def table() -> str:
    """Return the table in Markdown."""
    lines = ["| what | measured | by `benchmarks/` |", "| --- | --- | --- |"]
    rows = [*corpus(), *parsers(), *speed(), *validity()]
    return "\n".join([*lines, *(f"| {what} | {figure} | `{script}` |" for what, figure, script in rows), ""])


def main() -> None:
    """Write the table into the README, or with --check only compare."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    new = before + START + table() + END + rest.partition(END)[2]
    if sys.argv[1:] == ["--check"]:
        if new != text:
            sys.exit("the README's figures are not those of benchmarks/results: python benchmarks/readme.py")
        return
    README.write_text(new, encoding="utf-8")
    print("written: README.md")


if __name__ == "__main__":
    main()
