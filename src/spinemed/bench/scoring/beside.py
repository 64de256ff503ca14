"""What stands beside a run on its scorecard: other runs, its own control runs, answerers without pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from spinemed.bench.items import Item
from spinemed.bench.scoring.baselines import chance, place_only, text_only
from spinemed.bench.scoring.benchmark import Benchmark
from spinemed.bench.scoring.join import Answered
from spinemed.bench.scoring.paired import compare, measured, rate
from spinemed.bench.scoring.reading import Reading
from spinemed.bench.scoring.reports import LOWEST
from spinemed.bench.scoring.scorecard import Answerer, Baseline, Control, Paired
from spinemed.errors import ConfigError, SourceError


def same_items(predictions: Path, first: Answered, path: Path, benchmark: Benchmark) -> Answered:
    """Return another run; SourceError unless it answers the same items."""
    other = benchmark.joined(path)
    if {item.id for item in first.items} != {item.id for item in other.items}:
        raise SourceError(
            f"{predictions} and {path} answer different items ({len(first.items)}, {len(other.items)}): "
            "run spinemed predict for both with the same --kind, --limit and --split"
        )
    return other


def points(readings: Sequence[Reading]) -> list[float]:
    """Return what each item counts in a comparison: 1 or 0, or the factual score of a report."""
    return [one.points for one in readings]


def read_controls(
    benchmark: Benchmark, controls: Sequence[str], first: Answered
) -> dict[str, tuple[Answerer, list[Reading]]]:
    """Return the control runs by name, measured; SourceError where one has no name or no shared item."""
    found: dict[str, tuple[Answerer, list[Reading]]] = {}
    wanted = {item.id for item in first.items}
    for text in controls:
        before, equals, after = text.partition("=")
        path = Path(after if equals else text)
        run = benchmark.joined(path)
        name = before if equals else run.control
        if not name:
            raise ConfigError(f"nothing says which control {path} is; pass --control NAME={path}")
        if name in found:
            raise ConfigError(f"--control {name} is given twice; score the two against each other instead")
        if not wanted & {item.id for item in run.items}:
            raise SourceError(f"the control {path} shares no item with the run; predict both on the same")
        found[name] = benchmark.measured(run)
    return found


def control(name: str, readings: Sequence[Reading], answerer: Answerer, found: Sequence[Reading]) -> Control:
    """Return what a control run says about the model, on the items that both answer."""
    others = {one.item.id: one for one in found}
    mine = [one for one in readings if one.item.id in others]
    theirs = [others[one.item.id] for one in mine]
    both = [(one, other) for one, other in zip(mine, theirs, strict=True) if one.text and other.text]
    same = [one.text == other.text for one, other in both]
    items = [one.item for one in mine]
    is_report = answerer.report is not None
    return Control(
        name=name,
        predictions_hash=answerer.predictions_hash,
        n=len(mine),
        accuracy=None if is_report else rate([one.correct for one in theirs]),
        factual=measured(points(theirs), [item.patient for item in items], LOWEST) if is_report else None,
        paired=compare(name, items, points(mine), points(theirs)),
        unchanged=rate(same) if same else None,
        circular=answerer.circular,
    )


def without_pictures(benchmark: Benchmark, first: Answered) -> dict[str, list[str]]:
    """Return the letters that text alone and place alone answer, in the order and lettering of the run.

    Both learn from the training items of the kinds asked; without any of these there are none. Letters follow
    the corpus's own order and are carried over where a run showed another.
    """
    kinds = tuple(sorted({item.kind for item in first.items}))
    train = [item for item in benchmark.train if item.kind in kinds]
    found: dict[str, list[str]] = {}
    for name, answer in (("text", text_only), ("place", place_only)) if train else ():
        known = benchmark.answered_without.get((name, kinds))
        if known is None:
            plain = [item for item in benchmark.items if item.kind in kinds]
            texts = [i.lettered[letter] for i, letter in zip(plain, answer(train, plain), strict=True)]
            known = dict(zip([item.id for item in plain], texts, strict=True))
            benchmark.answered_without[name, kinds] = known
        found[name] = [chr(ord("A") + item.options.index(known[item.id])) for item in first.items]
    return found


def baselines(
    items: Sequence[Item], right: Sequence[float], letters: Mapping[str, Sequence[str]]
) -> tuple[Baseline, ...]:
    """Return chance, text alone and place alone on the answered items, each compared with the model.

    Open items and reports have none; without training items there is chance alone.
    """
    if not items[0].options:
        return ()
    found = [Baseline(name="chance", accuracy=chance(items), rate=None, paired=None)]
    for key, name in (("text", "text only"), ("place", "geometry only")):
        if key not in letters:
            continue
        theirs = [letter == item.answer for letter, item in zip(letters[key], items, strict=True)]
        reached = rate(theirs)
        pair: Paired = compare(name, items, right, [float(one) for one in theirs])
        found.append(Baseline(name=name, accuracy=reached.value, rate=reached, paired=pair))
    return tuple(found)
