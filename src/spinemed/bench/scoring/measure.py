"""What a run reached, measured by the metric folders: accuracy, states, groups, distances, item by item."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import evaluate

from spinemed.bench.items import Item
from spinemed.bench.scoring.join import Answered, Asked
from spinemed.bench.scoring.levels_read import with_levels
from spinemed.bench.scoring.open_truth import REPORT
from spinemed.bench.scoring.paired import patient_span, rate
from spinemed.bench.scoring.reading import Reading as Reading
from spinemed.bench.scoring.report_verdicts import Verdicts
from spinemed.bench.scoring.reports import read_reports
from spinemed.bench.scoring.scorecard import Answerer, Circular, Position, Rate
from spinemed.errors import ConfigError, SourceError

METRICS = {
    "choice": ("spine_choice", "spine_level"), "open": ("spine_choice", "spine_level"),
    "report": ("spine_report",),
}  # fmt: skip
GROUPS = ("level", "modality", "axis", "language", "condition")


def metrics_of(config: str) -> tuple[str, ...]:
    """Return the names of the metrics that score a config; those of choice for one that is not known.

    >>> metrics_of("report")
    ('spine_report',)
    """
    return METRICS.get(config, METRICS["choice"])


def load_metrics(folder: Path, config: str) -> dict[str, Any]:
    """Return the metrics of a config from a folder, loaded as anybody would load them."""
    loaded = {}
    for name in metrics_of(config):
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


def measure(
    answered: Answered,
    metrics: Mapping[str, Any],
    references: Mapping[str, str] | None = None,
    verdicts: Verdicts | None = None,
) -> tuple[Answerer, list[Reading]]:
    """Return what a run reached and what was read from each reply, in the order of the items.

    `references` gives the truth of reports by item, `verdicts` what a judge said of them.
    """
    fields: dict[str, Any] = {
        "name": answered.name,
        "predictions_hash": answered.file_hash,
        "run": answered.run,
        "accuracy": None,
        "patients_span": None,
    }
    if answered.items[0].task == REPORT:
        report, readings = read_reports(answered.asked, metrics["spine_report"], references or {}, verdicts)
        return Answerer(**fields, states=states_of(readings), report=report), readings
    if answered.items[0].options:
        result = choice_result(answered.asked, answered.turns, metrics["spine_choice"])
        readings = [read(one.item, item) for one, item in zip(answered.asked, result["items"], strict=True)]
        fields |= choice_figures(result, readings)
        figures, readings = with_levels(answered.asked, readings, metrics["spine_level"])
    else:
        blank = [Reading(one.item, "", "", "", False, False) for one in answered.asked]
        figures, readings = with_levels(answered.asked, blank, metrics["spine_level"])
        fields |= open_figures(readings)
    return Answerer(**fields | figures), readings


def open_figures(readings: Sequence[Reading]) -> dict[str, Any]:
    """Return the fields of an Answerer about right and wrong open items, in all and by group."""
    groups: dict[str, dict[str, list[bool]]] = {name: {} for name in GROUPS}
    for one in readings:
        for name in GROUPS:
            group = getattr(one.item, name)
            if group:
                groups[name].setdefault(group, []).append(one.correct)
    hits = [one.correct for one in readings]
    answered = [one.correct for one in readings if one.status == "answered"]
    return {
        f"by_{name}": {group: rate(found) for group, found in sorted(by.items())}
        for name, by in groups.items()
    } | {
        "exact": rate(hits),
        "patients_span": patient_span(hits, [one.item.patient for one in readings]),
        "accuracy_answered": sum(answered) / len(answered) if answered else None,
        "states": states_of(readings),
    }


def states_of(readings: Sequence[Reading]) -> dict[str, float]:
    """Return parse state -> share of items, the most frequent first."""
    counts = Counter(one.status for one in readings)
    return {state: count / len(readings) for state, count in counts.most_common()}


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
        "patients_span": patient_span(
            [one.correct for one in readings], [one.item.patient for one in readings]
        ),
        "accuracy_answered": result["accuracy_answered"],
        "states": states,
        "conflict_rate": conflict,
        "circular": Circular(**circular) if circular else None,
        "position": Position(**position) if position else None,
    }


def rate_of(result: Mapping[str, Any]) -> Rate:
    """Return the rate in a result of spine_choice."""
    return Rate(
        n=result["n"],
        correct=result["correct"],
        value=result["accuracy"],
        low=result["accuracy_low"],
        high=result["accuracy_high"],
    )
