"""Ideas become instances: options, sentences shown and wordings are drawn, then the gate judges the text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from spinemed.facts.planning import cite
from spinemed.instances.templates import Language
from spinemed.instances.written.document import Document, Idea
from spinemed.instances.written.gate import GATES, fault_of, is_alone
from spinemed.instances.written.kinds import BESIDE, KINDS
from spinemed.instances.written.phrases import phrase
from spinemed.instances.written.stated import Line, facts_of, site_rank
from spinemed.instances.written.templates import frames, question_of
from spinemed.instances.written.wording import STYLES, answer_text, question_text
from spinemed.records import Instance, Kind, Message, Provenance, Quote, Reject, Task, content_id

STEP: Final = "written"
LETTERS: Final = "ABCD"
PER_CASE: Final = 36
"""Instances of a case, if it has so much to ask."""
_FEWEST_OPTIONS: Final = 3
_MOST_NEEDED: Final = 6
_OTHERS: Final = 4
_TRIES: Final = 4
_WIDEST: Final = 12
"""Greatest distance between numbers that are offered together."""
_NEAR_FIRST: Final = 0.75
_FEW_BESIDE: Final = {"level": 1, "pathology": 2, "planning": 5}
"""How many kinds of each axis that go on beyond the report a case is asked, if it has much to ask."""


class Drawn(NamedTuple):
    """An idea with the answers that are offered, in no order yet; none where it is asked open.

    `near` are sentences that state what the other answers are taken from.
    """

    kind: Kind
    idea: Idea
    offered: tuple[str, ...]
    near: tuple[int, ...] = ()


def drawn(document: Document, open_share: float = 0.5) -> Iterator[Drawn]:
    """Yield what a case is asked: kinds in turn, none too often, and a share of open questions.

    Of a choice the answers offered are drawn first, then which of them is right, each alike: so nothing in
    the options tells it. Kinds that rest on what the question adds alone are few, unless little else is
    there.
    """
    kinds = [kind for kind in KINDS if kind not in BESIDE]
    few = [kind for axis, count in _FEW_BESIDE.items() for kind in document.sample(_beside(axis), count)]
    turns = (kinds + few, kinds, kinds, [kind for kind in BESIDE if kind not in few])
    left: dict[Kind, list[Idea]] = {}
    asked: Counter[Kind] = Counter()
    choices = 0
    for turn in turns:
        for kind in document.sample(turn, len(turn)):
            if asked.total() >= PER_CASE:
                return
            if kind not in left:
                left[kind] = [idea for idea in KINDS[kind].ideas(document) if _is_short(idea)]
            if not left[kind] or asked[kind] >= question_of(kind).most:
                continue
            wants_choice = choices <= asked.total() * (1 - open_share) and open_share < 1
            one = _draw(document, kind, left[kind], wants_choice)
            if one is None:
                left[kind] = []
                continue
            asked[kind] += 1
            choices += bool(one.offered)
            left[kind] = [idea for idea in left[kind] if idea.fields != one.idea.fields]
            yield one


@cache
def _beside(axis: str) -> tuple[Kind, ...]:
    return tuple(kind for kind in BESIDE if question_of(kind).axis == axis)


def _is_short(idea: Idea) -> bool:
    return bool(idea.right) and len({said.lines[0] for said in idea.said}) <= _MOST_NEEDED


def _draw(document: Document, kind: Kind, ideas: Sequence[Idea], wants_choice: bool) -> Drawn | None:
    """Return an idea as a choice, else open where the document makes one answer right; None where neither."""
    groups: defaultdict[str, list[Idea]] = defaultdict(list)
    for idea in ideas:
        groups[idea.group].append(idea)
    wide = [
        group
        for group in groups.values()
        if group[0].offered or len({idea.right for idea in group}) >= _FEWEST_OPTIONS
    ]
    only = question_of(kind).choice_only
    choice = _choice(document, kind, document.rng.choice(wide)) if (wants_choice or only) and wide else None
    if choice is not None or only:
        return choice
    return _open(document, kind, list(groups.values()))


def _open(document: Document, kind: Kind, groups: Sequence[Sequence[Idea]]) -> Drawn | None:
    """Return one of some ideas whose answer is right alone among all that the document makes one think of."""
    for group in document.sample(groups, len(groups)):
        for idea in document.sample(group, len(group)):
            if is_alone(kind, idea.fields, idea.right, document.facts):
                return Drawn(kind, idea, ())
    return None


def _choice(document: Document, kind: Kind, ideas: Sequence[Idea]) -> Drawn | None:
    """Return one of some ideas, drawn so that each of the answers offered is right alike, if enough are."""
    if ideas[0].offered:
        offered = ideas[0].offered
        fresh = [idea.right for idea in ideas]
    else:
        offered = _offered(document, kind, _told_apart(document, kind, {idea.right for idea in ideas}))
        fresh = list(offered)
        if len(offered) < _FEWEST_OPTIONS:
            return None
    right = document.rng.choice(sorted(set(fresh)))
    idea = document.rng.choice([idea for idea in ideas if idea.right == right])
    others = [other for other in ideas if other.right in offered and other.right != right]
    near = tuple(dict.fromkeys(said.lines[0] for other in others for said in other.said))
    return Drawn(kind, idea, offered, near)


def _told_apart(document: Document, kind: Kind, keys: set[str]) -> list[str]:
    """Return the keys in order, of each pair that some would take for each other one alone."""
    for pair in question_of(kind).answers.alike:
        if keys.issuperset(pair):
            keys = keys - {document.rng.choice(pair)}
    return sorted(keys)


def _offered(document: Document, kind: Kind, keys: list[str]) -> tuple[str, ...]:
    """Return four of the keys or all, of an ordered scale neighbours."""
    answers = question_of(kind).answers
    count = len(LETTERS)
    if answers.form != "number" and (not answers.ordered or len(keys) <= count):
        return tuple(document.sample(keys, count))
    if answers.form == "words":
        keys.sort(key=list(answers.en).index)
    elif answers.form in ("site", "site_words"):
        keys.sort(key=site_rank)
    elif answers.form == "number":
        keys.sort(key=int)
        return _close(document, keys)
    start = document.rng.randrange(len(keys) - count + 1)
    return tuple(keys[start : start + count])


def _close(document: Document, keys: Sequence[str]) -> tuple[str, ...]:
    """Return up to four numbers that follow each other and lie close together, () where no three do."""
    runs = [keys[start : start + len(LETTERS)] for start in range(max(1, len(keys) - len(LETTERS) + 1))]
    close = [run for run in runs if int(run[-1]) - int(run[0]) <= _WIDEST]
    if not close and len(keys) == _FEWEST_OPTIONS + 1:
        close = [run for run in (keys[:-1], keys[1:]) if int(run[-1]) - int(run[0]) <= _WIDEST]
    return tuple(document.rng.choice(close)) if close else ()


def composed(document: Document, one: Drawn, number: int) -> Instance | Reject:
    """Return the instance of an idea, or the Reject that says why there is none.

    Sentences are drawn anew a few times where those shown would change the answer.
    """
    language: Language = "zh" if document.study.language == "zh" else "en"
    kind, rng = one.kind, document.rng
    style = rng.choice(STYLES[language])
    wording = rng.randrange(len(question_of(kind).sentences(language)))
    asked = question_text(kind, language, wording, one.idea.fields, style)
    options = tuple(answer_text(kind, language, key, style) for key in document.sample(one.offered, 9))
    plain = answer_text(kind, language, one.idea.right, style)
    fault = ""
    for _ in range(_TRIES):
        lines = _shown(document, one)
        fault = fault_of(
            kind, language, asked, one.idea.fields, options or (plain,), one.idea.right, facts_of(lines)
        )
        if not fault:
            text = f"{_report(document, lines, language)}\n{asked}"
            return _instance(document, one, lines, language, wording, text, options, plain)
    return Reject(
        id=content_id(document.study.id, kind, number, asked),
        source=document.study.source,
        step=STEP,
        reason=f"{kind}: {fault}",
        fix="none needed" if "findings" in fault else "mend the wording in instances/written",
    )


def _shown(document: Document, one: Drawn) -> list[Line]:
    """Return the sentences that the answer rests on and up to four others, in the order of the document."""
    rng = document.rng
    needed = {rng.choice(said.lines) if len(said.lines) > 1 else said.lines[0] for said in one.idea.said}
    free = [line.place for line in document.lines if line.place not in needed]
    rng.shuffle(free)
    # Mostly those of the other answers come first, so that the level alone does not tell.
    if rng.random() < _NEAR_FIRST:
        free.sort(key=lambda place: place not in one.near)
    count = rng.randint(1 if needed else 2, max(2, _OTHERS + 1 - len(needed)))
    chosen = needed.union(free[:count])
    return [line for line in document.lines if line.place in chosen]


def _report(document: Document, lines: Sequence[Line], language: Language) -> str:
    """Return sentences as a report shows them, with sex and age above."""
    rng, words, study = document.rng, frames(), document.study
    low, _, high = study.age_band.partition("-")
    age = rng.choice(words.ages.of(language)).format(low=low, high=high) if high else ""
    calls = words.patient[study.sex].of(language)
    patient = calls[-1] if low == "10" else rng.choice(calls)
    intro = rng.choice(words.intro.of(language)).format(patient=patient, age=age)
    body = (" " if language == "en" else "").join(line.text.strip() for line in lines)
    return f"{intro}\n{body}"


def _instance(
    document: Document,
    one: Drawn,
    lines: Sequence[Line],
    language: Language,
    wording: int,
    text: str,
    options: tuple[str, ...],
    plain: str,
) -> Instance:
    """Return the instance without validating again what was made here; an open reply is a sentence."""
    study, idea, question = document.study, one.idea, question_of(one.kind)
    task: Task = "choice" if options else "open"
    if options:
        answer = LETTERS[options.index(plain)]
        lettered = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
        turn, reply = "\n".join([text, *lettered]), f"{plain} ({answer})"
    else:
        said = phrase(idea.right, language, True) if question.answers.form == "finding" else plain
        sentence = document.rng.choice(question.open.of(language)).format(answer=said)
        turn, answer, reply = text, plain, sentence[0].upper() + sentence[1:]
    provenance = _provenance(document, one, lines)
    return Instance.model_construct(
        id=content_id(one.kind, language, study.id, turn, reply),
        task=task,
        axis=question.axis,
        kind=one.kind,
        language=language,
        question=text,
        options=options,
        answer=answer,
        messages=(
            Message.model_construct(role="user", content=turn),
            Message.model_construct(role="assistant", content=reply),
        ),
        pictures=(),
        sites=idea.sites,
        findings=provenance.parents,
        study=study.id,
        patient=study.patient,
        modality="text",
        stage="gated",
        provenance=provenance,
        gates=GATES,
        template=f"{one.kind}/{language}/{wording}",
    )


def _provenance(document: Document, one: Drawn, lines: Sequence[Line]) -> Provenance:
    study = document.study
    return Provenance.model_construct(
        source=study.source,
        licence=study.licence,
        synthetic=study.synthetic,
        step=STEP,
        locator=None,
        quote=_quote(document, one, lines),
        parents=tuple(dict.fromkeys(said.finding.id for said in one.idea.said)),
    )


def _quote(document: Document, one: Drawn, lines: Sequence[Line]) -> Quote:
    """Return the sentence shown that the answer rests on, or the rule where it rests on none of them."""
    rule = one.idea.rule or question_of(one.kind).rule
    if rule or not one.idea.said:
        text = cite(rule or "definition")
        return Quote.model_construct(document=f"rule:{rule}", start=0, end=len(text), text=text)
    site = one.idea.sites[0] if one.idea.sites else ""
    said = next((said for said in one.idea.said if said.site == site), one.idea.said[0])
    line = next(line for line in lines if line.place in said.lines)
    return Quote.model_construct(document=document.study.id, start=line.start, end=line.end, text=line.text)
