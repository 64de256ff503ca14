"""What can be asked of one view of a series: drafts with the one right answer among all that could be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from spinemed.instances.chains import Chain, free_ends
from spinemed.instances.counting_truth import root_below
from spinemed.instances.drafts import Case, Draft
from spinemed.instances.gate import sites_between
from spinemed.instances.options import OPTIONS, neighbours
from spinemed.instances.shots import Shot
from spinemed.instances.templates import template_of
from spinemed.instances.windows import Window
from spinemed.levels import Level
from spinemed.records import Finding, Kind, Pathology

STEP = "instances"
FINEST_FOR_HEIGHT_MM = 1.2
"""Height loss is asked only of pictures at least this fine, so that the loss can be seen."""

Answer = Callable[[Chain, int], str]
"""The answer for vertebra `index` of a chain, "" where it has none."""


@dataclass(frozen=True)
class Asked:
    """A kind that asks about the marked vertebra: its answer, the steps from it, the fields besides."""

    kind: Kind
    answer: Answer
    step: int = 0
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class View:
    """A picture with what it shows: the case of its series alone, the chain and the window."""

    case: Case
    chain: Chain
    window: Window
    shot: Shot

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

    @property
    def numbering(self) -> str:
        """Return the value of the field `numbering`: the anchor, and the vertebra that it names."""
        return f"{self.window.anchor} {self.reference}".strip()

    def finding(self, site: str, pathology: Pathology = "vertebra") -> Finding | None:
        """Return the finding of a site, None without one."""
        return next(iter(self.case.known.at(pathology, site)), None)

    def seen(self, site: str) -> Finding | None:
        """Return the finding that a vertebra is seen, whole or in part, None without one."""
        return self.finding(site) or self.finding(site, "vertebra_in_part")


def _beside(step: int) -> Answer:
    return lambda chain, index: chain.at(index + step)


def _disc(step: int) -> Answer:
    def answer(chain: Chain, index: int) -> str:
        site, other = chain.sites[index], chain.at(index + step)
        return "-".join((site, other) if step > 0 else (other, site)) if other else ""

    return answer


MARKED: Final = Asked("marked_level", _beside(0))
USUAL: Final = (Asked("level_above", _beside(-1), -1), Asked("level_below", _beside(1), 1))
FURTHER: Final = (
    (
        Asked("disc_beside", _disc(-1), -1, (("side", "above"),)),
        Asked("disc_beside", _disc(1), 1, (("side", "below"),)),
    ),
    (
        Asked("level_two_away", _beside(-2), -2, (("way", "up"),)),
        Asked("level_two_away", _beside(2), 2, (("way", "down"),)),
    ),
    (Asked("exit_root", lambda chain, index: root_below(chain.sites[index])),),
)
"""Further kinds, of each the variants of which a picture is asked one."""
ASKED_FURTHER: Final = 1
"""Further kinds that a picture is asked, drawn at random: more would ask one reading of a level again."""


def marked_draft(view: View, index: int, candidates: Sequence[int], rng: np.random.Generator) -> Draft | None:
    """Return what can be asked about the marked vertebra, `index` of the chain, its level first.

    `candidates` are the vertebrae that pictures of this series mark, each once: the pool of hard negatives.
    """
    asked = (MARKED, *USUAL, *further_kinds(rng))
    drawn = [asked_of(view, one, index, candidates) for one in asked]
    height = _height_draft(view, view.chain.sites[index])
    drafts = [one for one in (*drawn, height) if one is not None]
    return with_beside(drafts)


def further_kinds(rng: np.random.Generator) -> list[Asked]:
    """Return the further kinds that one picture is asked, of each one variant."""
    kinds = [FURTHER[int(place)] for place in sorted(rng.permutation(len(FURTHER))[:ASKED_FURTHER])]
    return [variants[int(rng.integers(len(variants)))] for variants in kinds]


def with_beside(drafts: Sequence[Draft]) -> Draft | None:
    """Return the first of the drafts of one picture with the others beside it, None without any."""
    if not drafts:
        return None
    return replace(drafts[0], beside=tuple(drafts[1:]))


def asked_of(view: View, asked: Asked, index: int, candidates: Sequence[int]) -> Draft | None:
    """Return the draft of one kind about the marked vertebra; None where it has no answer to ask for."""
    right = asked.answer(view.chain, index)
    pool = [
        answer
        for answer in (asked.answer(view.chain, place) for place in candidates)
        if answer and answer != view.told and (not _is_vertebra(asked) or _is_below_reference(view, answer))
    ]
    if right not in pool:
        return None
    site = view.chain.sites[index]
    other = view.chain.at(index + asked.step)
    used = {level: view.seen(level) for level in (site, other, *_cut(view)) if level}
    return Draft(
        kind=asked.kind,
        sites=tuple(dict.fromkeys((site, right) if _is_vertebra(asked) else (site,))),
        pool=tuple(pool),
        right=right,
        shots=(view.shot,),
        findings=tuple(finding.id for finding in used.values() if finding is not None),
        fields={"numbering": view.numbering, **dict(asked.fields)},
    )


def _is_vertebra(asked: Asked) -> bool:
    """Return whether the answer of a kind is a vertebra, which must not be the one that is told."""
    return asked.kind not in ("disc_beside", "exit_root")


def _is_below_reference(view: View, site: str) -> bool:
    return view.window.anchor != "reference" or Level(site) > Level(view.reference)


def _cut(view: View) -> tuple[str, ...]:
    """Return the vertebra that the edge of the slice cuts and that is counted from."""
    return (view.reference,) if view.window.anchor in ("cut_above", "cut_below") else ()


def in_view_draft(view: View, windows: int, rng: np.random.Generator) -> Draft:
    """Return the questions which and how many vertebrae are wholly in view; wrong answers end a few off.

    There are no options where the series has fewer windows, each with another end, than a question has.
    """
    sites, window = view.chain.sites, view.window
    top_is_free = window.anchor == "sacrum"
    shown = sites[window.first : window.last + 1]
    right = shown[0] if top_is_free else shown[-1]
    ends = free_ends(shown[0], shown[-1], window.anchor)
    near = neighbours(ends, (right,), rng) if windows >= OPTIONS else ()
    ranges = [(free, shown[-1]) if top_is_free else (shown[0], free) for free in near or (right,)]
    used = tuple(one.id for one in map(view.finding, shown) if one is not None)
    but_sacrum = {"but_sacrum": "yes" if top_is_free else "no"}
    named = tuple(dict.fromkeys((right, *shown)))
    counts = tuple(str(len(sites_between(*ends))) for ends in ranges)
    count = Draft("count_in_view", named, counts, str(len(shown)), (view.shot,), used, but_sacrum)
    return Draft(
        kind="levels_in_view",
        sites=named,
        pool=tuple(f"{first}:{last}" for first, last in ranges),
        right=f"{shown[0]}:{shown[-1]}",
        shots=(view.shot,),
        findings=used,
        fields={"numbering": view.numbering, **but_sacrum},
        beside=(count,),
    )


def _height_draft(view: View, site: str) -> Draft | None:
    finding = view.finding(site, "height_loss")
    if finding is None or finding.value is None or view.shot.picture.spacing_mm > FINEST_FOR_HEIGHT_MM:
        return None
    fields: Mapping[str, str] = {}
    keys = template_of("height_loss").keys
    return Draft("height_loss", (site,), keys, finding.grade, (view.shot,), (finding.id,), fields)
