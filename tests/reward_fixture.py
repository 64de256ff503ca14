"""Items of the benchmark, and replies of all sorts to them, for tests of rewards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from spinemed.bench.items import Item
from spinemed.bench.scoring.open_truth import truth_of
from spinemed.levels import render
from spinemed.training.rewards import Truth

QUESTION = "Count up from the sacrum. Which vertebra is marked by the ring?"
LEVELS = ("L2", "L3", "L4", "T12")
DISCS = ("L4-L5", "L3-L4", "L5-S1", "T8-T9")
RANGES = ("L1 to L5", "L4 to L5", "L3 to L5", "L2 to L5")
SIDED = ("L4-L5, left", "L4-L5, right", "L5-S1, left", "L3-L4, both sides")


def item(answer: str, options: tuple[str, ...] = (), **more: Any) -> Item:
    """Return an item of the benchmark with this key."""
    known = {"question": QUESTION, "kind": "k", "modality": "MR", "patient": "p", "synthetic": True}
    known |= {"id": f"{answer}{options}{more}", "level": "", "marker": None, "spacing_mm": 1.0}
    known |= {"width": 9, "height": 9, "case": "c", "axis": "level", "language": "en"}
    return Item(answer=answer, options=options, **(known | more))  # type: ignore[arg-type]


def truth(of: Item) -> Truth:
    """Return an item's truth as the benchmark reads it."""
    right = truth_of(of)
    return Truth(
        answer=of.answer, options=of.options, sites=right.sites, side=right.side,
        is_level_given=right.is_level_given, numbering=of.transitional, is_plan=of.axis == "planning",
    )  # fmt: skip


def replies(options: tuple[str, ...]) -> Iterator[str]:
    """Yield replies of all sorts: plain, hedged, denied, doubled, spelt otherwise, spam, echo, nonsense."""
    yield from (
        "",
        "   ",
        "?",
        "I cannot tell from this image.",
        "无法判断。",
        "🦴",
        "none of them",
        "(F)",
        "F",
        "E.",
    )
    yield from (
        "A B C D",
        "A, B, C or D",
        "ABCD",
        "All of the above",
        "left",
        "right",
        "both",
        "右侧",
        "L4 L5",
    )
    yield from (
        "L1, L2, L3, L4, L5",
        "C1 to S5",
        "T13",
        "L6",
        "S2",
        "the L5 root",
        "not L4",
        "no vertebra is marked",
    )
    yield from (
        "L4 on the left",
        "left L4/5",
        "L4-L5 both sides",
        "L4 left, L5 right",
        "L3-L5",
        "L3, L4 and L5",
    )
    shown = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCD", options, strict=False))
    yield f"{QUESTION}\n{shown}"
    for letter, text in zip("ABCD", options or LEVELS, strict=False):
        other, wrong = ("B", "C")[letter == "B"], "L1"
        yield from (
            text,
            f"{text} ({letter})",
            letter,
            f"({letter})",
            f"{letter}. {text}",
            f"The answer is {letter}.",
        )
        yield from (
            f"答案是{letter}",
            f"Die Antwort ist {letter}.",
            f'{{"answer": "{letter}"}}',
            f"\\boxed{{{letter}}}",
        )
        yield from (
            f"Not {other}. It is {text}.",
            f"Not {text}.",
            f"The answer is not {letter}.",
            f"not {text}, {wrong}",
        )
        yield from (
            f"{letter} or {other}",
            f"{text} or {wrong}",
            f"Probably {text}, perhaps {wrong}.",
            f"{letter}/{other}",
        )
        yield from (
            f"{text}, {wrong}",
            f"{letter}, {other}",
            f"Either {text} or the one below.",
            f"{text} ({other})",
        )
        yield from (
            f"{text} " * 50,
            f"{letter} " * 50,
            f"{text} ({letter})\n" * 50,
            f"The answer is {letter}. " * 50,
        )
        yield from (
            f"{QUESTION}\n{shown}\n{letter}",
            f"{QUESTION} {text}",
            f"<think>{wrong}?</think>{text}",
            f"so {letter}?",
        )
        yield from (
            f"<think>{text}",
            f"At first {wrong}, but no: {text}.",
            f"{letter}: {wrong}",
            f"I'd say {text}!",
        )
        if options and "-" not in text and text[0] in "LTS" and text[1:].isdigit():
            yield from (render(text, style) for style in ("chinese", "german", "ordinal", "lower", "roman"))


def joined(options: tuple[str, ...]) -> Iterator[str]:
    """Yield replies that are two of these in a row."""
    draw, known = random.Random(str(options)), [text for text in replies(options) if len(text) < 80]
    for _ in range(40):
        yield draw.choice((" ", ". ", "\n", ", but ", " or ", "; no, ")).join(draw.sample(known, 2))
