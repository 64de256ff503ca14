"""Written cases: true by the placed spine, read back as meant, quoted where they stand, alike every time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spinemed.errors import ConfigError
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.export.findings import series_findings
from spinemed.phantom.export.series import rendered_series, study_id
from spinemed.phantom.export.study_record import HEALTHY, LICENCE
from spinemed.phantom.export.truth import PostureTruth, posture_truth
from spinemed.phantom.patient.conditions import known_conditions
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.shapes import Patient
from spinemed.phantom.written import SEEDS, written_case
from spinemed.phantom.written.exams import exams_of, levels_of_patient
from spinemed.phantom.written.fact import Draws, Exam, Fact
from spinemed.phantom.written.facts import facts_of
from spinemed.phantom.written.lint import faults
from spinemed.phantom.written.measured import Spine
from spinemed.phantom.written.sentences import Voice, stated
from spinemed.phantom.written.wording import FILES, phrases
from spinemed.records import Finding, Study

READ = [written_case(seed) for seed in range(100_000, 100_060)]


def everything(patient: Patient) -> tuple[Fact, ...]:
    """Return all facts of a patient whose spine is shown whole by MRI, CT and films."""
    levels = levels_of_patient(patient)
    methods = ("mr", "ct", "xr")
    return facts_of(Spine(patient), tuple(Exam(method, levels) for method in methods))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_sentence_reads_back_as_exactly_its_findings(language: str) -> None:
    assert [line for seed in range(300_000, 300_040) for line in faults(written_case(seed, language))] == []


def test_a_sentence_that_says_something_else_is_a_fault() -> None:
    case = next(one for one in READ if one.study.language == "en" and "left" in one.study.text)
    text = case.study.text.replace("left", "right")
    spoilt = replace(case, study=case.study.model_copy(update={"text": text}))
    assert faults(spoilt)


def test_quotes_are_the_very_characters_of_the_text() -> None:
    for case in READ:
        for one in case.findings:
            assert one.quote is not None
            assert case.study.text[one.quote.start : one.quote.end] == one.quote.text
            assert one.evidence.plane == "text"
            assert one.evidence.series == case.study.id


def test_records_hold_what_their_models_allow() -> None:
    for case in READ[:10]:
        assert Study.model_validate(case.study.model_dump()) == case.study
        assert all(Finding.model_validate(one.model_dump()) == one for one in case.findings)


def test_studies_say_what_they_are() -> None:
    for case in READ:
        study = case.study
        assert (study.source, study.synthetic, study.licence, study.series) == ("casebook", True, LICENCE, ())
        assert study.conditions
        assert set(study.conditions) <= {*known_conditions(), HEALTHY}


def test_ids_differ_and_sentences_name_known_findings() -> None:
    for case in READ:
        ids = [one.id for one in case.findings]
        assert len(set(ids)) == len(ids)
        told = {name for one in case.sentences for name in (*one.findings, *one.graded, *one.measured)}
        assert told == set(ids)


def test_a_seed_gives_the_same_case_on_every_call() -> None:
    assert written_case(123_456) == written_case(123_456)


def test_texts_and_patients_differ() -> None:
    assert len({case.study.text for case in READ}) == len(READ)
    assert len({case.study.id for case in READ}) == len(READ)


def test_the_first_line_says_that_the_case_is_synthetic() -> None:
    for case in READ:
        first = case.study.text.split("\n")[0].lower()
        assert "synthetic" in first or "合成" in first


def test_a_language_can_be_asked_for() -> None:
    assert {written_case(100_009, tongue).study.language for tongue in ("en", "zh")} == {"en", "zh"}


def test_documents_have_six_to_twenty_sentences() -> None:
    counts = [len(case.sentences) for case in READ]
    assert min(counts) >= 5
    assert sorted(counts)[len(counts) // 2] >= 8
    assert max(counts) <= 24


def test_an_extra_vertebra_that_is_named_is_explained() -> None:
    seen = 0
    for case in READ:
        named = {level for one in case.findings for level in one.site.split("-")} & {"T13", "L6"}
        told = {one.site for one in case.findings if one.pathology == "transitional"}
        assert named <= told
        seen += bool(named)
    assert seen


def test_nobody_stands_or_bends_for_a_film_with_a_fresh_injury() -> None:
    patient = sample_patient(200_010, ["traumatic_fracture", "scoliosis", "spondylolisthesis"])
    for seed in range(20):
        assert {one.method for one in exams_of(patient, Draws(seed))} <= {"mr", "ct"}


def test_what_a_report_denies_it_does_not_state_elsewhere() -> None:
    for case in READ:
        there = {(one.site, one.pathology, one.side) for one in case.findings if one.present}
        assert not there & {(one.site, one.pathology, one.side) for one in case.findings if not one.present}


def test_a_sentence_tells_a_number_or_a_grade_only_where_it_says_so() -> None:
    for case in READ:
        by_id = {one.id: one for one in case.findings}
        for sentence in case.sentences:
            words = case.study.text[sentence.start : sentence.end]
            for name in sentence.measured:
                assert f"{abs(by_id[name].value or 0):.0f}" in words
            untold = [by_id[name] for name in sentence.findings if name not in sentence.measured]
            assert all(f"{one.value:.0f} mm" not in words for one in untold if one.unit == "mm" and one.value)


@pytest.mark.parametrize("seed", [0, 99_999, 800_000])
def test_seeds_of_other_ranges_are_refused(seed: int) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        written_case(seed)


def test_seeds_begin_behind_those_of_patients_with_pictures() -> None:
    assert (SEEDS.start, SEEDS.stop) == (100_000, 800_000)


def test_phrases_have_wordings_in_english_and_no_wording_twice() -> None:
    for file in FILES:
        for name, phrase in phrases(file).items():
            assert phrase.en, name
            for wordings in (phrase.en, phrase.zh, phrase.many):
                assert len(set(wordings)) == len(wordings), name


def _truth_of(truth: PostureTruth, fact: Fact) -> float | str | None:
    """Return what the truth says of a fact: a grade or a number; None where it does not speak of it."""
    if fact.pathology == "scoliosis":
        curves = {(one.apex, one.upper, one.lower): one.degrees for one in truth.curves.cobb}
        return curves.get((fact.site, *(fact.extent or ())))  # type: ignore[arg-type]
    if fact.pathology in ("thoracic_kyphosis", "lumbar_lordosis"):
        return {"t": truth.curves.kyphosis_deg, "l": truth.curves.lordosis_deg}[fact.pathology[0]]
    if "-" in fact.site:
        disc = {one.site: one for one in truth.discs}[fact.site]
        return {
            "disc_degeneration": str(disc.pfirrmann),
            "slip": disc.slip_percent,
            "canal_stenosis": disc.sac_left_mm,
        }.get(fact.pathology)
    bone = {one.level: one for one in truth.vertebrae}.get(fact.site)
    return bone.height_loss_percent if bone and fact.pathology == "height_loss" else None


SAMPLED = [
    sample_patient(200_001, ["scoliosis", "disc_herniation", "spondylolisthesis"]),
    sample_patient(200_002, ["spinal_stenosis", "osteoporotic_fracture", "kyphosis"]),
    sample_patient(200_003, ["traumatic_fracture", "cervical_myelopathy", "transitional_anatomy"]),
]


@pytest.mark.parametrize("patient", SAMPLED, ids=lambda one: one.conditions[0])
def test_numbers_and_grades_are_those_of_the_exact_truth(patient: Patient) -> None:
    truths = {posture: posture_truth(place(patient, posture)) for posture in ("lying", "standing")}
    compared = 0
    for fact in everything(patient):
        true = _truth_of(truths[fact.posture], fact)
        if isinstance(true, str):
            assert fact.grade == true, fact
        elif true is not None and fact.value is not None:
            assert abs(fact.value - true) <= (fact.error or 0) + 0.01, fact
        compared += true is not None
    assert compared > 30


def test_a_canal_called_wide_is_wide_by_the_exact_truth() -> None:
    for patient in SAMPLED:
        truth = {one.site: one for one in posture_truth(place(patient)).discs}
        for fact in everything(patient):
            if fact.pathology == "canal_stenosis" and not fact.present:
                disc = truth[fact.site]
                assert (
                    1 - disc.sac_left_mm / max(disc.sac_normal_mm, 0.1) < 0.15 or disc.sac_normal_mm == 0
                ), fact


def test_a_rendered_series_states_the_same() -> None:
    patient = SAMPLED[0]
    shown = next(rendered_series(patient, ("t2",), "lumbar"))
    found = series_findings(shown.anatomy, shown.rendered, study_id(patient), shown.uid)
    stated = {(one.site, one.pathology, one.side): one for one in found if isinstance(one, Finding)}
    compared = 0
    for fact in everything(patient):
        seen = stated.get((fact.site, fact.pathology, fact.side))
        if seen is None or fact.method != "mr" or seen.pathology == "vertebra":
            continue
        compared += 1
        assert (fact.present, fact.grade) == (seen.present, seen.grade), (fact, seen)
        if fact.value is not None and seen.value is not None:
            assert abs(fact.value - seen.value) <= (fact.error or 0) + (seen.error or 0), (fact, seen)
    assert compared > 20


def test_of_several_discs_a_singular_name_keeps_a_singular_verb() -> None:
    facts = [fact for fact in everything(sample_patient(3, ["disc_degeneration"])) if fact.method == "mr"]
    worn = [replace(one, grade="4") for one in facts if one.pathology == "disc_degeneration"][:2]
    texts = {stated(worn, Voice("en", "canonical", Draws(seed))).text for seed in range(300)}
    assert any("there is disc degeneration" in text for text in texts)
    assert not any("there are disc degeneration" in text for text in texts)
    assert any(text.startswith("The discs at") and " are degenerated" in text for text in texts)


def test_a_harmed_cord_never_lacks_the_width_of_its_canal() -> None:
    for seed in range(200_010, 200_022):
        patient = sample_patient(seed, ["cervical_myelopathy", "disc_degeneration"])
        facts = facts_of(Spine(patient), (Exam("mr", levels_of_patient(patient)),))
        harmed = {one.site for one in facts if one.pathology == "cord_signal" and one.present}
        graded = {one.site for one in facts if one.pathology == "canal_stenosis"}
        assert harmed
        assert harmed <= graded


def test_no_narrow_neck_is_called_less_than_severe() -> None:
    for case in READ:
        narrow = [one for one in case.findings if one.pathology == "canal_stenosis" and one.site[0] == "C"]
        assert all((one.value or 9.0) >= 7.0 for one in narrow if one.grade in ("mild", "moderate"))


def test_the_size_of_a_disc_in_the_foramen_is_not_told() -> None:
    disc = Fact("L4-L5", "herniation", "mr", "protrusion", "left", value=5.0, unit="mm", detail="foraminal")
    told = [stated([disc], Voice("en", "canonical", Draws(seed))) for seed in range(40)]
    assert not any(one.measured or "mm" in one.text for one in told)
    aside = replace(disc, detail="subarticular")
    assert any("mm" in stated([aside], Voice("en", "canonical", Draws(seed))).text for seed in range(40))


def test_a_recess_or_foramen_is_denied_where_both_sides_are_free() -> None:
    denied = 0
    for case in READ:
        free: dict[tuple[str, str], set[str | None]] = {}
        for one in case.findings:
            if one.pathology in ("recess_stenosis", "foraminal_stenosis") and not one.present:
                free.setdefault((one.site, one.pathology), set()).add(one.side)
        assert all(sides == {"left", "right"} for sides in free.values())
        denied += len(free)
    assert denied
