"""What one case gives to ask: drafts without words, drawn so that no answer is likelier than another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np

from spinemed.facts.case import CaseFacts
from spinemed.instances.asking import Asking
from spinemed.instances.premise import Known, Premise, Shown, view_of
from spinemed.instances.proof import verdicts
from spinemed.instances.shots import CaseSeries, Shot
from spinemed.records import Kind, Reject, Study, content_id

STEP = "case"
NORMAL = ("none", "0")
"""Answers that say that nothing is there."""
SHARE_NORMAL = 0.08
"""Share of studies without any abnormal site of a kind in which a normal one is asked."""
_SHARE_BESIDE = 1 / 3
Candidate = TypeVar("Candidate")


@dataclass(frozen=True)
class Case:
    """A study with its series read, all facts, and how it is asked."""

    study: Study
    series: tuple[CaseSeries, ...]
    facts: CaseFacts
    asking: Asking
    step: str = STEP

    @cached_property
    def known(self) -> Known:
        """Return the facts, indexed."""
        return Known(self.facts)

    def rng(self, *purpose: object) -> np.random.Generator:
        """Return a generator that depends on seed, study and purpose alone."""
        return np.random.default_rng(int(content_id(self.asking.seed, self.study.id, *purpose), 16))

    def seen_as(self, *views: str) -> tuple[CaseSeries, ...]:
        """Return the series of these views (`T2 sagittal`, `XR lateral`, ...) that have findings.

        `XR full frontal` and `XR full lateral` are radiographs of the whole spine alone.
        """
        return tuple(
            one
            for one in self.series
            if one.findings
            and {view_of(one.series), view_of(one.series).replace("XR", _film(one))} & {*views}
        )


@dataclass(frozen=True)
class Draft:
    """A question without words: what is marked and shown, which answers hold and which do not.

    `pool` are the answers that can be offered, neighbours side by side. `offered`, where given, are the
    options themselves. `findings` are the ids that it rests on, `rule` the key of the published rule that
    one without a picture rests on. `beside` are further questions of the same pictures, asked in the same
    language and form.
    """

    kind: Kind
    sites: tuple[str, ...]
    pool: tuple[str, ...]
    right: str
    shots: tuple[Shot, ...]
    findings: tuple[str, ...]
    fields: Mapping[str, str] = field(default_factory=dict)
    offered: tuple[str, ...] = ()
    rule: str = ""
    beside: tuple[Draft, ...] = ()

    @property
    def shown(self) -> tuple[Shown, ...]:
        """Return where the pictures lie."""
        return tuple(shot.shown for shot in self.shots)


def the_right(
    case: Case,
    kind: Kind,
    sites: tuple[str, ...],
    keys: Sequence[str],
    shown: tuple[Shown, ...] = (),
    fields: Mapping[str, str] | None = None,
) -> tuple[str, tuple[str, ...]] | None:
    """Return the one answer that holds and all answers that are known to hold or not; None without one."""
    judged = verdicts(Premise(kind, sites, fields or {}, shown, case.known), keys)
    right = [key for key, holds in judged.items() if holds]
    if len(right) != 1:
        return None
    return right[0], tuple(key for key, holds in judged.items() if holds is not None)


def spread(
    candidates: Mapping[str, Sequence[Candidate]], count: int, rng: np.random.Generator
) -> Iterator[Candidate]:
    """Yield up to `count` candidates, their classes drawn uniformly, each class in turn.

    So a rare grade of a study is asked as often as its common one. Normal sites, of which there are most,
    are asked beside abnormal ones in a third of the studies, and of studies that are normal throughout few
    give an item: otherwise "normal" would be the right answer too often.
    """
    abnormal = {key: members for key, members in candidates.items() if key not in NORMAL and members}
    keep = float(rng.random())
    if not abnormal:
        count = int(keep < SHARE_NORMAL)
    elif keep > _SHARE_BESIDE:
        candidates = abnormal
    left = {
        key: list(rng.permutation(len(members))) for key, members in sorted(candidates.items()) if members
    }
    given = 0
    while left and given < count:
        for key in [sorted(left)[int(place)] for place in rng.permutation(len(left))]:
            if given < count:
                yield candidates[key][int(left[key].pop())]
                given += 1
            if not left[key]:
                del left[key]


def _film(one: CaseSeries) -> str:
    return "XR full" if one.series.view.startswith("FULL") else "XR"


def reject(case: Case, place: str, reason: str, fix: str = "none needed") -> Reject:
    """Return the Reject of something that could not be asked."""
    return Reject(
        id=f"{case.study.id}/{place}", source=case.study.source, step=case.step, reason=reason, fix=fix
    )
