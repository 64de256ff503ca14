"""The scorecard of a run: scored by the metric folders, beside baselines, its own controls and other runs."""

from __future__ import annotations

import importlib.metadata
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spinemed.bench.faults.blindness import HIDING, blindness_signs
from spinemed.bench.faults.signs import form_signs, group_signs, habit_signs, level_signs, side_sign
from spinemed.bench.items import Item, corpus_hash, read_items
from spinemed.bench.leaks import check_no_leak
from spinemed.bench.scoring.baselines import chance, place_only, text_only
from spinemed.bench.scoring.join import Answered, join
from spinemed.bench.scoring.measure import METRICS, Reading, differs, load_metrics, measure, metric_hash
from spinemed.bench.scoring.paired import compare, corrected, rate
from spinemed.bench.scoring.scorecard import Answerer, Baseline, Control, Paired, Scorecard, Sign
from spinemed.errors import ConfigError, SourceError

PACKAGES = ("spinemed", "evaluate", "datasets", "numpy", "pyarrow")


@dataclass
class Benchmark:
    """One split of a corpus, read once: items, training items, guard against leaks, metrics.

    `answered_without` keeps what the baselines answer to each item, by the kinds that they learnt from.
    """

    data: Path
    config: str
    split: str
    metrics_folder: Path
    items: list[Item]
    train: list[Item]
    data_hash: str
    leak_pictures: int
    leak_patients: int
    metrics: dict[str, Any]
    answered_without: dict[tuple[str, tuple[str, ...]], dict[str, str]] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Corpus, config and split, for messages."""
        return f"{self.data} {self.config}/{self.split}"


def open_benchmark(data: Path, config: str, split: str, metrics: Path) -> Benchmark:
    """Return a split ready for scoring; SourceError where it leaks into training, ConfigError for names."""
    items = read_items(data, config, split)
    pictures, patients = check_no_leak(data, config, split)
    has_training = any((data / "data" / config).glob("train-*.parquet"))
    return Benchmark(
        data=data,
        config=config,
        split=split,
        metrics_folder=metrics,
        items=items,
        train=read_items(data, config, "train") if has_training else [],
        data_hash=corpus_hash(data, config, split),
        leak_pictures=pictures,
        leak_patients=patients,
        metrics=load_metrics(metrics),
    )


def score(
    predictions: Path,
    against: Sequence[Path],
    data: Path,
    config: str,
    split: str,
    metrics: Path,
    controls: Sequence[str] = (),
) -> Scorecard:
    """Return the scorecard of a file of predictions, beside other runs and the model's own control runs.

    The baselines answer exactly the items of `predictions`. Of open items those are scored whose answer is
    one site. `controls` are files whose sidecar names their control, or NAME=FILE. Raises SourceError on
    predictions that do not fit the corpus or are unfinished, and where the split leaks into training;
    ConfigError on unknown names.
    """
    return score_on(open_benchmark(data, config, split, metrics), predictions, against, controls)


def score_on(
    benchmark: Benchmark, predictions: Path, against: Sequence[Path] = (), controls: Sequence[str] = ()
) -> Scorecard:
    """Return the scorecard of predictions on an opened benchmark; see `score`."""
    first = join(predictions, benchmark.items, benchmark.data_hash, benchmark.place)
    model, readings = measure(first, benchmark.metrics)
    others, pairs = [], []
    for path in against:
        other = same_items(predictions, first, path, benchmark)
        answerer, found = measure(other, benchmark.metrics)
        others.append(answerer)
        pairs.append(compare(answerer.name, first.items, hits(readings), hits(found)))
    again = read_controls(benchmark, controls, first)
    letters = without_pictures(benchmark, first) if first.items[0].options else {}
    return Scorecard(
        config=benchmark.config,
        split=benchmark.split,
        data_hash=benchmark.data_hash,
        n=len(first.items),
        patients=len({item.patient for item in first.items}),
        kinds=dict(sorted(Counter(item.kind for item in first.items).items())),
        synthetic=sum(item.synthetic for item in first.items),
        real=sum(not item.synthetic for item in first.items),
        not_asked=len(benchmark.items) - len(first.items) - first.unscored,
        unscored=first.unscored,
        reparsed=sum(map(differs, first.asked, readings)),
        leak_pictures=benchmark.leak_pictures,
        leak_patients=benchmark.leak_patients,
        model=model,
        against=tuple(others),
        paired=corrected(pairs),
        baselines=baselines(first.items, hits(readings), letters),
        controls=tuple(control(name, readings, answerer, found) for name, (answerer, found) in again.items()),
        signs=signs(readings, letters, {name: found for name, (_, found) in again.items()}),
        metrics={name: metric_hash(benchmark.metrics_folder / name) for name in METRICS},
        versions={name: importlib.metadata.version(name) for name in PACKAGES}
        | {"python": sys.version.split()[0]},
    )


def same_items(predictions: Path, first: Answered, path: Path, benchmark: Benchmark) -> Answered:
    """Return another run; SourceError unless it answers the same items."""
    other = join(path, benchmark.items, benchmark.data_hash, benchmark.place)
    if {item.id for item in first.items} != {item.id for item in other.items}:
        raise SourceError(
            f"{predictions} and {path} answer different items ({len(first.items)}, {len(other.items)}): "
            "run spinemed predict for both with the same --kind, --limit and --split"
        )
    return other


def hits(readings: Sequence[Reading]) -> list[bool]:
    """Return which answers are right."""
    return [one.correct for one in readings]


def read_controls(
    benchmark: Benchmark, controls: Sequence[str], first: Answered
) -> dict[str, tuple[Answerer, list[Reading]]]:
    """Return the control runs by name, measured; SourceError where one has no name or no shared item."""
    found: dict[str, tuple[Answerer, list[Reading]]] = {}
    wanted = {item.id for item in first.items}
    for text in controls:
        before, equals, after = text.partition("=")
        path = Path(after if equals else text)
        run = join(path, benchmark.items, benchmark.data_hash, benchmark.place)
        name = before if equals else run.control
        if not name:
            raise ConfigError(f"nothing says which control {path} is; pass --control NAME={path}")
        if name in found:
            raise ConfigError(f"--control {name} is given twice; score the two against each other instead")
        if not wanted & {item.id for item in run.items}:
            raise SourceError(f"the control {path} shares no item with the run; predict both on the same")
        found[name] = measure(run, benchmark.metrics)
    return found


def control(name: str, readings: Sequence[Reading], answerer: Answerer, found: Sequence[Reading]) -> Control:
    """Return what a control run says about the model, on the items that both answer."""
    others = {one.item.id: one for one in found}
    shared = [one for one in readings if one.item.id in others]
    right = [others[one.item.id].correct for one in shared]
    both = [one for one in shared if one.text and others[one.item.id].text]
    same = [one.text == others[one.item.id].text for one in both]
    return Control(
        name=name,
        predictions_hash=answerer.predictions_hash,
        n=len(shared),
        accuracy=rate(right),
        paired=compare(name, [one.item for one in shared], hits(shared), right),
        unchanged=rate(same) if same else None,
        circular=answerer.circular,
    )


def without_pictures(benchmark: Benchmark, first: Answered) -> dict[str, list[str]]:
    """Return the letters that text alone and place alone answer, in the order and lettering of the run.

    Both learn from the training items of the kinds asked. Letters follow the corpus's own order and are
    carried over where a run showed another.
    """
    kinds = tuple(sorted({item.kind for item in first.items}))
    found = {}
    for name, answer in (("text", text_only), ("place", place_only)):
        known = benchmark.answered_without.get((name, kinds))
        if known is None:
            train = [item for item in benchmark.train if item.kind in kinds]
            plain = [item for item in benchmark.items if item.kind in kinds]
            texts = [i.lettered[letter] for i, letter in zip(plain, answer(train, plain), strict=True)]
            known = dict(zip([item.id for item in plain], texts, strict=True))
            benchmark.answered_without[name, kinds] = known
        found[name] = [chr(ord("A") + item.options.index(known[item.id])) for item in first.items]
    return found


def signs(
    readings: Sequence[Reading],
    letters: Mapping[str, Sequence[str]],
    controls: Mapping[str, Sequence[Reading]],
) -> tuple[Sign, ...]:
    """Return all the evidence for the diagnosis."""
    found = [*form_signs(readings), *level_signs(readings)]
    if readings[0].item.options:
        hiding = {name: control for name, control in controls.items() if name in HIDING}
        found += [*habit_signs(readings), side_sign(readings)]
        found += blindness_signs(readings, letters, hiding)
    return (*found, *group_signs(readings))


def baselines(
    items: Sequence[Item], right: Sequence[bool], letters: Mapping[str, Sequence[str]]
) -> tuple[Baseline, ...]:
    """Return chance, text alone and place alone on the answered items, each compared with the model."""
    if not letters:
        return ()
    found = [Baseline(name="chance", accuracy=chance(items), rate=None, paired=None)]
    for name, key in (("text only", "text"), ("geometry only", "place")):
        theirs = [letter == item.answer for letter, item in zip(letters[key], items, strict=True)]
        reached = rate(theirs)
        pair: Paired = compare(name, items, right, theirs)
        found.append(Baseline(name=name, accuracy=reached.value, rate=reached, paired=pair))
    return tuple(found)
