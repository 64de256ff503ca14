"""Whether an answer holds by the rules of facts/planning, from what a question states and the image shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from spinemed.facts.planning.deformity import idiopathic_scoliosis, risser_skeleton
from spinemed.facts.planning.extent import (
    HerniationSide,
    HerniationZone,
    compressed_root,
    exiting_root,
    fracture_fixation,
    herniation_decompression,
    traversing_root,
)
from spinemed.facts.planning.slip import meyerding
from spinemed.facts.planning.stenosis import SchizasGrade, mjoa_severity, schizas
from spinemed.facts.planning.trauma import (
    InjuryScore,
    Ligaments,
    SlicMorphology,
    SlicNeurology,
    TlicsMorphology,
    TlicsNeurology,
    slic,
    tlics,
)
from spinemed.facts.planning.tumour import (
    SinsAlignment,
    SinsBone,
    SinsCollapse,
    SinsPain,
    SinsPosterolateral,
    sins,
)
from spinemed.instances.alignment_truth import largest_curve
from spinemed.instances.margins import CUTS, error_of
from spinemed.instances.premise import Premise
from spinemed.levels import DEFAULT_NUMBERING, Level, axis_place
from spinemed.records import Finding, Pathology

TLICS_OF_AO: Final[Mapping[str, TlicsMorphology]] = {
    "A1": "compression",
    "A3": "burst",
    "A4": "burst",
    "C": "translation_rotation",
}
"""TLICS morphology of AO types; A2 and B are left out, for their morphology and ligament points overlap."""

_OTHER_THAN_INJURY: Final[tuple[Pathology, ...]] = ("metastasis", "spondylodiscitis", "screws", "cage")
_FIXATION_REACH: Final = 2
_FUSED_IN_PLACE_PERCENT: Final = 50.0
_BESIDE_CUT_PERCENT: Final = 2.0
_YOUNG: Final = ("10-19", "20-29")


def decompression(premise: Premise, key: str) -> bool | None:
    """Return whether segment and side `key` are those of the one herniation of the study."""
    finding = the_herniation(premise)
    if finding is None or finding.side not in ("left", "right"):
        return None
    try:
        plan = herniation_decompression(
            finding.site, cast(HerniationZone, finding.detail), cast(HerniationSide, finding.side)
        )
    except ValueError:  # a thoracic disc, for which there is no rule
        return None
    segment, _, _ = key.partition(" ")
    if segment != plan.segment and premise.present("herniation", segment) is not False:
        return None
    return plan.keyed and key == f"{plan.segment} {plan.side}"


def root_in_image(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the root that the herniation of the named segment compresses."""
    finding = premise.one("herniation", premise.site)
    if finding is None or not finding.present or finding.detail not in ("subarticular", "foraminal"):
        return None
    side: HerniationSide = "left" if finding.side == "left" else "right"
    try:
        root = compressed_root(premise.site, cast(HerniationZone, finding.detail), side)
    except ValueError:  # a thoracic disc, for which no rule names the root
        return None
    return root.root == key if root.keyed else None


def the_herniation(premise: Premise) -> Finding | None:
    """Return the herniation of the study if there is exactly one, else None."""
    sites = premise.sites_with("herniation")
    if len(sites) != 1:
        return None
    found = [one for one in premise.facts.at("herniation", sites[0]) if one.present]
    return found[0] if len({(one.side, one.detail) for one in found}) == 1 else None


def fixation(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the range that the named construct spans around the one fracture.

    None for a fracture that nobody fixes (old, of type A1 or none), and with other disease or metal near.
    """
    sites = premise.sites_with("fracture")
    if len(sites) != 1 or _has_other_nearby(premise, sites[0]):
        return None
    if any(one.grade in ("", "A1") or one.detail == "old" for one in premise.stated("fracture", sites[0])):
        return None
    try:
        plan = fracture_fixation(sites[0], "long" if premise.fields.get("construct") == "long" else "short")
    except ValueError:
        return None
    return key == f"{plan.instrumented[0]}:{plan.instrumented[-1]}" if plan.keyed else None


def _has_other_nearby(premise: Premise, site: str) -> bool:
    """Return whether other disease or metal lies where the fixation of a vertebra ends, or next to that."""
    others = [other for pathology in _OTHER_THAN_INJURY for other in premise.sites_with(pathology)]
    levels = [level for other in others for level in other.split("-")]
    return any(abs(Level(level).order - Level(site).order) <= _FIXATION_REACH + 1 for level in levels)


def slip_fusion(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the one segment that has slipped; None where more than a fusion is due.

    A slip by injury is a fracture to be fixed over several levels.
    """
    slips = [one for one in premise.facts.of("slip") if one.present]
    if any(abs(one.value or 0.0) > _FUSED_IN_PLACE_PERCENT or one.detail == "traumatic" for one in slips):
        return None
    if premise.sites_with("spondylodiscitis") or premise.sites_with("metastasis"):
        return None
    return premise.present("slip", key)


def scoliosis_plan(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the plan for the largest curve, the same at both ends of its error.

    None unless the spine can pass for an adolescent's: of a young patient, without wear, injury or metal.
    """
    finding = largest_curve(premise)
    if finding is None or finding.value is None or not _is_young(premise):
        return None
    angle, error = abs(finding.value), error_of(finding)
    plans = {_cobb_plan(max(0.0, angle + shift), premise.fields) for shift in (-error, 0.0, error)}
    plan = plans.pop() if len(plans) == 1 else None
    return None if plan is None else plan == key


def _is_young(premise: Premise) -> bool:
    """Return whether the patient is under 30 and the spine shows nothing that an adolescent's does not."""
    facts = premise.facts
    worn = (
        any(one.grade in ("4", "5") for one in facts.of("disc_degeneration"))
        or any(one.present for one in facts.of("osteophyte"))
        or any(
            one.present and abs(one.value or 0.0) > _FUSED_IN_PLACE_PERCENT / 2 for one in facts.of("slip")
        )
    )
    sick = any(premise.sites_with(other) for other in ("fracture", *_OTHER_THAN_INJURY))
    return facts.study.age_band in _YOUNG and not worn and not sick


def scoliosis_rule(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the plan for the stated angle."""
    plan = _cobb_plan(float(premise.fields["cobb"]), premise.fields)
    return None if plan is None else plan == key


def _cobb_plan(angle: float, fields: Mapping[str, str]) -> str | None:
    ruling = idiopathic_scoliosis(angle, risser_skeleton(int(fields["risser"])))
    return ruling.plan if ruling.keyed else None


def tlics_image(premise: Premise, key: str) -> bool | None:
    """Return whether the points of the marked injury, with what is stated, are `key`; not of a healed one."""
    grade = premise.grade("fracture", premise.site)
    if any(one.detail == "old" for one in premise.stated("fracture", premise.site)):
        return None
    morphology = TLICS_OF_AO.get(grade or "")
    if morphology is None or not premise.present("fracture", premise.site):
        return None
    return _is_total(morphology, premise.fields, key)


def tlics_points(premise: Premise, key: str) -> bool | None:
    """Return whether the stated injury has `key` points."""
    return _is_total(cast(TlicsMorphology, premise.fields["morphology"]), premise.fields, key)


def _is_total(morphology: TlicsMorphology, fields: Mapping[str, str], key: str) -> bool | None:
    score = _tlics(morphology, fields)
    return None if score is None else key == str(score.total)


def _tlics(morphology: TlicsMorphology, fields: Mapping[str, str]) -> InjuryScore | None:
    """Return the score of an injury that occurs: a mere compression harms no nerve and tears no ligament."""
    if morphology == "compression" and (
        fields["neurology"] != "intact" or fields["ligaments"] == "disrupted"
    ):
        return None
    try:
        return tlics(
            morphology, cast(Ligaments, fields["ligaments"]), cast(TlicsNeurology, fields["neurology"])
        )
    except ValueError:  # a pair that the rule refuses
        return None


def tlics_plan(premise: Premise, key: str) -> bool | None:
    """Return whether `key` are the points of the stated injury, where they ask for one treatment alone."""
    score = _tlics(cast(TlicsMorphology, premise.fields["morphology"]), premise.fields)
    return key == str(score.total) if score is not None and score.keyed else None


def slic_points(premise: Premise, key: str) -> bool | None:
    """Return whether the stated injury has `key` points without ongoing compression."""
    fields = premise.fields
    try:
        score = slic(
            cast(SlicMorphology, fields["morphology"]),
            cast(Ligaments, fields["ligaments"]),
            cast(SlicNeurology, fields["neurology"]),
            ongoing_compression=False,
        )
    except ValueError:  # a pair that the rule refuses
        return None
    return key == str(score.total)


def sins_points(premise: Premise, key: str) -> bool | None:
    """Return whether the stated lesion has `key` points."""
    fields = premise.fields
    score = sins(
        fields["site"],
        cast(SinsPain, fields["pain"]),
        cast(SinsBone, fields["bone"]),
        cast(SinsAlignment, fields["alignment"]),
        cast(SinsCollapse, fields["collapse"]),
        cast(SinsPosterolateral, fields["posterolateral"]),
    )
    return key == str(score.total)


def level_arithmetic(premise: Premise, key: str) -> bool | None:
    """Return whether `key` lies the stated number of vertebrae from the stated one."""
    steps = int(premise.fields["steps"]) * (1 if premise.fields["way"] == "down" else -1)
    levels = DEFAULT_NUMBERING.levels
    place = axis_place(premise.fields["from"]) - 1 + steps
    return levels[place].value == key if 0 <= place < len(levels) else None


def root_of_disc(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the root that a herniation of the stated disc and zone compresses."""
    fields = premise.fields
    root = compressed_root(fields["segment"], cast(HerniationZone, fields["zone"]), "left")
    return root.root == key if root.keyed else None


def roots_of(segment: str) -> tuple[str, ...]:
    """Return the roots at a disc, all of which a question must offer: in the neck none traverses it.

    >>> roots_of("L4-L5"), roots_of("C7-T1")
    (('L4', 'L5'), ('C8',))
    """
    exiting = exiting_root(segment)
    return (exiting, traversing_root(segment)) if segment.startswith("L") else (exiting,)


def meyerding_rule(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the grade of the stated slip; None beside a cut between grades."""
    percent = float(premise.fields["percent"])
    if any(abs(percent - cut) <= _BESIDE_CUT_PERCENT for cut in CUTS["slip"]):
        return None
    return meyerding(percent).grade == key


def schizas_rule(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the severity of the stated morphology."""
    return schizas(cast(SchizasGrade, premise.fields["sac"])).severity == key


def mjoa_rule(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the severity of the stated score."""
    return mjoa_severity(int(premise.fields["mjoa"])).severity == key
