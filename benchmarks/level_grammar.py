"""Texts a second and accuracy of the level grammar beside a plain one-regex extraction.

    python benchmarks/level_grammar.py

Half of the timed texts are short expressions (every print style of `levels.render`, with heads, lists and
sides), half are report sentences in English, German and Chinese. All are distinct, so nothing is gained by
remembering whole texts; the mentions, which are made when asked for, are not asked for. Times are processor
times of one core, the best of the repetitions for each 500 texts. Accuracy is exact agreement of levels on
tests/data/level_expressions.json, pairs that were written along with the grammar, so it is a self-test and
no estimate for other texts. Results go to benchmarks/results/level_grammar.json.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

from setting import setting

from spinemed.level_grammar import parse_levels
from spinemed.levels import DEFAULT_NUMBERING, render, style_names

ROOT = Path(__file__).resolve().parent.parent
PAIRS = ROOT / "tests" / "data" / "level_expressions.json"
RESULT = ROOT / "benchmarks" / "results" / "level_grammar.json"
PLAIN = re.compile(r"\b([CTLS]\d+)(?:\s?[-/]\s?([CTLS]?\d+))?")

VERTEBRAE = [level.value for level in DEFAULT_NUMBERING.levels[:25]]
SEGMENTS = [f"{VERTEBRAE[i]}-{VERTEBRAE[i + 1]}" for i in range(24)]
# Lumbar levels are named most in spine reports, upper thoracic ones least.
WEIGHTS = [3] * 7 + [1] * 9 + [3] * 3 + [9] * 5
SHORT = [
    "{a}",
    "{a} {side}",
    "{side} {a}",
    "{a}, {b}",
    "{a} and {b}",
    "{v} to {w}",
    "{v} vertebra",
    "disc at {s}",
    "no fracture at {v}",
    "{v} nerve root",
    "the disc above {v}",
    "{s} on the {side}",
    "{v}椎体",
    "{s}椎间盘突出",
    "LWK {n}",
    "T{two} weighted image {n}",
    "{v} level {n} mm",
]
SENTENCES = [
    "There is a {n} mm broad-based disc protrusion at {s} with narrowing of the {side} neural foramen.",
    "{v} vertebral body shows a wedge compression fracture with {n} % loss of height; {w} is intact.",
    "No evidence of acute fracture or traumatic malalignment from {v} to {w}, {n} images reviewed.",
    "At {s}, disc desiccation and a small {side} paracentral extrusion contact the traversing {v} root.",
    "Sagittal T2 weighted images show hyperintense signal in {v}; the conus ends at {w}, {n} slices.",
    "Patient {n} reports {side} sided leg pain for {m} months and has failed conservative treatment.",
    "{s}: No significant canal stenosis. {t}: Mild bilateral facet arthropathy, {n} mm.",
    "Grade 1 anterolisthesis of {v} on {w} measuring {n} mm, unchanged from the prior study.",
    "Bandscheibenvorfall {s} {side} mit Kompression der Wurzel {v}, LWK {m} unauffällig, {n} mm.",
    "{s}椎间盘向左后突出约{n}mm，压迫左侧{v}神经根，{w}椎体未见骨折。",
    "Pedicle screws were placed from {v} to {w} and the wound was closed in layers after {n} minutes.",
    "The alignment is maintained and the visualised soft tissues are unremarkable on all {n} images.",
]
SIDES = ["left", "right", "bilateral", "central"]


def texts(count: int, seed: int) -> list[str]:
    """Return `count` distinct texts, half short expressions and half report sentences."""
    chance = random.Random(seed)
    styles = style_names()
    found: dict[str, None] = {}
    while len(found) < count:
        style = chance.choice(styles)
        place, step = chance.choices(range(24), WEIGHTS)[0], chance.randint(1, 3)
        v, w = VERTEBRAE[place], VERTEBRAE[min(place + step, 24)]
        s, t = SEGMENTS[place], SEGMENTS[min(place + 1, 23)]
        template = chance.choice(SENTENCES if len(found) % 2 else SHORT)
        text = template.format(
            a=render(chance.choice([v, s]), style),
            b=render(chance.choice([w, t]), style),
            s=s,
            t=t,
            v=v,
            w=w,
            side=chance.choice(SIDES),
            n=chance.randint(1, 99),
            m=chance.randint(1, 5),
            two=chance.randint(1, 2),
        )
        found.setdefault(text)
    return list(found)


def plain_levels(text: str) -> tuple[str, ...]:
    """Return what the usual extraction finds: a region letter, digits and perhaps a joined partner."""
    found: dict[str, None] = {}
    for level, partner in PLAIN.findall(text):
        lower = partner if not partner or partner[0] in "CTLS" else level[0] + partner
        found.setdefault(f"{level}-{lower}" if lower else level)
    return tuple(found)


def texts_per_second(parse: Callable[[str], object], sample: list[str], repeats: int) -> float:
    """Return texts a second of processor time: for each 500 texts the best of `repeats` passes, summed."""
    total = 0.0
    for begin in range(0, len(sample), 500):
        part = sample[begin : begin + 500]
        passes = []
        for _ in range(repeats):
            start = time.process_time()
            for text in part:
                parse(text)
            passes.append(time.process_time() - start)
        total += min(passes)
    return len(sample) / total


def measure(count: int, repeats: int) -> dict[str, object]:
    """Return speed and accuracy of both, with the versions and the machine they were measured on."""
    sample = texts(count, seed=2)
    pairs = json.loads(PAIRS.read_text(encoding="utf-8"))["pairs"]
    parse_levels("L4")  # builds the scanner once

    def grammar(text: str) -> tuple[str, ...]:
        return parse_levels(text).levels

    return {
        "texts": len(sample),
        "mean_characters": round(sum(map(len, sample)) / len(sample), 1),
        "grammar_texts_per_second": round(texts_per_second(grammar, sample, repeats)),
        "plain_regex_texts_per_second": round(texts_per_second(plain_levels, sample, repeats)),
        "pairs": len(pairs),
        "grammar_right": sum(list(grammar(pair["text"])) == pair["levels"] for pair in pairs),
        "plain_regex_right": sum(list(plain_levels(pair["text"])) == pair["levels"] for pair in pairs),
        **setting("spinemed"),
    }


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=20_000, help="how many distinct texts to time")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    result = measure(arguments.texts, arguments.repeats)
    print(f"{result['texts']} distinct texts, {result['mean_characters']} characters on average, one core")
    print(f"{'':14}{'texts/s':>12}{'right of ' + str(result['pairs']):>16}")
    for name in ("grammar", "plain_regex"):
        print(f"{name:14}{result[name + '_texts_per_second']:>12,}{result[name + '_right']:>16}")
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
