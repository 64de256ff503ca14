"""Stored replies read again with today's parser: what state each had, what it has now, what that changes."""

from __future__ import annotations

import fcntl
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spinemed.bench.items import Item, corpus_hash, read_items
from spinemed.bench.running.controls import in_order
from spinemed.bench.running.predict import CUT_OFF, read_status
from spinemed.bench.running.runs import Run, read_predictions, read_run, sidecar, write_whole
from spinemed.errors import ConfigError, OutputError, SourceError
from spinemed.records import Prediction

SHOWN = 2  # examples of each change


@dataclass(frozen=True)
class Reread:
    """One reply: the line it stands in, its prediction as stored and as read today, and its item as shown."""

    line: int
    before: Prediction
    after: Prediction
    item: Item

    @property
    def changed(self) -> bool:
        """Whether today's state or letter differs from the stored one."""
        return self.before != self.after

    def is_right(self, prediction: Prediction) -> bool:
        """Whether a prediction chooses the right option."""
        return prediction.status == "answered" and prediction.choice == self.item.answer


@dataclass(frozen=True)
class Change:
    """How many replies went from one state to another, with the first few of them."""

    before: str
    after: str
    count: int
    examples: tuple[Reread, ...]


def reread(path: Path, data: Path, config: str, split: str) -> list[Reread]:
    """Return each prediction of a file beside what today's parser reads in its reply.

    SourceError, with the line, for a prediction of no item of the corpus or with an order of no such item.
    """
    run = read_run(path)
    check_corpus(path, run, data, config, split)
    items = {item.id: item for item in read_items(data, config, split)}
    found = []
    for number, before in read_predictions(path):
        item = items.get(before.instance)
        if item is None:
            raise SourceError(
                f"{path}, line {number}: {before.instance} is no item of {data} {config}/{split}; pass the "
                "--data, --config and --split that were predicted"
            )
        try:
            shown = in_order(item, before.order)
        except ValueError as error:
            raise SourceError(f"{path}, line {number}: {error}; predict again") from error
        cut_off = before.finish_reason == CUT_OFF or (
            not before.finish_reason and before.status == "truncated"
        )
        status, choice = read_status(shown, before.text, config, cut_off=cut_off)
        after = before.model_copy(update={"status": status, "choice": choice})
        found.append(Reread(number, before, after, shown))
    return found


def check_corpus(path: Path, run: Run | None, data: Path, config: str, split: str) -> None:
    """Raise SourceError if the sidecar says that another corpus, config or split was answered."""
    if run is not None and (run.config, run.split) != (config, split):
        raise SourceError(
            f"{path} answers {run.config}/{run.split}, not {config}/{split}; leave the options out"
        )
    if run is not None and run.data_hash != corpus_hash(data, config, split):
        raise SourceError(f"{path} answers another corpus than {data}; pass the --data that was predicted")


def changes(found: Sequence[Reread]) -> list[Change]:
    """Return the changes of state, most frequent first; a changed letter is a change too.

    >>> changes([])
    []
    """
    groups: dict[tuple[str, str], list[Reread]] = defaultdict(list)
    for each in found:
        if each.changed:
            groups[state(each.before), state(each.after)].append(each)
    ordered = sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [Change(*key, len(group), tuple(group[:SHOWN])) for key, group in ordered]


def state(prediction: Prediction) -> str:
    """Return a parse state with its letter, if there is one: "answered C"."""
    return f"{prediction.status} {prediction.choice}".rstrip()


def right_before_and_after(found: Sequence[Reread]) -> tuple[int, int, int] | None:
    """Return how many of the replies to choice questions were right, are right, and n; None without any."""
    choices = [each for each in found if each.item.options]
    if not choices:
        return None
    before = sum(each.is_right(each.before) for each in choices)
    return before, sum(each.is_right(each.after) for each in choices), len(choices)


def write_reread(path: Path, found: Sequence[Reread], out: Path | None) -> Path:
    """Write what was read to `out` with its sidecar, or in place of `path`, which is kept as *.bak.

    Return the file written. OutputError if it would replace another file, or if `path` is being written.
    """
    target = path if out is None else out
    backup = path.with_name(path.name + ".bak")
    taken = backup if out is None else out
    if taken.exists():
        raise OutputError(f"{taken} is there already; move it away")
    text = "".join(json.dumps(each.after.model_dump(), ensure_ascii=True) + "\n" for each in found)
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"{path} is being written by a run; wait for it") from error
        if out is None:
            write_whole(backup, path.read_text(encoding="utf-8"))
        elif sidecar(path).exists():
            write_whole(sidecar(out), sidecar(path).read_text(encoding="utf-8"))
        write_whole(target, text)
    return target


def config_and_split(path: Path, config: str, split: str) -> tuple[str, str]:
    """Return config and split as given, else from the sidecar; ConfigError where neither says."""
    run = read_run(path)
    if run is None and not (config and split):
        raise ConfigError(f"nothing beside {path} says what it answers; pass --config and --split")
    return (config or run.config, split or run.split) if run is not None else (config, split)


def as_text(found: Sequence[Reread]) -> str:
    """Return the changes as lines: old state, new state, count, examples; then what accuracy does."""
    lines = [f"{len(found)} replies, {sum(each.changed for each in found)} read differently today"]
    for change in changes(found):
        lines.append(f"{change.count:6} {change.before} -> {change.after}")
        lines += [f"         line {each.line}: {each.before.text[-100:]!r}" for each in change.examples]
    right = right_before_and_after(found)
    if right is not None:
        before, after, n = right
        what = "unchanged" if before == after else f"{after / n:.4f} ({after} of {n}) now"
        lines.append(f"accuracy by stored states {before / n:.4f} ({before} of {n}), {what}")
    return "\n".join(lines)


def as_json(found: Sequence[Reread]) -> str:
    """Return the same as one JSON object."""
    right = right_before_and_after(found)
    rows = [
        {
            "before": change.before,
            "after": change.after,
            "count": change.count,
            "lines": [each.line for each in change.examples],
        }
        for change in changes(found)
    ]
    before, after, n = right or (None, None, None)
    return json.dumps(
        {"replies": len(found), "changes": rows, "right_before": before, "right_after": after, "n": n}
    )
