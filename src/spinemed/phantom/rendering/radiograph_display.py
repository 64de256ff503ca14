"""From attenuation to the picture a digital X-ray machine shows: noise, compression, edges, border, letter.

Plain windowed integrals look wrong: machines compress the low frequencies and lift the edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import Floats
from spinemed.phantom.patient.stream import examination_stream
from spinemed.phantom.rendering.radiograph_view import Film

BITS_STORED: Final[int] = 12
_TOP: Final[int] = 2**BITS_STORED - 1
# Attenuation of soft tissue at about 75 kVp in 1/mm, set [assumed] between that of water at 50 and at 80 keV,
# 0.021 and 0.018, read in jnm.snmjournals.org/highwire/markup/57366 [V].
_TISSUE: Final[float] = 0.019


@dataclass(frozen=True)
class Processing:
    """What differs from machine to machine; lengths in mm, `noise` at the film's mean density."""

    low_share: float
    low_mm: float
    edge: float
    edge_mm: float
    gamma: float
    blur_mm: float
    noise: float
    scatter: float
    black: float
    white: float


def processing_of(anatomy: Anatomy, film: Film) -> Processing:
    """Return the look of the machine: the same for all films of a patient but for exposure and noise."""
    machine = examination_stream(anatomy.patient, "radiograph/machine")
    shot = examination_stream(anatomy.patient, f"radiograph/shot/{film.kind}")
    return Processing(
        low_share=float(machine.uniform(0.14, 0.42)),
        low_mm=float(machine.uniform(35.0, 80.0)),
        edge=float(machine.uniform(0.2, 1.0)),
        edge_mm=float(machine.uniform(2.5, 6.0)),
        gamma=float(machine.uniform(0.80, 1.35)),
        blur_mm=float(machine.uniform(0.25, 0.55)),
        noise=float(shot.uniform(0.008, 0.026)),
        scatter=float(shot.uniform(0.05, 0.25)),
        black=float(machine.uniform(0.5, 3.0)),
        white=float(machine.uniform(99.3, 99.9)),
    )


def developed(
    anatomy: Anatomy, film: Film, tissue_mm: Floats, bone: Floats, lead: Floats, exposed: Floats
) -> NDArray[np.uint16]:
    """Return the stored picture [row, column], 12 bits, bone bright.

    `tissue_mm` is the way through soft tissue, `bone` the attenuation of bone and metal, `lead` the
    marker's letter from 0 to 1, `exposed` the share of each pixel inside the collimated field.
    """
    look = processing_of(anatomy, film)
    step = film.grid.steps_mm[1]
    rng = examination_stream(anatomy.patient, f"noise/{film.kind}")
    density = _detected(look, film, tissue_mm, bone, rng)
    shown = _compressed(look, step, density)
    seen = (exposed > 0.99) & (tissue_mm > 25.0)
    grey = _toned(look, shown, seen[::3, ::3])
    air = np.clip(tissue_mm * np.float32(1 / 22.0), 0, 1)
    grey *= air * (2 - air)
    np.maximum(grey, lead * np.float32(0.98), out=grey)
    border = np.float32(rng.uniform(0.0, 0.03))
    grey = border + exposed * (grey - border)
    stored: NDArray[np.uint16] = np.rint(np.clip(grey, 0, 1) * _TOP).astype(np.uint16)
    return stored


def _detected(
    look: Processing, film: Film, tissue_mm: Floats, bone: Floats, rng: np.random.Generator
) -> Floats:
    """Density behind the patient: blurred, veiled by scatter, noisier where fewer quanta arrive."""
    step = film.grid.steps_mm[1]
    density = np.float32(_TISSUE) * tissue_mm
    density += gaussian_filter(bone, max(look.blur_mm / step, 0.35), truncate=2.5)
    for seam in film.seams:
        rows = np.arange(density.shape[0], dtype=np.float32)[:, None]
        density += np.float32(rng.normal(0.0, 0.035)) * np.clip((rows - np.float32(seam)) * step + 0.5, 0, 1)
    noise = rng.standard_normal(density.shape, dtype=np.float32)
    if step < 0.8:  # a fine detector's pixels share their light
        noise = uniform_filter(noise, 2) * np.float32(2.0)
    middle = float(density[::4, ::4].mean())
    strength = np.exp(np.clip(0.5 * (density - np.float32(middle)), -1.5, 0.9))
    density += np.float32(look.noise) * strength * noise
    return density


def _compressed(look: Processing, step_mm: float, density: Floats) -> Floats:
    """Low frequencies weakened, edges lifted; wide blurs are box filters on a thinned picture."""
    thin = max(int(look.low_mm / step_mm / 6), 1)
    size = max(round(look.low_mm / step_mm / thin), 1)
    wide = density[::thin, ::thin]
    for _ in range(2):
        wide = uniform_filter(wide, size, mode="nearest")
    low = enlarged(wide, density.shape)
    near = uniform_filter(density, max(round(look.edge_mm / step_mm), 2) | 1, mode="nearest")
    shown: Floats = density + np.float32(look.edge) * (density - near)
    shown += np.float32((1 - look.scatter) * look.low_share - 1) * low
    return shown


def _toned(look: Processing, shown: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Grey from 0 to 1: window by percentiles of the exposed tissue, a gentle S, gamma."""
    thinned = shown[::3, ::3]
    inside = thinned[seen] if np.count_nonzero(seen) > 50 else thinned.ravel()
    black, white = np.percentile(inside, (look.black, look.white))
    grey = (shown - np.float32(black)) * np.float32(1 / max(white - black, 1e-3))
    np.clip(grey, 0, 1.15, out=grey)
    grey = grey ** np.float32(look.gamma)
    toned: Floats = np.float32(0.06) + np.float32(0.88) * grey
    return np.where(toned > 0.9, np.float32(0.9) + (toned - np.float32(0.9)) * np.float32(0.5), toned)


def enlarged(coarse: Floats, shape: tuple[int, ...]) -> Floats:
    """Return a coarse field on a finer grid over the same place, linear between the pixels' middles."""
    down, across = (_weights(big, small) for big, small in zip(shape, coarse.shape, strict=True))
    return np.asarray(down @ coarse @ across.T, np.float32)


def _weights(big: int, small: int) -> Floats:
    """Weights [fine, coarse] of linear interpolation; beyond the ends the last value holds."""
    place = np.clip((np.arange(big) + 0.5) * small / big - 0.5, 0, small - 1)
    first = np.minimum(place.astype(int), max(small - 2, 0))
    part = (place - first).astype(np.float32)
    weights = np.zeros((big, small), np.float32)
    rows = np.arange(big)
    weights[rows, first] = 1 - part
    if small > 1:
        weights[rows, first + 1] = part
    return weights
