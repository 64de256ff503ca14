"""A fifth reading of the texts, held fast: unusual counts, worn slips, red flags, adults, warnings."""

from __future__ import annotations

import re
from typing import Any

import clinic_fixture as MADE
import pytest
from clinic_fixture import some_case
from test_written_questions import HERNIATION, WORN, case, document, finding

from spinemed.instances.clinic import Draft, report
from spinemed.instances.clinic.wording import LANGUAGES, Language, phrases
from spinemed.instances.written import KINDS
from spinemed.instances.written.ask_rules import is_clouded
from spinemed.instances.written.clinic_facts import clinic_facts
from spinemed.instances.written.templates import questions
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.shapes import Variant
from spinemed.phantom.written import written_case
from spinemed.phantom.written.exams import VARIANT_SITES, exams_of
from spinemed.phantom.written.fact import Draws
from spinemed.phantom.written.wording import phrases as told
from spinemed.records import Finding, Kind

PLAIN = ("Disc degeneration at L5-S1, Pfirrmann grade IV.", [WORN])
NERVES = (
    "saddle_anaesthesia",
    "urinary_retention",
    "loss_of_hand_dexterity",
    "gait_imbalance_and_hyperreflexia",
)


def asked(kind: Kind, *told: tuple[str, list[Finding]], **more: Any) -> list[Any]:
    """Return the ideas of a kind about a hand-made case; `age_band` is that of its patient."""
    band = more.pop("age_band", "50-59")
    one = document(case(*told, **more))
    object.__setattr__(one, "study", one.study.model_copy(update={"age_band": band}))
    return list(KINDS[kind].ideas(one))


def test_a_report_states_a_finding_and_does_not_merely_name_it() -> None:
    wordings = [words for one in questions().values() for words in (*one.zh, *one.en)]
    assert not [words for words in wordings if re.search(r"(?<!没有)提到|mention(?!ed at all)", words)
                and "{status}" not in words and "ruled out" not in words and "排除" not in words]  # fmt: skip


@pytest.mark.parametrize("variant", ["L6", "L4_only", "L5_sacralised"])
def test_no_lumbar_variant_is_seen_on_films_in_bending_alone(variant: Variant) -> None:
    seen = 0
    for seed in range(400_000, 400_400):
        patient = sample_patient(seed, ["transitional_anatomy", "spondylolisthesis"])
        if patient.variant == variant:
            *others, last = exams_of(patient, Draws(seed))
            if last.method == "bending":
                seen += 1
                assert any(one.shows(VARIANT_SITES[variant]) for one in others)
    assert seen


def test_a_root_is_blocked_where_it_leaves_a_spine_of_usual_numbers() -> None:
    sixth = ("Transitional anatomy with L6.", [finding("L6", "transitional", grade="L6")])
    usual = {idea.right for idea in asked("written_block", PLAIN)}
    moved = {idea.right for idea in asked("written_block", PLAIN, sixth)}
    assert {"L4-L5", "C5-C6"} <= usual and moved == {site for site in usual if site[0] == "C"}
    untold = asked("written_block", PLAIN, conditions=("transitional_anatomy",))
    assert {idea.right for idea in untold} == moved
    holds = KINDS["written_block"].holds
    assert holds(document(case(PLAIN)).facts, {"root": "L4"}, "L4-L5")
    assert not holds(document(case(PLAIN, sixth)).facts, {"root": "L4"}, "L4-L5")
    assert holds(document(case(PLAIN, sixth)).facts, {"root": "C6"}, "C5-C6")


@pytest.mark.parametrize(
    ("words", "one"),
    [
        ("Increased cord signal at C4-C5.", finding("C4-C5", "cord_signal")),
        ("Severe canal stenosis at L2-L3.", finding("L2-L3", "canal_stenosis", grade="severe")),
        ("L4/5: left subarticular disc extrusion.", HERNIATION),
        ("L2: lytic metastasis.", finding("L2", "metastasis", grade="lytic")),
    ],
)
def test_signs_of_nerves_are_no_new_flag_beside_what_presses_on_them(words: str, one: Finding) -> None:
    kinds: tuple[Kind, ...] = ("written_red_flag", "written_red_flag_urgency")
    for kind in kinds:
        free = {idea.fields["flag"] for idea in asked(kind, PLAIN)}
        beside = {idea.fields["flag"] for idea in asked(kind, PLAIN, (words, [one]))}
        assert set(NERVES) <= free and beside.isdisjoint(NERVES) and beside


def test_other_flags_are_withheld_where_their_work_up_would_be_another() -> None:
    def facts(pathology: str, site: str, words: str) -> Any:
        return document(case(PLAIN, (words, [finding(site, pathology)]))).facts

    tumour = facts("metastasis", "L2", "Metastasis of L2.")
    joined = facts("bridging", "T8-T9", "T8-T9: ankylosis with bony bridging.")
    assert is_clouded(tumour, "minor_trauma_and_osteoporosis") and is_clouded(tumour, "spinal_pain_and_fever")
    assert not is_clouded(tumour, "known_cancer_and_spinal_pain")
    assert is_clouded(joined, "spinal_pain_and_raised_crp_or_esr")
    assert not is_clouded(joined, "spinal_pain_and_fever")
    mild = finding("L2-L3", "canal_stenosis", grade="mild")
    old = finding("L1", "fracture", grade="A1", detail="old")
    slight = document(
        case(("Mild canal stenosis at L2-L3.", [mild]), ("Old fracture of L1, AO type A1.", [old]))
    )
    assert not is_clouded(slight.facts, "saddle_anaesthesia")


def test_no_slip_is_worn_before_forty() -> None:
    causes = set()
    for seed in range(100_000, 100_600, 2):
        patient = sample_patient(seed, ["spondylolisthesis"])
        for disc in patient.discs if patient.age < 40 else ():
            if disc.slip_mm:
                causes.add("backwards" if disc.slip_mm < 0 else patient.shape(disc.above).pars_defect)
    assert causes == {"backwards", True}


@pytest.mark.parametrize("kind", ["written_schwab_sva", "written_schwab_gap"])
def test_adult_deformity_is_classed_of_adults(kind: Kind) -> None:
    bent = finding("L1", "lumbar_lordosis", value=50.0, unit="deg", extent=("L1", "S1"))
    told = ("Lumbar lordosis from L1 to S1 of 50°.", [bent])
    assert asked(kind, told, measured=(bent.id,))
    assert not asked(kind, told, measured=(bent.id,), age_band="10-19")


@pytest.mark.parametrize(
    ("language", "heading"),
    [("en", "Sagittal T1/T2/STIR and axial T2 MRI (lying)"), ("zh", "MRI T1/T2/STIR矢状位及T2轴位（卧位）")],
)
def test_the_heading_of_mri_names_the_axial_series(language: Language, heading: str) -> None:
    for seed in range(400_000, 400_020):
        facts = clinic_facts(written_case(seed, language))
        made = report(facts, "1", language)
        if isinstance(made, Draft) and "MR" in {one.modality for one in facts.study.series}:
            assert f"### {heading}" in made.answer
            return
    raise AssertionError("no report of an MRI was made")


def test_every_wording_of_an_mri_names_its_axial_series() -> None:
    told = {written_case(seed).study.text.splitlines()[2] for seed in range(400_000, 400_060)}
    scans = [line for line in told if re.search("MRI|MR |磁共振", line)]
    assert scans and all(re.search("axial|轴位", line) for line in scans)


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_has_signs_of_the_cord_is_warned_of_more(language: Language) -> None:
    facts = MADE.cases()["myelopathy"]
    assert some_case(facts, language).problem.lead == "myelopathy"
    begin, worse = {"en": ("When to get help", "get worse"), "zh": ("何时须立即求助", "更不灵活")}[language]
    made = [one for key in range(20) if isinstance(one := report(facts, str(key), language), Draft)]
    lines = [line for one in made for line in one.answer.splitlines() if begin in line]
    assert lines and all(worse in line and not re.search("clumsy hands|手变笨", line) for line in lines)


def test_the_outlook_of_a_worn_slip_speaks_of_legs_that_were_not_ill() -> None:
    words = [one for name in ("risk.slip_worn", "risk.slip_worn_painless") for one in phrases()[name].zh]
    assert all("滑脱可能缓慢进展" in one and not re.search("加重|麻痛", one) for one in words)


def test_no_neck_that_is_broken_already_is_broken_once_more() -> None:
    broken = ("Fresh fracture of C6, AO type A3.", [finding("C6", "fracture", grade="A3", detail="fresh")])
    assert asked("written_slic", PLAIN) and not asked("written_slic", PLAIN, broken)


def test_no_score_of_worn_necks_is_asked_of_a_broken_one() -> None:
    broken = ("Fresh fracture of C6, AO type A3.", [finding("C6", "fracture", grade="A3", detail="fresh")])
    assert asked("written_mjoa", PLAIN) and not asked("written_mjoa", PLAIN, broken)


def test_a_fall_over_a_tight_canal_has_no_one_answer() -> None:
    tight = finding("T11-T12", "canal_stenosis", grade="severe")
    facts = document(case(PLAIN, ("Severe canal stenosis at T11-T12.", [tight]))).facts
    assert is_clouded(facts, "minor_trauma_and_long_term_steroids")
    assert not is_clouded(facts, "known_cancer_and_spinal_pain")


def test_chinese_answers_of_noms_and_of_what_is_told_are_sentences() -> None:
    for kind in ("written_noms", "written_later_noms"):
        assert "应{answer}。" not in questions()[kind].open.zh
    assert not [words for words in questions()["written_status_level"].zh if "的{pathology}{status}" in words]
    assert "节选内容对此{answer}。" not in questions()["written_site_status"].open.zh


def test_a_report_does_not_know_why_an_untyped_fracture_broke() -> None:
    wordings = [words for phrase in told("abnormal").values() for words in (*phrase.en, *phrase.zh)]
    assert not [words for words in wordings if "osteoporotic" in words or "骨质疏松" in words]


def test_no_modic_type_is_asked_beside_a_broken_vertebra() -> None:
    discs = [finding(site, "herniation", present=False) for site in ("L1-L2", "L4-L5")]
    broken = ("Fresh fracture of L1, AO type A1.", [finding("L1", "fracture", grade="A1", detail="fresh")])
    free = ("No disc herniation at L1-L2 or L4-L5.", discs)
    assert {idea.sites[0] for idea in asked("written_modic_rule", free)} == {"L1-L2", "L4-L5"}
    assert {idea.sites[0] for idea in asked("written_modic_rule", free, broken)} == {"L4-L5"}


def test_no_slip_is_called_isthmic_where_no_examination_tells_of_the_pars() -> None:
    slips = 0
    for seed in (*range(741_280, 741_300), *range(741_080, 741_090), *range(741_000, 741_060)):
        one = written_case(seed)
        broken = {f.site for f in one.findings if f.pathology == "pars_defect" and f.present}
        isthmic = {f.site.split("-")[0] for f in one.findings if f.detail == "isthmic"}
        assert isthmic <= broken
        slips += len(isthmic)
    assert slips >= 3
