"""Can the level be learnt from a marked picture, and only from its pixels? A small network, and blind probes.

    OMP_NUM_THREADS=1 python benchmarks/phantom_learn.py [--patients 3000] [--minutes 4.5] [--workers 1]

One thread; minutes are this process's processor time in training, reading the curve and making pictures not
counted (both are reported). Held-out patients; 4 options are drawn as the corpus draws them, close neighbours
preferred. Beside the network: probes that see the ring's place and scale alone, a network on shuffled
labels, and one whose pictures show one to five vertebrae, so that nothing is there to count from but the
looks of the bones. Writes benchmarks/results/phantom_learn.json and docs/phantom/learning_curve.png; the
weights stay in the temporary folder for phantom_gap.py. `--corpus DIR` probes the choice items of a corpus
on disk as well, with `--probes-only` that alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from blind import fitted, nearest
from level_net import LevelNet, Point, chances, right_of_four, train
from marked_pictures import LEVELS, Marked, code_hash, marked_pictures, seconds_a_patient
from matplotlib.figure import Figure
from numpy.typing import NDArray
from setting import setting

from spinemed.bench.items import pick, read_items
from spinemed.bench.scoring.baselines import text_only
from spinemed.bench.scoring.probes import (
    across_splits,
    duplicates,
    geometry_probe,
    letter_balance,
    text_only_probe,
)
from spinemed.intervals import wilson
from spinemed.phantom.patient.stream import GENERATOR_VERSION
from spinemed.phantom.rendering.acquisition import SeriesKind

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "phantom_learn.json"
PLOT = ROOT / "docs" / "phantom" / "learning_curve.png"
TEST_SHARE = 0.15
EVERY_SECONDS = 30.0
GEOMETRY_BAR, LEARN_BAR, TEXT_BAR = 0.45, 0.90, 0.03
CONTROL_MINUTES = 2.5
"""Training time of the network without the sacrum at most; on shuffled labels it is a minute."""
COMMON_KINDS = ("marked_level", "level_above", "level_below", "levels_in_view")
"""Every picture can be asked these; a leak in the other kinds would drown among them."""


def weights_file(kind: SeriesKind) -> Path:
    """Return where the weights for this kind of picture are kept, trained with the code as it is."""
    return Path(tempfile.gettempdir()) / "spinemed-marked" / f"level-net-{kind}-{code_hash()[:16]}.pt"


def parted(pictures: Marked, first_held_out: int) -> tuple[Marked, Marked]:
    """Return training and held-out pictures, parted by patient."""
    held_out = pictures.patient >= first_held_out
    return pictures.where(~held_out), pictures.where(held_out)


def share(right: NDArray[np.bool_]) -> dict[str, float]:
    """Return a share with its 95 % Wilson interval and n."""
    low, high = wilson(int(right.sum()), len(right))
    return {
        "value": round(float(right.mean()), 4), "low": round(low, 4), "high": round(high, 4), "n": len(right)
    }  # fmt: skip


def both_shares(scores: NDArray[np.floating], pictures: Marked) -> dict[str, dict[str, float]]:
    """Return how often the highest score is right among all eight levels and among four options."""
    return {
        "eight_way": share(scores.argmax(axis=1) == pictures.level),
        "four_options": share(right_of_four(scores, pictures)),
    }


def learn(name: str, known: Marked, asked: Marked, seconds: float) -> tuple[LevelNet, dict[str, Any]]:
    """Return the trained network and its learning curve, printed as it grows."""
    curve: list[dict[str, Any]] = []

    def tell(point: Point) -> None:
        found = both_shares(point.chances, asked)
        curve.append(
            {"seconds": round(point.seconds, 1), "seen": point.seen, "loss": round(point.loss, 3), **found}
        )
        eight, four = found["eight_way"], found["four_options"]
        print(
            f"{name}: {point.seconds:5.0f} s, {point.seen} pictures: 8-way {eight['value']:.3f} "
            f"[{eight['low']:.3f}, {eight['high']:.3f}], of 4 {four['value']:.3f} "
            f"[{four['low']:.3f}, {four['high']:.3f}]",
            flush=True,
        )

    started = time.perf_counter()
    model = train(known, seconds, EVERY_SECONDS, asked, tell)
    by_level = {
        level: share(np.asarray(_last_right(model, asked)[asked.level == index]))
        for index, level in enumerate(LEVELS)
        if (asked.level == index).any()
    }
    return model, {
        "training_pictures": len(known), "training_patients": len(np.unique(known.patient)),
        "held_out_pictures": len(asked), "held_out_patients": len(np.unique(asked.patient)),
        "cpu_seconds": curve[-1]["seconds"], "wall_seconds": round(time.perf_counter() - started, 1),
        "curve": curve, "by_level": by_level,
    }  # fmt: skip


def _last_right(model: LevelNet, asked: Marked) -> NDArray[np.bool_]:
    return np.asarray(chances(model, asked).argmax(axis=1) == asked.level)


def blind_probes(known: Marked, asked: Marked) -> dict[str, Any]:
    """Return what place and scale alone reach: of the ring as it is shown, and of the hidden box besides.

    The better of two learners, nearest neighbours and a small network, is reported for each figure. Always
    naming the commonest level is the floor.
    """
    found: dict[str, Any] = {}
    for name, columns in (("ring", 3), ("ring_and_box", 5)):
        tried = [
            both_shares(learner(known.place[:, :columns], known.level, asked.place[:, :columns]), asked)
            for learner in (nearest, fitted)
        ]
        found[name] = {
            figure: max((one[figure] for one in tried), key=lambda value: value["value"])
            for figure in tried[0]
        }
    counts = np.bincount(known.level, minlength=len(LEVELS))
    found["commonest_level"] = both_shares(np.tile(counts / counts.sum(), (len(asked), 1)), asked)
    return found


def corpus_probes(corpus: Path) -> dict[str, Any]:
    """Return the probes of a corpus's choice items with pictures: every kind, marked levels, the rarer kinds.

    Common kinds are cross-validated over all splits; answers of the others are balanced within each split:
    training patients are answered from what the others tell, and the others from what they tell. Items
    without a picture ask what the text is meant to tell, and are passed over.
    """
    known, *others = (
        [item for item in read_items(corpus, "choice", split) if item.width]
        for split in ("train", "validation", "test")
    )
    asked = [item for split in others for item in split]
    items = [*known, *asked]
    marked = pick(items, kinds=["marked_level"])
    rare = [[item for item in some if item.kind not in COMMON_KINDS] for some in (known, asked)]
    balance, doubles = letter_balance(items), duplicates(items)
    return {
        "items": len(items),
        "text_only": asdict(text_only_probe(items)),
        "text_only_marked_level": asdict(text_only_probe(marked)),
        "text_only_rare_kinds": asdict(across_splits(*rare, text_only)),
        "geometry": asdict(geometry_probe(items)),
        "geometry_marked_level": asdict(geometry_probe(marked)),
        "letters": asdict(balance),
        "duplicates": asdict(doubles),
    }


def plot(report: dict[str, Any], file: Path) -> None:
    """Draw the learning curve with its intervals, the bar, the controls and the blind probes."""
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    for part, figure_name, label, colour in (
        ("network", "eight_way", "network, 8 levels", "tab:blue"),
        ("network", "four_options", "network, 4 options", "tab:cyan"),
        ("no_sacrum", "eight_way", "nothing to count from, T10 to L2", "tab:orange"),
        ("shuffled", "eight_way", "shuffled labels, 8 levels", "grey"),
    ):
        curve = report[part]["curve"]
        minutes = [point["seconds"] / 60 for point in curve]
        values = np.array([[point[figure_name][end] for end in ("value", "low", "high")] for point in curve])
        axes.plot(minutes, values[:, 0], color=colour, label=label, marker="o", markersize=3)
        axes.fill_between(minutes, values[:, 1], values[:, 2], color=colour, alpha=0.15, linewidth=0)
    ring = report["blind"]["ring"]
    axes.axhline(
        ring["four_options"]["value"], color="tab:red", linestyle=":", label="ring place alone, 4 options"
    )
    axes.axhline(
        ring["eight_way"]["value"], color="tab:red", linestyle="--", label="ring place alone, 8 levels"
    )
    axes.axhline(LEARN_BAR, color="black", linewidth=0.6)
    axes.set(
        xlabel="processor minutes, one thread",
        ylabel="right, held-out patients",
        ylim=(0, 1.02),
        xlim=(0, None),
    )
    axes.legend(frameon=False, fontsize=8, loc="center right")
    axes.set_title("Naming the ringed vertebra (T10 to L5) in sagittal T2 phantom pictures")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)


def run(patients: int, minutes: float, workers: int) -> dict[str, Any]:
    """Return the whole report but the corpus probes; saves the weights."""
    first_held_out = int(patients * (1 - TEST_SHARE))
    per_patient = seconds_a_patient(range(20), "t2")
    pictures = marked_pictures(range(patients), "t2", workers)
    known, asked = parted(pictures["sacrum"], first_held_out)
    blind = blind_probes(known, asked)
    print(
        "blind:", json.dumps({name: {k: v["value"] for k, v in one.items()} for name, one in blind.items()})
    )
    model, network = learn("network", known, asked, minutes * 60)
    weights_file("t2").parent.mkdir(exist_ok=True)
    torch.save(model.state_dict(), weights_file("t2"))
    rng = np.random.default_rng(0)
    wrong = Marked(known.grey, known.ring, rng.permutation(known.level), known.patient, known.place)
    _, shuffled = learn("shuffled labels", wrong, asked, min(minutes * 60, 60.0))
    cropped_known, cropped_asked = parted(pictures["cropped"], first_held_out)
    _, cropped = learn("no sacrum", cropped_known, cropped_asked, min(minutes, CONTROL_MINUTES) * 60)
    return {
        "parameters": sum(part.numel() for part in model.parameters()),
        "seconds_to_make_a_patient": round(per_patient, 4),
        "cpu_seconds_of_pictures": round(per_patient * patients, 1),
        "network": network,
        "blind": blind,
        "shuffled": shuffled,
        "no_sacrum": {**cropped, "blind": blind_probes(cropped_known, cropped_asked)},
    }


def bars(report: dict[str, Any]) -> dict[str, bool]:
    """Return which of the bars of the project are met; those on the text need a corpus."""
    ring = report["blind"]["ring"]["four_options"]["value"]
    met = {
        "eight_way_at_least_0.90": report["network"]["curve"][-1]["eight_way"]["value"] >= LEARN_BAR,
        "ring_alone_of_4_at_most_0.45": ring <= GEOMETRY_BAR,
    }
    if "corpus" in report:
        corpus = report["corpus"]
        text = [found for name, found in corpus.items() if name.startswith("text_only")]
        met["text_alone_at_most_3_points_above_chance"] = all(
            found["accuracy"] - found["chance"] <= TEXT_BAR for found in text
        )
        met["corpus_geometry_at_most_0.45"] = corpus["geometry_marked_level"]["accuracy"] <= GEOMETRY_BAR
    return met


def main() -> None:
    """Run everything, print it, plot it and write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=4.5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--probes-only", action="store_true", help="keep the network's last results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.probes_only:
        report = json.loads(RESULTS.read_text(encoding="utf-8"))
    else:
        report = {
            "generator_version": GENERATOR_VERSION,
            **setting("spinemed", "numpy", "torch"),
            **run(options.patients, options.minutes, options.workers),
        }
    if options.corpus is not None:
        report["corpus"] = corpus_probes(options.corpus)
    report["bars"] = bars(report)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if not options.probes_only:
        plot(report, PLOT)
    print(json.dumps({"bars": report["bars"], "corpus": report.get("corpus")}, indent=1))


if __name__ == "__main__":
    main()
