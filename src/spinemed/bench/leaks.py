"""A guard: no picture, patient, study or text of the scored rows may occur in a corpus that is trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinemed.bench.data.pictures import NEAR, dhash, nearest, stacked
from spinemed.bench.items import rows, shards
from spinemed.errors import SourceError
from spinemed.records import content_id

TRAIN = "train"
SPLITS = ("train", "validation", "test")
CONFIGS = ("choice", "open", "dialogue", "report")
SHOWN = 3
_COLUMNS = ("id", "patient", "study", "source", "messages", "images")


@dataclass
class Seen:
    """What some splits of a corpus hold: patients, source records, exact pictures and texts without one.

    `records` are "source/study": a study of a source, or a document of a source of documents. `hashes` maps
    the SHA-256 of a picture to its perceptual hash.
    """

    patients: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    hashes: dict[str, NDArray[np.uint8]] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any]) -> None:
        """Take in one row."""
        self.patients.add(row["patient"])
        self.records.add(record_of(row))
        if not row["images"]:
            self.words.add(words_of(row))
        for picture in row["images"]:
            digest = hashlib.sha256(picture["bytes"]).hexdigest()
            if digest not in self.hashes:
                self.hashes[digest] = dhash(picture["bytes"])

    def reasons(self, row: Mapping[str, Any]) -> list[str]:
        """Return why a row is not clean against this corpus, by exact comparison; empty where it is."""
        found = {
            "same patient": row["patient"] in self.patients,
            "same source record": record_of(row) in self.records,
            "same picture": any(
                hashlib.sha256(picture["bytes"]).hexdigest() in self.hashes for picture in row["images"]
            ),
            "same words without a picture": not row["images"] and words_of(row) in self.words,
        }
        return [reason for reason, holds in found.items() if holds]


def record_of(row: Mapping[str, Any]) -> str:
    """Return the source record of a row: what a person would go back to."""
    return f"{row['source']}/{row['study']}"


def words_of(row: Mapping[str, Any]) -> str:
    """Return a hash of all that is said in a row."""
    return content_id([message["content"] for message in row["messages"]])


def seen_corpus(data: Path, splits: Collection[str] = SPLITS) -> Seen:
    """Return what all questions of some splits of a corpus hold; SourceError for a folder without any."""
    seen = Seen()
    if not (data / "data").is_dir():
        raise SourceError(f"{data} holds no corpus; give the folder that spinemed build wrote")
    for config in CONFIGS:
        for split in splits:
            files = sorted((data / "data" / config).glob(f"{split}-*.parquet"))
            for row in rows(files, _COLUMNS):
                seen.add(row)
    if not seen.patients:
        raise SourceError(f"{data} holds no question of {', '.join(splits)}; build the corpus again")
    return seen


def near_pictures(
    asked: Iterable[tuple[str, bytes]], seen: Seen, near: int = NEAR
) -> dict[str, tuple[str, int]]:
    """Return id -> (SHA-256 of the corpus picture, bits apart) of rows with a picture that looks the same.

    `asked` gives (row id, PNG) pairs; a row with several near pictures names the nearest.
    """
    pairs = list(asked)
    known = list(seen.hashes)
    bits, places = nearest(
        stacked([dhash(png) for _, png in pairs]), stacked([seen.hashes[name] for name in known])
    )
    found: dict[str, tuple[str, int]] = {}
    for (identity, _), apart, place in zip(pairs, bits.tolist(), places.tolist(), strict=True):
        if apart <= near and (identity not in found or apart < found[identity][1]):
            found[identity] = known[place], apart
    return found


def seen_in(data: Path, config: str, split: str) -> tuple[set[str], set[str]]:
    """Return the SHA-256 of every picture, and every patient, of one config and split."""
    pictures: set[str] = set()
    patients: set[str] = set()
    for row in rows(shards(data, config, split), ("patient", "images")):
        patients.add(row["patient"])
        pictures.update(hashlib.sha256(picture["bytes"]).hexdigest() for picture in row["images"])
    return pictures, patients


def has_training(data: Path) -> bool:
    """Tell whether a corpus has a training split of any config that is trained on."""
    return any(any((data / "data" / config).glob(f"{TRAIN}-*.parquet")) for config in CONFIGS)


def check_no_leak(data: Path, config: str, split: str, train: Path | None = None) -> tuple[int, int]:
    """Return how many different pictures and patients of `split` were looked for in all training splits.

    `train` is the corpus that is trained on, where it is not `data` itself: a benchmark has no training
    split. Raises SourceError, naming some, if any occurs there.
    """
    pictures, patients = seen_in(data, config, split)
    folder_of_training = data if train is None else train
    for folder in sorted((folder_of_training / "data").glob("*")):
        if not any(folder.glob(f"{TRAIN}-*.parquet")) or folder.name not in CONFIGS:
            continue
        train_pictures, train_patients = seen_in(folder_of_training, folder.name, TRAIN)
        for what, shared in (
            ("pictures", pictures & train_pictures),
            ("patients", patients & train_patients),
        ):
            if shared:
                named = ", ".join(sorted(shared)[:SHOWN])
                raise SourceError(
                    f"{len(shared)} {what} of {config}/{split} are also in {folder.name}/{TRAIN} ({named}): "
                    f"scores on {data} would be worthless; build the corpus again, split by patient"
                )
    return len(pictures), len(patients)
