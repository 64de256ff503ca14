"""What a run reached, measured by the metric folders: accuracy, states, groups, distances, item by item."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import evaluate

from spinemed.bench.items import Item
from spinemed.bench.scoring.join import Answered, Asked, is_site
from spinemed.bench.scoring.paired import patient_span
from spinemed.bench.scoring.scorecard import Answerer, Circular, Position, Rate
from spinemed.errors import ConfigError, SourceError

METRICS = ("spine_choice", "spine_level")
PLANNING = "planning"
GROUPS = ("level", "modality", "axis", "language", "condition")


@dataclass(frozen=True)
class Reading:
    """What was read from one reply: parse state, the chosen option's text, right or not, level steps off.

    `item` is as shown. `letter` and `text` are "" unless one option was chosen. `shift` is signed, caudal
    positive, and None where not exactly one site is named or the key is none.
    """

    item: Item
    status: str
    letter: str
    text: str
    correct: bool
    conflict: bool
    shift: float | None = None
    site: str = ""


def load_metrics(folder: Path) -> dict[str, Any]:
    """Return the metrics of a folder, loaded as anybody would load them."""
    loaded = {}
    for name in METRICS:
        path = folder / name
        if not (path / f"{name}.py").is_file():
            raise ConfigError(f"{path} holds no {name}.py; name the folder evaluate_metrics with --metrics")
        loaded[name] = evaluate.load(str(path), keep_in_memory=True)
    return loaded


def metric_hash(folder: Path) -> str:
    """Return 16 hexadecimal digits over the code of one metric folder, shared modules included."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def measure(answered: Answered, metrics: Mapping[str, Any]) -> tuple[Answerer, list[Reading]]:
    """Return what a run reached and what was read from each reply, in the order of the items."""
    fields: dict[str, Any] = {
        "name": answered.name,
        "predictions_hash": answered.file_hash,
        "run": answered.run,
    }
    if answered.items[0].options:
        result = choice_result(answered.asked, answered.turns, metrics["spine_choice"])
        readings = [read(one.item, item) for one, item in zip(answered.asked, result["items"], strict=True)]
        fields |= choice_figures(result, readings)
    else:
        readings = [Reading(one.item, "", "", "", False, False) for one in answered.asked]
        fields |= {"accuracy": None, "patients_span": None}
    figures, readings = with_levels(answered.asked, readings, metrics["spine_level"])
    return Answerer(**fields, **figures), readings


def choice_result(asked: Sequence[Asked], turns: Sequence[Asked], metric: Any) -> dict[str, Any]:
    """Return what spine_choice says about choice items, `items` included."""
    items = [one.item for one in asked]
    wanted = {
        "levels": [item.level for item in items],
        "modalities": [item.modality for item in items],
        "axes": [item.axis for item in items],
        "languages": [item.language for item in items],
        "conditions": [item.condition for item in items],
        "ids": [item.id for item in items],
    }
    result = computed(metric, asked, **wanted, return_items=True)
    circle = same_length(turns)
    if circle:
        result["circular"] = computed(metric, circle, circles=[one.item.id for one in circle])["circular"]
    return result


def same_length(turns: Sequence[Asked]) -> list[Asked]:
    """Return the turns of items that were asked as often as most: all-right is defined for one number."""
    count = Counter(one.item.id for one in turns)
    most = Counter(count.values()).most_common(1)
    return [one for one in turns if count[one.item.id] == most[0][0]]


def computed(metric: Any, asked: Sequence[Asked], **wanted: Any) -> dict[str, Any]:
    """Return the result of spine_choice; SourceError where it refuses an item."""
    try:
        result: dict[str, Any] = metric.compute(
            predictions=[one.reply for one in asked],
            references=[one.item.answer for one in asked],
            options=[json.dumps(one.item.lettered) for one in asked],
            finish_reasons=["length" if one.cut_off else "stop" for one in asked],
            **wanted,
        )
    except ValueError as error:
        raise SourceError(f"the items cannot be scored: {error}; build the corpus again") from error
    return result


def read(item: Item, found: Mapping[str, Any]) -> Reading:
    """Return the reading of one reply from what spine_choice says about it."""
    letter = found["choice"]
    text = item.lettered.get(letter, "")
    return Reading(item, found["status"], letter, text, bool(found["correct"]), bool(found["conflict"]))


def differs(asked: Asked, reading: Reading) -> bool:
    """Tell whether a stored parse state is not what is read now in the reply of a choice item."""
    stored = asked.prediction.status, asked.prediction.choice
    return bool(asked.item.options) and (reading.status, reading.letter) != stored


def choice_figures(result: Mapping[str, Any], readings: Sequence[Reading]) -> dict[str, Any]:
    """Return the fields of an Answerer that spine_choice fills."""
    states = {key.removesuffix("_rate"): value for key, value in result.items() if key.endswith("_rate")}
    conflict = states.pop("conflict")
    groups = {
        f"by_{name}": {key: rate_of(group) for key, group in result[f"by_{name}"].items()}
        for name in GROUPS
        if result.get(f"by_{name}")
    }
    circular, position = result.get("circular"), result.get("position")
    return groups | {
        "accuracy": rate_of(result),
        "patients_span": patient_span([one.correct for one in readings], [one.item for one in readings]),
        "accuracy_answered": result["accuracy_answered"],
        "states": states,
        "conflict_rate": conflict,
        "circular": Circular(**circular) if circular else None,
        "position": Position(**position) if position else None,
    }


def with_levels(
    asked: Sequence[Asked], readings: Sequence[Reading], metric: Any
) -> tuple[dict[str, Any], list[Reading]]:
    """Return the fields that spine_level fills, and the readings with their level steps.

    Of a choice item the chosen option's text is what was answered; without a choice, the reply is read.
    """
    places = [place for place, one in enumerate(asked) if is_site(one.item.truth)]
    if not places:
        return {}, list(readings)
    items = [asked[place].item for place in places]
    result = metric.compute(
        predictions=[readings[place].text or asked[place].reply for place in places],
        references=[item.truth for item in items],
        cases=[item.case or item.patient for item in items],
        plans=[item.axis == PLANNING for item in items],
        numberings=[item.transitional for item in items],
        lstv=[bool(item.transitional) for item in items],
        return_items=True,
    )
    found = list(readings)
    for place, one in zip(places, result.pop("items"), strict=True):
        was = readings[place]
        right = was.correct if was.item.options else one["site"] == one["truth"]
        found[place] = Reading(
            was.item, was.status or ("answered" if one["site"] else "no_answer"), was.letter, was.text,
            right, was.conflict, one["shift"], one["site"],
        )  # fmt: skip
    named = [found[place] for place in places if found[place].shift is not None]
    return {
        "level": plain(result) | plain(result["transitional"] or {}, "transitional_"),
        "numbering": {str(shift): rate for shift, rate in (result["shift_rates"] or {}).items()},
        "distances": distances(named),
        "confusion": confusion(named),
    }, found


def plain(result: Mapping[str, Any], prefix: str = "") -> dict[str, float | None]:
    """Return the entries of a result that are numbers or null."""
    return {f"{prefix}{key}": value for key, value in result.items() if isinstance(value, int | float | None)}


def distances(named: Sequence[Reading]) -> dict[str, int]:
    """Return signed level steps, from cranial to caudal -> number of items."""
    counts = Counter(one.shift for one in named if one.shift is not None)
    return {f"{shift:g}": counts[shift] for shift in sorted(counts)}


def confusion(named: Sequence[Reading]) -> dict[str, dict[str, int]]:
    """Return the right site -> the site named -> number of items."""
    counts: dict[str, Counter[str]] = {}
    for one in named:
        counts.setdefault(one.item.truth, Counter())[one.site] += 1
    return {truth: dict(sorted(row.items())) for truth, row in sorted(counts.items())}


def rate_of(result: Mapping[str, Any]) -> Rate:
    """Return the rate in a result of spine_choice."""
    return Rate(
        n=result["n"],
        correct=result["correct"],
        value=result["accuracy"],
        low=result["accuracy_low"],
        high=result["accuracy_high"],
    )
