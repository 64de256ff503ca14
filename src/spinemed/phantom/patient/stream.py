"""Random numbers of one patient for one purpose, from the generator version and the seed alone."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np

from spinemed.phantom.patient.shapes import Patient

GENERATOR_VERSION: Final[str] = "4"
"""Raise it with every change that changes the bytes: studies of another version are replaced."""


def stream(seed: int, purpose: str) -> np.random.Generator:
    """Return the random numbers of one patient for one purpose; purposes never share numbers.

    Noise, identifiers and the place in the frame have purposes of their own, so no finding can shine
    through them.

    >>> bool(stream(1, "noise").random() == stream(1, "noise").random())
    True
    >>> bool(stream(1, "noise").random() == stream(2, "noise").random())
    False
    """
    digest = hashlib.sha256(f"{GENERATOR_VERSION}:{seed}:{purpose}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def examination_stream(patient: Patient, purpose: str) -> np.random.Generator:
    """Return the random numbers of one examination of a patient: a later one is taken anew, by its months."""
    return stream(patient.seed, f"{purpose}/{patient.months} months" if patient.months else purpose)
