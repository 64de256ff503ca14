"""Seconds for a million choice replies, parsed and scored with intervals, beside two obvious ways.

    python benchmarks/choice_speed.py --peers peers/lib/python3.11/site-packages

The replies are made and mixed as a benchmark run mixes them: bare letters, letters with their text, short
sentences, several sentences of reasoning that end in a declaration, levels in words, refusals and a rest
(German, Chinese, JSON, self-corrections, reasoning blocks). Options are four neighbouring discs in any order.
Letters alone and letters with their text come back, all others hardly ever. `public` is
`evaluate.load(...).compute` of evaluate_metrics/spine_choice with everything it makes (a group, position,
intervals); `library` is `parse_answer` and a Wilson interval. The rivals are the first naive expression that
comes to mind and, with --peers, lm-evaluation-harness' filter on the first 20,000 replies at once (see
answer_parsers.py). Times are processor times of one core; of `public` the least of several runs, since other
users of the machine slow it. Right counts the replies whose letter the maker had in mind, none for refusals:
a check that no time is won by reading less. Results go to benchmarks/results/choice_speed.json.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import evaluate
from answer_parsers import lm_eval_filter
from setting import setting

from spinemed.answers import STATUSES, parse_answer
from spinemed.intervals import wilson

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "choice_speed.json"
Data = tuple[Sequence[str], Sequence[str], Sequence[dict[str, str]], Sequence[str]]
NAIVE = re.compile(r"\b([A-D])\b")

SITES = ["C3-C4", "C4-C5", "C5-C6", "C6-C7", "T11-T12", "T12-L1", "L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1"]
SENTENCES = [
    "The sagittal T2 image shows a loss of signal in a disc of the {region} spine on slice {m}.",
    "The disc space is narrowed by about {n} mm and the endplates are irregular.",
    "I counted upwards from the sacrum, where the last mobile segment is normal, in series {m}.",
    "There is a broad-based protrusion of {n} mm that touches the {side} nerve root in series {m}.",
    "The canal measures {n} mm, which is not normal for a patient of {age} years.",
    "The vertebral bodies keep their height and the marrow signal is even on all {n} slices.",
    "No fracture is seen on slice {m} and the alignment is maintained.",
    "Compared with its neighbours, this segment has lost {n} percent of its height.",
    "The facet joints on the {side} are enlarged and the ligament is {n} mm thick on slice {m}.",
    "Option {w} can be ruled out because that disc is bright.",
]
ENDS = [
    "Therefore, the answer is {k}.", "The answer is {k}.", "So the correct answer is {k}.", "Answer: {k}",
    "**Answer: {k}**", "Final answer: {k}", "The correct option is {k}.", "\n\nAnswer: ({k})",
    "The answer is **{k}**.", "<answer>{k}</answer>", "\\boxed{{{k}}}", "I would choose {k}.",
]  # fmt: skip
BARE = ["{k}", "{k}.", "({k})", "**{k}**", "{k}\n", " {k}"]
TEXT = ["{k}. {t}", "{k}) {t}", "({k}) {t}", "{k}: {t}", "{t} ({k})", "**{k}. {t}**"]
SHORT = [
    "The answer is {k}.", "Answer: {k}", "The correct answer is {k} because {why}",
    "The answer is {k}: {why}", "{k}. {Why}", "The correct answer is {k}. {Why}",
]  # fmt: skip
WORDED = [
    "{Why} The level is {t}.", "It is {t}, as {why}", "The narrowed disc lies at {t}, {n} mm.",
    "{t} is the level; {why}", "The most severe change is at {t}. {Why}",
]  # fmt: skip
REFUSED = [
    "I cannot determine the level from this image alone. {Why}",
    "I'm sorry, but I can't help with medical images, nor with {n} slices.",
    "As an AI I am unable to read a scan of a patient of {age} years.",
    "It is not possible to say from {n} slices; please consult a radiologist.",
]  # fmt: skip
REST = [
    "Die richtige Antwort ist {k}, {n} mm.", "正确答案是{k}。椎间隙变窄{n}mm。",
    "{{\"answer\": \"{k}\", \"slice\": {n}}}",
    "Answer: {w}. Wait, that is the wrong disc on slice {n}. Answer: {k}",
    "<think>{Why} Maybe {w}.</think>{k}",
]  # fmt: skip
MIX = {
    "bare": 0.22,
    "text": 0.13,
    "short": 0.15,
    "reasoning": 0.32,
    "worded": 0.09,
    "refused": 0.05,
    "rest": 0.04,
}


def option_sets(count: int, chance: random.Random) -> list[dict[str, str]]:
    """Return `count` sets of four neighbouring levels in any order."""
    found = []
    for _ in range(count):
        start = chance.randrange(len(SITES) - 3)
        found.append(dict(zip("ABCD", chance.sample(SITES[start : start + 4], 4), strict=True)))
    return found


def reply(kind: str, key: str, options: dict[str, str], chance: random.Random) -> str:
    """Return one made reply of a kind that means the option `key`."""
    facts = {
        "k": key, "t": options[key], "w": chance.choice([letter for letter in options if letter != key]),
        "n": chance.randint(2, 99), "m": chance.randint(1, 999),
        "age": chance.randint(18, 95), "side": chance.choice(["left", "right"]),
        "region": chance.choice(["lumbar", "cervical", "lower thoracic"]),
    }  # fmt: skip
    if kind == "reasoning":
        sentences = chance.sample(SENTENCES, chance.randint(2, 5))
        return " ".join([*sentences, chance.choice(ENDS)]).format(**facts)
    why = " ".join(chance.sample(SENTENCES[:-1], chance.randint(1, 2))).format(**facts)
    templates = {
        "bare": BARE,
        "text": TEXT,
        "short": SHORT,
        "worded": WORDED,
        "refused": REFUSED,
        "rest": REST,
    }
    return chance.choice(templates[kind]).format(why=why[0].lower() + why[1:], Why=why, **facts)


def sample(count: int, seed: int) -> tuple[list[str], list[str], list[dict[str, str]], list[str]]:
    """Return replies, keys, options and kinds; the replies mean the key three times in four."""
    chance = random.Random(seed)
    sets = option_sets(2000, chance)
    replies, keys, options, kinds = [], [], [], []
    for kind in chance.choices(list(MIX), list(MIX.values()), k=count):
        texts = chance.choice(sets)
        meant = chance.choice("ABCD")
        replies.append(reply(kind, meant, texts, chance))
        keys.append(meant)
        options.append(texts)
        kinds.append(kind)
    return replies, keys, options, kinds


def naive(response: str, _: dict[str, str]) -> str:
    """Return the last letter A to D that stands alone: what a first script does."""
    found = NAIVE.findall(response)
    return found[-1] if found else ""


def library(response: str, options: dict[str, str]) -> str:
    """Return the letter that the parser finds."""
    letters = parse_answer(response, options).letters
    return letters[0] if letters else ""


def rival(site: Path, data: Data) -> dict[str, object]:
    """Return processor seconds of lm-eval's filter, given all replies at once as it is used there."""
    replies, keys, options, _ = data
    made = lm_eval_filter(site)
    documents = [{"choices": list(texts.values())} for texts in options]
    start = time.process_time()
    read = made.apply([[text] for text in replies], documents)
    right = sum(found[0].strip("()") == key for found, key in zip(read, keys, strict=True))
    seconds = time.process_time() - start
    return {
        "replies": len(replies), "seconds": round(seconds, 2),
        "microseconds_a_reply": round(seconds / len(replies) * 1e6, 2), "right": right,
    }  # fmt: skip


def timed(
    read: Callable[[str, dict[str, str]], str],
    data: Data,
) -> dict[str, float]:
    """Return processor seconds for reading and scoring all replies, with what was right."""
    replies, keys, options, kinds = data
    start = time.process_time()
    right = sum(read(text, texts) == key for text, key, texts in zip(replies, keys, options, strict=True))
    interval = wilson(right, len(replies))
    seconds = time.process_time() - start
    meant = sum(kind != "refused" for kind in kinds)
    false = sum(
        read(text, texts) != ""
        for text, texts, kind in zip(replies[:20_000], options, kinds, strict=False)
        if kind == "refused"
    )
    return {
        "replies": len(replies), "seconds": round(seconds, 2),
        "microseconds_a_reply": round(seconds / len(replies) * 1e6, 2),
        "right": right, "meant": meant, "low": interval.low, "letters_to_refusals_of_first_20000": false,
    }  # fmt: skip


def forget() -> None:
    """Empty every cache of this process, so that no run profits from the one before."""
    for each in gc.get_objects():
        if type(each) is functools._lru_cache_wrapper:
            each.cache_clear()


def public(data: Data, repeats: int) -> dict[str, object]:
    """Return the least processor seconds of the metric's public compute on all replies, and what it found."""
    replies, keys, options, kinds = data
    metric = evaluate.load(str(ROOT / "evaluate_metrics" / "spine_choice"), keep_in_memory=True)
    encoded = [json.dumps(texts) for texts in options]
    runs = []
    for _ in range(repeats):
        forget()
        start = time.process_time()
        result = metric.compute(predictions=replies, references=keys, options=encoded, axes=kinds)
        runs.append(round(time.process_time() - start, 2))
    return {
        "replies": len(replies), "seconds": min(runs), "runs_seconds": runs,
        "right": result["correct"], "low": result["accuracy_low"], "high": result["accuracy_high"],
        "states": {status: result[f"{status}_rate"] for status in STATUSES},
        "right_by_kind": {kind: part["accuracy"] for kind, part in result["by_axis"].items()},
    }  # fmt: skip


def measure(count: int, site: Path | None, repeats: int) -> dict[str, object]:
    """Return all figures with the versions and the machine they were measured on."""
    data = sample(count, seed=4)
    replies, _, options, kinds = data
    pairs = {(text, *texts.values()) for text, texts in zip(replies, options, strict=True)}
    figures: dict[str, object] = {
        "mix": dict(Counter(kinds)), "distinct_replies": len(set(replies)), "distinct_pairs": len(pairs),
        "mean_characters": round(sum(map(len, replies)) / len(replies), 1),
        "public": public(data, repeats), "library": timed(library, data), "naive_regex": timed(naive, data),
    }  # fmt: skip
    del pairs
    if site is not None:
        few = (replies[:20_000], data[1][:20_000], options[:20_000], kinds[:20_000])
        figures["lm_eval_filter"] = rival(site, few)
        figures["lm_eval"] = next(site.glob("lm_eval-*.dist-info")).name.split("-")[1].removesuffix(".dist")
    return figures | setting("spinemed", "evaluate")


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replies", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3, help="runs of the metric; the least time counts")
    parser.add_argument("--peers", type=Path, help="site-packages folder with lm-eval; see answer_parsers.py")
    arguments = parser.parse_args()
    result = measure(arguments.replies, arguments.peers, arguments.repeats)
    print(
        f"{result['distinct_replies']} distinct replies, "
        f"{result['distinct_pairs']} distinct with their options"
    )
    for name in ("public", "library", "naive_regex", "lm_eval_filter"):
        print(f"{name:16}{result.get(name, 'left out: give --peers')}")
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
