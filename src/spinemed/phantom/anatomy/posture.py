"""What a posture changes of one anatomy: wedges and slips of the discs and the pelvis, never the bones.

Standing adds 13 degrees of lumbar lordosis to lying (49.8 against 36.8: n = 627, PMC6680033). The range of
bending and what the pelvis does in it are [assumed].
"""

from __future__ import annotations

from typing import Final, NamedTuple

from spinemed.phantom.patient.morphometry import LORDOSIS_SHARES
from spinemed.phantom.patient.shapes import DiscShape, Patient, Posture
from spinemed.phantom.patient.wedges import shared_out, steepest_deg


class _Bend(NamedTuple):
    """Degrees: lordosis against standing, sacral slope against lying, and each neck disc against lying."""

    lordosis: float
    slope: float
    neck: float


_BENDS: Final[dict[Posture, _Bend]] = {
    "lying": _Bend(0.0, 0.0, 0.0),
    "standing": _Bend(0.0, 4.0, 0.0),
    "flexion": _Bend(-30.0, 14.0, -4.5),
    "extension": _Bend(9.0, 1.0, 3.5),
}
# Share of its motion that a disc keeps by Pfirrmann grade [assumed].
_MOBILITY: Final[dict[int, float]] = {1: 1.0, 2: 1.0, 3: 0.9, 4: 0.7, 5: 0.4}
# Share of `unstable_mm` that each posture adds to the slip.
_OPENING: Final[dict[Posture, float]] = {"lying": 0.0, "standing": 0.3, "flexion": 1.0, "extension": -1.0}


def sacral_slope_deg(patient: Patient, posture: Posture) -> float:
    """Return the sacral slope in a posture, degrees."""
    return patient.sacral_slope_deg + _BENDS[posture].slope


def slip_mm(disc: DiscShape, posture: Posture) -> float:
    """Return how far the vertebra above stands forward in a posture: unstable slips open in flexion."""
    return disc.slip_mm + _OPENING[posture] * disc.unstable_mm


def mobility(disc: DiscShape) -> float:
    """Return the share of its motion that a disc has left: none where it is fused."""
    return 0.0 if disc.bridged or disc.cage else _MOBILITY[disc.pfirrmann]


def disc_wedges_deg(patient: Patient, posture: Posture) -> list[float]:
    """Return the sagittal wedge of each disc in a posture, in the order of `patient.discs`."""
    wedges = [disc.wedge_deg for disc in patient.discs]
    if posture == "lying":
        return wedges
    bend = _BENDS[posture]
    limits = [
        steepest_deg(disc, above) for disc, above in zip(patient.discs, patient.vertebrae, strict=False)
    ]
    lumbar = [place for place, disc in enumerate(patient.discs) if disc.above[0] == "L"]
    moves = [mobility(patient.discs[place]) for place in lumbar]
    weights = [_weight(place) * move for place, move in zip(lumbar, moves, strict=True)]
    # A stiff back bends less: the rest of what is asked for is left undone.
    able = sum(weights) / sum(_weight(place) for place in lumbar)
    total = (patient.standing_lordosis_deg if able > 0.3 else 0.0) + bend.lordosis * able
    low = [-limits[place] - wedges[place] for place in lumbar]
    high = [limits[place] - wedges[place] for place in lumbar]
    # A disc that a fracture or infection already closes further is left as it is.
    low, high = [min(value, 0.0) for value in low], [max(value, 0.0) for value in high]
    for place, gain in zip(lumbar, shared_out(total, weights, low, high), strict=True):
        wedges[place] += gain
    for place, disc in enumerate(patient.discs):
        if disc.above[0] == "C":
            wanted = wedges[place] + bend.neck * mobility(disc)
            least, most = min(-limits[place], wedges[place]), max(limits[place], wedges[place])
            wedges[place] = min(max(wanted, least), most)
    return wedges


def _weight(place: int) -> float:
    """The share of a lumbar disc in the lordosis, by its place counted from the sacrum."""
    return LORDOSIS_SHARES[min(place, len(LORDOSIS_SHARES) - 1)]
