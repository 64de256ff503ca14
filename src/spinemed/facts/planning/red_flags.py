"""Red flags: which serious disease each one points to, and what it requires next."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal, get_args

from spinemed.facts.planning.ruling import Ruling, one_of

Concern = Literal["cauda_equina", "cord_compression", "infection", "cancer", "fracture", "myelopathy"]
Urgency = Literal["emergency", "within_24_hours", "within_1_week", "prompt"]
Requirement = Literal[
    "emergency_lumbar_mri_and_surgical_referral",
    "whole_spine_mri",
    "spine_mri_blood_cultures_and_inflammatory_markers",
    "cervical_mri_and_surgical_referral",
    "spine_mri",
    "imaging_for_fracture",
]
RedFlag = Literal[
    "saddle_anaesthesia",
    "urinary_retention",
    "new_bladder_or_bowel_incontinence",
    "loss_of_anal_tone",
    "bilateral_sciatica",
    "known_cancer_and_neurological_signs",
    "known_cancer_and_spinal_pain",
    "spinal_pain_and_fever",
    "spinal_pain_and_raised_crp_or_esr",
    "spinal_pain_and_bloodstream_infection",
    "fever_and_new_neurological_symptoms",
    "loss_of_hand_dexterity",
    "gait_imbalance_and_hyperreflexia",
    "minor_trauma_and_osteoporosis",
    "minor_trauma_and_long_term_steroids",
    "unexplained_weight_loss",
    "night_pain",
    "age_over_50",
]

_ORDER: Final[tuple[Urgency, ...]] = get_args(Urgency)


class RedFlagRuling(Ruling):
    """What one red flag points to, what it requires, and how soon."""

    flag: RedFlag
    concern: Concern
    requires: Requirement
    urgency: Urgency


_Row = tuple[Concern, Requirement, Urgency, str]
_CAUDA_EQUINA: Final[_Row] = (
    "cauda_equina", "emergency_lumbar_mri_and_surgical_referral", "emergency", "cauda_equina_2023",
)  # fmt: skip
_INFECTION: Final[_Row] = (
    "infection", "spine_mri_blood_cultures_and_inflammatory_markers", "prompt", "idsa_2015",
)  # fmt: skip
_MYELOPATHY: Final[_Row] = (
    "myelopathy", "cervical_mri_and_surgical_referral", "prompt", "myelopathy_2018",
)  # fmt: skip
_FRACTURE: Final[_Row] = ("fracture", "imaging_for_fracture", "prompt", "acr_2021")
_WEAK: Final[_Row] = ("cancer", "spine_mri", "prompt", "red_flags_2020")
_ROWS: Final[dict[RedFlag, _Row]] = {
    "saddle_anaesthesia": _CAUDA_EQUINA,
    "urinary_retention": _CAUDA_EQUINA,
    "new_bladder_or_bowel_incontinence": _CAUDA_EQUINA,
    "loss_of_anal_tone": _CAUDA_EQUINA,
    "bilateral_sciatica": _CAUDA_EQUINA,
    "known_cancer_and_neurological_signs": (
        "cord_compression", "whole_spine_mri", "within_24_hours", "nice_ng234",
    ),
    "known_cancer_and_spinal_pain": ("cancer", "whole_spine_mri", "within_1_week", "nice_ng234"),
    "spinal_pain_and_fever": _INFECTION,
    "spinal_pain_and_raised_crp_or_esr": _INFECTION,
    "spinal_pain_and_bloodstream_infection": _INFECTION,
    "fever_and_new_neurological_symptoms": _INFECTION,
    "loss_of_hand_dexterity": _MYELOPATHY,
    "gait_imbalance_and_hyperreflexia": _MYELOPATHY,
    "minor_trauma_and_osteoporosis": _FRACTURE,
    "minor_trauma_and_long_term_steroids": _FRACTURE,
    "unexplained_weight_loss": _WEAK,
    "night_pain": _WEAK,
    "age_over_50": _WEAK,
}  # fmt: skip
# A weak recommendation (IDSA) or a flag whose accuracy alone is poor (Finucane 2020).
_NOT_KEYED: Final = frozenset(
    {"fever_and_new_neurological_symptoms", "unexplained_weight_loss", "night_pain", "age_over_50"}
)


def red_flag(flag: RedFlag) -> RedFlagRuling:
    """Return what one red flag points to, what it requires and how soon.

    Cauda equina signs: emergency MRI, within 4 hours of the request (GIRFT 2023). Known cancer: MRI of the
    whole spine within 24 hours with neurological signs, within 1 week with pain alone (NICE NG234). Spinal
    pain with fever, raised CRP or ESR or bacteraemia: MRI, two sets of blood cultures, CRP and ESR (IDSA
    2015). Myelopathy: cervical MRI and prompt surgical referral (BMJ 2018). Minor trauma with fragile bone:
    imaging for a fracture (ACR 2021). Weight loss, night pain and age alone, and fever with new neurological
    symptoms (a weak recommendation), are not keyed.

    >>> ruling = red_flag("known_cancer_and_neurological_signs")
    >>> ruling.requires, ruling.urgency
    ('whole_spine_mri', 'within_24_hours')
    """
    concern, requires, urgency, source = _ROWS[one_of(flag, _ROWS, "flag")]
    return RedFlagRuling(
        keyed=flag not in _NOT_KEYED,
        source=source,
        flag=flag,
        concern=concern,
        requires=requires,
        urgency=urgency,
    )


def most_urgent(flags: Collection[RedFlag]) -> RedFlagRuling:
    """Return the ruling of the most urgent flag; not keyed where two requirements tie.

    Among equals the flag that `RedFlag` lists first is returned; keyed flags go before those that are not.
    No flags at all is a ValueError.

    >>> most_urgent(["spinal_pain_and_fever", "saddle_anaesthesia"]).concern
    'cauda_equina'
    """
    if not flags:
        raise ValueError("flags is empty; pass at least one red flag")
    order = list(_ROWS)
    rulings = sorted(
        (red_flag(flag) for flag in set(flags)),
        key=lambda ruling: (_ORDER.index(ruling.urgency), not ruling.keyed, order.index(ruling.flag)),
    )
    first = rulings[0]
    ties = {r.requires for r in rulings if r.urgency == first.urgency and r.keyed == first.keyed}
    return first.model_copy(update={"keyed": first.keyed and len(ties) == 1})
