"""From attenuation to the picture a digital X-ray machine shows: noise, compression, edges, border, letter.

Plain windowed integrals look wrong: machines compress the low frequencies and lift the edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

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


_TILE: Final[int] = 48
_SMALL_PRODUCT: Final[float] = 1.2e6  # below about 100^3 a matrix product takes other kernels


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
    air = tissue_mm * np.float32(1 / 22.0)
    np.clip(air, 0, 1, out=air)
    air *= 2 - air
    grey *= air
    np.maximum(grey, lead * np.float32(0.98), out=grey)
    border = np.float32(rng.uniform(0.0, 0.03))
    grey -= border
    grey *= exposed
    grey += border
    np.clip(grey, 0, 1, out=grey)
    grey *= _TOP
    stored: NDArray[np.uint16] = np.rint(grey, out=grey).astype(np.uint16)
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
        noise = _shared(noise)
    middle = float(density[::4, ::4].mean())
    strength = density - np.float32(middle)
    strength *= np.float32(0.5)
    np.exp(np.clip(strength, -1.5, 0.9, out=strength), out=strength)
    strength *= np.float32(look.noise)
    strength *= noise
    density += strength
    return density


def _shared(noise: Floats) -> Floats:
    """Twice the mean of each pixel, the one before it and those above the two; borders count again."""
    tall, found = np.empty_like(noise), np.empty_like(noise)
    np.add(noise[1:], noise[:-1], out=tall[1:])
    np.add(noise[0], noise[0], out=tall[0])
    np.add(tall[:, 1:], tall[:, :-1], out=found[:, 1:])
    np.add(tall[:, 0], tall[:, 0], out=found[:, 0])
    found *= np.float32(0.5)
    return found


def _compressed(look: Processing, step_mm: float, density: Floats) -> Floats:
    """Low frequencies weakened, edges lifted; wide blurs are box filters on a thinned picture."""
    thin = max(int(look.low_mm / step_mm / 6), 1)
    size = max(round(look.low_mm / step_mm / thin), 1)
    wide = density[::thin, ::thin]
    for _ in range(2):
        wide = uniform_filter(wide, size, mode="nearest")
    low = enlarged(wide, density.shape)
    near = uniform_filter(density, max(round(look.edge_mm / step_mm), 2) | 1, mode="nearest")
    shown: Floats = np.subtract(density, near, out=near)
    shown *= np.float32(look.edge)
    shown += density
    low *= np.float32((1 - look.scatter) * look.low_share - 1)
    shown += low
    return shown


def _toned(look: Processing, shown: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Grey from 0 to 1: window by percentiles of the exposed tissue, a gentle S, gamma."""
    thinned = shown[::3, ::3]
    inside = thinned[seen] if np.count_nonzero(seen) > 50 else thinned.ravel()
    black, white = np.percentile(inside, (look.black, look.white))
    grey = shown - np.float32(black)
    grey *= np.float32(1 / max(white - black, 1e-3))
    np.clip(grey, 0, 1.15, out=grey)
    grey **= np.float32(look.gamma)
    grey *= np.float32(0.88)
    toned: Floats = np.add(grey, np.float32(0.06), out=grey)
    bright = np.flatnonzero(toned > 0.9)
    over = toned.ravel()[bright]
    over -= np.float32(0.9)
    over *= np.float32(0.5)
    over += np.float32(0.9)
    toned.ravel()[bright] = over
    return toned


def enlarged(coarse: NDArray[Any], shape: tuple[int, int]) -> Floats:
    """Return a coarse field on a finer grid over the same place, linear between the pixels' middles."""
    rows, columns = coarse.shape
    down, across = (
        _weights(big, small, coarse.dtype) for big, small in zip(shape, coarse.shape, strict=True)
    )
    tall = np.empty((shape[0], columns), coarse.dtype)
    for fine, part in _bands(shape[0], rows, columns):
        np.matmul(down[fine, part], coarse[part], out=tall[fine])
    found = np.empty(shape, np.float32)
    for fine, part in _bands(shape[1], columns, shape[0]):
        found[:, fine] = tall[:, part] @ across[fine, part].T
    return found


def _bands(big: int, small: int, others: int) -> list[tuple[slice, slice]]:
    """Parts of a fine axis with the part of the coarse one that they are interpolated from.

    So large that each goes through the same kernels of the matrix product as the whole, whose edges round
    otherwise: its parts begin where its tiles do.
    """
    size = _TILE
    while size < big and size * others * min(size * small / big + 4, small) < _SMALL_PRODUCT:
        size += _TILE
    starts = range(0, max(big - size, 0) + 1, size)
    found = []
    for start in starts:
        stop = big if start == starts[-1] else start + size
        part = slice(max(start * small // big - 2, 0), min(stop * small // big + 3, small))
        found.append((slice(start, stop), part))
    return found


def _weights(big: int, small: int, kind: np.dtype[Any]) -> NDArray[Any]:
    """Weights [fine, coarse] of linear interpolation; beyond the ends the last value holds."""
    place = np.clip((np.arange(big) + 0.5) * small / big - 0.5, 0, small - 1)
    first = np.minimum(place.astype(int), max(small - 2, 0))
    part = (place - first).astype(np.float32)
    weights = np.zeros((big, small), kind)
    rows = np.arange(big)
    weights[rows, first] = 1 - part
    if small > 1:
        weights[rows, first + 1] = part
    return weights
