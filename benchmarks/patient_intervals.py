"""How often 95 % intervals over patients hold the true mean: percentile bootstrap against CR1 with t.

    python benchmarks/patient_intervals.py

Simulated patients with 2 to 12 right or wrong answers each; a patient's share is drawn from a beta law.
The t interval is cut at 0 and 1. Results go to benchmarks/results/patient_intervals.json; they are why a
scorecard takes the t interval below 30 patients (`spinemed.bench.scoring.paired.FEW_PATIENTS`).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from setting import setting

from spinemed.intervals import ClusteredMean, Interval, bootstrap_mean, clustered_mean

RESULT = Path(__file__).parent / "results" / "patient_intervals.json"
PATIENTS = (5, 10, 20, 30, 40)
SETTINGS = {  # true share of right answers, correlation of answers within a patient
    "share 0.7, correlation 0.2": (0.7, 0.2),
    "share 0.9, correlation 0.2": (0.9, 0.2),
    "share 0.5, correlation 0.05": (0.5, 0.05),
}
DRAWS = 1000


def drawn(patients: int, share: float, correlation: float, seed: int) -> tuple[list[float], list[int]]:
    """Return right or wrong answers of patients with 2 to 12 items each, and the patient of each answer."""
    chance = np.random.default_rng(seed)
    spread = (1 - correlation) / correlation
    rates = chance.beta(share * spread, (1 - share) * spread, size=patients)
    sizes = chance.integers(2, 13, size=patients)
    names = np.repeat(np.arange(patients), sizes)
    return (chance.random(len(names)) < rates[names]).astype(float).tolist(), names.tolist()


def coverage(patients: int, share: float, correlation: float, trials: int) -> dict[str, float]:
    """Return the share of trials whose interval holds `share`, and the mean width, by method.

    A trial whose answers are all equal has no interval by either method and is left out and counted.
    """
    held = {"bootstrap": 0, "t": 0}
    width = {"bootstrap": 0.0, "t": 0.0}
    equal = 0
    for trial in range(trials):
        scores, names = drawn(patients, share, correlation, trial)
        if len(set(scores)) < 2:
            equal += 1
            continue
        by_t = clustered_mean(scores, names)
        assert isinstance(by_t, ClusteredMean)
        clipped = Interval(max(0.0, by_t.low), min(1.0, by_t.high))
        for name, found in (("bootstrap", bootstrap_mean(scores, names, draws=DRAWS)), ("t", clipped)):
            held[name] += found.low <= share <= found.high
            width[name] += found.high - found.low
    used = trials - equal
    return {f"{name}_coverage": held[name] / used for name in held} | {
        f"{name}_width": width[name] / used for name in width
    } | {"trials": used, "equal": equal}  # fmt: skip


def main() -> None:
    """Print a line for each number of patients and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=3000)
    trials = parser.parse_args().trials
    result: dict[str, dict[str, dict[str, float]]] = {}
    for name, (share, correlation) in SETTINGS.items():
        result[name] = {}
        for patients in PATIENTS:
            found = coverage(patients, share, correlation, trials)
            result[name][str(patients)] = found
            print(
                f"{name}, {patients} patients: bootstrap {100 * found['bootstrap_coverage']:.1f} % "
                f"(width {found['bootstrap_width']:.3f}), CR1 with t {100 * found['t_coverage']:.1f} % "
                f"(width {found['t_width']:.3f})",
                flush=True,
            )
    written = {"trials": trials, "draws": DRAWS, **setting("spinemed", "numpy"), "coverage": result}
    RESULT.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
