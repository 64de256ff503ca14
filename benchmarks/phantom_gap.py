"""How the network that learnt levels on phantoms does on real mid-sagittal slices: the domain gap, as it is.

    SPINEMED_DATA=... OMP_NUM_THREADS=1 python benchmarks/phantom_gap.py [--patients 2000] [--minutes 3]

T2: the weights that phantom_learn.py has left, trained anew without them. T1 and CT: trained here on phantoms
of that kind. Asked are SPIDER's mid-sagittal slices (levels counted from below, see real_slices.py) and the
one CT under shared data whose mask reaches the sacrum. Windows and rings are drawn as for phantoms, ten
times for each vertebra; intervals count vertebrae, not windows. Beside it: the same network on held-out
phantoms, and what the ring's place alone reaches on the real slices. Writes
benchmarks/results/phantom_gap.json; no real pixel is kept.

The phantom's marrow signal, texture and coil were set after phantom_realism.py had compared greys with these
same SPIDER slices, so they are no untouched test set: see NOTE.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from blind import fitted
from level_net import LevelNet, chances, right_of_four
from marked_pictures import LEVELS, Marked, Slice, marked, marked_pictures, stacked
from numpy.typing import NDArray
from phantom_learn import both_shares, learn, parted, weights_file
from real_slices import ct_slices, data_folder, spider_slices
from setting import setting

from spinemed.intervals import wilson
from spinemed.phantom.patient.stream import GENERATOR_VERSION
from spinemed.phantom.rendering.acquisition import SeriesKind

RESULTS = Path(__file__).parent / "results" / "phantom_gap.json"
DRAWS = 10
NOTE = (
    "The phantom's MR greys were matched to these SPIDER slices (greys only, no levels). A T2 network "
    "trained before that reached 0.69 [0.57, 0.78] on spider_t2 and 0.51 [0.39, 0.62] on spider_t1, 8 "
    "levels. Windows are drawn from the known bodies, so that the sacrum is always in view."
)
TEST_SHARE = 0.15
TRAINED: tuple[SeriesKind, ...] = ("t2", "t1", "ct")


def real_pictures(cuts: Sequence[Slice]) -> list[Marked]:
    """Return the marked pictures of real slices, drawn anew for each of DRAWS."""
    return [
        stacked(
            [one for cut in cuts for one in marked(cut, "sacrum", np.random.default_rng([draw, cut.patient]))]
        )
        for draw in range(DRAWS)
    ]


def asked_of(score: Any, draws: Sequence[Marked]) -> dict[str, Any]:
    """Return mean accuracies over the draws, with intervals as if each vertebra had been asked once.

    `off_by_one` is the share of answers at most one level off, `mean_shift` the mean of answer minus truth in
    levels (positive: too low in the body).
    """
    scores = [score(pictures) for pictures in draws]
    named = [one.argmax(axis=1) for one in scores]
    right = [float((one == pictures.level).mean()) for one, pictures in zip(named, draws, strict=True)]
    of_four = [
        float(right_of_four(one, pictures).mean()) for one, pictures in zip(scores, draws, strict=True)
    ]
    off = np.concatenate([one - pictures.level for one, pictures in zip(named, draws, strict=True)])
    vertebrae = round(float(np.mean([len(pictures) for pictures in draws])))
    return {
        "slices": len(np.unique(np.concatenate([pictures.patient for pictures in draws]))),
        "vertebrae": vertebrae,
        "eight_way": _mean_share(right, vertebrae),
        "four_options": _mean_share(of_four, vertebrae),
        "off_by_one": round(float((np.abs(off) <= 1).mean()), 4),
        "mean_shift": round(float(off.mean()), 3),
    }


def _mean_share(values: Sequence[float], count: int) -> dict[str, float]:
    value = float(np.mean(values))
    low, high = wilson(round(value * count), count)
    return {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4)}


def network(kind: SeriesKind, known: Marked, asked: Marked, seconds: float) -> LevelNet:
    """Return the trained network for this kind of picture, from the weights kept if there are any."""
    file = weights_file(kind)
    if file.is_file():
        model = LevelNet()
        model.load_state_dict(torch.load(file, weights_only=True))
        return model
    model, _ = learn(kind, known, asked, seconds)
    file.parent.mkdir(exist_ok=True)
    torch.save(model.state_dict(), file)
    return model


def gap(kind: SeriesKind, real: dict[str, list[Slice]], patients: int, minutes: float) -> dict[str, Any]:
    """Return accuracies of the network of one kind on held-out phantoms and on each real set."""
    first_held_out = int(patients * (1 - TEST_SHARE))
    known, asked = parted(marked_pictures(range(patients), kind)["sacrum"], first_held_out)
    model = network(kind, known, asked, minutes * 60)

    def place_alone(pictures: Marked) -> NDArray[np.float64]:
        return fitted(known.place[:, :3], known.level, pictures.place[:, :3])

    found: dict[str, Any] = {"held_out_phantoms": both_shares(chances(model, asked), asked)}
    for name, cuts in real.items():
        draws = real_pictures(cuts)
        found[name] = {
            "network": asked_of(lambda pictures: chances(model, pictures), draws),
            "ring_place_alone": asked_of(place_alone, draws[:1]),
        }
        print(kind, name, json.dumps(found[name]), flush=True)
    return found


def main() -> None:
    """Ask all real sets that are there, print and write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=3.0)
    options = parser.parse_args()
    data = data_folder()
    if data is None:
        print("SPINEMED_DATA names no folder with real slices: nothing asked, nothing written")
        return
    torch.set_num_threads(1)
    spider: dict[str, list[Slice]] = {
        f"spider_{sequence}": list(spider_slices(data, sequence)) for sequence in ("t1", "t2")
    }
    sets = {**spider, "totalsegmentator_ct": list(ct_slices(data))}
    sets = {name: cuts for name, cuts in sets.items() if cuts}
    report: dict[str, Any] = {
        "generator_version": GENERATOR_VERSION,
        "levels": list(LEVELS),
        "note": NOTE,
        "numbering": "SPIDER counted from below, L5 on the sacrum; CT from its mask (a model's output)",
        "trained_on": {kind: gap(kind, sets, options.patients, options.minutes) for kind in TRAINED},
        **setting("spinemed", "numpy", "torch"),
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
