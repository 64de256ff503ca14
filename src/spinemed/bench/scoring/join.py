"""Predictions joined with the items they answer; whatever does not fit is refused with its line number."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spinemed.bench.items import Item
from spinemed.bench.running.runs import Run, read_predictions, read_run
from spinemed.bench.scoring.open_truth import why_unscored
from spinemed.errors import SourceError
from spinemed.levels import Site
from spinemed.records import Prediction

NORMAL = frozenset({"", "none", "normal"})  # what a run without a control calls its control


@dataclass(frozen=True)
class Asked:
    """One item as it was shown, with its prediction: options and key stand in the order shown."""

    item: Item
    prediction: Prediction

    @property
    def reply(self) -> str:
        """The reply as written."""
        return self.prediction.text

    @property
    def cut_off(self) -> bool:
        """Whether the reply ran into its limit."""
        return self.prediction.finish_reason == "length" or self.prediction.status == "truncated"


@dataclass(frozen=True)
class Answered:
    """One run joined with its items, in their fixed order; `turns` are all orders of circular items.

    `unscored` counts items that were answered and cannot be scored, by reason.
    """

    run: Run | None
    file_hash: str
    name: str
    asked: tuple[Asked, ...]
    turns: tuple[Asked, ...]
    unscored: Mapping[str, int]

    @property
    def items(self) -> tuple[Item, ...]:
        """The items, options as shown."""
        return tuple(one.item for one in self.asked)

    @property
    def replies(self) -> tuple[str, ...]:
        """The replies, in the order of the items."""
        return tuple(one.reply for one in self.asked)

    @property
    def control(self) -> str:
        """What was taken away or changed, by the sidecar; "" for a normal run or without a sidecar."""
        named = "" if self.run is None else str(getattr(self.run, "control", "") or "")
        return "" if named in NORMAL else named


def join(
    path: Path, known: Sequence[Item], data_hash: str, place: str, only: Collection[str] | None = None
) -> Answered:
    """Return the predictions of a file with their items; `place` names corpus, config and split in errors.

    An item asked in several orders of its options counts once, in the corpus's order if it is there, else in
    the first of the file; all orders are kept as `turns`. Open items are scored where the answer is sites or
    a side. With `only`, items with other ids are left aside.
    """
    run, lines = read_run(path), read_predictions(path)
    if not lines:
        raise SourceError(f"{path} holds no prediction; make some with: spinemed predict --out {path}")
    answers = answers_of(path, lines, {item.id: item for item in known}, place)
    check_run(path, run, len(answers), len(lines), data_hash, place)
    covered = [item for item in known if item.id in answers and (only is None or item.id in only)]
    if not covered:
        raise SourceError(f"{path} answers none of the items that alone are to be scored; name other ids")
    reasons = {item.id: why_unscored(item) for item in covered}
    scored = [item for item in covered if not reasons[item.id]]
    if not scored:
        raise SourceError(
            f"{path}: none of its {len(covered)} open items has sites or a side as its answer; "
            "nothing can be scored"
        )
    turns = [[shown(item, one, path) for one in answers[item.id]] for item in scored]
    first = [min(group, key=lambda one: not is_plain(one[1].prediction)) for group in turns]
    return Answered(
        run=run,
        file_hash=hashlib.sha256(path.read_bytes()).hexdigest()[:16],
        name=first[0][1].prediction.model,
        asked=tuple(one for _, one in first),
        turns=tuple(one for group in turns if len(group) > 1 for _, one in group),
        unscored=dict(sorted(Counter(reason for reason in reasons.values() if reason).items())),
    )


def answers_of(
    path: Path, lines: Sequence[tuple[int, Prediction]], items: Mapping[str, Item], place: str
) -> dict[str, list[tuple[int, Prediction]]]:
    """Return item -> its predictions with their lines; unknown items and doubles are refused."""
    unknown = [number for number, prediction in lines if prediction.instance not in items]
    if unknown:
        raise SourceError(
            f"{path}: {len(unknown)} predictions are of no item of {place}, first in line "
            f"{unknown[0]}; pass the --data, --config and --split that were predicted"
        )
    seen: dict[tuple[str, str], int] = {}
    answers: dict[str, list[tuple[int, Prediction]]] = {}
    for number, prediction in lines:
        if not math.isfinite(prediction.seconds):
            raise SourceError(
                f"{path}, line {number}: seconds are {prediction.seconds}, not a number; write how long the "
                "answer took, or 0"
            )
        key = prediction.instance, order_of(prediction, items[prediction.instance])
        if key in seen:
            raise SourceError(
                f"{path}, line {number}: item {prediction.instance} was answered in line "
                f"{seen[key]} already; delete one of the two lines"
            )
        seen[key] = number
        answers.setdefault(prediction.instance, []).append((number, prediction))
    return answers


def order_of(prediction: Prediction, item: Item) -> str:
    """Return the order in which options were shown, spelt out: "ABCD" where it is the corpus's."""
    return prediction.order or "".join(item.lettered)


def is_plain(prediction: Prediction) -> bool:
    """Tell whether options were shown in the order of the corpus."""
    return prediction.order in ("", "".join(sorted(prediction.order)))


def shown(item: Item, answer: tuple[int, Prediction], path: Path) -> tuple[int, Asked]:
    """Return a prediction with its item, options and key in the order in which they were shown."""
    number, prediction = answer
    order = order_of(prediction, item)
    if sorted(order) != sorted(item.lettered):
        raise SourceError(
            f"{path}, line {number}: order {prediction.order!r} is none of the letters "
            f"{''.join(item.lettered) or '(an open item has none)'} of item {item.id}; predict again"
        )
    if not item.options or is_plain(prediction):
        return number, Asked(item, prediction)
    options = tuple(item.lettered[letter] for letter in order)
    turned = replace(item, options=options, answer=chr(ord("A") + order.index(item.answer)))
    return number, Asked(turned, prediction)


def check_run(path: Path, run: Run | None, items: int, lines: int, data_hash: str, place: str) -> None:
    """Raise SourceError if the sidecar says that the run is unfinished or answered other questions."""
    if run is None:
        return
    if lines < run.items:
        raise SourceError(
            f"{path} is unfinished, {items} of {run.items} items: run the same spinemed predict again"
        )
    if run.data_hash != data_hash:
        raise SourceError(
            f"{path} answers {run.config}/{run.split} of another corpus (hash {run.data_hash}) than {place}; "
            "predict again or pass the corpus that was predicted"
        )


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
