"""A guard: no picture and no patient of the scored split may occur in training."""

from __future__ import annotations

import hashlib
from pathlib import Path

from spinemed.bench.items import rows, shards
from spinemed.errors import SourceError

TRAIN = "train"
SHOWN = 3


def seen_in(data: Path, config: str, split: str) -> tuple[set[str], set[str]]:
    """Return the SHA-256 of every picture, and every patient, of one config and split."""
    pictures: set[str] = set()
    patients: set[str] = set()
    for row in rows(shards(data, config, split), ("patient", "images")):
        patients.add(row["patient"])
        pictures.update(hashlib.sha256(picture["bytes"]).hexdigest() for picture in row["images"])
    return pictures, patients


def check_no_leak(data: Path, config: str, split: str) -> tuple[int, int]:
    """Return how many different pictures and patients of `split` were looked for in all training splits.

    Raises SourceError, naming some, if any occurs there.
    """
    pictures, patients = seen_in(data, config, split)
    for folder in sorted((data / "data").glob("*")):
        if not any(folder.glob(f"{TRAIN}-*.parquet")) or folder.name not in ("choice", "open"):
            continue
        train_pictures, train_patients = seen_in(data, folder.name, TRAIN)
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
