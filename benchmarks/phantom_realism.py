"""Grey-value histograms and power spectra of phantom slices beside real ones, and how far they are apart.

    SPINEMED_DATA=... python benchmarks/phantom_realism.py [--patients 60]

Both are cut alike: 200 x 115 mm around L1 to S1 of the mid-sagittal slice in 256 greys, T1 and T2 at 1.2 mm a
pixel against SPIDER, CT at 3 mm against the one real CT with a mask (TotalSegmentator's example). Writes
docs/phantom/realism.png and benchmarks/results/phantom_realism.json; no real pixel is kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from marked_pictures import Slice, phantom_slices
from matplotlib.figure import Figure
from numpy.typing import NDArray
from real_slices import ct_slices, data_folder, spider_slices
from scipy.stats import wasserstein_distance
from setting import setting

from spinemed.imaging.pictures import resample_window
from spinemed.phantom.patient.stream import GENERATOR_VERSION
from spinemed.phantom.rendering.acquisition import SeriesKind

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "phantom_realism.json"
PLOT = ROOT / "docs" / "phantom" / "realism.png"
PIXEL_MM: dict[SeriesKind, float] = {"t1": 1.2, "t2": 1.2, "ct": 3.0}
TALL_MM, WIDE_MM = 200.0, 115.0
_BEHIND_MM = 18.0
"""How far behind the bodies' centres the middle of the cut lies: bodies, canal and processes are in it."""
_MARROW_MM = 6.0
BINS = 64


@dataclass(frozen=True)
class Texture:
    """Means over slices of one kind: greys of 0 to 255, decibels for the spectrum.

    `marrow` is the median grey 6 mm around the bodies' centres, `marrow_spread` the standard deviation
    there, `edges` the mean gradient in greys a pixel, `black` and `white` the shares below 8 and above 247.
    """

    slices: int
    mean: float
    spread: float
    black: float
    white: float
    marrow: float
    marrow_spread: float
    edges: float


@dataclass(frozen=True, eq=False)
class Look:
    """Numbers of one kind of slice: shares of each grey, spectrum in dB over cycles a millimetre, texture."""

    greys: NDArray[np.float64]
    frequencies: NDArray[np.float64]
    spectrum: NDArray[np.float64]
    texture: Texture


def crop(cut: Slice, pixel_mm: float) -> NDArray[np.uint8]:
    """Return the part around L1 to S1, square pixels."""
    spans = [span for span in cut.chain.spans if span.site[0] == "L"]
    middle = float(np.mean([(span.left + span.right) / 2 for span in spans])) + _BEHIND_MM
    bottom = spans[-1].bottom + 25.0
    height, width = round(TALL_MM / pixel_mm), round(WIDE_MM / pixel_mm)
    top, left = bottom - height * pixel_mm, middle - width * pixel_mm / 2
    return resample_window(cut.grey, cut.spacing_mm, top, left, height, width, pixel_mm).astype(np.uint8)


def spectrum_db(
    picture: NDArray[np.uint8], pixel_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return cycles a millimetre and the radially averaged power in dB, at unit variance."""
    values = picture.astype(np.float64)
    values = (values - values.mean()) / max(float(values.std()), 1e-6)
    values *= np.hanning(values.shape[0])[:, None] * np.hanning(values.shape[1])[None, :]
    power = np.abs(np.fft.fft2(values)) ** 2 / values.size
    rows, columns = (np.fft.fftfreq(size, pixel_mm) for size in values.shape)
    radius = np.hypot(rows[:, None], columns[None, :])
    edges = np.linspace(0.01, 0.5 / pixel_mm, 25)
    place = np.digitize(radius.ravel(), edges)
    sums = np.bincount(place, weights=power.ravel(), minlength=26)[1:25]
    counts = np.bincount(place, minlength=26)[1:25]
    return (edges[:-1] + edges[1:]) / 2, 10 * np.log10(sums / np.maximum(counts, 1) + 1e-12)


def look_of(cuts: Iterable[Slice], pixel_mm: float) -> Look:
    """Return the mean look of slices; ValueError for none."""
    rows, greys, spectra = [], [], []
    frequencies = np.zeros(0)
    for cut in cuts:
        picture = crop(cut, pixel_mm)
        inside = picture[crop_inside(cut, pixel_mm)]
        greys.append(np.histogram(inside, bins=BINS, range=(0, 256))[0] / inside.size)
        frequencies, spectrum = spectrum_db(picture, pixel_mm)
        spectra.append(spectrum)
        rows.append(
            (
                inside.mean(),
                inside.std(),
                (inside < 8).mean(),
                (inside > 247).mean(),
                *_marrow(cut),
                _edges(picture),
            )
        )
    if not rows:
        raise ValueError("no slice shows L1 to L5 on the sacrum")
    means = [round(float(value), 3) for value in np.mean(rows, axis=0)]
    return Look(np.mean(greys, axis=0), frequencies, np.mean(spectra, axis=0), Texture(len(rows), *means))


def crop_inside(cut: Slice, pixel_mm: float) -> NDArray[np.bool_]:
    """Return which pixels of the crop lie on the slice."""
    full = Slice(np.full(cut.grey.shape, 255, np.uint8), cut.spacing_mm, cut.chain, cut.patient)
    return crop(full, pixel_mm) > 0


def _edges(picture: NDArray[np.uint8]) -> float:
    down, across = np.gradient(picture.astype(np.float64))
    return float(np.hypot(down, across).mean())


def _marrow(cut: Slice) -> tuple[float, float]:
    """Return the median grey around the centres of the bodies, and the mean standard deviation there."""
    rows, columns = np.indices(cut.grey.shape)
    medians, spreads = [], []
    for span in cut.chain.spans:
        down = (rows + 0.5) * cut.spacing_mm[0] - (span.top + span.bottom) / 2
        back = (columns + 0.5) * cut.spacing_mm[1] - (span.left + span.right) / 2
        values = cut.grey[np.hypot(down, back) < _MARROW_MM]
        medians.append(float(np.median(values)))
        spreads.append(float(values.std()))
    return float(np.mean(medians)), float(np.mean(spreads))


def distances(real: Look, made: Look) -> dict[str, float]:
    """Return how far histograms (Wasserstein, greys) and spectra (dB, phantom minus real) are apart."""
    middles = (np.arange(BINS) + 0.5) * 256 / BINS
    off = made.spectrum - real.spectrum
    third = len(off) // 3
    return {
        "grey_wasserstein": round(float(wasserstein_distance(middles, middles, real.greys, made.greys)), 2),
        "spectrum_rms_db": round(float(np.sqrt(np.mean(off**2))), 2),
        "spectrum_low_db": round(float(off[:third].mean()), 2),
        "spectrum_middle_db": round(float(off[third : 2 * third].mean()), 2),
        "spectrum_high_db": round(float(off[2 * third :].mean()), 2),
    }


def plot(pairs: dict[SeriesKind, tuple[Look, Look]], file: Path) -> None:
    """Draw histograms above and spectra below, one column a kind."""
    figure = Figure(figsize=(4 * len(pairs), 6.4), layout="constrained")
    axes = figure.subplots(2, len(pairs), squeeze=False)
    middles = (np.arange(BINS) + 0.5) * 256 / BINS
    for column, (kind, (real, made)) in enumerate(pairs.items()):
        for look, name, colour in ((real, "real", "black"), (made, "phantom", "tab:red")):
            label = f"{name}, {look.texture.slices} slices"
            axes[0, column].plot(middles, look.greys, color=colour, label=label)
            axes[1, column].plot(look.frequencies, look.spectrum, color=colour, label=label)
        axes[0, column].set(
            title=kind.upper(), xlabel="grey", ylabel="share of pixels", yscale="log", ylim=(1e-4, 0.5)
        )
        axes[1, column].set(xlabel="cycles a millimetre", ylabel="power in dB")
        axes[0, column].legend(frameon=False)
    figure.suptitle("Mid-sagittal slices, L1 to S1: greys and radially averaged power spectra")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=90)


def main() -> None:
    """Compare all kinds that real data is there for, print, plot and write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=60)
    patients = parser.parse_args().patients
    data = data_folder()
    if data is None:
        print("SPINEMED_DATA names no folder with real slices: nothing to compare with, nothing written")
        return
    pairs: dict[SeriesKind, tuple[Look, Look]] = {}
    for kind, pixel_mm in PIXEL_MM.items():
        real = list(ct_slices(data) if kind == "ct" else spider_slices(data, kind))  # type: ignore[arg-type]
        if not real:
            print(f"{kind}: no real slice under {data.name}, left out")
            continue
        pairs[kind] = look_of(real, pixel_mm), look_of(phantom_slices(range(patients), kind), pixel_mm)
    found = {
        kind: {"real": asdict(real.texture), "phantom": asdict(made.texture), **distances(real, made)}
        for kind, (real, made) in pairs.items()
    }
    report: dict[str, object] = {"generator_version": GENERATOR_VERSION}
    report.update({str(kind): one for kind, one in found.items()})
    report |= setting("spinemed", "numpy", "scipy")
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    plot(pairs, PLOT)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
