"""What differs from scanner to scanner in one series: noise, sharpness, contrast, gain, shading, kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Kernel = Literal["soft", "bone"]


@dataclass(frozen=True)
class Look:
    """How a series was set up. `noise` in HU for CT, as a share of the brightest signal for MR.

    `blur_px` is the point spread's standard deviation; `sharpen` what a bone kernel adds back;
    `saturation_mm` how far in front of the spine the saturation band begins; `coil_falloff` the loss of
    sensitivity a millimetre away from the back.
    """

    noise: float
    blur_px: float
    contrast: float
    gain: float
    shading: tuple[float, ...]
    saturation_mm: float
    coil_falloff: float
    kernel: Kernel = "soft"
    sharpen: float = 0.0


def sample_look(rng: np.random.Generator, kind: str) -> Look:
    """Return a look for a series of this kind; CT draws a kernel, MR a coil and a saturation band."""
    computed = kind == "ct"
    bone = computed and rng.random() < 0.4
    noise = (
        rng.uniform(26.0, 55.0) if bone else rng.uniform(9.0, 24.0) if computed else rng.uniform(0.010, 0.030)
    )
    return Look(
        noise=float(noise),
        blur_px=float(rng.uniform(0.45, 0.8)),
        contrast=float(rng.uniform(0.85, 1.2)),
        gain=float(rng.uniform(500.0, 1400.0)),
        shading=tuple(float(value) for value in rng.normal(0.0, 0.09, 5)),
        saturation_mm=float(rng.uniform(25.0, 70.0) if rng.random() < 0.6 else 400.0),
        coil_falloff=float(rng.uniform(0.002, 0.006)),
        kernel="bone" if bone else "soft",
        sharpen=float(rng.uniform(0.5, 0.9)) if bone else 0.0,
    )
