"""The pixel values of one series from its tissue map: Hounsfield units for CT, signal for T2-weighted MR."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import Floats
from spinemed.phantom.patient.stream import stream
from spinemed.phantom.rendering.acquisition import Acquisition
from spinemed.phantom.rendering.texture import smooth_field
from spinemed.phantom.rendering.tissues import HOUNSFIELD, T2_SIGNAL, Tissue, TissueMap

# How much a tissue's value wanders, in units of its texture field: HU for CT, a share of the signal for T2.
_CT_GRAIN: Final[dict[Tissue, float]] = {Tissue.MARROW: 34.0, Tissue.CORTEX: 120.0, Tissue.OEDEMA: 40.0}
_T2_GRAIN: Final[dict[Tissue, float]] = {
    Tissue.BOWEL: 0.22,
    Tissue.MUSCLE: 0.14,
    Tissue.MARROW: 0.07,
    Tissue.FAT: 0.08,
}


def colour(anatomy: Anatomy, acquisition: Acquisition, tissue: TissueMap) -> NDArray[np.int16]:
    """Return the stored values [slice, row, column]: HU for CT, arbitrary units from 0 up for T2."""
    rng = stream(anatomy.patient.seed, acquisition.noise)
    values = _ct if acquisition.kind == "ct" else _t2
    return values(anatomy, acquisition, tissue, rng)


def _table(values: dict[Tissue, float], default: float | None = None) -> Floats:
    return np.array([values[t] if default is None else values.get(t, default) for t in Tissue], np.float32)


def _ct(
    anatomy: Anatomy, acquisition: Acquisition, tissue: TissueMap, rng: np.random.Generator
) -> NDArray[np.int16]:
    look, shape = acquisition.look, tissue.shape
    # Trabecular bone loses about 2.5 HU a year from 226 HU in the twenties: 20,374 scans, pubmed 30912719.
    density = 226.0 - 1.9 * (anatomy.patient.age - 25) + float(rng.normal(0.0, 18.0))
    hounsfield = _table(HOUNSFIELD)
    hounsfield[Tissue.MARROW] = density
    hounsfield[Tissue.OEDEMA] = density + 70.0
    hounsfield[Tissue.CORTEX] *= 0.75 + 0.25 * look.contrast
    image = hounsfield[tissue]
    image += _table(_CT_GRAIN, 7.0)[tissue] * smooth_field(rng, shape, cell=(1, 3, 3))
    image = gaussian_filter(image, (0, look.blur_px, look.blur_px), truncate=2.5)
    noise = rng.standard_normal((shape[0], shape[1] + 1, shape[2] + 1), dtype=np.float32)
    # Neighbours share noise, as a smooth kernel makes them.
    grain = (noise[:, :-1, :-1] + noise[:, 1:, :-1]) + (noise[:, :-1, 1:] + noise[:, 1:, 1:])
    image += np.float32(look.noise / 2) * grain
    stored: NDArray[np.int16] = np.clip(np.rint(image), -1024, 3071).astype(np.int16)
    return stored


def _t2(
    anatomy: Anatomy, acquisition: Acquisition, tissue: TissueMap, rng: np.random.Generator
) -> NDArray[np.int16]:
    look, shape = acquisition.look, tissue.shape
    signal = _table(T2_SIGNAL)
    signal[Tissue.MARROW] += anatomy.patient.surroundings.marrow
    signal = signal ** np.float32(look.contrast)
    image = signal[tissue]
    grain = smooth_field(rng, shape, cell=(1, 3, 3)) + smooth_field(rng, shape, cell=(2, 9, 9))
    image *= 1 + np.float32(0.7) * _table(_T2_GRAIN, 0.04)[tissue] * grain
    image = gaussian_filter(image, (0, look.blur_px, look.blur_px), truncate=2.5)
    image *= _sensitivity(anatomy, acquisition)
    for_real, for_imaginary = (rng.standard_normal(shape, dtype=np.float32) for _ in range(2))
    image += np.float32(look.noise) * for_real
    magnitude = np.sqrt(image * image + (np.float32(look.noise) * for_imaginary) ** 2)
    stored: NDArray[np.int16] = np.clip(np.rint(magnitude * np.float32(look.gain)), 0, 4095).astype(np.int16)
    return stored


def _sensitivity(anatomy: Anatomy, acquisition: Acquisition) -> Floats:
    """Receive sensitivity [row, column]: bright at the back, dark under the saturation band, shaded."""
    look, grid = acquisition.look, acquisition.grid
    bodies = np.array([grid.index_of(part.body.pose.origin_mm) for part in anatomy.vertebrae[:8]])
    column_mm = np.arange(grid.shape[2], dtype=np.float32) * grid.steps_mm[2]
    spine_mm = bodies[:, 2] * grid.steps_mm[2]
    falloff = np.exp(np.clip(look.coil_falloff * (column_mm - spine_mm.mean() - 15.0), -1.2, 0.5))
    band = 1 / (1 + np.exp(-(column_mm - (spine_mm.min() - 22.0 - look.saturation_mm)) / 6.0))
    down = np.linspace(-1, 1, grid.shape[1], dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, grid.shape[2], dtype=np.float32)[None, :]
    a, b, c, d, e = look.shading
    shading = 1 + a * down + b * across + c * down * across + d * down * down + e * across * across
    return np.asarray(shading * (falloff * (0.12 + 0.88 * band))[None, :], np.float32)
