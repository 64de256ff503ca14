"""The proof that a choice has one right option: each option judged against all findings of the study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from spinemed.instances import alignment_truth, change_truth, counting_truth, rules_truth, truth
from spinemed.instances.premise import (
    Known,
    Premise,
    Shown,
    may_show_unseen,
    segment_in_ring,
    sites_in_view,
    vertebra_in_ring,
    view_of,
)
from spinemed.instances.rivals import has_rival
from spinemed.instances.templates import template_of
from spinemed.instances.truth import SEARCHED, Truth
from spinemed.instances.wording import answer_key, fields_read, wording_fits
from spinemed.levels import Level, Site
from spinemed.records import Instance, Kind, Pathology

TRUTHS: Final[Mapping[Kind, Truth]] = {
    **dict.fromkeys(SEARCHED, truth.searched),
    "marked_level": truth.marked_level,
    "marked_disc": truth.marked_disc,
    "level_above": truth.neighbour(-1),
    "level_below": truth.neighbour(1),
    "levels_in_view": truth.levels_in_view,
    "count_in_view": counting_truth.count_in_view,
    "disc_beside": counting_truth.disc_beside,
    "level_two_away": counting_truth.level_two_away,
    "exit_root": counting_truth.exit_root,
    "level_if_told": truth.level_if_told,
    "same_level": truth.same_level,
    "transitional": counting_truth.transitional,
    "disc_degeneration": truth.graded("disc_degeneration"),
    "herniation_type": truth.disc_finding,
    "herniation_side": truth.herniated(truth.herniation_side),
    "herniation_zone": truth.herniated(truth.herniation_zone),
    "canal_stenosis": truth.graded("canal_stenosis"),
    "recess_side": truth.recess_side,
    "foraminal_grade": truth.foraminal_grade,
    "modic_type": truth.modic_type,
    "bridging": truth.segment_finding,
    "implant_levels": truth.implant_levels,
    "height_loss": truth.height_loss,
    "slip_grade": alignment_truth.slip_grade,
    "pars": alignment_truth.pars,
    "unstable_slip": alignment_truth.unstable_slip,
    "scoliosis_side": alignment_truth.scoliosis_side,
    "scoliosis_severity": alignment_truth.scoliosis_severity,
    "metastasis_kind": truth.vertebra_finding,
    "fracture_type": truth.graded("fracture", truth.fracture_type),
    "fracture_age": truth.fracture_age,
    "which_seen": truth.which_seen,
    "recognise": truth.recognise,
    "front_edge": truth.front_edge,
    "ring_side": truth.ring_side,
    "change_height": change_truth.change_height,
    "change_herniation": change_truth.change_herniation,
    "change_metastasis": change_truth.change_metastasis,
    "new_metastasis": change_truth.new_metastasis,
    "change_curve": change_truth.change_curve,
    "compressed_root": rules_truth.root_in_image,
    "decompression_level": rules_truth.decompression,
    "fixation_levels": rules_truth.fixation,
    "slip_fusion": rules_truth.slip_fusion,
    "scoliosis_plan": rules_truth.scoliosis_plan,
    "tlics_image": rules_truth.tlics_image,
    "tlics_points": rules_truth.tlics_points,
    "tlics_plan": rules_truth.tlics_plan,
    "slic_points": rules_truth.slic_points,
    "sins_points": rules_truth.sins_points,
    "scoliosis_rule": rules_truth.scoliosis_rule,
    "level_arithmetic": rules_truth.level_arithmetic,
    "root_of_disc": rules_truth.root_of_disc,
    "meyerding_rule": rules_truth.meyerding_rule,
    "schizas_rule": rules_truth.schizas_rule,
    "mjoa_rule": rules_truth.mjoa_rule,
}
"""Kind -> whether an answer holds."""

_OF_ALL_IN_VIEW: Final = frozenset(
    {*SEARCHED, "new_metastasis", "implant_levels", "decompression_level", "slip_fusion", "fixation_levels"}
)
"""Kinds whose answer rests on every level that the picture shows."""

_CLOUDING: Final[Mapping[Kind, tuple[Pathology, ...]]] = {
    "fracture_type": ("spondylodiscitis", "metastasis"),
    "fracture_age": ("spondylodiscitis",),
    "metastasis_kind": ("spondylodiscitis",),
    "height_loss": ("spondylodiscitis",),
    "disc_degeneration": ("spondylodiscitis", "cage"),
    "modic_type": ("metastasis", "fracture"),
}
"""Kind -> what looks alike, or alters what is graded, at the site itself or at one that borders on it."""

_SCLEROSED: Final = "3"
"""The type of Modic change that is black in all sequences."""

_COLLAPSED: Final = "5"
"""The grade of a disc that has lost its height and is black in all sequences."""

_OF_WHOLE_BODIES: Final = ("levels_in_view", "count_in_view")
"""Kinds whose answer is which bodies are whole, or how many."""

_COUNTED: Final = (*_OF_WHOLE_BODIES, "level_if_told")
"""Kinds in which bodies are counted, though no field says from where."""

_NECK: Final = "C"
_FROM_C2: Final = "C2"

_RING_ON_FINDING: Final = ("foraminal_grade", "ring_side")
"""Kinds whose ring lies on no body or disc."""


def verdicts(premise: Premise, keys: Sequence[str]) -> dict[str, bool | None]:
    """Return for each answer whether it holds; None where the findings do not say.

    All are None where a ring marks another site than the premise says, where a vertebra that is not stated
    may be counted or be the highest or lowest whole one, or where something that is held back, another
    disease, or another level with the same one could be taken for an answer.
    """
    if not ring_fits(premise) or is_clouded(premise) or has_rival(premise) or is_miscounted(premise):
        return dict.fromkeys(keys)
    holds = TRUTHS[premise.kind]
    judged = {key: holds(premise, key) for key in keys if not _is_rest(premise.kind, key)}
    for key in keys:
        if _is_rest(premise.kind, key):
            others = set(judged.values())
            judged[key] = None if None in others else True not in others
    return {key: judged[key] for key in keys}


def right_options(
    instance: Instance, shown: Sequence[Shown], facts: Known, options: Sequence[str] = ()
) -> dict[str, bool | None]:
    """Return option -> whether it is right, found from the item's text, its pictures and all findings.

    Fields and options are read back from the text, without knowing how it was made. `options` replace the
    instance's. All are None where the question is no wording of its kind.
    """
    offered = tuple(options) or instance.options
    template = template_of(instance.kind)
    if not wording_fits(instance.kind, instance.language, instance.question):
        return dict.fromkeys(offered)
    fields = fields_read(instance.kind, instance.language, instance.question)
    keys = [answer_key(template, instance.language, option) for option in offered]
    premise = Premise(instance.kind, instance.sites, fields, tuple(shown), facts)
    judged = verdicts(premise, keys)
    return {option: judged[key] if key else None for option, key in zip(offered, keys, strict=True)}


def is_clouded(premise: Premise) -> bool:
    """Return whether something held back, or another disease nearby, could be taken for an answer."""
    facts = template_of(premise.kind).facts
    if premise.kind in _OF_ALL_IN_VIEW:
        sites = [site for shown in premise.shown for site in sites_in_view(premise, shown)]
        return any(premise.is_hidden(pathology, sites) for pathology in facts)
    if not premise.site:
        return premise.kind != "which_seen" and any(
            premise.is_hidden(pathology) for pathology in facts if pathology != "vertebra"
        )
    if any(premise.is_hidden(pathology, (premise.site,)) for pathology in facts):
        return True
    return any(_is_beside(premise, pathology) for pathology in _CLOUDING.get(premise.kind, ()))


def is_miscounted(premise: Premise) -> bool:
    """Return whether whole bodies are told or counted, and one may be in view that is not stated.

    Nor is counted from a sacrum that L5 looks like, nor which bodies a lateral film of a bent spine holds. C2
    is not whole where the upper edge cuts the dens; nor is counted on MR past a body that is lost in black.
    """
    numbering = premise.fields.get("numbering", "")
    if numbering == "sacrum" and premise.shown and premise.facts.like_s1:
        return True
    aside = any(view_of(shown.series) == "XR lateral" for shown in premise.shown)
    if premise.kind in _OF_WHOLE_BODIES and aside and premise.facts.bent:
        return True
    whole = premise.kind in _OF_WHOLE_BODIES or numbering == "reference C2"
    if whole and _any_shown(premise, counting_truth.is_dens_cut):
        return True
    if (numbering or premise.kind in _COUNTED) and _any_shown(premise, _is_past_black_disc):
        return True
    anchor, _, reference = numbering.partition(" ")
    told = anchor == "reference" or premise.kind in _OF_WHOLE_BODIES
    return any(
        (told and (may_show_unseen(premise, shown) or _is_not_first(premise, shown, reference)))
        or ((told or anchor == _FROM_C2) and _is_lost_in_black(premise, shown, reference))
        for shown in premise.shown
    )


def _is_not_first(premise: Premise, shown: Shown, reference: str) -> bool:
    """Return whether a whole body above the one named as the highest is in view: a round back runs level."""
    return bool(reference) and any(
        one.pathology == "vertebra" and shown.holds(one) and Level(site) < Level(reference)
        for site, one in premise.bodies(shown).items()
    )


def _is_lost_in_black(premise: Premise, shown: Shown, reference: str) -> bool:
    """Return whether MR shows black any body of the neck in view, or STIR what is counted from.

    Modic change of type 3 is black in all sequences: of a small body beside a dark disc nothing is left. On
    STIR the marrow is dark too, so that a large body is lost as well.
    """
    if shown.series.modality != "MR":
        return False
    stated = [one.site for one in premise.facts.of("modic_change") if one.present and one.grade == _SCLEROSED]
    held_back = [one.site for one in premise.facts.hidden("modic_change") if one.grade == _SCLEROSED]
    black = {level for site in (*stated, *held_back) for level in site.split("-")}
    return (reference in black and shown.series.sequence == "STIR") or any(
        site in black and site[0] == _NECK for site in sites_in_view(premise, shown)
    )


def _any_shown(premise: Premise, holds: Callable[[Premise, Shown], bool]) -> bool:
    return any(holds(premise, shown) for shown in premise.shown)


def _is_past_black_disc(premise: Premise, shown: Shown) -> bool:
    """Return whether STIR shows a disc of grade 5 in view: it is black, and so is the marrow beside it."""
    if shown.series.sequence != "STIR":
        return False
    stated = [one.site for one in premise.facts.of("disc_degeneration") if one.grade == _COLLAPSED]
    held_back = [one.site for one in premise.facts.hidden("disc_degeneration") if one.grade == _COLLAPSED]
    return not {*stated, *held_back}.isdisjoint(sites_in_view(premise, shown))


def _is_beside(premise: Premise, pathology: Pathology) -> bool:
    """Return whether a pathology is stated, or held back, at a site that has a vertebra in common."""
    levels = set(premise.site.split("-"))
    hidden = {one.site for one in premise.facts.hidden(pathology)}
    near = [site for site in hidden if levels & set(site.split("-"))]
    stated = [one.site for one in premise.facts.of(pathology) if one.present]
    return premise.is_hidden(pathology, near) or any(levels & set(site.split("-")) for site in stated)


def ring_fits(premise: Premise) -> bool:
    """Return whether every ring lies on the site that the premise names for it."""
    if premise.kind in _RING_ON_FINDING:
        return True
    for place, shown in enumerate(premise.shown):
        if shown.ring is None or not premise.bodies(shown):
            continue
        site = premise.sites[min(place, len(premise.sites) - 1)] if premise.sites else ""
        on_segment = bool(site) and Site.parse(site).is_segment
        found = segment_in_ring(premise, shown) if on_segment else vertebra_in_ring(premise, shown)
        if found != site:
            return False
    return True


def _is_rest(kind: Kind, key: str) -> bool:
    """Return whether an answer says that none of the other options holds."""
    return kind == "which_seen" and key == "none"
