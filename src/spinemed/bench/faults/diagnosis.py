"""What is wrong with an answerer, said plainly from a scorecard's evidence, or that nothing was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from spinemed.bench.faults.evidence import ALPHA, smallest_seen
from spinemed.bench.scoring.scorecard import Scorecard, Sign
from spinemed.comparisons import holm
from spinemed.records import Record

State = Literal["found", "follows", "not_found", "too_few"]


class Rule(Record):
    """One fault: the excess from which it is one, how it is said, and which faults it brings along.

    `says` has the fields about, share, expected, n; `explains` names rules that then say nothing new.
    """

    name: str
    title: str
    says: str
    threshold: float
    explains: tuple[str, ...] = ()


class Statement(Record):
    """What one rule makes of one sign. `holm_p` is corrected for all signs that could be tested."""

    rule: str
    about: str
    title: str
    state: State
    words: str
    n: int
    patients: int
    excess: float | None
    low: float | None
    high: float | None
    threshold: float
    p: float | None
    holm_p: float | None
    smallest: float | None
    because_of: str = ""


class Diagnosis(Record):
    """All statements about one answerer, in the order of the rules; `looks` counts the signs tested."""

    looks: int
    statements: tuple[Statement, ...]

    @property
    def found(self) -> tuple[Statement, ...]:
        """The faults found; empty for an answerer without one."""
        return tuple(one for one in self.statements if one.state == "found")

    @property
    def too_few(self) -> tuple[Statement, ...]:
        """What could not be told, for want of items."""
        return tuple(one for one in self.statements if one.state == "too_few")


_GROUPS = ("region", "language", "modality")
_BELOW = ("not_above_place", "not_above_text", *_GROUPS)
_BLIND = ("picture_no_gain", "chance", *_BELOW)
_MISREAD = ("shift", "transitional", "sides")
_FOLLOWS = ("follows_text", "follows_place")

RULES = (
    Rule(
        name="refuses",
        title="Refuses to answer",
        says="{share} of {n} replies refuse; up to {expected} would be no fault.",
        threshold=0.10,
    ),
    Rule(
        name="truncated",
        title="Answers are cut off",
        says="{share} of {n} replies ran into their limit before an answer; "
        "up to {expected} would be no fault.",
        threshold=0.10,
    ),
    Rule(
        name="unreadable",
        title="Gives no usable answer",
        says="{share} of {n} replies name no option, several, or one that was not offered; "
        "up to {expected} would be no fault.",
        threshold=0.10,
    ),
    Rule(
        name="letter",
        title="Prefers one letter",
        says="{about} is chosen in {share} of {n} answers and right in {expected}.",
        threshold=0.15,
        explains=("letter", "picture_ignored", *_FOLLOWS, *_MISREAD, *_BLIND),
    ),
    Rule(
        name="longest",
        title="Prefers the longest option",
        says="The longest option is chosen in {share} of {n} answers and right in {expected}.",
        threshold=0.20,
        explains=("picture_ignored", *_FOLLOWS, *_MISREAD, *_BLIND),
    ),
    Rule(
        name="conflict",
        title="Letter and wording disagree",
        says="In {share} of {n} answers the letter is one option's and the words are another's; "
        "up to {expected} would be no fault.",
        threshold=0.05,
        explains=_BLIND,
    ),
    Rule(
        name="picture_ignored",
        title="Picture not used",
        says="{share} of {n} answers stay the same in the control run {about}; {expected} may.",
        threshold=0.30,
        explains=("picture_ignored", *_FOLLOWS, *_MISREAD, *_BLIND),
    ),
    Rule(
        name="follows_place",
        title="Answers from the place of the ring",
        says="Where the ring's place alone misleads, {share} of {n} answers make its very error; "
        "by luck {expected} would.",
        threshold=0.30,
        explains=("follows_text", *_MISREAD, *_BLIND),
    ),
    Rule(
        name="follows_text",
        title="Answers from the text alone",
        says="Where the text alone misleads, {share} of {n} answers make its very error; "
        "by luck {expected} would.",
        threshold=0.30,
        explains=(*_MISREAD, *_BLIND),
    ),
    Rule(
        name="shift",
        title="Numbering shifted",
        says="In {share} of {n} answers that could show it the level named lies {about} from the right one "
        "(negative is towards the head), against {expected} that lie {rival}.",
        threshold=0.20,
        explains=("transitional", "shift", *_BLIND),
    ),
    Rule(
        name="transitional",
        title="Misnumbers transitional anatomy",
        says="Of {n} lumbar levels in patients with a variant of the numbering {share} are misnumbered, "
        "against {expected} in other patients.",
        threshold=0.25,
        explains=_BLIND,
    ),
    Rule(
        name="sides",
        title="Sides swapped",
        says="The other side is named in {share} of {n} answers about a side, the right one in {expected}.",
        threshold=0.20,
        explains=_BLIND,
    ),
    Rule(
        name="chance",
        title="Guesses",
        says="{share} of {n} answers are right; guessing gives {expected}.",
        threshold=0.0,
        explains=("picture_no_gain", *_BELOW),
    ),
    Rule(
        name="picture_no_gain",
        title="Picture adds nothing",
        says="{share} of {n} answers are right with the picture, {expected} in the control run {about}.",
        threshold=0.0,
        explains=_BELOW,
    ),
    Rule(
        name="not_above_place",
        title="No better than geometry alone",
        says="{share} of {n} answers are right; the ring's place alone gives {expected}.",
        threshold=0.0,
        explains=_GROUPS,
    ),
    Rule(
        name="not_above_text",
        title="No better than the text alone",
        says="{share} of {n} answers are right; question and options alone give {expected}.",
        threshold=0.0,
        explains=_GROUPS,
    ),
    *(
        Rule(
            name=name,
            title=f"Fails one {name}",
            says="{share} of {n} answers about {about} are wrong, against {expected} of the others "
            "to questions of the same kinds.",
            threshold=0.25,
        )
        for name in _GROUPS
    ),
)


def diagnose(card: Scorecard) -> Diagnosis:
    """Return what the evidence of a scorecard says; a card without evidence gives no statement.

    A fault is found where its excess reaches the threshold of its rule and the Holm-corrected p is below
    0.05. "Nothing gained" is found where a gain of the margin is excluded so, and no gain is seen. What
    another fault brings along follows from it and is said so. What the items are too few to tell is said with
    the smallest excess that they would have shown in four of five cases.
    """
    return Diagnosis(
        looks=sum(sign.p is not None for sign in card.signs), statements=tuple(statements(card.signs))
    )


def statements(signs: Sequence[Sign]) -> list[Statement]:
    """Return one statement for each sign, in the order of the rules."""
    tested = [sign.p for sign in signs if sign.p is not None]
    corrected = iter(holm(tested))
    adjusted = [None if sign.p is None else next(corrected) for sign in signs]
    made: list[Statement] = []
    causes: dict[str, str] = {}
    for rule in RULES:
        mine = [(sign, p) for sign, p in zip(signs, adjusted, strict=True) if sign.rule == rule.name]
        for sign, p in sorted(mine, key=lambda pair: -(pair[0].excess or 0.0)):
            one = statement(rule, sign, p, len(tested), causes.get(rule.name, ""))
            made.append(one)
            if one.state == "found":
                causes = dict.fromkeys(rule.explains, rule.title) | causes
    return made


def statement(rule: Rule, sign: Sign, holm_p: float | None, looks: int, cause: str) -> Statement:
    """Return what a rule makes of a sign; `cause` is the title of a fault found that brings it along."""
    smallest = None if sign.error is None else smallest_seen(sign.error, sign.patients, looks)
    state = state_of(rule, sign, holm_p, smallest)
    if state == "found" and cause:
        state = "follows"
    return Statement(
        rule=rule.name, about=sign.about, title=rule.title, state=state,
        words=words(rule, sign, state, smallest), n=sign.n, patients=sign.patients, excess=sign.excess,
        low=sign.low, high=sign.high, threshold=sign.margin or rule.threshold, p=sign.p, holm_p=holm_p,
        smallest=smallest, because_of=cause if state == "follows" else "",
    )  # fmt: skip


def state_of(rule: Rule, sign: Sign, holm_p: float | None, smallest: float | None) -> State:
    """Return whether a fault is found, not found, or could not be told."""
    if sign.excess is None or sign.high is None or holm_p is None or smallest is None:
        return "too_few"
    if sign.margin is not None:
        if sign.gain_p is not None and sign.gain_p < ALPHA:
            return "not_found"
        if holm_p < ALPHA:
            return "found"
        return "not_found" if sign.high < 0 else "too_few"
    if holm_p < ALPHA and sign.excess >= rule.threshold:
        return "found"
    return "not_found" if sign.high < rule.threshold or smallest <= rule.threshold else "too_few"


def words(rule: Rule, sign: Sign, state: State, smallest: float | None) -> str:
    """Return the statement in words, with its figures."""
    if sign.share is None or sign.expected is None:
        return f"{sign.n} items could show it, too few to tell."
    rival = {"-1": "+1", "+1": "-1", "-2": "-1", "+2": "+1"}.get(sign.about, "")
    said = rule.says.format(
        about=sign.about, share=f"{100 * sign.share:.0f} %", expected=f"{100 * sign.expected:.0f} %",
        n=sign.n, rival=rival,
    )  # fmt: skip
    if state != "too_few" or smallest is None:
        return said
    needed = "a gain" if sign.margin is not None else "an excess"
    return f"{said} Too few items to tell: {needed} below {100 * smallest:.0f} points would not be seen."
