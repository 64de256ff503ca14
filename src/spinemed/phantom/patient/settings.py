"""What a caller may fix of a patient instead of leaving it to the seed; impossible values are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from spinemed.errors import ConfigError
from spinemed.levels import Level
from spinemed.phantom.patient.shapes import Sex, Variant

COUNTS: Final[dict[tuple[int, int], Variant]] = {
    (12, 5): "none",
    (12, 6): "L6",
    (13, 5): "T13",
    (12, 4): "L4_only",
}
"""The numbers of thoracic and lumbar vertebrae that the phantom can have, and the variant of each."""

_RANGES: Final[dict[str, tuple[float, float]]] = {
    "age": (18, 100),
    "scale": (0.8, 1.2),
    "slip_percent": (-25.0, 100.0),
    "cobb_deg": (10.0, 90.0),
    "kyphosis_deg": (10.0, 90.0),
    "lordosis_deg": (5.0, 85.0),
}


@dataclass(frozen=True)
class PatientSettings:
    """Fixed traits; None leaves one to the seed.

    `scale` is the size against the cadaver means. `lordosis_deg` (L1-S1, standing) and `kyphosis_deg`
    (T4-T12) are targets: what is placed is measured. `slip_percent` and `cobb_deg` hold where the patient
    has the condition. `level` is where a condition starts if it may occur there.

    Raises ConfigError for values out of range and for impossible numbers of vertebrae.

    >>> PatientSettings(lumbar=6).placed_variant, PatientSettings().placed_variant
    ('L6', None)
    """

    sex: Sex | None = None
    age: int | None = None
    scale: float | None = None
    variant: Variant | None = None
    thoracic: int | None = None
    lumbar: int | None = None
    slip_percent: float | None = None
    cobb_deg: float | None = None
    kyphosis_deg: float | None = None
    lordosis_deg: float | None = None
    level: str | None = None

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ConfigError(f"{name} {value} is out of range; choose {least:g} to {most:g}")
        if self.sex is not None and self.sex not in get_args(Sex):
            raise ConfigError(f"sex {self.sex!r} is unknown; choose F or M")
        if self.variant is not None and self.variant not in get_args(Variant):
            raise ConfigError(
                f"variant {self.variant!r} is unknown; choose one of {', '.join(get_args(Variant))}"
            )
        if self.level is not None and self.level not in set(Level):
            raise ConfigError(f"level {self.level!r} is unknown; choose one such as T12 or L4")
        self._check_counts()

    def _check_counts(self) -> None:
        if self.thoracic is None and self.lumbar is None:
            return
        counts = (self.thoracic or 12, self.lumbar or 5)
        possible = ", ".join(f"{thoracic} and {lumbar}" for thoracic, lumbar in COUNTS)
        if counts not in COUNTS:
            raise ConfigError(
                f"{counts[0]} thoracic with {counts[1]} lumbar vertebrae are not possible here; "
                f"choose one of {possible}"
            )
        wanted = "none" if self.variant == "L5_sacralised" else self.variant
        if wanted is not None and COUNTS[counts] != wanted:
            raise ConfigError(
                f"variant {self.variant} does not go with {counts[0]} thoracic and {counts[1]} lumbar "
                "vertebrae; leave the numbers out"
            )

    @property
    def placed_variant(self) -> Variant | None:
        """Return the variant that is asked for, by name or by the numbers of vertebrae; None for neither."""
        if self.variant is not None or (self.thoracic is None and self.lumbar is None):
            return self.variant
        return COUNTS[(self.thoracic or 12, self.lumbar or 5)]
