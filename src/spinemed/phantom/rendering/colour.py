"""The pixel values of one series from its tissue map: Hounsfield units for CT, signal for T1, T2 and STIR."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import Floats
from spinemed.phantom.patient.stream import examination_stream
from spinemed.phantom.rendering.acquisition import Acquisition
from spinemed.phantom.rendering.artefacts import metal_in_ct, metal_in_mr
from spinemed.phantom.rendering.coil import sensitivity
from spinemed.phantom.rendering.texture import layers
from spinemed.phantom.rendering.tissues import SEEN, Tissue, TissueMap

_MARROWS: Final[tuple[Tissue, ...]] = (
    Tissue.MARROW, Tissue.OEDEMA, Tissue.MODIC_1, Tissue.MODIC_2, Tissue.MODIC_3,
    Tissue.INFECTED_MARROW, Tissue.BRIDGE,
)  # fmt: skip
# How much a tissue's value wanders, in units of its texture field: HU for CT, a share of the signal for MR.
_CT_GRAIN: Final[dict[Tissue, float]] = {
    **dict.fromkeys(_MARROWS, 38.0),
    Tissue.CORTEX: 120.0,
    Tissue.BLASTIC: 110.0,
    Tissue.AIR: 0.0,
}
_MR_GRAIN: Final[dict[Tissue, float]] = {
    **dict.fromkeys(_MARROWS, 0.10),
    Tissue.BOWEL: 0.22,
    Tissue.MUSCLE: 0.13,
    Tissue.FAT: 0.035,
    Tissue.LIVER: 0.05,
    Tissue.CSF: 0.02,
    Tissue.ANNULUS: 0.18,
}
_DENSITY_AT_25: Final[float] = 226.0
_DENSITY_LOSS_A_YEAR: Final[float] = 1.9


def colour(anatomy: Anatomy, acquisition: Acquisition, tissue: TissueMap) -> NDArray[np.int16]:
    """Return the stored values [slice, row, column]: HU for CT, arbitrary units from 0 up for MR."""
    rng = examination_stream(anatomy.patient, acquisition.noise)
    values = _ct if acquisition.kind == "ct" else _mr
    return values(anatomy, acquisition, tissue, rng)


def _table(values: dict[Tissue, float], default: float) -> Floats:
    return np.array([values.get(tissue, default) for tissue in Tissue], np.float32)


_CT_GRAINS: Final[Floats] = _table(_CT_GRAIN, 7.0)
_MR_GRAINS: Final[Floats] = _table(_MR_GRAIN, 0.04)
_HOUNSFIELD: Final[Floats] = np.array([SEEN[tissue].hounsfield for tissue in Tissue], np.float32)
_SIGNAL: Final[dict[str, Floats]] = {
    sequence: np.array([getattr(SEEN[tissue], sequence) for tissue in Tissue], np.float32)
    for sequence in ("t1", "t2", "stir")
}


def _ct(
    anatomy: Anatomy, acquisition: Acquisition, tissue: TissueMap, rng: np.random.Generator
) -> NDArray[np.int16]:
    look = acquisition.look
    # Trabecular bone loses about 2.5 HU a year from 226 HU in the twenties: 20,374 scans, pubmed 30912719.
    density = (
        _DENSITY_AT_25 - _DENSITY_LOSS_A_YEAR * (anatomy.patient.age - 25) + float(rng.normal(0.0, 18.0))
    )
    hounsfield = _HOUNSFIELD.copy()
    hounsfield[Tissue.MARROW] = max(density, 30.0)
    for denser, by in ((Tissue.OEDEMA, 70.0), (Tissue.MODIC_1, 45.0), (Tissue.INFECTED_MARROW, 20.0)):
        hounsfield[denser] = max(density, 30.0) + by
    hounsfield[Tissue.CORTEX] *= 0.75 + 0.25 * look.contrast
    fine = layers(rng, "fine", _shape(tissue))
    image = np.empty(tissue.shape, np.float32)
    # Slice by slice, so that what is worked on stays in the processor's cache.
    for number, one in enumerate(image):
        grain = _painted(hounsfield, _CT_GRAINS, tissue[number], one)
        grain *= fine(number)
        one += grain
        _blur(one, look.blur_px)
        if look.sharpen:
            smooth = one.copy()
            _blur(smooth, 0.8)
            one *= np.float32(1 + look.sharpen)
            smooth *= np.float32(look.sharpen)
            one -= smooth
    if (tissue == Tissue.METAL).any():
        image = metal_in_ct(image, tissue, rng)
    noise = layers(rng, "noise" if look.kernel == "bone" else "grain", _shape(tissue))
    stored = np.empty(tissue.shape, np.int16)
    for number, one in enumerate(image):
        one += np.float32(look.noise) * noise(number)
        np.rint(one, out=one)
        stored[number] = np.clip(one, -1024, 3071, out=one)
    return stored


def _mr(
    anatomy: Anatomy, acquisition: Acquisition, tissue: TissueMap, rng: np.random.Generator
) -> NDArray[np.int16]:
    look, sequence = acquisition.look, acquisition.kind.removesuffix("_axial")
    signal = _signal(anatomy, sequence, look.contrast) * np.float32(look.gain)
    mottled = layers(rng, "mottled", _shape(tissue))
    image = np.empty(tissue.shape, np.float32)
    for number, one in enumerate(image):
        grain = _painted(signal, signal * _MR_GRAINS, tissue[number], one)
        grain *= mottled(number)
        one += grain
    if (tissue == Tissue.METAL).any():
        image = metal_in_mr(image, tissue)
    coil = sensitivity(anatomy, acquisition)
    # Noise in the real and in the imaginary part leaves a Rician magnitude.
    noise = np.float32(look.noise * look.gain)
    real, unreal = layers(rng, "noise", _shape(tissue)), layers(rng, "noise", _shape(tissue))
    stored = np.empty(tissue.shape, np.int16)
    for number, one in enumerate(image):
        _blur(one, look.blur_px)
        one *= coil
        imaginary = noise * real(number)
        one += imaginary
        np.multiply(noise, unreal(number), out=imaginary)
        imaginary *= imaginary
        one *= one
        one += imaginary
        np.sqrt(one, out=one)
        np.rint(one, out=one)
        stored[number] = np.minimum(one, 4095, out=one)
    return stored


def _signal(anatomy: Anatomy, sequence: str, contrast: float) -> Floats:
    """The signal of every tissue, marrow fattier with age; `contrast` is an exponent."""
    signal = _SIGNAL[sequence].copy()
    years = anatomy.patient.age - 50
    signal[Tissue.MARROW] += anatomy.patient.surroundings.marrow + (
        0.0032 * years if sequence == "t1" else 0.0
    )
    if sequence == "stir":
        signal[Tissue.MARROW] = _SIGNAL["stir"][Tissue.MARROW] - 0.0008 * years
    return np.asarray(signal ** np.float32(contrast), np.float32)


def _painted(values: Floats, grains: Floats, tissue: TissueMap, image: Floats) -> Floats:
    """The grain of every pixel; the values go into `image`: both tables are looked up with one index."""
    index = tissue.astype(np.intp)
    values.take(index, out=image, mode="clip")  # numpy copies once more where it has to check
    return grains.take(index)


def _shape(tissue: TissueMap) -> tuple[int, int, int]:
    slices, rows, columns = tissue.shape
    return slices, rows, columns


def _blur(image: Floats, sigma_px: float) -> None:
    """Blur a slice in place with a three-tap kernel of that standard deviation along rows and columns."""
    side = np.float32(min(sigma_px * sigma_px / 2, 1 / 3))
    for first, last in ((image[:-1], image[1:]), (image[:, :-1], image[:, 1:])):
        step = last - first
        step *= side
        first += step
        last -= step
