"""Questions without an image: numbering, roots, and the points and grades of published rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np

from spinemed.instances.drafts import Case, Draft, the_right
from spinemed.instances.options import neighbours
from spinemed.instances.rules_truth import roots_of
from spinemed.instances.templates import Words, template_of
from spinemed.levels import DEFAULT_NUMBERING
from spinemed.records import Kind

_TRIES: Final = 60
_LUMBAR: Final = ("L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1")
_CERVICAL: Final = ("C3-C4", "C4-C5", "C5-C6", "C6-C7", "C7-T1")
_LEVELS: Final = tuple(level.value for level in DEFAULT_NUMBERING.levels[1:25])
_BODIES: Final = tuple(level.value for level in DEFAULT_NUMBERING.levels[2:24])
_ROOTS: Final = ("C4", "C5", "C6", "C7", "C8", "L1", "L2", "L3", "L4", "L5", "S1")
_POOLS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "level_arithmetic": _LEVELS,
    "root_of_disc": _ROOTS,
    "tlics_points": tuple(map(str, range(1, 11))),
    "slic_points": tuple(map(str, range(0, 10))),
    "sins_points": tuple(map(str, range(2, 17))),
}
RULES: Final[Mapping[Kind, str]] = {
    "level_arithmetic": "definition",
    "root_of_disc": "herniation_anatomy",
    "tlics_points": "tlics_2005",
    "tlics_plan": "tlics_2005",
    "slic_points": "slic_2007",
    "sins_points": "sins_2010",
    "scoliosis_rule": "scoliosis_cobb",
    "meyerding_rule": "meyerding_1932",
    "schizas_rule": "schizas_2010",
    "mjoa_rule": "csrs_2017",
}
"""Kind -> key of the published rule that its answer rests on, see `facts.planning.sources`."""
_KINDS: Final = tuple(RULES)


def text_drafts(case: Case) -> Iterator[Draft]:
    """Yield two drafts of each study, their kinds drawn at random.

    The answer is drawn first, uniformly, then inputs that lead to it.
    """
    rng = case.rng("text")
    for place in rng.choice(len(_KINDS), 2, replace=False):
        draft = text_draft(case, _KINDS[int(place)], rng)
        if draft is not None:
            yield draft


def text_draft(case: Case, kind: Kind, rng: np.random.Generator) -> Draft | None:
    """Return a draft of a kind whose answer was drawn uniformly; None where no inputs were found for it."""
    template = template_of(kind)
    pool = _POOLS.get(kind) or template.keys
    offered = _treatments(rng) if kind == "tlics_plan" else ()
    wanted = str(rng.choice(offered or pool))
    for _ in range(_TRIES):
        fields = _DRAWS[kind](rng) if kind in _DRAWS else {}
        for name, words in template.fields.items():
            if isinstance(words, Words) and name not in fields:
                fields[name] = list(words.en)[int(rng.integers(len(words.en)))]
        near = _region_of(kind, pool, fields)
        answer = the_right(case, kind, (), near, (), fields)
        if answer is not None and answer[0] == wanted and len(answer[1]) == len(near):
            if kind == "root_of_disc":
                offered = neighbours(near, roots_of(fields["segment"]), rng)
            return Draft(kind, (), near, wanted, (), (), fields, offered, RULES[kind])
    return None


def _treatments(rng: np.random.Generator) -> tuple[str, ...]:
    """Return totals of TLICS to offer: two that ask for no operation beside two that do."""
    halves = (str(one) for half in (range(1, 4), range(5, 11)) for one in rng.choice(half, 2, replace=False))
    return tuple(halves)


def _region_of(kind: Kind, pool: tuple[str, ...], fields: Mapping[str, str]) -> tuple[str, ...]:
    """Return the answers that can be offered: roots of the region that the question names."""
    if kind != "root_of_disc":
        return pool
    return tuple(root for root in pool if (root[0] == "C") == (fields["segment"][0] == "C"))


def _arithmetic(rng: np.random.Generator) -> dict[str, str]:
    return {"from": _LEVELS[int(rng.integers(len(_LEVELS)))], "steps": str(int(rng.integers(2, 7)))}


def _root(rng: np.random.Generator) -> dict[str, str]:
    """Return a disc and a zone; there is no lateral recess in the neck."""
    segments = _LUMBAR * 2 + _CERVICAL
    segment = segments[int(rng.integers(len(segments)))]
    zones = ("subarticular", "foraminal") if segment in _LUMBAR else ("foraminal",)
    return {"segment": segment, "zone": zones[int(rng.integers(len(zones)))]}


def _curve(rng: np.random.Generator) -> dict[str, str]:
    return {"cobb": str(int(rng.integers(4, 75))), "risser": str((0, 1, 2, 4, 5)[int(rng.integers(5))])}


def _percent(low: int, high: int) -> Callable[[np.random.Generator], dict[str, str]]:
    return lambda rng: {"percent": str(int(rng.integers(low, high)))}


_DRAWS: Final[Mapping[Kind, Callable[[np.random.Generator], dict[str, str]]]] = {
    "level_arithmetic": _arithmetic,
    "root_of_disc": _root,
    "scoliosis_rule": _curve,
    "meyerding_rule": _percent(6, 125),
    "mjoa_rule": lambda rng: {"mjoa": str(int(rng.integers(4, 19)))},
    "sins_points": lambda rng: {"site": _BODIES[int(rng.integers(len(_BODIES)))]},
}
