"""Questions with proven answers about one picture, each in the form `choice` or `open`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinemed.instances.chains import Chain, free_ends
from spinemed.instances.gate import fault, sites_between
from spinemed.instances.options import LETTERS, OPTIONS, neighbours, option_set, shuffled
from spinemed.instances.windows import Window
from spinemed.instances.wordings import question, range_text, wordings
from spinemed.levels import Level, above, below
from spinemed.records import (
    Axis,
    Finding,
    Instance,
    Kind,
    Message,
    Picture,
    Provenance,
    Reject,
    Study,
    Task,
    content_id,
)

STEP = "instances"
FINEST_FOR_HEIGHT_MM = 1.2
"""Height loss is asked only of pictures at least this fine, so that the loss can be seen."""


@dataclass(frozen=True)
class Claim:
    """What a question is about and the one right answer among all that could be right.

    `answers` are the texts, `answer_sites` what the level parser must read from each; `right` indexes both.
    """

    kind: Kind
    axis: Axis
    site: str
    answers: tuple[str, ...]
    answer_sites: tuple[tuple[str, ...], ...]
    right: int
    open_answer: str
    findings: tuple[str, ...]

    @property
    def fits_choice(self) -> bool:
        """Return whether there are enough answers, each right as often, to draw options that tell nothing."""
        return len(self.answers) >= OPTIONS


@dataclass(frozen=True)
class View:
    """A picture with what it shows: the chain of its series, the window, and the findings of the series."""

    study: Study
    chain: Chain
    window: Window
    picture: Picture
    findings: Sequence[Finding]

    @property
    def reference(self) -> str:
        """Return the vertebra that a question names for counting, "" where an anchor is in view."""
        chain, anchor = self.chain, self.window.anchor
        if anchor == "reference":
            return chain.sites[self.window.first]
        cut = {"cut_above": chain.above, "cut_below": chain.below}.get(anchor)
        return "" if cut is None else cut.site

    @property
    def told(self) -> str:
        """Return the vertebra that a question names, the reference or C2: it is no answer."""
        return "C2" if self.window.anchor == "C2" else self.reference

    def finding(self, site: str, pathology: str = "vertebra") -> Finding | None:
        """Return the finding of a site, None without one."""
        for finding in self.findings:
            if finding.site == site and finding.pathology == pathology:
                return finding
        return None

    def seen(self, site: str) -> Finding | None:
        """Return the finding that a vertebra is seen, whole or in part, None without one."""
        return self.finding(site) or self.finding(site, "vertebra_in_part")


def marked_claims(view: View, index: int, candidates: Sequence[str]) -> list[Claim]:
    """Return what can be asked about the marked vertebra, `index` of the chain.

    `candidates` are the vertebrae that pictures of this series mark, each once: the pool of hard negatives.
    """
    site = view.chain.sites[index]
    claims = [_level_claim(view, "marked_level", site, site, candidates)]
    seen = view.chain.seen
    uppers = [upper for upper in (above(Level(level)).value for level in candidates) if upper in seen]
    lowers = [lower for lower in (below(Level(level)).value for level in candidates) if lower in seen]
    upper, lower = view.chain.beside(index, -1), view.chain.beside(index, 1)
    if upper and upper != view.told:
        claims.append(_level_claim(view, "level_above", site, upper, uppers))
    if lower and lower != view.told:
        claims.append(_level_claim(view, "level_below", site, lower, lowers))
    height = _height_claim(view, site)
    return [*claims, height] if height is not None else claims


def in_view_claim(view: View, windows: int, rng: np.random.Generator) -> Claim:
    """Return the question which vertebrae are wholly in view; wrong answers end a few vertebrae off.

    There are none where the series has fewer windows, each with another end, than a question has options.
    """
    sites, window = view.chain.sites, view.window
    top_is_free = window.anchor == "sacrum"
    fixed = sites[-1] if top_is_free else sites[window.first]
    right = sites[window.first if top_is_free else window.last]
    ends = free_ends(sites[window.first], sites[window.last], window.anchor)
    near = neighbours(ends, (right,), rng) if windows >= OPTIONS else ()
    pool = list(near or (right,))
    ranges = [(free, fixed) if top_is_free else (fixed, free) for free in pool]
    shown = sites[window.first : window.last + 1]
    used = [view.finding(site) for site in shown]
    return Claim(
        kind="levels_in_view",
        axis="level",
        site=right,
        answers=tuple(range_text(first, last) for first, last in ranges),
        answer_sites=tuple(sites_between(first, last) for first, last in ranges),
        right=pool.index(right),
        open_answer=range_text(shown[0], shown[-1]),
        findings=tuple(finding.id for finding in used if finding is not None),
    )


def instance_of(view: View, claim: Claim, task: Task, seed: str) -> Instance | Reject:
    """Return the instance of a claim in one form, or a Reject where the gate refuses it.

    `seed` with the content of the claim draws wording, options and letters.
    """
    key = f"{seed}:{view.picture.id}:{claim.kind}:{task}"
    text = question(claim.kind, view.window.anchor, view.reference, key)
    options: tuple[str, ...] = ()
    if task == "choice":
        rng = np.random.default_rng(int(content_id(key), 16))
        options = shuffled(option_set(claim.answers, claim.answers[claim.right], rng), rng)
    said, meant, right = _to_check(claim, options)
    wrong = fault(text, _question_sites(view, claim.kind), said, meant, right)
    if wrong:
        return Reject(
            id=content_id(key),
            source=view.study.source,
            step=STEP,
            reason=f"{claim.kind}: {wrong}",
            fix="mend the wording in instances/wordings.yaml",
        )
    answer = LETTERS[right] if options else claim.open_answer
    return _instance(view, claim, task, text, options, answer)


def _to_check(
    claim: Claim, options: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], int]:
    """Return the answers as they are shown, what each means, and which is right."""
    if not options:
        return (claim.open_answer,), (claim.answer_sites[claim.right],), 0
    meaning = dict(zip(claim.answers, claim.answer_sites, strict=True))
    return options, tuple(meaning[option] for option in options), options.index(claim.answers[claim.right])


def _instance(
    view: View, claim: Claim, task: Task, text: str, options: tuple[str, ...], answer: str
) -> Instance:
    if options:
        asked = "\n".join(
            [text, *(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=True))]
        )
        reply = f"{options[LETTERS.index(answer)]} ({answer})"
    else:
        asked, reply = text, answer
    picture, study = view.picture, view.study
    return Instance(
        id=content_id(picture.id, claim.kind, task, asked, reply),
        task=task,
        axis=claim.axis,
        kind=claim.kind,
        language="en",
        question=text,
        options=options,
        answer=answer,
        messages=(Message(role="user", content=asked), Message(role="assistant", content=reply)),
        pictures=(picture.id,),
        sites=tuple(dict.fromkeys((claim.site, *claim.answer_sites[claim.right]))),
        findings=claim.findings,
        study=study.id,
        patient=study.patient,
        modality=picture.modality,
        stage="gated",
        provenance=Provenance(
            source=study.source,
            licence=study.licence,
            synthetic=study.synthetic,
            step=STEP,
            locator=picture.locator,
            parents=claim.findings,
        ),
    )


def _level_claim(view: View, kind: Kind, site: str, right: str, pool: Sequence[str]) -> Claim:
    anchor = view.window.anchor
    pool = [level for level in pool if level != view.told]
    if anchor == "reference":
        pool = [level for level in pool if Level(level) > Level(view.reference)]
    levels = (site, right, view.reference) if anchor in ("cut_above", "cut_below") else (site, right)
    used = {level: view.seen(level) for level in levels}
    return Claim(
        kind=kind,
        axis="level",
        site=site,
        answers=tuple(pool),
        answer_sites=tuple((level,) for level in pool),
        right=pool.index(right),
        open_answer=right,
        findings=tuple(finding.id for finding in used.values() if finding is not None),
    )


def _height_claim(view: View, site: str) -> Claim | None:
    finding = view.finding(site, "height_loss")
    if finding is None or finding.value is None or view.picture.spacing_mm > FINEST_FOR_HEIGHT_MM:
        return None
    words = wordings().height_loss
    grade = int(finding.grade)
    return Claim(
        kind="height_loss",
        axis="pathology",
        site=site,
        answers=words.options,
        answer_sites=((), (), (), ()),
        right=grade,
        open_answer=words.open[grade].format(percent=round(finding.value)),
        findings=(finding.id,),
    )


def _question_sites(view: View, kind: Kind) -> tuple[str, ...]:
    """Return the levels that a question names: the reference or C2 that it counts from."""
    if kind == "height_loss" or view.window.anchor == "sacrum":
        return ()
    return ("C2",) if view.window.anchor == "C2" else (view.reference,)
