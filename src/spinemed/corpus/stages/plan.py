"""Second stage of a build: which drafts stay, and in which split, decided once over the whole corpus."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datatrove.pipeline.base import PipelineStep

from spinemed.corpus.config import BuildConfig
from spinemed.corpus.leaks.contents import said
from spinemed.corpus.leaks.duplicates import (
    drop_across_splits,
    drop_pictures_across_splits,
    duplicates,
)
from spinemed.corpus.leaks.pictures import hashes_of
from spinemed.corpus.leaks.signatures import Signatures, from_bytes
from spinemed.corpus.releases.tombstones import read_tombstones
from spinemed.corpus.rows import QUESTION_CONFIGS, Row
from spinemed.corpus.stages.balance import GradeBalance
from spinemed.corpus.stages.bench_draw import Candidate, drawn
from spinemed.corpus.stages.drafts import PICTURES, SLICES, draft_folders, read_draft
from spinemed.corpus.stages.mix import THINNED, chance_of, shortfalls, thinned
from spinemed.instances.balance import Offer, PairBalance
from spinemed.records import Reject, Split

_COLUMNS: Final = (
    "id", "kind", "axis", "task", "modality", "language", "conditions", "source", "patient", "study", "split",
    "_words", "_signature", "_rule", "_series", "_right", "_others", "_few", "_grade", "_pictures",
)  # fmt: skip
BENCHMARK: Final = "spinebench"
PLAN: Final = "plan.arrow"
SUMMARY: Final = "summary.json"


class PlanStep(PipelineStep):  # type: ignore[misc]  # datatrove is not typed
    """Its one task reads all drafts under `work` and writes `work`/plan: places of the rows that stay."""

    name = "plan"
    type = "SpineMed"

    def __init__(self, work: str) -> None:
        super().__init__()
        self.work = work

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Write the plan; yields what came in, as every step does."""
        del rank, world_size
        if data:
            yield from data
        work = Path(self.work)
        config = BuildConfig.model_validate_json((work / "config.json").read_text(encoding="utf-8"))
        planned(work, config)


def planned(work: Path, config: BuildConfig) -> None:
    """Write which drafts stay (`plan.arrow`), the rejects of this stage, and what the plan counted."""
    items = _Items(work)
    judge = _Judge(items, config)
    judge.decide()
    table = pa.table(
        {
            "rank": pa.array(items.ranks, pa.int32()),
            "config": pa.array(items.configs).dictionary_encode(),
            "row": pa.array(items.places, pa.int32()),
            "split": pa.array(judge.splits).dictionary_encode(),
            "stays": pa.array(judge.stays),
        }
    )
    with pa.OSFile(str(work / PLAN), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    summary = {
        "shortfalls": judge.shortfalls,
        "duplicates": judge.duplicates,
        "repeated_series": sorted(judge.repeated),
        "rejects": [one.model_dump() for one in judge.rejects],
    }
    (work / SUMMARY).write_text(json.dumps(summary, ensure_ascii=False), encoding="utf-8")


class _Items:
    """The light columns of all question drafts, in the order of the build."""

    def __init__(self, work: Path) -> None:
        self._folders = dict(draft_folders(work))
        self._open: tuple[tuple[int, str], Any] = ((-1, ""), None)
        self.ranks: list[int] = []
        self.configs: list[str] = []
        self.places: list[int] = []
        parts = []
        self.slices: list[tuple[str, str, str]] = []
        self.pictures: dict[str, bytes] = {}
        for rank, folder in self._folders.items():
            for config in QUESTION_CONFIGS:
                part = read_draft(folder, config, _COLUMNS)
                if part is not None:
                    parts.append(part)
                    self.ranks += [rank] * part.num_rows
                    self.configs += [config] * part.num_rows
                    self.places += range(part.num_rows)
            slices = read_draft(folder, SLICES)
            if slices is not None:
                self.slices += zip(*(slices[name].to_pylist() for name in slices.column_names), strict=True)
            pictures = read_draft(folder, PICTURES, ("id", "hash"))
            if pictures is not None:
                self.pictures.update(
                    zip(pictures["id"].to_pylist(), pictures["hash"].to_pylist(), strict=True)
                )
        self.table = pa.concat_tables(parts) if parts else None

    def __len__(self) -> int:
        return len(self.ranks)

    def words(self, place: int) -> str:
        """Return all that an item says; drafts are opened one at a time, so ask in their order."""
        key = self.ranks[place], self.configs[place]
        if self._open[0] != key:
            self._open = key, read_draft(self._folders[key[0]], key[1], ("messages",))
        messages = self._open[1]["messages"][self.places[place]].as_py()
        return said(messages)

    def png(self, picture: str) -> bytes:
        """Return the bytes of a picture; KeyError for one that no task drew."""
        for folder in self._folders.values():
            drawn = read_draft(folder, PICTURES)
            place = -1 if drawn is None else int(pc.index(drawn["id"], picture).as_py())
            if drawn is not None and place >= 0:
                png: bytes = drawn["png"][place].as_py()
                return png
        raise KeyError(picture)

    def column(self, name: str) -> list[Any]:
        """Return one column as plain values."""
        return [] if self.table is None else self.table[name].to_pylist()


class _Judge:
    """Decides item by item; what does not stay is a Reject with its reason."""

    def __init__(self, items: _Items, config: BuildConfig) -> None:
        self._items = items
        self._config = config
        self.stays = np.ones(len(items), dtype=bool)
        self.splits: list[Split] = items.column("split")
        self.rejects: list[Reject] = []
        self.shortfalls: dict[str, int] = {}
        self.duplicates: dict[str, float] = {}
        self.repeated: set[str] = set()
        self._ids: list[str] = items.column("id")
        self._sources: list[str] = items.column("source")
        self._kinds: list[str] = items.column("kind")

    def decide(self) -> None:
        """Run all rules in their order: each sees only what those before it left."""
        self._repeated_slices()
        self._withdrawn()
        self._repeated_words()
        self._thin()
        self._balance(lambda split: split == BENCHMARK)
        self._draw_benchmark()
        self._words_apart()
        self._pictures_apart()
        self._balance(lambda split: split != BENCHMARK)
        self._count()

    def _refuse(self, place: int, step: str, reason: str, fix: str = "none needed") -> None:
        self.stays[place] = False
        self.rejects.append(
            Reject(id=self._ids[place], source=self._sources[place], step=step, reason=reason, fix=fix)
        )

    def _repeated_slices(self) -> None:
        """Leave out series whose slice came with another study: one image must not be in two splits."""
        first: dict[str, str] = {}
        for series, digest, patient in self._items.slices:
            if first.setdefault(digest, series) != series:
                self.repeated.add(series)
                self.rejects.append(
                    Reject(
                        id=f"{patient}/{series}",
                        source="",
                        step="repeat",
                        reason="the same image already came with another study",
                        fix="give each image in one source only",
                    )
                )
        if self.repeated:
            for place, shown in enumerate(self._items.column("_series")):
                if self.repeated.intersection(shown):
                    self.stays[place] = False

    def _withdrawn(self) -> None:
        if self._config.withdrawn is None:
            return
        gone = read_tombstones(self._config.withdrawn)
        patients, sources = self._items.column("patient"), self._sources
        for place, identity in enumerate(self._ids):
            if gone.hold(identity, patients[place], sources[place]):
                self._refuse(place, "withdrawn", "withdrawn by an earlier release")

    def _repeated_words(self) -> None:
        """Keep one of several questions with the same id, or the same words and no picture."""
        known: set[str] = set()
        for place, words in enumerate(self._items.column("_words")):
            key = words or self._ids[place]
            if self.stays[place] and key in known:
                what = "the same words without a picture" if words else "the same question"
                self._refuse(place, "repeat", f"{self._kinds[place]}: {what} came before")
            known.add(key)

    def _thin(self) -> None:
        mix = self._config.mix
        if not mix.targets or not len(self.stays):
            return
        chances = np.array([chance_of(identity) for identity in self._ids])
        chances[~self.stays] = 2  # after all others
        values = {name: self._items.column(name) for name in THINNED}
        for place in np.flatnonzero(self.stays & ~thinned(mix, values, chances)):
            self._refuse(int(place), "mix", f"{self._kinds[place]}: more than the mix asks for")

    def _balance(self, whose: Callable[[Split], bool]) -> None:
        """Let no grade and no option be right more often than others in some splits; see `PairBalance`."""
        grades, pairs = GradeBalance(), PairBalance[int]()
        columns = (self._items.column(name) for name in ("_grade", "_right", "_others", "_few", "task"))
        for place, (grade, right, others, few, task) in enumerate(zip(*columns, strict=True)):
            split = self.splits[place]
            if not self.stays[place] or not whose(split):
                continue
            if grade:
                if not grades.keeps(task, grade, split):
                    reason = f"height_loss: grade {grade} would be right more often than other grades"
                    self._refuse(place, "balance", reason)
            elif right:
                offer = Offer(place, right, tuple(others), few)
                admitted = pairs.take(offer, (split, self._kinds[place]))
                self._out_of_balance(admitted.refused)
        self._out_of_balance(pairs.close())

    def _out_of_balance(self, places: Sequence[int]) -> None:
        for place in places:
            reason = (
                f"{self._kinds[place]}: the right option would be right more often than another one offered"
            )
            self._refuse(place, "balance", reason)

    def _draw_benchmark(self) -> None:
        """Keep of the patients of `spinebench` the items that are drawn, and the others in reserve."""
        axes, patients = self._items.column("axis"), self._items.column("patient")
        modalities = self._items.column("modality")
        theirs = [int(place) for place in np.flatnonzero(self.stays) if self.splits[place] == BENCHMARK]
        candidates = []
        for place in theirs:
            config = self._items.configs[place]
            image = "text" if modalities[place] == "text" else "image"
            group = f"choice_{image}" if config == "choice" else config
            stratum = f"{axes[place]}/{self._kinds[place]}"
            chance = chance_of(f"spinebench:{self._ids[place]}")
            candidates.append(Candidate(place, group, stratum, patients[place], chance))
        places, missing = drawn(self._config.spinebench, candidates)
        for place in sorted(set(theirs) - set(places)):
            self._refuse(place, "reserve", f"{self._kinds[place]}: its patient is kept for spinebench")
        self.shortfalls.update({f"spinebench: {group}": count for group, count in missing.items()})

    def _signed(self) -> tuple[list[int], Signatures]:
        """Return the places of what stays without a picture, and their signatures."""
        found = self._items.column("_signature")
        places = [int(place) for place in np.flatnonzero(self.stays) if found[place] is not None]
        return places, from_bytes([found[place] for place in places])

    def _pictures_apart(self) -> None:
        """Leave out what shows a picture that looks like one in another split."""
        shown = self._items.column("_pictures")
        places = sorted(
            {(self.splits[place], one) for place in np.flatnonzero(self.stays) for one in shown[place]}
        )
        names = [one for _, one in places]
        dropped = drop_pictures_across_splits(
            hashes_of([self._items.pictures[one] for one in names]),
            [split for split, _ in places],
            lambda number: self._items.png(names[number]),
        )
        gone = {places[number] for number in np.flatnonzero(dropped)}
        for place in np.flatnonzero(self.stays) if gone else ():
            if any((self.splits[place], one) in gone for one in shown[place]):
                reason = f"{self._kinds[place]}: a picture like one of another split"
                self._refuse(int(place), "near", reason)

    def _words_apart(self) -> None:
        """Leave out text whose words, or nearly the same words with the same facts, are in another split."""
        places, signed = self._signed()
        rules = self._items.column("_rule")
        dropped = drop_across_splits(
            signed,
            [self.splits[place] for place in places],
            [rules[place] for place in places],
            lambda number: self._items.words(places[number]),
        )
        for number in np.flatnonzero(dropped):
            place = places[number]
            reason = f"{self._kinds[place]}: nearly the same words are in another split"
            self._refuse(place, "near", reason)

    def _count(self) -> None:
        places, signed = self._signed()
        labels = ("task", "language", "source")
        columns = {name: self._items.column(name) for name in labels}
        self.duplicates = duplicates(
            signed, {name: [columns[name][place] for place in places] for name in labels}
        )
        counts: dict[str, Counter[str]] = {name: Counter() for name in (*THINNED, "condition")}
        kept = np.flatnonzero(self.stays)
        for name in THINNED:
            values = self._items.column(name)
            counts[name].update(values[place] for place in kept)
        conditions = self._items.column("conditions")
        for place in kept:
            counts["condition"].update(conditions[place])
        self.shortfalls.update(shortfalls(self._config.mix, counts))


def kept_rows(work: Path, ranks: range) -> dict[tuple[int, str], list[tuple[int, str]]]:
    """Return (rank, config) -> (row, split) of the question drafts of some tasks that stay."""
    table = pa.ipc.open_file(pa.memory_map(str(work / PLAN))).read_all()
    rank = table["rank"].to_numpy()
    mine = np.flatnonzero((rank >= ranks.start) & (rank < ranks.stop) & table["stays"].to_numpy())
    part = table.take(mine)
    found: dict[tuple[int, str], list[tuple[int, str]]] = {}
    for one in zip(*(part[name].to_pylist() for name in ("rank", "config", "row", "split")), strict=True):
        found.setdefault((one[0], one[1]), []).append((one[2], one[3]))
    return found


def rejects_of(work: Path) -> list[Row]:
    """Return the rejects of the plan."""
    rows: list[Row] = json.loads((work / SUMMARY).read_text(encoding="utf-8"))["rejects"]
    return rows
