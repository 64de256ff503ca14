"""Wordings of consultations and reports: zones, ranges, names of films, nothing said twice or left empty."""

from __future__ import annotations

import re
from dataclasses import replace

import clinic_fixture as MADE
import pytest
from clinic_fixture import EN, ZH, some_case

from spinemed.facts.case import CaseFacts
from spinemed.facts.planning import cite
from spinemed.instances.clinic import Draft, consultation, report
from spinemed.instances.clinic.consultation import cautions, explanation, further, is_irritated
from spinemed.instances.clinic.describe import normal_sentences, sentence
from spinemed.instances.clinic.gate import Support, clauses
from spinemed.instances.clinic.lexicon import DETAIL_WORDS, PATHOLOGY_WORDS
from spinemed.instances.clinic.pictures import axial_sites
from spinemed.instances.clinic.series_names import modalities
from spinemed.instances.clinic.wording import LANGUAGES, Language, Style, phrases
from spinemed.level_grammar import parse_levels
from spinemed.levels import Level
from spinemed.records import Finding, Reject

CASES = MADE.cases()
HERNIA = {"grade": "protrusion", "side": "left", "detail": "subarticular", "value": 4.0, "unit": "mm"}


def _text(draft: Draft | Reject) -> str:
    assert isinstance(draft, Draft)
    return "\n".join(message.content for message in draft.messages)


def _turned(one: Finding) -> Finding:
    """Return a finding of the axial series with its place in an axial slice."""
    plane = "axial" if one.evidence.series.endswith("axial") else "sagittal"
    return one.model_copy(update={"evidence": one.evidence.model_copy(update={"plane": plane})})


@pytest.mark.parametrize(("site", "zone"), [("C5-C6", "paracentral"), ("L4-L5", "subarticular")])
def test_a_herniation_is_called_subarticular_in_the_lumbar_spine_alone(site: str, zone: str) -> None:
    levels = MADE.CERVICAL if site.startswith("C") else MADE.LUMBAR
    facts = MADE.case([(site, "herniation", HERNIA)], levels=levels)
    found = [one for one in facts.findings if one.pathology == "herniation" and one.present]
    for key in range(12):
        said = sentence(found[:1], EN, str(key))
        assert zone in said and DETAIL_WORDS["herniation"].search(said), said
    assert isinstance(report(facts, "0", "en"), Draft)


def test_narrowing_beside_the_cord_is_named_as_a_zone_of_the_canal() -> None:
    narrow = {"grade": "severe", "side": "left"}
    facts = MADE.case([("C5-C6", "recess_stenosis", narrow)], levels=MADE.CERVICAL)
    found = [one for one in facts.findings if one.pathology == "recess_stenosis" and one.present]
    for key in range(12):
        said = sentence(found[:1], ZH, str(key))
        assert "椎管左侧旁中央区" in said and PATHOLOGY_WORDS["recess_stenosis"].search(said), said
        assert not PATHOLOGY_WORDS["canal_stenosis"].search(said)


@pytest.mark.parametrize(
    ("sites", "said"),
    [
        (["T13-L1", "L1-L2", "L2-L3", "L3-L4"], "T13-L1至L3-L4"),
        (["T10-T11", "T11-T12", "T12-T13", "T13-L1", "L1-L2", "L2-L3"], "T10-T11至L2-L3（含T13）"),
        (["T11-T12", "T12-T13", "T13-L1"], "T11-T12至T13-L1"),
        (["L2-L3", "L3-L4", "L4-L5", "L5-L6", "L6-S1"], "L2-L3至L6-S1"),
    ],
)
def test_segments_beside_an_extra_vertebra_stand_in_a_range_that_reads_back(
    sites: list[str], said: str
) -> None:
    assert ZH.sites(sites) == said
    for name in ("canonical", "elided_slash", "elided_chinese"):
        style = Style(language="zh", name=name)
        assert list(parse_levels(f"{style.sites(sites)}骨桥形成").levels) == sites


@pytest.mark.parametrize(
    ("language", "name"), [("en", "lateral X-ray in flexion"), ("zh", "过屈位X线侧位片")]
)
def test_a_film_in_flexion_is_named_as_such(language: Language, name: str) -> None:
    facts = CASES["operated"]
    style = MADE.EN if language == "en" else MADE.ZH
    film = MADE.series_of("full_ap").model_copy(update={"view": "LAT", "posture": "flexion"})
    study = facts.study.model_copy(update={"series": (*facts.study.series, film)})
    shown = facts.findings[0].model_copy(update={"evidence": MADE.locator(film.uid)})
    assert name in modalities(CaseFacts(study, (*facts.findings, shown)), style, {})


@pytest.mark.parametrize(
    ("language", "name"),
    [("en", "axial T2-weighted MRI through L4/5"), ("zh", "经L4/5的MRI T2加权轴位")],
)
def test_the_request_says_which_level_an_axial_slice_runs_through(language: Language, name: str) -> None:
    facts = MADE.case([("L4-L5", "canal_stenosis", MADE.NARROW)], kinds=("t2", "t2_axial"), age_band="60-69")
    facts = replace(facts, findings=tuple(map(_turned, facts.findings)))
    written = some_case(facts)
    style = MADE.EN if language == "en" else MADE.ZH
    sites = axial_sites(written.facts, written.problem)
    assert sites == {"1.2.t2_axial": ("L4-L5",)}
    assert name in modalities(facts, style, sites).replace("L4-L5", "L4/5")


@pytest.mark.parametrize(
    ("language", "line"), [("en", "trouble passing water is"), ("zh", "会阴麻木或排尿困难")]
)
def test_a_report_does_not_repeat_the_warning_of_the_bladder(language: Language, line: str) -> None:
    texts = [_text(report(CASES["central"], str(key), language)) for key in range(4)]
    assert not any(line in text for text in texts)
    assert line in _text(consultation(CASES["central"], "0", language))


def test_one_warning_for_two_levels_of_the_cord_is_said_once() -> None:
    narrow = {"grade": "severe", "value": 4.0, "unit": "mm"}
    stated = [("T9-T10", "canal_stenosis", narrow), ("T12-L1", "canal_stenosis", narrow)]
    worn = ("L4-L5", "disc_degeneration", {"grade": "4"})
    facts = MADE.case([*stated, worn], levels=("T8", "T9", "T10", *MADE.LUMBAR), age_band="50-59")
    said = further(some_case(facts), "patient")
    assert said.count("come at once") == 1 and "T9-T10" in said and "T12-L1" in said


def test_a_herniation_without_a_keyed_root_is_no_case() -> None:
    levels = ("L1", "L2", "L3", "L4", "L5", "L6", "S1")
    hernia = HERNIA | {"grade": "extrusion", "detail": "foraminal"}
    facts = MADE.case([("L5-L6", "herniation", hernia)], levels=levels)
    drafts = [consultation(facts, str(key), "en") for key in range(6)]
    drafts += [report(facts, str(key), "en") for key in range(6)]
    assert not any(isinstance(draft, Draft) and re.search(r"\S  +\S", _text(draft)) for draft in drafts)
    assert any(isinstance(draft, Reject) and "root" in draft.reason for draft in drafts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_plans_begin_with_the_act_and_not_with_the_screen(language: Language) -> None:
    start = "No red flags" if language == "en" else "无红旗征"
    for name, phrase in phrases().items():
        if name.startswith(("plan.", "plain.")):
            assert not any(wording.startswith(start) for wording in phrase.wordings(language)), name


def test_a_healed_fracture_and_modic_1_have_an_explanation_of_their_own() -> None:
    old = MADE.case([("L1", "fracture", {"grade": "A1", "detail": "old"})], age_band="60-69")
    assert re.search("heal", explanation(some_case(old)))
    inflamed = ("L4-L5", "modic_change", {"grade": "1"})
    worn = MADE.case([("L4-L5", "disc_degeneration", {"grade": "4"}), inflamed], age_band="40-49")
    case = some_case(worn)
    graded = tuple(one.model_copy(update={"grade": "1"}) for one in case.problem.others)
    seen = replace(case, problem=case.problem.model_copy(update={"others": graded}))
    assert "Modic type 1" in explanation(seen) and "Modic" not in explanation(case)
    for language in LANGUAGES:
        draft = consultation(worn, "0", language)
        assert isinstance(draft, Draft)
        support = Support(worn, draft)
        said = [one.format(level="L4-L5") for one in phrases()["explain.modic_1"].wordings(language)]
        assert [support.fault(clause) for text in said for clause in clauses(text)] == [""] * len(said)


def test_a_burst_fracture_that_is_not_operated_names_the_room_of_the_canal() -> None:
    burst, wedge = (
        MADE.case([("L1", "fracture", {"grade": grade, "detail": "fresh"})], age_band="20-29")
        for grade in ("A3", "A1")
    )
    assert "burst" in {name for name, _ in cautions(some_case(burst, act="injury.non_operative"))}
    assert "burst" not in {name for name, _ in cautions(some_case(wedge, act="injury.non_operative"))}


def test_a_report_lists_what_its_steps_cite() -> None:
    shown = {name: _text(report(CASES[name], "0", "zh")) for name in ("central", "stenosis")}
    for text in shown.values():
        assert ("GIRFT" in text) == (cite("cauda_equina_2023") in text)
        assert not re.search(r"\(six weeks\)|expert opinion", text)
    assert any(cite("cauda_equina_2023") in text for text in shown.values())


def test_an_infection_waits_for_the_germ_only_while_the_patient_is_stable() -> None:
    for name in ("plan.infection.workup", "plain.infection.workup"):
        phrase = phrases()[name]
        assert all("stable" in text and re.search("at once|must not wait", text) for text in phrase.en)
        assert all("稳定" in text and re.search("立即用|马上用", text) for text in phrase.zh)


@pytest.mark.parametrize(("grade", "irritated"), [("mild", True), ("severe", False)])
def test_a_root_with_mildly_little_room_is_irritated_and_not_compressed(grade: str, irritated: bool) -> None:
    disc = {"grade": "protrusion", "side": "left", "detail": "subarticular", "value": 4.0}
    beside = ("L4-L5", "recess_stenosis", {"grade": grade, "side": "left"})
    case = some_case(MADE.case([("L4-L5", "herniation", disc), beside]), act="herniation.conservative")
    assert is_irritated(case) == irritated
    assert bool(re.search("irritate", explanation(case))) == irritated


def test_six_weeks_are_asked_by_sport_alone() -> None:
    for name in ("rule.herniation", "rule.herniation_urgent"):
        for language in LANGUAGES:
            for text in phrases()[name].wordings(language):
                assert not re.search(r"SPORT[^,;，；]{0,14}GIRFT", text)


@pytest.mark.parametrize(("sites", "denied"), [(("T4", "T7", "T10"), False), (("T4", "T5", "T6"), True)])
def test_beside_a_curve_bony_spurs_are_denied_of_a_whole_run_alone(
    sites: tuple[str, ...], denied: bool
) -> None:
    one = MADE.case([]).findings[0]
    spur = {"pathology": "osteophyte", "present": False}
    normal = [one.model_copy(update={"site": site, **spur}) for site in sites]
    bent = one.model_copy(update={"site": "T8", "pathology": "scoliosis"})
    said = normal_sentences(normal, EN, "k", (*normal, bent), None, [Level.T6])
    assert bool(said) == denied
