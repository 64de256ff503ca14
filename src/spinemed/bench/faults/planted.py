"""Simulated answerers with one planted fault each, to try the diagnosis on: they know an item and its key.

None of them is a model. Each answers in varied words, as text that goes the way of any prediction. `blank`
asks for the answer without a picture: who reads pictures then guesses, who never did answers the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spinemed.bench.faults.signs import is_mirrored, side_of, steps
from spinemed.bench.items import Item
from spinemed.bench.scoring.baselines import place_only, text_only
from spinemed.levels import Site

SKILL = 0.8
WORDS = (
    "{letter}", "({letter})", "{letter}.", "**{letter}**", "{letter}. {text}", "{text} ({letter})",
    "The answer is {letter}.", "Answer: {letter}", "The correct option is {letter}: {text}.",
    "Looking at the image, I choose {letter}.", "<answer>{letter}</answer>", '{{"answer": "{letter}"}}',
    "\\boxed{{{letter}}}", "答案：{letter}", "正确答案是{letter}。", "Antwort: {letter}",
)  # fmt: skip
REFUSALS = (
    "I'm sorry, but I can't help with medical images.",
    "I cannot give a diagnosis. Please consult a radiologist.",
    "As an AI model I am unable to interpret this scan.",
    "抱歉，我无法根据图像作出诊断。",
)
# Whoever answers without having seen the picture does as well as guesses, texts or places do.
NOTHING_GAINED = ("chance", "picture_no_gain", "not_above_place", "not_above_text")
ENDLESS = (
    "Let me look at the picture step by step. First, the overall alignment is regular and the bodies are",
    "<think>The ring lies on a body. I should count from the last one that I am sure of, which would be",
    "To answer this I will go through what the image shows, beginning with the soft tissue, then the",
)


@dataclass(frozen=True)
class Reply:
    """What an answerer writes, and whether its limit cut it off."""

    text: str
    cut_off: bool = False


Answer = Callable[[Item, bool, random.Random], Reply]


@dataclass(frozen=True)
class Planted:
    """An answerer, the fault planted in it in words, and the rules of `bench.diagnosis` that it deserves.

    Any of `deserves` says what is wrong with it; none for an answerer without a fault.
    """

    name: str
    fault: str
    deserves: tuple[str, ...]
    answer: Answer


def say(item: Item, letter: str, draw: random.Random) -> Reply:
    """Return a letter in one of many wordings."""
    return Reply(draw.choice(WORDS).format(letter=letter, text=item.lettered[letter]))


def letter_of(item: Item, text: str) -> str:
    """Return the letter of an option's text."""
    return chr(ord("A") + item.options.index(text))


def guess(item: Item, draw: random.Random) -> str:
    """Return a letter drawn without a look at anything."""
    return draw.choice(list(item.lettered))


def seen(item: Item, draw: random.Random, skill: float = SKILL) -> str:
    """Return the key with probability `skill`, else one of the wrong options."""
    if draw.random() < skill:
        return item.answer
    return draw.choice([letter for letter in item.lettered if letter != item.answer])


def nearest(item: Item, wanted: float) -> str:
    """Return the option that lies nearest to so many steps from the key; "" where options are no levels."""
    places = {letter: steps(text, item.truth) for letter, text in item.lettered.items()}
    known = {letter: place for letter, place in places.items() if place is not None}
    return min(known, key=lambda letter: abs(known[letter] - wanted), default="")


def reader(choose: Callable[[Item, random.Random], str]) -> Answer:
    """Return an answerer that chooses so with a picture, and guesses without one."""

    def answer(item: Item, blank: bool, draw: random.Random) -> Reply:
        if blank and item.width:
            return say(item, guess(item, draw), draw)
        return say(item, choose(item, draw), draw)

    return answer


def honest(item: Item, draw: random.Random) -> str:
    """Return the key in four of five cases."""
    return seen(item, draw)


def shifted(by: int) -> Callable[[Item, random.Random], str]:
    """Return a way to choose that names levels so many steps off, and reads everything else well."""

    def choose(item: Item, draw: random.Random) -> str:
        return (nearest(item, by) if draw.random() < SKILL else "") or seen(item, draw)

    return choose


def mirrored(skill: float) -> Callable[[Item, random.Random], str]:
    """Return a way to choose that takes left for right and reads everything else with this skill."""

    def choose(item: Item, draw: random.Random) -> str:
        others = [letter for letter, text in item.lettered.items() if is_mirrored(text, item.truth)]
        believed = others[0] if side_of(item.truth) and others else item.answer
        return believed if draw.random() < skill else guess(item, draw)

    return choose


def counts_five(item: Item, draw: random.Random) -> str:
    """Return a choice that takes the last lumbar vertebra for L5, whatever the patient has."""
    off = {"L6": -1, "L4_only": 1, "L5_sacralised": 1}.get(item.transitional, 0)
    lumbar = bool(steps(item.truth, "L1") is not None) and Site.parse(item.truth).region == "lumbar"
    return (nearest(item, off) if off and lumbar else "") or seen(item, draw, 0.9)


def no_chinese(item: Item, draw: random.Random) -> str:
    """Return the key in nine of ten English questions, and a guess in others."""
    return seen(item, draw, 0.9) if item.language == "en" else guess(item, draw)


def always_a(item: Item, _blank: bool, draw: random.Random) -> Reply:
    """Return A."""
    return say(item, "A", draw)


def always_longest(item: Item, _blank: bool, draw: random.Random) -> Reply:
    """Return the longest option, any of equals."""
    most = max(map(len, item.options))
    return say(item, letter_of(item, draw.choice([text for text in item.options if len(text) == most])), draw)


def refuses(_item: Item, _blank: bool, draw: random.Random) -> Reply:
    """Return a refusal."""
    return Reply(draw.choice(REFUSALS))


def runs_out(_item: Item, _blank: bool, draw: random.Random) -> Reply:
    """Return a reply that the limit cuts off before it answers."""
    return Reply(draw.choice(ENDLESS), cut_off=True)


def contradicts(item: Item, blank: bool, draw: random.Random) -> Reply:
    """Return the words of the option meant with, mostly, the letter of another."""
    meant = guess(item, draw) if blank and item.width else seen(item, draw)
    others = [letter for letter in item.lettered if letter != meant]
    letter = draw.choice(others) if draw.random() < 0.7 else meant
    text = item.lettered[meant]
    return Reply(draw.choice(("{letter}. {text}", "{text} ({letter})", "Answer: {letter}. {text}")).format(
        letter=letter, text=text
    ))  # fmt: skip


def of_other_cases(items: Sequence[Item]) -> Answer:
    """Return an answerer that was shown other patients' pictures: it answers what is true of those."""

    def answer(item: Item, blank: bool, draw: random.Random) -> Reply:
        other = draw.choice(items)
        if other.truth in item.options and not blank:
            return say(item, letter_of(item, other.truth), draw)
        return say(item, guess(item, draw), draw)

    return answer


def from_letters(letters: Mapping[str, str], places: bool) -> Answer:
    """Return an answerer with a fixed letter an item; one that goes by places guesses without a picture."""

    def answer(item: Item, blank: bool, draw: random.Random) -> Reply:
        return say(item, guess(item, draw) if blank and places else letters[item.id], draw)

    return answer


def answerers(train: Sequence[Item], items: Sequence[Item]) -> list[Planted]:
    """Return one answerer a fault; `train` is what those learn from that never see a picture."""
    text = dict(zip((item.id for item in items), text_only(train, items), strict=True))
    place = dict(zip((item.id for item in items), place_only(train, items), strict=True))
    return [
        Planted("honest", "none: right in 80 %", (), reader(honest)),
        Planted("shift caudal", "every level one too low", ("shift",), reader(shifted(1))),
        Planted("shift cranial", "every level one too high", ("shift",), reader(shifted(-1))),
        Planted("swaps sides", "left for right, else right in 80 %", ("sides",), reader(mirrored(SKILL))),
        Planted("mirrored", "left for right, levels all right", ("sides",), reader(mirrored(1.0))),
        Planted(
            "text only", "never looks, learnt from texts", ("picture_ignored",), from_letters(text, False)
        ),
        Planted("place only", "knows the ring's place alone", ("follows_place",), from_letters(place, True)),
        Planted("always A", "says A", ("letter",), always_a),
        Planted("longest", "takes the longest option", ("longest",), always_longest),
        Planted("refuses", "refuses politely", ("refuses",), refuses),
        Planted("runs out", "is cut off before it answers", ("truncated",), runs_out),
        Planted("wrong case", "sees another patient's picture", NOTHING_GAINED, of_other_cases(items)),
        Planted("contradicts", "letter and words disagree in 70 %", ("conflict",), contradicts),
        Planted(
            "counts five", "takes the last lumbar vertebra for L5", ("transitional",), reader(counts_five)
        ),
        Planted("no Chinese", "guesses where the question is Chinese", ("language",), reader(no_chinese)),
    ]
