"""How fast phantom studies are written on one core, and how far place alone gives a level away.

    python benchmarks/phantom.py [--studies 40] [--patients 3000]

Prints both figures and writes them to benchmarks/results/phantom.json. The probe is a nearest-neighbour
classifier that sees nothing but row and column of the marked vertebral body's centre, as shares of the
picture; lower is better.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier

from spinemed.phantom.anatomy.place import place
from spinemed.phantom.export.study import write_study
from spinemed.phantom.patient.morphometry import FRACTURE_LEVELS
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.stream import GENERATOR_VERSION
from spinemed.phantom.rendering.acquisition import SeriesKind, plan

KINDS: tuple[SeriesKind, ...] = ("ct", "t2")
RESULTS = Path(__file__).parent / "results" / "phantom.json"


def writing_speed(studies: int) -> dict[str, float]:
    """Return studies a second of processor time and of wall time, writing into a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        write_study(999_999, Path(folder))  # imports and caches
        wall, busy = time.perf_counter(), time.process_time()
        for seed in range(studies):
            write_study(seed, Path(folder))
        wall, busy = time.perf_counter() - wall, time.process_time() - busy
    return {
        "studies": studies,
        "studies_per_core_second": round(studies / busy, 2),
        "studies_per_wall_second": round(studies / wall, 2),
        "seconds_per_study": round(busy / studies, 4),
    }


def marked_places(patients: int) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return (row, column) shares, level index and patient of each body T10 to L5 that is whole in view."""
    places, levels, owners = [], [], []
    for seed in range(patients):
        anatomy = place(sample_patient(seed))
        for kind in KINDS:
            grid = plan(anatomy, kind).grid
            for index, level in enumerate(FRACTURE_LEVELS):
                body = anatomy.vertebra(level).body
                centre = grid.index_of(body.pose.origin_mm)[1:]
                reach = body.extents(grid.directions)[1:] / np.array(grid.steps_mm[1:])
                size = np.array(grid.shape[1:])
                if (centre - reach > 0).all() and (centre + reach < size - 1).all():
                    places.append(centre / size)
                    levels.append(index)
                    owners.append(seed)
    return np.array(places), np.array(levels), np.array(owners)


def geometry_probe(patients: int) -> dict[str, float]:
    """Return the accuracy of k nearest neighbours on held-out patients, every level equally often.

    `eight_way` chooses among T10 to L5; `four_way` among the level and three others within three levels
    of it.
    """
    places, levels, owners = marked_places(patients)
    rng = np.random.default_rng(0)
    held_out = owners >= int(0.8 * patients)
    train, test = (_balanced(rng, np.flatnonzero(part), levels) for part in (~held_out, held_out))
    model = KNeighborsClassifier(n_neighbors=75).fit(places[train], levels[train])
    chances = model.predict_proba(places[test])
    truth = levels[test]
    four = [_best_of_four(rng, row, int(level)) == level for row, level in zip(chances, truth, strict=True)]
    share = np.bincount(levels[held_out], minlength=8) / (2 * held_out_patients(owners, held_out))
    return {
        "patients": patients,
        "test_places": len(test),
        "eight_way": round(float((chances.argmax(axis=1) == truth).mean()), 4),
        "eight_way_chance": 0.125,
        "four_way": round(float(np.mean(four)), 4),
        "four_way_chance": 0.25,
        **{
            f"in_view_{name}": round(float(value), 3)
            for name, value in zip(FRACTURE_LEVELS, share, strict=True)
        },
    }


def held_out_patients(owners: NDArray[np.int64], held_out: NDArray[np.bool_]) -> int:
    """Return how many patients the held-out places belong to."""
    return len(np.unique(owners[held_out]))


def _balanced(
    rng: np.random.Generator, candidates: NDArray[np.int64], levels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """As many candidates of each level as the rarest level has."""
    least = int(np.bincount(levels[candidates], minlength=8).min())
    chosen = [rng.choice(candidates[levels[candidates] == level], least, replace=False) for level in range(8)]
    return np.concatenate(chosen)


def _best_of_four(rng: np.random.Generator, chances: NDArray[np.float64], level: int) -> int:
    near = [other for other in range(max(level - 3, 0), min(level + 4, 8)) if other != level]
    options = [level, *rng.choice(near, 3, replace=False)]
    rng.shuffle(options)
    return int(max(options, key=lambda option: chances[int(option)]))


def main() -> None:
    """Run both benchmarks, print them and write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--patients", type=int, default=3000)
    options = parser.parse_args()
    found = {
        "generator_version": GENERATOR_VERSION,
        "machine": {
            "processor": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "versions": {
            name: version(name) for name in ("numpy", "scipy", "pydicom", "SimpleITK", "scikit-learn")
        },
        "writing": writing_speed(options.studies),
        "geometry_probe": geometry_probe(options.patients),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
