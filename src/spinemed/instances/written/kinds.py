"""Every kind of written question: where its ideas come from, and the judge of its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, NamedTuple

from spinemed.instances.written import (
    ask_findings,
    ask_later,
    ask_levels,
    ask_plans,
    ask_rules,
    ask_scores,
)
from spinemed.instances.written.document import Document, Idea
from spinemed.instances.written.stated import Facts


class Asks(NamedTuple):
    """`ideas` of a document, and `holds(facts, fields, key)`: whether an answer is right by the facts."""

    ideas: Callable[[Document], Iterator[Idea]]
    holds: Callable[[Facts, Mapping[str, str], str], bool]


KINDS: Final[Mapping[str, Asks]] = {
    "written_level_of": Asks(ask_levels.finding_levels, ask_levels.is_at),
    "written_level_in_words": Asks(ask_levels.finding_levels, ask_levels.is_at),
    "written_ranked_level": Asks(ask_levels.graded_levels, ask_levels.is_ranked),
    "written_end_level": Asks(ask_levels.end_levels, ask_levels.is_end),
    "written_count": Asks(ask_levels.counts, ask_levels.is_count),
    "written_graded_count": Asks(ask_levels.graded_counts, ask_levels.is_graded_count),
    "written_offset_vertebra": Asks(partial(ask_levels.offsets, wanted="vertebra"), ask_levels.is_offset),
    "written_offset_disc": Asks(partial(ask_levels.offsets, wanted="disc"), ask_levels.is_offset),
    "written_distance": Asks(ask_levels.distances, ask_levels.is_distance),
    "written_renumbered": Asks(ask_levels.renumbered, ask_levels.is_renumbered),
    "written_second_reader": Asks(ask_levels.readers, ask_levels.is_reader),
    "written_level_root": Asks(ask_levels.level_roots, ask_levels.is_level_root),
    "written_pressed_root": Asks(ask_levels.pressed_roots, ask_levels.is_pressed_root),
    "written_sign_disc": Asks(ask_levels.sign_discs, ask_levels.is_sign_disc),
    "written_curve_level": Asks(ask_levels.curve_levels, ask_levels.is_curve_level),
    "written_site_finding": Asks(ask_findings.site_findings, ask_findings.is_site_finding),
    "written_pairing": Asks(ask_findings.pairings, ask_findings.is_pairing),
    "written_grade": Asks(ask_findings.grades, ask_findings.is_grade),
    "written_trait": Asks(ask_findings.traits, ask_findings.is_trait),
    "written_site_status": Asks(ask_findings.site_statuses, ask_findings.is_site_status),
    "written_status_level": Asks(ask_findings.status_levels, ask_findings.is_status_level),
    "written_status_finding": Asks(ask_findings.status_findings, ask_findings.is_status_finding),
    "written_later_loss": Asks(ask_findings.later_losses, ask_findings.is_later_loss),
    "written_later_slip": Asks(ask_findings.later_slips, ask_findings.is_later_slip),
    "written_later_angle": Asks(ask_findings.later_angles, ask_findings.is_further),
    "written_later_share": Asks(ask_findings.later_shares, ask_findings.is_further),
    "written_modic_rule": Asks(ask_rules.modic_signals, ask_rules.is_modic),
    "written_pfirrmann_rule": Asks(ask_rules.pfirrmann_looks, ask_rules.is_look),
    "written_lee_rule": Asks(ask_rules.lee_looks, ask_rules.is_look),
    "written_schizas_rule": Asks(ask_rules.schizas_looks, ask_rules.is_schizas),
    "written_ao_rule": Asks(ask_rules.ao_breaks, ask_rules.is_ao),
    "written_slip_share": Asks(ask_rules.slip_shares, ask_rules.is_slip_share),
    "written_neck_canal": Asks(ask_rules.neck_canals, ask_rules.is_neck_canal),
    "written_mjoa": Asks(ask_rules.mjoa_scores, ask_rules.is_mjoa),
    "written_msu": Asks(ask_rules.msu_extents, ask_rules.is_msu),
    "written_red_flag": Asks(ask_rules.flag_requirements, ask_rules.is_requirement),
    "written_red_flag_urgency": Asks(ask_rules.flag_urgencies, ask_rules.is_urgency),
    "written_lenke": Asks(ask_rules.lenke_curves, ask_rules.is_lenke),
    "written_schwab_sva": Asks(ask_rules.schwab_films, ask_rules.is_schwab),
    "written_slic": Asks(ask_rules.neck_injuries, ask_rules.is_slic),
    "written_tlics": Asks(ask_scores.injury_scores, ask_scores.is_injury_score),
    "written_tlics_plan": Asks(ask_scores.injury_plans, ask_scores.is_injury_score),
    "written_aosis": Asks(ask_scores.ao_scores, ask_scores.is_ao_score),
    "written_sins": Asks(ask_scores.tumour_scores, ask_scores.is_tumour_score),
    "written_sins_band": Asks(ask_scores.tumour_bands, ask_scores.is_tumour_band),
    "written_noms": Asks(ask_scores.tumour_plans, ask_scores.is_tumour_plan),
    "written_missing": Asks(ask_scores.missing_parts, ask_scores.is_missing_part),
    "written_sins_location": Asks(ask_scores.sins_locations, ask_scores.is_sins_location),
    "written_herniation_plan": Asks(ask_plans.herniation_acts, ask_plans.is_herniation_act),
    "written_stenosis_plan": Asks(ask_plans.stenosis_acts, ask_plans.is_stenosis_act),
    "written_slip_plan": Asks(ask_plans.slip_acts, ask_plans.is_slip_act),
    "written_curve_plan": Asks(ask_plans.curve_acts, ask_plans.is_curve_act),
    "written_schwab_gap": Asks(ask_plans.lordosis_gaps, ask_plans.is_lordosis_gap),
    "written_construct": Asks(ask_plans.screw_ranges, ask_plans.is_screw_range),
    "written_fused": Asks(ask_plans.inside_fusion, ask_plans.is_inside_fusion),
    "written_fusion_range": Asks(ask_plans.spans, ask_plans.is_span),
    "written_screw_count": Asks(ask_plans.screw_counts, ask_plans.is_screw_count),
    "written_explains": Asks(ask_plans.explained, ask_plans.is_explained),
    "written_later_tlics": Asks(ask_later.later_injuries, ask_later.is_later_injury),
    "written_later_sins": Asks(ask_later.later_tumours, ask_later.is_later_tumour),
    "written_later_noms": Asks(ask_later.later_metastases, ask_later.is_later_metastasis),
    "written_later_herniation": Asks(ask_later.later_herniations, ask_later.is_later_herniation),
    "written_block": Asks(ask_later.blocks, ask_later.is_block),
    "written_decompression": Asks(ask_plans.decompressions, ask_plans.is_decompression),
}

BESIDE: Final = (
    "written_sign_disc", "written_modic_rule", "written_pfirrmann_rule", "written_lee_rule",
     "written_schizas_rule", "written_ao_rule", "written_slip_share", "written_neck_canal", "written_mjoa",
     "written_msu", "written_red_flag", "written_red_flag_urgency", "written_lenke", "written_schwab_sva",
     "written_slic", "written_later_tlics", "written_later_sins", "written_later_noms",
     "written_later_herniation", "written_block",
)  # fmt: skip
"""Kinds that rest on what the question adds and a rule; the report is the case that they go on from."""
