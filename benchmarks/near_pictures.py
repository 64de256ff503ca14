"""How far apart perceptual hashes lie: the same picture changed, and pictures of different patients.

Run: python benchmarks/near_pictures.py --corpus spinemed-450k  (writes benchmarks/results/near_pictures.json)

`spinemed.bench.data.pictures.NEAR` is chosen between the two: above what a re-saved picture differs by, below
the nearest picture of another patient.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from setting import setting

from spinemed.bench.data.pictures import BITS, NEAR, dhash, stacked
from spinemed.bench.items import rows
from spinemed.imaging.pictures import encode_png

RESULTS = Path(__file__).parent / "results" / "near_pictures.json"
PICTURES = 2500
EVERY = 25  # of these pictures one is changed in all ways


def main() -> None:
    """Hash pictures of a corpus and changed copies, measure distances, write and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    found: dict[str, tuple[str, bytes]] = {}
    for config in ("choice", "open"):
        for row in rows(
            sorted((arguments.corpus / "data" / config).glob("t*.parquet")), ["patient", "images"]
        ):
            found.update({one["path"]: (row["patient"], one["bytes"]) for one in row["images"]})
    given = list(found.values())[:PICTURES]
    hashes = stacked([dhash(png) for _, png in given])
    patients = np.array([patient for patient, _ in given])
    results = {
        "pictures": len(given),
        "patients": len(set(patients)),
        "bits": BITS,
        "near": NEAR,
        "other_patient": spread(nearest_other(hashes, patients), (0, 1, 50)),
        "changed": {
            name: spread(changed_by(change, given, hashes), (50, 95, 100)) for name, change in CHANGES.items()
        },
        **setting("spinemed", "numpy", "pillow"),
    }
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=1))


def nearest_other(hashes: NDArray[np.uint8], patients: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return for each picture the bits to the nearest picture of another patient."""
    nearest = []
    for mine, patient in zip(hashes, patients, strict=True):
        apart = np.bitwise_count(hashes ^ mine).sum(axis=1, dtype=np.int64)
        nearest.append(apart[patients != patient].min())
    return np.array(nearest)


def changed_by(
    change: Callable[[Image.Image], Image.Image], given: list[tuple[str, bytes]], hashes: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Return how many bits a change turns, over every 25th picture."""
    turned = []
    for place in range(0, len(given), EVERY):
        grey = Image.open(io.BytesIO(given[place][1])).convert("L")
        after = dhash(encode_png(np.asarray(change(grey).convert("L"))))
        turned.append(int(np.bitwise_count(after ^ hashes[place]).sum()))
    return np.array(turned)


def as_jpeg(picture: Image.Image) -> Image.Image:
    """Return the picture after JPEG at quality 70."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=70)
    return Image.open(stream)


def smaller(picture: Image.Image) -> Image.Image:
    """Return the picture at two thirds of its size."""
    return picture.resize((picture.width * 2 // 3, picture.height * 2 // 3), Image.Resampling.BILINEAR)


def brighter(picture: Image.Image) -> Image.Image:
    """Return the picture with more contrast and light."""
    return picture.point(lambda grey: min(255, round(grey * 1.15 + 6)))


def noisier(picture: Image.Image) -> Image.Image:
    """Return the picture with noise of standard deviation 4."""
    greys = np.asarray(picture) + np.random.default_rng(0).normal(0, 4, (picture.height, picture.width))
    return Image.fromarray(np.clip(greys, 0, 255).astype(np.uint8))


def cropped(picture: Image.Image) -> Image.Image:
    """Return the picture without two pixels at each edge."""
    return picture.crop((2, 2, picture.width - 2, picture.height - 2))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg": as_jpeg,
    "two_thirds": smaller,
    "brighter": brighter,
    "noise": noisier,
    "cropped": cropped,
}


def spread(values: NDArray[np.int64], percentiles: tuple[int, ...]) -> dict[str, float]:
    """Return percentiles of distances by name."""
    return {f"p{one}": round(float(np.percentile(values, one)), 1) for one in percentiles}


if __name__ == "__main__":
    main()
