"""Speed of the bootstrap, and whether the statistics keep what they promise, by simulation.

    python benchmarks/score_statistics.py

Speed: the same resampling in a plain Python loop on the same data in the same run; processor seconds of one
core, best of three. Null calibration: two models without a difference answer 10 items of each of 50 patients
(and of fewer), and what one patient's items have in common is large (ICC 0.7); how often each method calls
the difference real at 5 %. Power: share of simulated comparisons that are called real, beside the formula.
Coverage: exact for intervals that depend on the number of hits alone, by summing over all numbers of hits.
Results go to benchmarks/results/score_statistics.json.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.special import stdtrit
from scipy.stats import binom
from setting import setting

from spinemed.comparisons import cluster_flip_p, discordant, mcnemar_exact, mcnemar_mid_p, sign_flip_p
from spinemed.intervals import (
    Interval,
    NotEstimable,
    bootstrap_mean,
    clopper_pearson,
    clustered_mean,
    wilson,
)
from spinemed.power import design_effect, paired_spread, power_of, required_items

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "score_statistics.json"
SIZE, ICC = 10, 0.7


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """Return the least processor time of a call."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


def loop_bootstrap(groups: Sequence[Sequence[float]], draws: int) -> Interval:
    """Return the percentile interval of the mean over groups, as a plain Python loop resamples."""
    draw = random.Random(0)
    means = []
    for _ in range(draws):
        total, count = 0.0, 0
        for group in draw.choices(groups, k=len(groups)):
            total += sum(group)
            count += len(group)
        means.append(total / count)
    means.sort()
    return Interval(means[round(0.025 * (draws - 1))], means[round(0.975 * (draws - 1))])


def loop_items(scores: Sequence[float], draws: int) -> Interval:
    """Return the percentile interval of the mean of single scores, by the fastest plain Python loop."""
    draw = random.Random(0)
    means = sorted(sum(draw.choices(scores, k=len(scores))) / len(scores) for _ in range(draws))
    return Interval(means[round(0.025 * (draws - 1))], means[round(0.975 * (draws - 1))])


def speed(draws: int) -> dict[str, object]:
    """Return seconds of both for items and patients, right-or-wrong and graded scores, and of a million."""
    generator = np.random.default_rng(0)
    found: dict[str, object] = {"draws": draws, "items": 2000, "patients": 200}
    patients = [place // 10 for place in range(2000)]
    graded = generator.normal(size=2000)
    for kind, values in (("graded", graded), ("right_or_wrong", (graded > 0).astype(float))):
        scores = values.tolist()
        groups = [scores[start : start + 10] for start in range(0, 2000, 10)]
        for unit, ours, loop in (
            ("items", lambda s=scores: bootstrap_mean(s, draws=draws), lambda s=scores: loop_items(s, draws)),
            (
                "patients",
                lambda s=scores: bootstrap_mean(s, patients, draws=draws),
                lambda g=groups: loop_bootstrap(g, draws),
            ),
        ):
            ours()
            fast, slow = seconds(ours), seconds(loop)
            found[f"{unit}_{kind}"] = {
                "seconds": round(fast, 5), "loop_seconds": round(slow, 5), "ratio": round(slow / fast, 1),
            }  # fmt: skip
    million = (generator.random(1_000_000) < 0.6).astype(float).tolist()
    names = [f"p{place // 40}" for place in range(1_000_000)]
    found["million_items_seconds"] = round(seconds(lambda: bootstrap_mean(million), 1), 3)
    found["million_items_of_25000_patients_seconds"] = round(
        seconds(lambda: bootstrap_mean(million, names), 1), 3
    )
    return found


def null_scores(generator: np.random.Generator, kind: str, patients: int) -> np.ndarray:
    """Return paired differences without an effect: [patient, item], with the wanted ICC."""
    if kind == "normal":
        common = generator.normal(0, ICC**0.5, (patients, 1))
        return common + generator.normal(0, (1 - ICC) ** 0.5, (patients, SIZE))
    shape = (1 / ICC - 1) / 2  # beta-binomial: ICC = 1 / (a + b + 1)
    chance = generator.beta(shape, shape, (2, patients, 1))
    first, second = (generator.random((2, patients, SIZE)) < chance).astype(float)
    return np.asarray(first - second)


def calibration(simulations: int, draws: int, kind: str, count: int) -> dict[str, object]:
    """Return how often each method calls a difference real where there is none."""
    generator = np.random.default_rng(11)
    patients = np.repeat(np.arange(count), SIZE).tolist()
    wrong = dict.fromkeys(
        ("item_bootstrap", "item_permutation", "patient_bootstrap", "patient_bootstrap_bca", "CR1_t",
         "patient_permutation"), 0,
    )  # fmt: skip
    for trial in range(simulations):
        values = null_scores(generator, kind, count).ravel().tolist()
        settings = {"draws": draws, "seed": trial}
        spans = {
            "item_bootstrap": bootstrap_mean(values, **settings),
            "patient_bootstrap": bootstrap_mean(values, patients, **settings),
            "patient_bootstrap_bca": bootstrap_mean(values, patients, kind="bca", **settings),
        }
        estimated = clustered_mean(values, patients)
        if isinstance(estimated, NotEstimable):
            raise RuntimeError(f"no clustered mean in trial {trial}: {estimated}")
        spans["CR1_t"] = Interval(estimated.low, estimated.high)
        for name, span in spans.items():
            wrong[name] += not span.low <= 0 <= span.high
        wrong["item_permutation"] += sign_flip_p(values, **settings) < 0.05
        wrong["patient_permutation"] += cluster_flip_p(values, patients, **settings) < 0.05
    return {"patients": count, "simulations": simulations, "draws": draws} | {
        name: round(count / simulations, 4) for name, count in wrong.items()
    }


def paired_hits(
    generator: np.random.Generator, items: int, difference: float, correlation: float
) -> np.ndarray:
    """Return right-or-wrong scores of two models [model, item] around 50 % with this correlation."""
    first, second = 0.5 + difference / 2, 0.5 - difference / 2
    both = first * second + correlation * (first * (1 - first) * second * (1 - second)) ** 0.5
    drawn = generator.random(items)
    return np.array([drawn < first, (drawn < both) | ((drawn >= first) & (drawn < first + second - both))])


def simulated_power(simulations: int, difference: float, items: int) -> dict[str, object]:
    """Return the share of simulated comparisons called real, beside the formula; items are independent."""
    generator = np.random.default_rng(12)
    deviation = (0.25 - difference**2 / 4) ** 0.5  # of each score
    found = dict.fromkeys(("t", "mcnemar_exact", "mcnemar_mid_p"), 0)
    for _ in range(simulations):
        first, second = paired_hits(generator, items, difference, 0.5)
        wins, losses = discordant(first.tolist(), second.tolist())
        mean = (wins - losses) / items
        error = (((wins + losses) / items - mean**2) / (items - 1)) ** 0.5
        found["t"] += mean / error > stdtrit(items - 1, 0.975)
        found["mcnemar_exact"] += wins > losses and mcnemar_exact(wins, losses) < 0.05
        found["mcnemar_mid_p"] += wins > losses and mcnemar_mid_p(wins, losses) < 0.05
    return {
        "difference": difference, "items": items, "simulations": simulations,
        "formula": round(power_of(difference, items, paired_spread(deviation, deviation, 0.5)), 4),
    } | {name: round(count / simulations, 4) for name, count in found.items()}  # fmt: skip


def simulated_cluster_power(simulations: int, difference: float, icc: float) -> dict[str, object]:
    """Return the same for as many patients of 10 items as the formula with its design effect wants."""
    effect = design_effect(SIZE, icc)
    patients = -(-required_items(difference, effect=effect) // SIZE)
    names = np.repeat(np.arange(patients), SIZE).tolist()
    share = 0.25 + difference**2  # of discordant items, for a spread of 0.5
    chances = np.array([(share - difference) / 2, 1 - share, (share + difference) / 2])
    generator = np.random.default_rng(13)
    found = dict.fromkeys(("CR1_t", "patient_permutation"), 0)
    for _ in range(simulations):
        # Dirichlet-multinomial: any score of the three outcomes has the ICC 1 / (concentration + 1).
        own = generator.dirichlet(chances * (1 / icc - 1), patients)
        drawn = generator.random((patients, SIZE, 1))
        values = ((drawn > own.cumsum(axis=1)[:, None, :2]).sum(axis=2) - 1.0).ravel().tolist()
        estimated = clustered_mean(values, names)
        if isinstance(estimated, NotEstimable):
            raise RuntimeError(f"no clustered mean: {estimated}")
        found["CR1_t"] += estimated.low > 0
        found["patient_permutation"] += estimated.mean > 0 and cluster_flip_p(values, names) < 0.05
    return {
        "difference": difference, "icc": icc, "patients": patients, "items": patients * SIZE,
        "simulations": simulations, "formula": round(power_of(difference, patients * SIZE, effect=effect), 4),
    } | {name: round(count / simulations, 4) for name, count in found.items()}  # fmt: skip


def coverage(share: float, count: int) -> dict[str, object]:
    """Return the exact share of samples whose 95 % interval holds the truth, for each kind of interval."""
    kinds: dict[str, Callable[[int], Interval]] = {
        "wilson": lambda hits: wilson(hits, count),
        "clopper_pearson": lambda hits: clopper_pearson(hits, count),
        "bootstrap": lambda hits: bootstrap_mean([1.0] * hits + [0.0] * (count - hits)),
        "bootstrap_bca": lambda hits: bootstrap_mean([1.0] * hits + [0.0] * (count - hits), kind="bca"),
    }
    found: dict[str, object] = {"share": share, "n": count}
    for name, interval in kinds.items():
        held = 0.0
        for hits in range(count + 1):
            chance = float(binom.pmf(hits, count, share))
            if chance > 1e-7:
                span = interval(hits)
                held += chance * (span.low <= share <= span.high)
        found[name] = round(held, 4)
    return found


def measure(simulations: int, draws: int) -> dict[str, object]:
    """Return all figures, with the versions and the machine they were measured on."""
    return {
        "bootstrap_speed": speed(1000),
        "null_calibration": {
            "items_per_patient": SIZE, "icc": ICC, "level": 0.05,
            **{kind: calibration(simulations, draws, kind, 50) for kind in ("normal", "right_or_wrong")},
            "few_patients": [
                calibration(simulations, draws, "right_or_wrong", count) for count in (8, 13, 20, 30)
            ],
        },
        "power": [
            simulated_power(4 * simulations, 0.05, 785),
            simulated_power(4 * simulations, 0.05, 487),
            simulated_power(4 * simulations, 0.15, 87),
        ],
        "cluster_power": [simulated_cluster_power(simulations, 0.05, icc) for icc in (0.1, 0.2)],
        "coverage": [coverage(share, n) for share, n in ((0.5, 87), (0.8, 87), (0.95, 87), (0.8, 294))],
        **setting("spinemed", "numpy", "scipy"),
    }  # fmt: skip


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulations", type=int, default=2000, help="of each null calibration")
    parser.add_argument("--draws", type=int, default=1000, help="resamples of each interval there")
    arguments = parser.parse_args()
    result = measure(arguments.simulations, arguments.draws)
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    print(text, end="")
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(text, encoding="utf-8")
    print(f"written: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
