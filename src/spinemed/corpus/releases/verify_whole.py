"""Checks over a whole corpus: splits, the numbers of manifest and card, the lookup."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq

from spinemed.corpus.card.card import CARD, card_faults
from spinemed.corpus.config import BuildConfig
from spinemed.corpus.releases.counts import counts_of
from spinemed.corpus.releases.lookup import LOOKUP, SCHEMA, SHARD, lookup_table, readable
from spinemed.corpus.releases.manifest import Manifest
from spinemed.corpus.releases.publish import MANIFEST
from spinemed.corpus.releases.verify_bucket import MOST_TOLD, Seen
from spinemed.errors import OutputError, SpinemedError


def judge_splits(whole: Seen) -> None:
    """Judge that no patient, study or picture is in two splits, and that facts lie where questions do.

    The facts of a patient in spinebench stay in the patient's own split, which must not be a training split.
    """
    for kind, plural in (("patient", "patients"), ("study", "studies"), ("picture", "different pictures")):
        whole.checked[plural] = len(whole.splits[kind])
        for key, splits in whole.splits[kind].items():
            if len(splits) > 1:
                whole.fault("splits", f"{kind} {key}", f"is in {' and '.join(sorted(splits))}")
    for patient, splits in whole.facts.items():
        asked = whole.splits["patient"].get(patient, splits)
        allowed = {"test", "spinebench"} if asked == {"spinebench"} else asked
        if len(splits) > 1 or not splits <= allowed:
            where = f"asked in {' and '.join(sorted(asked))}, stated in {' and '.join(sorted(splits))}"
            whole.fault("splits", f"patient {patient}", where)


def judge_counts(folder: Path, manifest: Manifest, whole: Seen) -> None:
    """Judge the numbers of manifest and card against the rows."""
    counted = {" ".join(key): count for key, count in whole.rows.items()}
    said = {f"{name} {split}": n for name, of in manifest.rows.items() for split, n in of.items()}
    in_files: dict[str, int] = {}
    parquet_bytes = 0
    for file, entry in manifest.files.items():
        match = SHARD.fullmatch(file)
        if match is not None:
            key = f"{match['config']} {match['split']}"
            in_files[key] = in_files.get(key, 0) + entry.rows
            parquet_bytes += entry.bytes
    studies = sum(count for (config, _), count in whole.rows.items() if config == "studies")
    _compare("rows", said, counted, whole)
    _compare("rows of files", in_files, counted, whole)
    _compare("kinds", manifest.kinds, whole.kinds, whole)
    _compare("rejects", manifest.rejects, whole.rejects, whole)
    _compare("studies", {"": manifest.studies}, {"": studies}, whole)
    _compare("parquet_bytes", {"": manifest.parquet_bytes}, {"": parquet_bytes}, whole)
    for what in _wrong_on_the_card(folder, manifest):
        whole.fault("card", CARD, what.removeprefix(f"{CARD}: "))


def _compare(what: str, told: Mapping[str, int], counted: Mapping[str, int], whole: Seen) -> None:
    for key in sorted({*told, *counted}):
        if told.get(key, 0) != counted.get(key, 0):
            saw = f"says {told.get(key, 0)}, the data {counted.get(key, 0)}"
            whole.fault("counts", MANIFEST, f"{what} {key}".strip() + f": {saw}")


def _wrong_on_the_card(folder: Path, manifest: Manifest) -> list[str]:
    try:
        config = BuildConfig.model_validate(manifest.settings)
        return card_faults(folder, counts_of(folder), config.mix, manifest.shortfalls, manifest.duplicates)
    except (SpinemedError, ValueError, OSError) as error:
        return [f"cannot be compared with the data: {' '.join(str(error).split())[:200]}"]


def judge_lookup(folder: Path, whole: Seen) -> None:
    """Judge that the lookup is that of the rows, and that no id comes twice."""
    try:
        found = lookup_table(folder)
        with readable(folder / LOOKUP):
            stored = pq.read_table(folder / LOOKUP)
    except OutputError as error:
        whole.fault("lookup", LOOKUP, str(error))
        return
    ids = found["id"].to_pylist()
    whole.checked["ids"] = len(ids)
    for one, other in pairwise(ids):
        if one == other:
            whole.fault("ids", f"id {one}", "comes twice")
    if stored.schema.names != SCHEMA.names or len(stored) != len(found):
        told = f"holds {len(stored)} rows, the corpus {len(found)} instances"
        whole.fault("lookup", LOOKUP, told)
        return
    for name in SCHEMA.names:
        if found[name].cast(_PLAIN[name]).equals(stored[name].cast(_PLAIN[name])):
            continue
        pairs = zip(ids, found[name].to_pylist(), stored[name].to_pylist(), strict=True)
        wrong = [(one, mine, theirs) for one, mine, theirs in pairs if mine != theirs]
        for one, mine, theirs in wrong[:MOST_TOLD]:
            whole.fault("lookup", f"id {one}", f"its {name} is {mine}, the lookup says {theirs}")


_PLAIN = {"id": "string", "file": "string", "row_group": "int32", "row": "int32"}
