"""Whether a published corpus is what its manifest says: every file, row and picture is read again."""

from __future__ import annotations

import logging
import multiprocessing
import os
import stat
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from spinemed.corpus.releases.lookup import LOOKUP, QUESTIONS, SHARD, readable
from spinemed.corpus.releases.manifest import FileEntry, Manifest, file_sha256, read_manifest
from spinemed.corpus.releases.merkle import merkle_root
from spinemed.corpus.releases.publish import MANIFEST
from spinemed.corpus.releases.tombstones import TOMBSTONES, Tombstones, read_tombstones
from spinemed.corpus.releases.verify_bucket import Fault, Seen, buckets_of, merged, seen_in_bucket
from spinemed.errors import OutputError

CHECKS: Final = (
    *("files", "root", "columns", "row groups", "counts", "card", "splits", "places", "ids", "answers"),
    *("pictures", "evidence", "licences", "lookup", "tombstones"),
)
"""What is checked, in the order in which it is told."""

EXPECTED: Final = ("README.md", LOOKUP, TOMBSTONES)
_LOG = logging.getLogger(__name__)
_FEATURES = b"huggingface"
_CONFIGS: Final = (*QUESTIONS, "studies", "findings", "rejects")
_SPLITS: Final = frozenset(("train", "validation", "test", "spinebench", "rejects"))


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: the faults, how many more there are by check, and what was looked at."""

    faults: tuple[Fault, ...]
    untold: Mapping[str, int]
    checked: Mapping[str, int]
    left_out: tuple[str, ...]
    """Checks that were not made, since files are not those of the manifest."""

    @property
    def sound(self) -> bool:
        """Return whether every check was made and passed."""
        return not self.faults and not self.left_out


def verify(folder: Path, workers: int = 2, say: Callable[[str], None] = _LOG.info) -> Verdict:
    """Return what is wrong with a corpus; every file is read, with `workers` processes, 0 for this one alone.

    Rows are judged in files whose hashes agree; where some do not, checks over the whole are left out and
    named. OutputError where there is no manifest that can be read.
    """
    from spinemed.corpus.releases.verify_whole import judge_counts, judge_lookup, judge_splits

    manifest = read_manifest(folder)
    if manifest is None:
        raise OutputError(f"{folder}: no {MANIFEST}; name the folder of a built corpus")
    seen = Seen()
    say(f"hashing {len(manifest.files)} files")
    sound = _judge_files(folder, manifest, workers, seen)
    gone = _tombstones(folder, manifest, seen) if TOMBSTONES in sound else Tombstones()
    data = [file for file in sound if _has_columns(folder, file, seen)]
    parted = sorted({file.rpartition("-")[2].removesuffix(".parquet") for file in data})
    if len(parted) > 1:
        seen.fault("places", "data", f"is parted into {' and '.join(parted)} buckets at once")
    say(f"reading {len(data)} Parquet files")
    whole = merged([seen, *_in_buckets(folder, data, gone, workers)])
    judge_splits(whole)
    left_out: tuple[str, ...] = ()
    if len(sound) == len(manifest.files) and not any(
        one.check in ("files", "columns") for one in whole.faults
    ):
        judge_counts(folder, manifest, whole)
        judge_lookup(folder, whole)
    else:
        left_out = ("counts", "card", "lookup")
    faults = sorted(whole.faults, key=lambda one: (CHECKS.index(one.check), one.where))
    return Verdict(tuple(faults), dict(whole.untold), dict(whole.checked), left_out)


def lines(verdict: Verdict, folder: Path) -> list[str]:
    """Return one line a fault with what failed and where, then what was checked."""
    said = [f"{one.check}: {one.where}: {one.what}" for one in verdict.faults]
    said += [f"{check}: and {count} more" for check, count in verdict.untold.items()]
    if verdict.left_out:
        said.append(f"not checked, since files are not those of the manifest: {', '.join(verdict.left_out)}")
    looked = ", ".join(f"{count} {what}" for what, count in verdict.checked.items())
    failed = len({one.check for one in verdict.faults})
    ended = (
        f"{failed} of {len(CHECKS)} checks failed" if verdict.faults else f"all {len(CHECKS)} checks passed"
    )
    return [*said, f"{folder}: {ended if not verdict.left_out or failed else 'incomplete'} ({looked})"]


def as_json(verdict: Verdict) -> dict[str, object]:
    """Return the verdict as plain JSON."""
    return {
        "sound": verdict.sound,
        "checks": list(CHECKS),
        "faults": [one._asdict() for one in verdict.faults],
        "more": dict(verdict.untold),
        "not_checked": list(verdict.left_out),
        "looked_at": dict(verdict.checked),
    }


def _judge_files(folder: Path, manifest: Manifest, workers: int, seen: Seen) -> list[str]:
    """Return the files that are what the manifest says, sorted."""
    there, linked = set(), set()
    for place, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(place, name)
            file = path.relative_to(folder).as_posix()
            if path.is_symlink():
                linked.add(file)
                seen.fault("files", file, "is a link; a corpus holds the files themselves")
            elif name in names:
                there.add(file)
    for file in sorted(there - manifest.files.keys() - {MANIFEST}):
        seen.fault("files", file, "is not in the manifest")
    for file in sorted({*manifest.files, *EXPECTED} - there - linked):
        seen.fault("files", file, "is missing")
    known = sorted(there & manifest.files.keys())
    with ThreadPoolExecutor(max(1, workers)) as pool:
        wrong = list(pool.map(lambda file: _wrong_file(folder / file, manifest.files[file]), known))
    for file, what in zip(known, wrong, strict=True):
        if what:
            seen.fault("files", file, what)
    seen.checked["files"] = len(known)
    if merkle_root(manifest.files) != manifest.root:
        seen.fault("root", MANIFEST, "its root is not the Merkle root of its files")
    return [file for file, what in zip(known, wrong, strict=True) if not what]


def _wrong_file(path: Path, entry: FileEntry) -> str:
    """Return how a file differs from its entry, "" where it does not."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return "is no regular file"
        if found.st_size != entry.bytes:
            return f"has {found.st_size} bytes, the manifest says {entry.bytes}"
        digest = file_sha256(path)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if digest == entry.sha256 else f"has SHA-256 {digest}, the manifest says {entry.sha256}"


def _tombstones(folder: Path, manifest: Manifest, seen: Seen) -> Tombstones:
    try:
        gone = read_tombstones(folder / TOMBSTONES)
    except OutputError as error:
        seen.fault("tombstones", TOMBSTONES, str(error).removeprefix(f"{folder / TOMBSTONES}: "))
        return Tombstones()
    seen.checked["tombstones"] = len(gone.entries)
    if len(gone.entries) != manifest.tombstones:
        told = f"holds {len(gone.entries)} withdrawals, the manifest says {manifest.tombstones}"
        seen.fault("tombstones", TOMBSTONES, told)
    return gone


def _has_columns(folder: Path, file: str, seen: Seen) -> bool:
    """Return whether a file is a data file with the columns of its config; other places are faults."""
    if not file.startswith("data/"):
        return False
    match = SHARD.fullmatch(file)
    if match is None or match["config"] not in _CONFIGS or match["split"] not in _SPLITS:
        seen.fault("places", file, "is no data/<config>/<split>-<bucket>-of-<buckets>.parquet")
        return False
    if int(match["bucket"]) >= int(match["buckets"]):
        seen.fault("places", file, "its bucket is not one of its buckets")
        return False
    wanted = _schema(match["config"])
    try:
        with readable(folder / file):
            found = pq.read_schema(folder / file)
    except OutputError as error:
        seen.fault("files", file, str(error).removeprefix(f"{folder / file}: "))
        return False
    seen.checked["schemas"] += 1
    names = dict.fromkeys([*found.names, *wanted.names])
    differ = [name for name in names if _type(found, name) != _type(wanted, name)]
    if differ:
        what = f"its columns differ at {', '.join(differ[:5])} from those of {match['config']}"
    elif found.names != wanted.names:
        what = f"its columns stand in another order than those of {match['config']}"
    elif (found.metadata or {}).get(_FEATURES) != (wanted.metadata or {}).get(_FEATURES):
        what = "it does not state the features that load_dataset reads"
    else:
        return True
    seen.fault("columns", file, what)
    return False


@cache
def _schema(config: str) -> pa.Schema:
    """Return the columns of a config, which take milliseconds to make."""
    from spinemed.corpus.rows import features

    return features(config).arrow_schema  # type: ignore[arg-type]


def _type(schema: pa.Schema, name: str) -> str:
    """Return the type of a column, however the parts of its lists are called; "" where there is none."""
    return str(schema.field(name).type).replace("<element: ", "<item: ") if name in schema.names else ""


def _in_buckets(folder: Path, data: list[str], gone: Tombstones, workers: int) -> list[Seen]:
    """Return what was seen in each bucket.

    pyarrow ends the process over some files that are not what they say, so each bucket whose worker ended is
    given to another of its own, and is a fault where that ends as well.
    """
    buckets = buckets_of(data)
    judge = partial(seen_in_bucket, folder, gone=gone)
    if workers == 0:
        return [judge(files) for files in buckets]
    found: list[Seen] = []
    lost: list[list[str]] = []
    with _workers(min(workers, len(buckets))) as pool:
        waiting = [pool.submit(judge, files) for files in buckets]
        for files, future in zip(buckets, waiting, strict=True):
            try:
                found.append(future.result())
            except BrokenProcessPool:
                lost.append(files)
    for files in lost:
        with _workers(1) as pool:
            try:
                found.append(pool.submit(judge, files).result())
            except BrokenProcessPool:
                seen = Seen()
                what = "its reader ended without an answer: it is not what it says, or memory ran out"
                seen.fault("files", ", ".join(files), what)
                found.append(seen)
    return found


def _workers(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(max(1, count), mp_context=multiprocessing.get_context("spawn"))
