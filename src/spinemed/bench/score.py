"""The scorecard of a run: scored by the metric folders, beside baselines, its own controls and other runs."""

from __future__ import annotations

import importlib.metadata
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spinemed.bench.faults.blindness import HIDING, blindness_signs
from spinemed.bench.faults.signs import form_signs, group_signs, habit_signs, level_signs, side_sign
from spinemed.bench.scoring.benchmark import Benchmark
from spinemed.bench.scoring.benchmark import open_benchmark as open_benchmark
from spinemed.bench.scoring.beside import (
    baselines,
    control,
    points,
    read_controls,
    same_items,
    without_pictures,
)
from spinemed.bench.scoring.join import Answered
from spinemed.bench.scoring.measure import differs, metric_hash
from spinemed.bench.scoring.paired import compare, corrected
from spinemed.bench.scoring.reading import Reading
from spinemed.bench.scoring.report_verdicts import Verdicts, check_candidate, open_verdicts
from spinemed.bench.scoring.scorecard import Scorecard, Sign
from spinemed.bench.scoring.subset import subset_of
from spinemed.errors import ConfigError

PACKAGES = ("spinemed", "evaluate", "datasets", "numpy", "pyarrow")


def score(
    predictions: Path,
    against: Sequence[Path],
    data: Path,
    config: str,
    split: str,
    metrics: Path,
    controls: Sequence[str] = (),
    *,
    train: Path | None = None,
    only: Path | None = None,
    judge: Path | None = None,
) -> Scorecard:
    """Return the scorecard of a file of predictions, beside other runs and the model's own control runs.

    The baselines answer exactly the items of `predictions`. Of open items those are scored whose answer is
    sites or a side. `controls` are files whose sidecar names their control, or NAME=FILE. `train` is the
    corpus that was trained on, where `data` has no training split; `only` a file with the ids that alone
    count; `judge` a file of verdicts on these reports. Raises SourceError on predictions that do not fit the
    corpus or are unfinished, and where the split leaks into training; ConfigError on unknown names.
    """
    verdicts = None if judge is None else open_verdicts(judge)
    benchmark = open_benchmark(data, config, split, metrics, train, only)
    return score_on(benchmark, predictions, against, controls, verdicts)


def score_on(
    benchmark: Benchmark,
    predictions: Path,
    against: Sequence[Path] = (),
    controls: Sequence[str] = (),
    verdicts: Verdicts | None = None,
) -> Scorecard:
    """Return the scorecard of predictions on an opened benchmark; see `score`."""
    first = benchmark.joined(predictions)
    if verdicts is not None:
        if not benchmark.references:
            raise ConfigError(
                f"a judge's verdicts are of reports, not of {benchmark.config}; leave --judge out"
            )
        check_candidate(verdicts, first.name, first.items)
    model, readings = benchmark.measured(first, verdicts)
    others, pairs = [], []
    for path in against:
        answerer, found = benchmark.measured(same_items(predictions, first, path, benchmark))
        others.append(answerer)
        pairs.append(compare(answerer.name, first.items, points(readings), points(found)))
    again = read_controls(benchmark, controls, first)
    letters = without_pictures(benchmark, first) if first.items[0].options else {}
    return Scorecard(
        **asked_of(benchmark, first),
        reparsed=sum(map(differs, first.asked, readings)),
        model=model,
        against=tuple(others),
        paired=corrected(pairs),
        baselines=baselines(first.items, points(readings), letters),
        controls=tuple(control(name, readings, answerer, found) for name, (answerer, found) in again.items()),
        signs=signs(readings, letters, {name: found for name, (_, found) in again.items()}),
        metrics={name: metric_hash(benchmark.metrics_folder / name) for name in benchmark.metrics},
        versions={name: importlib.metadata.version(name) for name in PACKAGES}
        | {"python": sys.version.split()[0]},
    )


def asked_of(benchmark: Benchmark, first: Answered) -> dict[str, Any]:
    """Return the fields of a scorecard that say what was asked, of whom, and what was left out and why."""
    unscored = sum(first.unscored.values())
    return {
        "config": benchmark.config,
        "split": benchmark.split,
        "data_hash": benchmark.data_hash,
        "n": len(first.items),
        "patients": len({item.patient for item in first.items}),
        "kinds": dict(sorted(Counter(item.kind for item in first.items).items())),
        "synthetic": sum(item.synthetic for item in first.items),
        "real": sum(not item.synthetic for item in first.items),
        "not_asked": benchmark.wanted - len(first.items) - unscored,
        "only": None if benchmark.only is None else subset_of(benchmark.only),
        "unscored": unscored,
        "unscored_reasons": dict(first.unscored),
        "leak_pictures": benchmark.leak_pictures,
        "leak_patients": benchmark.leak_patients,
        "leak_checked": benchmark.leak_checked,
        "train_hash": benchmark.train_hash,
        "train_items": len(benchmark.train),
    }


def signs(
    readings: Sequence[Reading],
    letters: Mapping[str, Sequence[str]],
    controls: Mapping[str, Sequence[Reading]],
) -> tuple[Sign, ...]:
    """Return all the evidence for the diagnosis; reports are looked at for their form alone."""
    if readings[0].score is not None:
        return tuple(form_signs(readings))
    found = [*form_signs(readings), *level_signs(readings)]
    if readings[0].item.options:
        hiding = {name: control for name, control in controls.items() if name in HIDING}
        found += [*habit_signs(readings), side_sign(readings)]
        found += blindness_signs(readings, letters, hiding)
    return (*found, *group_signs(readings))
