"""Localised vertebrae against true ones: the identification rate of VerSe and distances in mm.

Source: Sekuboyina 2021 and its published code (anjany/verse). Standard library only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from .level_labels import SCHEMES
from .levels import Level

Point = tuple[float, float, float]


class Scan(NamedTuple):
    """Counts of one scan: vertebrae of the truth and of the prediction, identified ones, distances in mm."""

    true: int
    predicted: int
    hits: int
    distances: tuple[float, ...]


def compare(
    predicted: Mapping[str, Point], true: Mapping[str, Point], limit_mm: float = 20.0, inclusive: bool = True
) -> Scan:
    """Return how one scan agrees; both map levels to centroids in mm.

    A vertebra is identified if, among the levels that both sets have, the true centroid nearest to the
    predicted one is its own, and they lie at most `limit_mm` apart. The published code counts a distance of
    just the limit (`inclusive`), the paper does not. A tie for the nearest goes to the more cranial level.

    >>> said, true = {"L1": (0, 0, 20)}, {"L1": (0, 0, 0)}
    >>> compare(said, true).hits, compare(said, true, inclusive=False).hits
    (1, 0)
    """
    both = sorted(predicted.keys() & true.keys(), key=lambda name: Level(name).order)
    hits, distances = 0, []
    for name in both:
        gap = math.dist(predicted[name], true[name])
        nearest = min(both, key=lambda other: math.dist(predicted[name], true[other]))
        distances.append(gap)
        hits += nearest == name and (gap <= limit_mm if inclusive else gap < limit_mm)
    return Scan(len(true), len(predicted), hits, tuple(distances))


def centroid_scores(scans: Sequence[Scan]) -> dict[str, Any]:
    """Return rates and distances over scans: means of scans, and `_pooled` over all vertebrae.

    `scans_all_right` is the share of scans with every true vertebra identified and none besides.
    """
    true, predicted = sum(scan.true for scan in scans), sum(scan.predicted for scan in scans)
    hits = sum(scan.hits for scan in scans)
    distances = [gap for scan in scans for gap in scan.distances]
    told = [fmean(scan.distances) for scan in scans if scan.distances]
    rates = [scan.hits / scan.true for scan in scans if scan.true]
    return {
        "vertebrae": true,
        "id_rate": fmean(rates) if rates else None,
        "id_rate_pooled": hits / true if true else None,
        "precision_pooled": hits / predicted if predicted else None,
        "d_mean": fmean(told) if told else None,
        "d_mean_pooled": fmean(distances) if distances else None,
        "scans_all_right": fmean(scan.hits == scan.true == scan.predicted for scan in scans),
    }


def read_centroids(text: str) -> dict[str, Point]:
    """Return level -> centroid from JSON: {"L1": [x, y, z]} or VerSe's {"20": [x, y, z]} or its list.

    VerSe's list has {"label": 20, "X": .., "Y": .., "Z": ..} entries and perhaps a {"direction": ..} first;
    its numbers must be in mm here. Raises ValueError on anything else.

    >>> read_centroids('{"28": [0, 0, 1]}'), read_centroids('[{"label": 20, "X": 1, "Y": 2, "Z": 3}]')
    ({'T13': (0.0, 0.0, 1.0)}, {'L1': (1.0, 2.0, 3.0)})
    """
    data = json.loads(text)
    if isinstance(data, list):
        rows = [one for one in data if isinstance(one, dict) and "label" in one]
        data = {str(one["label"]): [one.get(axis) for axis in "XYZ"] for one in rows}
    if not isinstance(data, dict):
        raise ValueError(f"centroids are a JSON object of level to [x, y, z] in mm, got {text!r:.80}")
    return {level_of(name): _point(name, value) for name, value in data.items()}


def level_of(name: str) -> str:
    """Return the level of a name or of a VerSe label; ValueError on an unknown one.

    >>> level_of("L1"), level_of("20"), level_of("25")
    ('L1', 'L1', 'L6')
    """
    known = SCHEMES["verse"].get(int(name), "") if name.isdigit() else name
    if known not in [level.value for level in Level]:
        raise ValueError(f"{name!r} is no level and no VerSe label")
    return known


def _point(name: str, value: object) -> Point:
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError(f"the centroid of {name} is three numbers in mm, got {value!r:.80}")
    if not all(isinstance(part, int | float) and math.isfinite(part) for part in value):
        raise ValueError(f"the centroid of {name} is three finite numbers in mm, got {value!r:.80}")
    return float(value[0]), float(value[1]), float(value[2])
