"""Rewards that can be checked, with TRL's contract: level, side, grade, plan, choice and form of a reply.

Each takes TRL's columns and gives one number in [0, 1] a completion, or None where the row does not ask for
it. Replies are read by the parsers of the benchmark, so a reward is 1 only where the metric counts the reply
as right. The column `truth` holds a `Truth` as JSON; a reply that leaves the answer open gets nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Any, Final

from spinemed.answer_text import is_refusal, without_refusals
from spinemed.answer_text import read_reply as plain_reply
from spinemed.answers import parse_answer, reader_of
from spinemed.finding_lists import grade_of
from spinemed.finding_lists import read_reply as read_findings
from spinemed.finding_names import FindingName
from spinemed.finding_scores import answer_at, graded
from spinemed.finding_words import HEALTHY, SCALES, UNORDERED
from spinemed.level_grammar import parse_levels
from spinemed.level_scores import read_reply as read_levels
from spinemed.level_sets import assignment_distance, is_wrong_plan, numbering_for, numbering_of, place_of
from spinemed.levels import Numbering
from spinemed.records import Record
from spinemed.report_facts import Truth as CaseTruth
from spinemed.report_facts import compare
from spinemed.report_sections import read_sections

Reward = Callable[..., list[float | None]]
"""`reward(prompts, completions, *, truth, **columns)`, one entry a completion."""

FARTHEST: Final = 3
"""Steps off beyond which a wrong answer gets nothing."""
COPIES: Final = 3
"""So many copies of a phrase in a row are a repetition."""
LONGEST_PHRASE: Final = 24  # words of a phrase that is looked for in copies
SHORTEST_ECHO: Final = 16  # characters of a question that are told from an answer's own words
WORD: Final = re.compile(r"[0-9A-Za-z]+|\w")
LETTER: Final = re.compile(r"(?<![0-9A-Za-z_'’/-])(?!A [a-z]|I\b)([A-Z])(?![0-9A-Za-z_'’/-])")
NUMERALS: Final = frozenset("IV")  # letters that a grade is written with
GRADE: Final = re.compile(r"(?<![A-Za-z0-9.])(III|II|IV|I|V|\d)(?![A-Za-z0-9.%])")
SEVERITY: Final = re.compile(r"\b(none|mild|moderate|severe)\b|([轻輕中重])度", re.IGNORECASE)


GRADED_KINDS: Final[Mapping[str, FindingName]] = {
    "disc_degeneration": "disc_degeneration",
    "canal_stenosis": "canal_stenosis",
    "foraminal_grade": "foraminal_stenosis",
    "height_loss": "height_loss",
    "modic_type": "modic_change",
    "slip_grade": "slip",
}
"""Kind of a question that asks for a grade -> its finding."""


class Truth(Record):
    """What is right for one row, and how its reply is to be read.

    `options` in the order shown and `answer` the key's letter; of open rows the answer's text. `sites` are
    the right sites in canonical spelling, `side` the right side, both "" or empty where not asked;
    `is_level_given` says that the question has the level already. `numbering` is as the metric takes it.
    `graded` is the finding whose `grade` is asked. `is_plan` is for planning rows, `plan_levels` for reports
    alone: the levels that an operation is due at.
    """

    answer: str
    options: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    side: str = ""
    is_level_given: bool = False
    numbering: str = ""
    graded: FindingName | None = None
    grade: str = ""
    is_plan: bool = False
    plan_levels: tuple[str, ...] | None = None

    @property
    def lettered(self) -> dict[str, str]:
        """The options by letter, A first."""
        return {chr(ord("A") + place): text for place, text in enumerate(self.options)}

    @property
    def asks_levels(self) -> bool:
        """Whether the answer names sites."""
        return bool(self.sites) and not self.is_level_given and not self.graded and self.plan_levels is None


@lru_cache(maxsize=65_536)
def read_truth(text: str) -> Truth:
    """Return the truth of a row from its JSON; a ValidationError names what is off."""
    return Truth.model_validate_json(text)


def reply_of(completion: str | Sequence[Mapping[str, Any]]) -> str:
    """Return the text of a completion: of TRL's messages the last one's, text parts joined.

    >>> reply_of([{"role": "assistant", "content": "L4"}]), reply_of("L4")
    ('L4', 'L4')
    """
    if isinstance(completion, str):
        return completion
    content = completion[-1]["content"] if completion else ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or ())


def chosen(reply: str, truth: Truth) -> str:
    """Return the letter of the one option that a reply chooses, "" without one."""
    parsed = parse_answer(reply, truth.lettered)
    return parsed.letters[0] if parsed.status == "answered" else ""


def by_steps(steps: float) -> float:
    """Return the reward of an answer that is so many steps off: 1, then halved a step, 0 beyond three.

    Half a step, a vertebra named for the disc beside it, counts as a whole one. As each step costs half, no
    answer between two others is worth more than a guess at either.

    >>> [by_steps(steps) for steps in (0, 0.5, 1, 2, 3, 3.5)]
    [1.0, 0.5, 0.5, 0.25, 0.125, 0.0]
    """
    whole = ceil(steps)
    return 0.5**whole if whole <= FARTHEST else 0.0


def level_of(reply: str, truth: Truth) -> float | None:
    """Return the reward of the levels that a reply names: 1 for just the right ones, less by steps off.

    Where one level is asked, a reply that names none or several gets nothing; of several the mean distance
    of the best matching counts. Distances are those of the patient's own numbering.
    """
    if not truth.asks_levels:
        return None
    letter = chosen(reply, truth) if truth.options else ""
    if truth.options and (not letter or letter == truth.answer):
        return float(bool(letter))
    named, _ = read_levels(truth.lettered[letter] if letter else reply)
    if not letter and named == set(truth.sites):
        return 1.0
    if not named or (len(truth.sites) == 1 and len(named) > 1):
        return 0.0
    axis = numbering_for(named, numbering_for(truth.sites, numbering_of(truth.numbering)))
    return min(by_steps(steps_off(named, truth.sites, axis)), 0.5)


def steps_off(named: frozenset[str], right: Sequence[str], axis: Numbering) -> float:
    """Return how far named sites lie from the right ones, in steps of a numbering: 0 or more.

    >>> steps_off(frozenset({"L3"}), ("L4",), numbering_of("")), steps_off(frozenset({"S1"}), ("L5",),
    ... numbering_of("L6"))
    (1.0, 2.0)
    """
    if len(named) == len(right) == 1:
        return abs(place_of(next(iter(named)), axis) - place_of(right[0], axis))
    return assignment_distance(named, right, axis)


def side_of(reply: str, truth: Truth) -> float | None:
    """Return 1 where a reply has the right side at just the right levels, else 0; both is not left."""
    if not truth.side or truth.graded:
        return None
    if truth.options:
        return float(chosen(reply, truth) == truth.answer)
    named, side = read_levels(placed(reply, truth))
    return float(named == set(truth.sites) and side == truth.side)


def placed(reply: str, truth: Truth) -> str:
    """Return a reply with the level of its question before it, where the reply names none and needs none."""
    given = truth.is_level_given or bool(truth.graded)
    return f"{truth.sites[0]}: {reply}" if given and truth.sites and not read_levels(reply)[0] else reply


def grade_reward_of(reply: str, truth: Truth) -> float | None:
    """Return the reward of a grade: 1 for the right one, halved a grade off; of types 1 or 0."""
    if not truth.graded:
        return None
    said = said_grade(reply, truth, truth.graded)
    if said == truth.grade:
        return 1.0
    scale = SCALES[truth.graded]
    if said not in scale or truth.graded in UNORDERED:
        return 0.0
    return by_steps(abs(scale.index(said) - scale.index(truth.grade)))


def said_grade(reply: str, truth: Truth, finding: FindingName) -> str:
    """Return the one grade that a reply gives, "" for none or several."""
    if truth.options:
        letter = chosen(reply, truth)
        return grades_of(truth.options, finding)[ord(letter) - ord("A")] if letter else ""
    if is_graded_twice(reply):
        return ""
    text, scale = placed(reply, truth), SCALES[finding]
    words = finding.replace("_", " ")
    for sentence in (text, f"{truth.sites[0]} {words}: {reply}"):
        said = graded(read_findings(sentence).statements, finding)
        found = answer_at(said, (truth.sites[0], truth.side), scale)
        if found:
            return found
    return ""


def is_graded_twice(reply: str) -> bool:
    """Tell whether a reply names more than one grade, by number or by severity.

    >>> is_graded_twice("Pfirrmann II or III"), is_graded_twice("L4/5: Genant grade 1 (20% to 25% lost)")
    (True, False)
    """
    text = list(reply)
    for mention in parse_levels(reply).mentions:
        text[mention.start : mention.end] = " " * (mention.end - mention.start)
    reply = "".join(text)
    numbers = set(GRADE.findall(reply))
    words = {(one or other).lower() for one, other in SEVERITY.findall(reply)}
    return len(numbers) > 1 or len(words) > 1


@lru_cache(maxsize=4096)
def grades_of(options: tuple[str, ...], finding: FindingName) -> tuple[str, ...]:
    """Return the grade that each option states; a single one without a grade states the healthy one.

    >>> grades_of(("no central narrowing", "mild central narrowing"), "canal_stenosis")
    ('none', 'mild')
    """
    found = [grade_of(finding, text) for text in options]
    healthy = SCALES[finding][0]
    if found.count("") == 1 and healthy in HEALTHY and healthy not in found:
        found[found.index("")] = healthy
    return tuple(found)


def graded_truth(truth: Truth) -> Truth | None:
    """Return a truth with its right `grade`, read from the answer; None where it cannot be told.

    >>> graded_truth(Truth(answer="Pfirrmann grade II", graded="disc_degeneration")).grade
    '2'
    """
    if truth.graded is None:
        return None
    if truth.options:
        grades = grades_of(truth.options, truth.graded)
        told = len(set(grades)) == len(grades) and all(grades)
        grade = grades[ord(truth.answer) - ord("A")] if told else ""
    else:
        grade = grade_of(truth.graded, truth.answer)
    return truth.model_copy(update={"grade": grade}) if grade else None


def plan_of(reply: str, truth: Truth) -> float | None:
    """Return 1 for the right plan, else 0: of planning rows the levels or the option, of reports the levels.

    A report without a treatment plans nothing, which is not right even where no operation is due.
    """
    if truth.plan_levels is not None:
        facts = compare(reply, CaseTruth((), truth.plan_levels))
        return float(facts.plan == "right" and "treatment" not in facts.sections.lacking)
    if not truth.is_plan:
        return None
    if truth.options:
        return float(chosen(reply, truth) == truth.answer)
    if not truth.asks_levels:
        return None
    return float(not is_wrong_plan(read_levels(reply)[0], truth.sites))


def choice_of(reply: str, truth: Truth) -> float | None:
    """Return 1 where the keyed option is chosen, else 0, of rows that no other reward is for."""
    others = truth.asks_levels or truth.side or truth.graded or truth.is_plan
    return None if not truth.options or others else float(chosen(reply, truth) == truth.answer)


def form_of(reply: str, truth: Truth, question: str) -> float:
    """Return 1 for a reply that can be read, gives one answer, repeats nothing and copies no question.

    The key is not looked at. A choice names one option, no other by letter or by words, no letter that is not
    offered and no level besides; an open reply names one site where one is asked, and no letters;
    a report has its six sections, each once.
    """
    text = plain_reply(reply).text.strip()
    if not text or is_repetitive(text) or is_echo(text, question):
        return 0.0
    if truth.plan_levels is not None:
        sections = read_sections(reply)
        return float(not sections.lacking and not sections.repeated)
    if is_refusal(text):
        return 0.0
    letters = set(LETTER.findall(text))
    if truth.options:
        parsed = parse_answer(reply, truth.lettered, strict=True)
        worded = reader_of(tuple(truth.lettered.items()), False).wordings.matched(without_refusals(text))
        own = {letter for option in truth.options for letter in LETTER.findall(option)}
        if parsed.status != "answered" or not {*worded, *(letters - own)} <= {*parsed.letters}:
            return 0.0
        return float(read_levels(text)[0] <= read_levels(truth.lettered[parsed.letters[0]])[0])
    if letters - NUMERALS:
        return 0.0
    if truth.graded:
        return float(bool(said_grade(reply, truth, truth.graded)))
    named, side = read_levels(placed(reply, truth))
    has_sites = bool(named) and (len(truth.sites) > 1 or len(named) == 1)
    return float(has_sites and (not truth.side or side != "none"))


def is_repetitive(text: str) -> bool:
    """Tell whether a phrase of up to 24 words stands three times in a row.

    >>> is_repetitive("L4 (B) L4 (B) L4 (B)"), is_repetitive("L4 to L5, not L5 to S1")
    (True, False)
    """
    words = [word.casefold() for word in WORD.findall(text)]
    for size in range(1, min(LONGEST_PHRASE, len(words) // COPIES) + 1):
        run = 0
        for one, other in zip(words, words[size:], strict=False):
            run = run + 1 if one == other else 0
            if run >= size * (COPIES - 1):
                return True
    return False


def is_echo(text: str, question: str) -> bool:
    """Tell whether a reply copies the first line of its question, white space aside."""
    first = next((line for line in question.splitlines() if line.strip()), "")
    copied = "".join(first.split()).casefold()
    return len(copied) >= SHORTEST_ECHO and copied in "".join(text.split()).casefold()


@dataclass(frozen=True)
class AnswerReward:
    """A reward of what replies answer, as TRL calls it and names it in its log.

    >>> reward = AnswerReward("level", level_of)
    >>> truth = [Truth(answer="L4", sites=("L4",)).model_dump_json()] * 2
    >>> reward(prompts=["", ""], completions=["L4", "L5"], truth=truth), reward.__name__
    ([1.0, 0.5], 'level_reward')
    """

    name: str
    of: Callable[[str, Truth], float | None]

    @property
    def __name__(self) -> str:
        return f"{self.name}_reward"

    def __call__(
        self, prompts: Sequence[Any], completions: Sequence[Any], *, truth: Sequence[str], **_: Any
    ) -> list[float | None]:
        """Return one reward a completion, None where its row does not ask for it."""
        triples = zip(prompts, completions, truth, strict=True)
        return [self.of(reply_of(completion), read_truth(text)) for _, completion, text in triples]


def format_reward(
    prompts: Sequence[Any], completions: Sequence[Any], *, truth: Sequence[str], **_: Any
) -> list[float | None]:
    """Return `form_of` each completion; the question is the last turn of its prompt."""
    triples = zip(prompts, completions, truth, strict=True)
    return [
        form_of(reply_of(completion), read_truth(text), reply_of(prompt))
        for prompt, completion, text in triples
    ]


OF_ANSWERS: Final = (
    AnswerReward("level", level_of),
    AnswerReward("side", side_of),
    AnswerReward("grade", grade_reward_of),
    AnswerReward("plan", plan_of),
    AnswerReward("choice", choice_of),
)
REWARDS: Final[Mapping[str, Reward]] = {
    **{reward.name: reward for reward in OF_ANSWERS},
    "format": format_reward,
}
"""Name in a recipe -> reward."""


def is_verifiable(truth: Truth, reply: str) -> bool:
    """Tell whether a row can be rewarded: some reward of answers is for it, and its own reply earns all.

    >>> is_verifiable(Truth(answer="the upper edge"), "the upper edge")
    False
    """
    found = [points for reward in OF_ANSWERS if (points := reward.of(reply, truth)) is not None]
    return bool(found) and min(found) == 1
