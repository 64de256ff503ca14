"""Which series one referral asks for: a realistic part of what the patient's state could be imaged with."""

from __future__ import annotations

from typing import Final

from spinemed.phantom.patient.shapes import Patient
from spinemed.phantom.patient.stream import stream
from spinemed.phantom.rendering.acquisition import SeriesKind

REFERRAL: Final = "referral"
"""The name of this protocol where kinds of series are asked for."""

_Protocol = tuple[SeriesKind, ...]
_Protocols = tuple[tuple[int, _Protocol], ...]

_LATERAL: Final[_Protocol] = ("xr_lat",)
_FILMS: Final[_Protocol] = ("xr_ap", "xr_lat")
_MOVED: Final[_Protocol] = ("xr_flexion", "xr_extension")
_FULL: Final[_Protocol] = ("xr_full_ap", "xr_full_lat")
_SAGITTAL: Final[_Protocol] = ("t1", "t2")
_MR: Final[_Protocol] = ("t1", "t2", "t2_axial")
_MR_WITH_STIR: Final[_Protocol] = ("t1", "t2", "stir")
_CT: Final[_Protocol] = ("ct",)

# How often each protocol is chosen, as weights [assumed]. A doctor rarely asks for everything at once: mostly
# for films, CT or MR alone, sometimes for two of them.
_BACK_PAIN: Final[_Protocols] = (
    (3, _MR),
    (3, _MR_WITH_STIR),
    (2, _LATERAL + _SAGITTAL),
    (1, (*_CT, "t2", "t2_axial")),
    (1, _CT + _SAGITTAL),
    (1, _CT + _LATERAL),
    (2, _CT),
    (1, _FILMS),
)
_FRACTURE: Final[_Protocols] = (
    (4, (*_CT, "t2", "stir")),
    (2, _CT + _MR_WITH_STIR),
    (2, _CT + _LATERAL),
    (1, _MR_WITH_STIR + _LATERAL),
    (1, _CT),
    (1, _FILMS),
)
_TUMOUR_OR_INFECTION: Final[_Protocols] = (
    (4, _MR_WITH_STIR),
    (3, _CT + _MR_WITH_STIR),
    (1, (*_MR_WITH_STIR, "t2_axial")),
    (1, (*_CT, "t1", "stir", *_LATERAL)),
)
_DEFORMITY: Final[_Protocols] = ((2, _FULL), (4, _FULL + _SAGITTAL), (3, _FULL + _CT), (1, _MR))
_SLIP: Final[_Protocols] = (
    (2, _SAGITTAL + _MOVED),
    (2, _MR + _LATERAL),
    (1, _MR),
    (1, _CT + _MOVED),
    (2, _CT + _SAGITTAL),
)
_IMPLANTS: Final[_Protocols] = ((3, _CT + _FILMS), (2, _MR), (2, _CT + _SAGITTAL))
_STIFF: Final[_Protocols] = ((2, _CT + _FILMS), (3, _MR_WITH_STIR), (2, _CT + _MR_WITH_STIR), (1, _FILMS))
_PROTOCOLS: Final[dict[str, _Protocols]] = {
    "osteoporotic_fracture": _FRACTURE,
    "traumatic_fracture": _FRACTURE,
    "metastasis": _TUMOUR_OR_INFECTION,
    "spondylodiscitis": _TUMOUR_OR_INFECTION,
    "scoliosis": _DEFORMITY,
    "kyphosis": _DEFORMITY,
    "transitional_anatomy": _DEFORMITY,
    "spondylolisthesis": _SLIP,
    "post_operative": _IMPLANTS,
    "ankylosing_spondylitis": _STIFF,
}


def referral_kinds(patient: Patient) -> tuple[SeriesKind, ...]:
    """Return the kinds of one referral, in no fixed order: one of the patient's complaints, one protocol.

    Both are drawn by the patient's seed; back pain is the complaint of a healthy patient and of diseases of
    discs and canal.

    >>> from spinemed.phantom.patient.sample import sample_patient
    >>> set(referral_kinds(sample_patient(7, []))) <= {kind for _, kinds in _BACK_PAIN for kind in kinds}
    True
    """
    rng = stream(patient.seed, "referral")
    complaints = patient.conditions or ("",)
    complaint = complaints[int(rng.integers(len(complaints)))]
    protocols = _PROTOCOLS.get(complaint, _BACK_PAIN)
    weights = [weight for weight, _ in protocols]
    shares = [weight / sum(weights) for weight in weights]
    return protocols[int(rng.choice(len(protocols), p=shares))][1]
