"""Levels and sides of replies, read by spine_level: items with one site, with several, and with a side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from spinemed.answer_text import is_refusal
from spinemed.bench.scoring.join import Asked, is_site
from spinemed.bench.scoring.open_truth import Truth, placed, truth_of
from spinemed.bench.scoring.paired import measured
from spinemed.bench.scoring.reading import Reading
from spinemed.level_sets import strict_overlap

PLANNING = "planning"
OF_SETS = ("set_", "jaccard", "assignment_distance")
OF_SIDES = ("n_sides", "side_accuracy", "side_joint", "side_f1")


def with_levels(
    asked: Sequence[Asked], readings: Sequence[Reading], metric: Any
) -> tuple[dict[str, Any], list[Reading]]:
    """Return the fields of an Answerer that spine_level fills, and the readings with what it says of them.

    Of a choice item the chosen option's text is what was answered; without a choice, the reply is read.
    """
    truths = [truth_of(one.item) for one in asked]
    found = list(readings)
    single = [place for place, one in enumerate(truths) if len(one.sites) == 1 and not one.is_level_given]
    several = [
        place for place, one in enumerate(truths) if len(one.sites) > 1 and not asked[place].item.options
    ]
    sided = [place for place, one in enumerate(truths) if one.side]
    fields = one_site(single, asked, truths, found, metric) | sites(several, asked, truths, found, metric)
    told = sides(sided, asked, truths, found, metric)
    if told:
        fields["level"] = {**fields.get("level", {}), **told}
    return fields, found


def computed(
    places: Sequence[int], asked: Sequence[Asked], truths: Sequence[Truth], said: Sequence[str], metric: Any,
    *, with_sides: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return what spine_level says of the items at some places, `items` included."""
    items = [asked[place].item for place in places]
    result: dict[str, Any] = metric.compute(
        predictions=list(said),
        references=[", ".join(truths[place].sites) for place in places],
        cases=[item.case or item.patient for item in items],
        plans=[item.axis == PLANNING for item in items],
        numberings=[item.transitional for item in items],
        lstv=[bool(item.transitional) for item in items],
        sides=[truths[place].side for place in places] if with_sides else None,
        return_items=True,
    )
    return result


def one_site(
    places: Sequence[int], asked: Sequence[Asked], truths: Sequence[Truth], found: list[Reading], metric: Any
) -> dict[str, Any]:
    """Return the figures of items with one right site, and complete their readings in `found`."""
    if not places:
        return {}
    said = [found[place].text or asked[place].reply for place in places]
    result = computed(places, asked, truths, said, metric)
    rows = result.pop("items")
    for place, row in zip(places, rows, strict=True):
        was, item = found[place], asked[place].item
        if item.options:  # a key that is spelled its own way is no canonical site that shifts can be told of
            if is_site(item.truth):
                found[place] = replace(was, shift=row["shift"], site=row["site"])
            continue
        state = "answered" if row["site"] else "ambiguous" if row["stated"] else silence(asked[place])
        found[place] = replace(
            was, item=replace(item, answer=row["truth"]), status=state, correct=row["site"] == row["truth"],
            shift=row["shift"], site=row["site"],
        )  # fmt: skip
    named = [row for row in rows if row["shift"] is not None]
    return {
        "level": plain(result) | plain(result["transitional"] or {}, "transitional_"),
        "numbering": {str(shift): rate for shift, rate in (result["shift_rates"] or {}).items()},
        "distances": distances(named),
        "confusion": confusion(named),
    }


def sites(
    places: Sequence[int], asked: Sequence[Asked], truths: Sequence[Truth], found: list[Reading], metric: Any
) -> dict[str, Any]:
    """Return the figures of open items with several right sites, and complete their readings."""
    if not places:
        return {}
    result = computed(places, asked, truths, [asked[place].reply for place in places], metric)
    rows = result.pop("items")
    overlaps = []
    for place, row in zip(places, rows, strict=True):
        overlap = strict_overlap(row["sites"], truths[place].sites)
        overlaps.append(overlap.f1)
        state = "answered" if row["sites"] else silence(asked[place])
        found[place] = replace(
            found[place], status=state, correct=set(row["sites"]) == {*truths[place].sites}
        )
    kept = {key: value for key, value in plain(result).items() if key.startswith(OF_SETS)}
    patients = [asked[place].item.patient for place in places]
    return {"level_sets": {"n": float(len(places)), **kept}, "set_f1": measured(overlaps, patients)}


def sides(
    places: Sequence[int], asked: Sequence[Asked], truths: Sequence[Truth], found: list[Reading], metric: Any
) -> dict[str, float | None]:
    """Return the figures of items whose right answer has a side, and complete the readings of open ones.

    Where the question has the level already, the reply need not repeat it; one that it names must be right.
    """
    if not places:
        return {}
    said = [placed(found[place].text or asked[place].reply, truths[place]) for place in places]
    result = computed(places, asked, truths, said, metric, with_sides=True)
    for place, row in zip(places, result["items"], strict=True):
        if asked[place].item.options:
            continue
        was, truth = found[place], truths[place]
        if truth.is_level_given:
            state = "answered" if row["side"] != "none" else silence(asked[place])
            right = set(row["sites"]) == {*truth.sites} and row["side"] == truth.side
            found[place] = replace(was, status=state, correct=right)
        else:
            found[place] = replace(was, correct=was.correct and row["side"] == truth.side)
    return {key: result[key] for key in OF_SIDES}


def silence(asked: Asked) -> str:
    """Return the parse state of a reply that names nothing: cut off, refused, or no answer."""
    if asked.cut_off:
        return "truncated"
    return "refusal" if is_refusal(asked.reply) else "no_answer"


def plain(result: Mapping[str, Any], prefix: str = "") -> dict[str, float | None]:
    """Return the entries of a result that are numbers or null."""
    return {f"{prefix}{key}": value for key, value in result.items() if isinstance(value, int | float | None)}


def distances(named: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return signed level steps, from cranial to caudal -> number of items."""
    counts = Counter(row["shift"] for row in named)
    return {f"{shift:g}": counts[shift] for shift in sorted(counts)}


def confusion(named: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Return the right site -> the site named -> number of items."""
    counts: dict[str, Counter[str]] = {}
    for row in named:
        counts.setdefault(row["truth"], Counter())[row["site"]] += 1
    return {truth: dict(sorted(row.items())) for truth, row in sorted(counts.items())}
