"""Do fresh test sets agree: the same simulated readers and baselines on several seeds, differences tested.

Run: python benchmarks/fresh_seeds.py --train spinemed-450k  (writes benchmarks/results/fresh_seeds.json)

Each seed draws patients of its own. Readers answer each item right with a known probability, decided by a
hash of reader and item, so that a score should differ between seeds by sampling alone. Cochran's Q over the
seeds, with errors clustered by patient, must not find a difference for them; for a reader that is made worse
on the last seed it must. The baselines without pixels learn from the training split of a corpus. The size is
modest, since drawing and asking a patient takes more than a second of one core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import stats
from setting import setting

from spinemed.bench.data.build import build
from spinemed.bench.data.frozen import Frozen
from spinemed.bench.data.settings import BenchSettings, Patients
from spinemed.bench.items import Item, read_items
from spinemed.bench.scoring.baselines import chance, place_only, text_only
from spinemed.intervals import clustered_error

RESULTS = Path(__file__).parent / "results" / "fresh_seeds.json"
READERS = {"strong": (0.9, 0.8), "uneven": (0.85, 0.45), "weak": (0.4, 0.35)}  # text alone, with a picture
SIZES = {
    "level/image": 22,
    "level/text": 2,
    "pathology/image": 24,
    "pathology/text": 2,
    "planning/text": 7,
}
WORSE_BY = 0.35  # what the reader "changed" loses on the last seed


def main() -> None:
    """Build the sets, score readers and baselines, test heterogeneity, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--train", type=Path, required=True, help="corpus whose training split is learnt from"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 22, 33])
    parser.add_argument("--patients", type=int, default=40, help="a seed, at most")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    started = time.perf_counter()
    train = read_items(arguments.train, "choice", "train")
    sets: list[tuple[Frozen, list[Item]]] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in arguments.seeds:
            settings = BenchSettings(
                seed=seed,
                sizes={"choice": SIZES},
                patients=Patients(batch=-(-arguments.patients // 2), most=arguments.patients),
            )
            out = Path(folder) / f"fresh-{seed}"
            frozen = build(settings, out, [arguments.train], fresh=True, workers=arguments.workers, say=print)
            sets.append((frozen, read_items(out, "choice", "test")))
    results = evaluated(sets, train)
    results |= {
        "settings": {"seeds": arguments.seeds, "sizes": SIZES, "patients_at_most": arguments.patients},
        "seconds": round(time.perf_counter() - started, 1),
        **setting("spinemed", "numpy", "scipy"),
    }
    arguments.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({name: results[name] for name in ("sets", "agreement")}, indent=1, ensure_ascii=False))


def evaluated(sets: Sequence[tuple[Frozen, list[Item]]], train: Sequence[Item]) -> dict[str, object]:
    """Return strata of each set, accuracies of every answerer on every set, and the tests over the sets."""
    answerers = [*READERS, "changed", "text only", "geometry only"]
    hits: dict[str, list[list[float]]] = {name: [] for name in answerers}
    for place, (_, items) in enumerate(sets):
        for name, shares in READERS.items():
            hits[name].append([simulated(name, item, shares) for item in items])
        worse = WORSE_BY if place == len(sets) - 1 else 0.0
        shares = READERS["strong"][0] - worse, READERS["strong"][1] - worse
        hits["changed"].append([simulated("changed", item, shares) for item in items])
        kinds = {item.kind for item in items}
        known = [item for item in train if item.kind in kinds]
        for name, letters in (
            ("text only", text_only(known, items)),
            ("geometry only", place_only(known, items)),
        ):
            pairs = zip(letters, items, strict=True)
            hits[name].append([float(letter == item.answer) for letter, item in pairs])
    patients = [[item.patient for item in items] for _, items in sets]
    return {
        "sets": [described(frozen, items) for frozen, items in sets],
        "shared_patients": len(set.intersection(*(set(names) for names in patients))),
        "cells_equal": len({json.dumps(cells(frozen), sort_keys=True) for frozen, _ in sets}) == 1,
        "agreement": {name: agreement(hits[name], patients) for name in answerers},
        "expected": {name: expectations(sets, shares) for name, shares in READERS.items()},
    }


def simulated(reader: str, item: Item, shares: tuple[float, float]) -> float:
    """Return 1.0 where a reader of known competence answers an item right: a hash decides, so it repeats."""
    digest = hashlib.sha256(f"{reader}:{item.id}".encode()).digest()
    return float(int.from_bytes(digest[:8], "big") / 2**64 < shares[item.width > 0])


def expectations(sets: Sequence[tuple[Frozen, list[Item]]], shares: tuple[float, float]) -> list[float]:
    """Return what a reader's accuracy should be on each set, from its competence and the set's make-up."""
    return [round(float(np.mean([shares[item.width > 0] for item in items])), 4) for _, items in sets]


def agreement(hits: Sequence[Sequence[float]], patients: Sequence[Sequence[str]]) -> dict[str, object]:
    """Return accuracies with clustered errors, and two tests that they are equal over the sets.

    Cochran's Q (inverse variance weights, chi-squared with sets - 1 degrees of freedom) and, for comparison,
    Pearson's chi-squared of right and wrong by set, which takes items as independent.
    """
    shares = [float(np.mean(one)) for one in hits]
    errors = [float(clustered_error(one, names)) for one, names in zip(hits, patients, strict=True)]
    weights = 1 / np.square(errors)
    pooled = float(np.average(shares, weights=weights))
    q = float(np.sum(weights * (np.array(shares) - pooled) ** 2))
    counts = np.array([[sum(one), len(one) - sum(one)] for one in hits])
    return {
        "accuracy": [round(share, 4) for share in shares],
        "error": [round(error, 4) for error in errors],
        "pooled": round(pooled, 4),
        "cochran_q": round(q, 3),
        "p": three_digits(stats.chi2.sf(q, len(hits) - 1)),
        "pearson_p": three_digits(stats.chi2_contingency(counts, correction=False).pvalue),
    }


def three_digits(p: float) -> float:
    """Return a p value with three significant digits: a small one is not 0."""
    return float(f"{p:.3g}")


def cells(frozen: Frozen) -> dict[str, int]:
    """Return cell -> choice items."""
    return frozen.sizes["choice"]


def described(frozen: Frozen, items: Sequence[Item]) -> dict[str, object]:
    """Return what a set holds."""
    return {
        "seed": frozen.seed,
        "patients": frozen.patients,
        "items": len(items),
        "patients_asked": len({item.patient for item in items}),
        "cells": cells(frozen),
        "short": frozen.short,
        "kinds": len({item.kind for item in items}),
        "modality": dict(sorted(Counter(item.modality for item in items).items())),
        "language": dict(sorted(Counter(item.language for item in items).items())),
        "letters": frozen.letters,
        "chance": round(chance(items), 4),
        "refused": {one.name: one.refused for one in frozen.against},
    }


if __name__ == "__main__":
    main()
