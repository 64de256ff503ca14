"""Predictions joined with their keys, scored by the metric folders, beside baselines and another run."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import evaluate

from spinemed.answers import parse_answer
from spinemed.bench.baselines import chance, place_only, text_only
from spinemed.bench.items import Item, corpus_hash, read_items
from spinemed.bench.leaks import check_no_leak
from spinemed.bench.runs import Run, read_predictions, read_run
from spinemed.bench.scorecard import Answerer, Baseline, Paired, Rate, Scorecard, Span
from spinemed.errors import ConfigError, SourceError
from spinemed.intervals import bootstrap_mean, mcnemar_exact, sign_flip_p, wilson
from spinemed.levels import Site
from spinemed.records import Prediction

METRICS = ("spine_choice", "spine_level")
PACKAGES = ("spinemed", "evaluate", "datasets", "numpy", "pyarrow")


@dataclass(frozen=True)
class Answered:
    """One run joined with its items: reply texts in the order of the items."""

    run: Run | None
    file_hash: str
    name: str
    items: tuple[Item, ...]
    replies: tuple[str, ...]
    reparsed: int
    unscored: int


def score(
    predictions: Path, against: Path | None, data: Path, config: str, split: str, metrics: Path
) -> Scorecard:
    """Return the scorecard of a file of predictions, and of its comparison with `against` if given.

    The baselines answer exactly the items of `predictions`. Of open items those are scored whose answer is
    one site. Raises SourceError on predictions that do not fit the corpus or are unfinished, and where the
    split leaks into training; ConfigError on unknown names.
    """
    known = read_items(data, config, split)
    pictures, patients = check_no_leak(data, config, split)
    loaded = load_metrics(metrics)
    first = join(predictions, known, data, config, split)
    second = join(against, known, data, config, split) if against is not None else None
    if second is not None and {item.id for item in first.items} != {item.id for item in second.items}:
        raise SourceError(
            f"{predictions} and {against} answer different items ({len(first.items)}, {len(second.items)}): "
            "run spinemed predict for both with the same --kind, --limit and --split"
        )
    model, hits = measure(first, loaded)
    other, other_hits = measure(second, loaded) if second is not None else (None, None)
    paired = compare(other.name, first.items, hits, other_hits) if other and other_hits is not None else None
    return Scorecard(
        config=config,
        split=split,
        data_hash=corpus_hash(data, config, split),
        n=len(first.items),
        patients=len({item.patient for item in first.items}),
        kinds=dict(sorted(Counter(item.kind for item in first.items).items())),
        synthetic=sum(item.synthetic for item in first.items),
        real=sum(not item.synthetic for item in first.items),
        not_asked=len(known) - len(first.items) - first.unscored,
        unscored=first.unscored,
        reparsed=first.reparsed,
        leak_pictures=pictures,
        leak_patients=patients,
        model=model,
        against=other,
        paired=paired,
        baselines=baselines(first, hits, data, config) if first.items[0].options else (),
        metrics={name: metric_hash(metrics / name) for name in METRICS},
        versions={name: importlib.metadata.version(name) for name in PACKAGES}
        | {"python": sys.version.split()[0]},
    )


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


def join(path: Path, known: Sequence[Item], data: Path, config: str, split: str) -> Answered:
    """Return the predictions of a file with their items, in the fixed order of the items."""
    run, lines = read_run(path), read_predictions(path)
    if not lines:
        raise SourceError(f"{path} holds no prediction; make some with: spinemed predict --out {path}")
    check_run(path, run, len(lines), data, config, split)
    items = {item.id: item for item in known}
    unknown = [number for number, prediction in lines if prediction.instance not in items]
    if unknown:
        raise SourceError(
            f"{path}: {len(unknown)} predictions are of no item of {data} {config}/{split}, first in line "
            f"{unknown[0]}; pass the --data, --config and --split that were predicted"
        )
    answers: dict[str, tuple[int, Prediction]] = {}
    for number, prediction in lines:
        if prediction.instance in answers:
            raise SourceError(
                f"{path}, line {number}: item {prediction.instance} was answered in line "
                f"{answers[prediction.instance][0]} already; delete one of the two lines"
            )
        answers[prediction.instance] = (number, prediction)
    covered = [item for item in known if item.id in answers]
    asked = tuple(item for item in covered if item.options or is_site(item.truth))
    if not asked:
        raise SourceError(
            f"{path}: none of its {len(covered)} open items has one site as its answer; nothing to score"
        )
    given = [answers[item.id][1] for item in asked]
    return Answered(
        run=run,
        file_hash=hashlib.sha256(path.read_bytes()).hexdigest()[:16],
        name=given[0].model,
        items=asked,
        replies=tuple(prediction.text for prediction in given),
        reparsed=sum(differs(item, prediction) for item, prediction in zip(asked, given, strict=True)),
        unscored=len(covered) - len(asked),
    )


def check_run(path: Path, run: Run | None, lines: int, data: Path, config: str, split: str) -> None:
    """Raise SourceError if the sidecar says that the run is unfinished or answered other questions."""
    if run is None:
        return
    if lines < run.items:
        raise SourceError(
            f"{path} is unfinished, {lines} of {run.items} items: run the same spinemed predict again"
        )
    if run.data_hash != corpus_hash(data, config, split):
        raise SourceError(
            f"{path} answers {run.config}/{run.split} of another corpus (hash {run.data_hash}) than {data}; "
            "predict again or pass the corpus that was predicted"
        )


def differs(item: Item, prediction: Prediction) -> bool:
    """Tell whether a stored parse state is not what today's parser reads in the reply of a choice item."""
    if not item.options:
        return False
    parsed = parse_answer(prediction.text, item.lettered, cut_off=prediction.status == "truncated")
    return (parsed.status, "".join(parsed.letters)) != (prediction.status, prediction.choice)


def measure(answered: Answered, metrics: dict[str, Any]) -> tuple[Answerer, list[bool]]:
    """Return what a run reached and, item by item, whether it is right."""
    items, replies = answered.items, list(answered.replies)
    fields: dict[str, Any] = {
        "name": answered.name,
        "predictions_hash": answered.file_hash,
        "run": answered.run,
    }
    fields["level"], exact = level_figures(items, replies, metrics["spine_level"])
    if not items[0].options:
        return Answerer(accuracy=None, patients_span=None, **fields), exact
    result = metrics["spine_choice"].compute(
        predictions=replies,
        references=[item.answer for item in items],
        options=[json.dumps(item.lettered) for item in items],
        levels=[item.level for item in items],
        modalities=[item.modality for item in items],
        return_items=True,
    )
    hits = [bool(item["correct"]) for item in result["items"]]
    states = {key.removesuffix("_rate"): value for key, value in result.items() if key.endswith("_rate")}
    conflict = states.pop("conflict")
    model = Answerer(
        accuracy=rate_of(result),
        patients_span=patient_span(hits, items),
        accuracy_answered=result["accuracy_answered"],
        states=states,
        conflict_rate=conflict,
        by_level={level: rate_of(group) for level, group in result["by_level"].items()},
        by_modality={modality: rate_of(group) for modality, group in result["by_modality"].items()},
        **fields,
    )
    return model, hits


def level_figures(
    items: Sequence[Item], replies: Sequence[str], metric: Any
) -> tuple[dict[str, float | None], list[bool]]:
    """Return the figures of spine_level over items whose answer is one site, and which of them are exact."""
    fitting = [(item, reply) for item, reply in zip(items, replies, strict=True) if is_site(item.truth)]
    if not fitting:
        return {}, []
    result = metric.compute(
        predictions=[reply for _, reply in fitting],
        references=[item.truth for item, _ in fitting],
        return_items=True,
    )
    exact = [each["site"] == each["truth"] for each in result.pop("items")]
    return result, exact


def is_site(text: str) -> bool:
    """Tell whether a text is one site in canonical spelling.

    >>> is_site("L4-L5"), is_site("T11 to L4")
    (True, False)
    """
    try:
        Site.parse(text)
    except ValueError:
        return False
    return True


def rate_of(result: dict[str, Any]) -> Rate:
    """Return the rate in a result of spine_choice."""
    return Rate(
        n=result["n"],
        correct=result["correct"],
        value=result["accuracy"],
        low=result["accuracy_low"],
        high=result["accuracy_high"],
    )


def patient_span(values: Sequence[float], items: Sequence[Item]) -> Span | None:
    """Return the bootstrap interval over patients; None where one patient or equal values give none."""
    patients = [item.patient for item in items]
    if len(set(patients)) < 2 or len(set(values)) < 2:
        return None
    interval = bootstrap_mean([float(value) for value in values], patients)
    return Span(low=interval.low, high=interval.high)


def compare(name: str, items: Sequence[Item], hits: Sequence[bool], others: Sequence[bool]) -> Paired:
    """Return the paired comparison of two lists of hits on the same items."""
    differences = [int(hit) - int(other) for hit, other in zip(hits, others, strict=True)]
    wins, losses = differences.count(1), differences.count(-1)
    by_patient: Counter[str] = Counter()
    for item, difference in zip(items, differences, strict=True):
        by_patient[item.patient] += difference
    return Paired(
        against=name,
        n=len(differences),
        patients=len(by_patient),
        wins=wins,
        losses=losses,
        difference=sum(differences) / len(differences),
        span=patient_span(differences, items),
        mcnemar_p=mcnemar_exact(wins, losses),
        patients_p=sign_flip_p(list(by_patient.values())),
    )


def baselines(answered: Answered, hits: Sequence[bool], data: Path, config: str) -> tuple[Baseline, ...]:
    """Return chance, text alone and place alone on the answered items, each compared with the model."""
    items = answered.items
    kinds = {item.kind for item in items}
    train = [item for item in read_items(data, config, "train") if item.kind in kinds]
    found = [Baseline(name="chance", accuracy=chance(items), rate=None, paired=None)]
    for name, letters in (
        ("text only", text_only(train, items)),
        ("geometry only", place_only(train, items)),
    ):
        right = [letter == item.answer for letter, item in zip(letters, items, strict=True)]
        interval = wilson(sum(right), len(right))
        rate = Rate(
            n=len(right),
            correct=sum(right),
            value=sum(right) / len(right),
            low=interval.low,
            high=interval.high,
        )
        found.append(
            Baseline(name=name, accuracy=rate.value, rate=rate, paired=compare(name, items, hits, right))
        )
    return tuple(found)
