"""Questions about written cases: right by the findings shown, read back, without a hint in the options."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from spinemed.errors import ConfigError
from spinemed.facts.planning.sources import CITATIONS
from spinemed.instances.asking import Asking
from spinemed.instances.written import KINDS, ask_written, meaning_of, question_of
from spinemed.instances.written import compose as composing
from spinemed.instances.written.ask_levels import curve_site, recounted
from spinemed.instances.written.ask_scores import injury_scores, is_alignment_open, noms_plan, tlics_total
from spinemed.instances.written.document import Document, document_of
from spinemed.instances.written.gate import fault_of
from spinemed.instances.written.lint import faults
from spinemed.instances.written.phrases import meaning, phrase, sites_of
from spinemed.instances.written.stated import facts_of, lines_of
from spinemed.instances.written.templates import questions
from spinemed.instances.written.wording import answer_key, answer_text
from spinemed.phantom.written import written_case
from spinemed.records import Box, Finding, Instance, Locator, Reject, Study

ASKING = Asking(0, 0.5, 12)
_NOWHERE = Box(left=0, top=0, right=0, bottom=0)


@dataclass(frozen=True)
class Sentence:
    start: int
    end: int
    findings: tuple[str, ...]
    measured: tuple[str, ...] = ()
    described: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    study: Study
    findings: tuple[Finding, ...]
    sentences: tuple[Sentence, ...]


def finding(site: str, pathology: str, **more: Any) -> Finding:
    """A finding of the hand-made case; its id says what it is."""
    place = Locator(series="case", plane="text", slice_index=0, box=_NOWHERE)
    name = "/".join((site, pathology, more.get("side") or "", more.get("detail", "")))
    return Finding(id=name, study="case", site=site, pathology=pathology, evidence=place, **more)  # type: ignore[arg-type]


def case(*told: tuple[str, list[Finding]], measured: tuple[str, ...] = (), **more: Any) -> Case:
    """A written case of these sentences, each with the findings that it states."""
    text, sentences = "", []
    for words, findings in told:
        ids = tuple(one.id for one in findings)
        start = len(text)
        text += f"{words} "
        numbered = tuple(one for one in ids if one in measured)
        sentences.append(Sentence(start, start + len(words), ids, numbered))
    study = Study(
        id="case", patient="written-1", source="casebook", licence="CC0-1.0", synthetic=True, sex="F",
        numbering="phantom_truth", age_band="50-59", series=(), text=text, language="en", **more,
    )  # fmt: skip
    return Case(study, tuple(one for _, findings in told for one in findings), tuple(sentences))


HERNIATION = finding("L4-L5", "herniation", grade="extrusion", side="left", detail="subarticular", value=7.0)
FRACTURE = finding("L1", "fracture", grade="A3", detail="fresh")
LOSS = finding("L1", "height_loss", grade="2", value=34.0, unit="%", detail="wedge")
WHOLE = finding("L2", "fracture", present=False)
WORN = finding("L5-S1", "disc_degeneration", grade="4")
BORDERLINE = finding("L2-L3", "canal_stenosis", grade="severe")
EXAMPLE = case(
    ("L4/5: left subarticular disc extrusion.", [HERNIATION]),
    ("Fresh fracture of L1, AO type A3, with height loss of 34%.", [FRACTURE, LOSS]),
    ("No fracture of L2.", [WHOLE]),
    ("Disc degeneration at L5-S1, Pfirrmann grade IV.", [WORN]),
    ("Severe canal stenosis at L2-L3.", [BORDERLINE]),
    measured=(LOSS.id,),
)


def document(one: Case) -> Document:
    return document_of(one, Random(1))


@pytest.fixture(scope="module")
def asked() -> list[Instance]:
    """The instances of twenty cases."""
    return [one for one in _asked(range(400_000, 400_020)) if isinstance(one, Instance)]


def _asked(seeds: range) -> Iterator[Instance | Reject]:
    for seed in seeds:
        yield from ask_written(written_case(seed), ASKING)


def test_every_wording_with_each_of_its_values_is_read_back() -> None:
    assert list(faults()) == []


def test_there_are_thirty_kinds_on_three_axes_each_with_wordings_and_a_judge() -> None:
    assert set(KINDS) == set(questions())
    assert len(KINDS) >= 30
    axes = Counter(question_of(kind).axis for kind in KINDS)
    assert min(axes[axis] for axis in ("level", "pathology", "planning")) >= 10


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="written_level_of"):
        question_of("written_nothing")


def test_a_sentence_whose_findings_are_not_read_from_it_is_left_out() -> None:
    mute = case(("All is well.", [WHOLE]), ("No fracture of L2.", [WHOLE]))
    assert [line.text for line in lines_of(mute)] == ["No fracture of L2."]


def test_a_grade_is_known_from_the_printed_number_or_not_at_all() -> None:
    said = {one.finding.id: one for one in document(EXAMPLE).facts.said}
    assert (said[LOSS.id].grade, said[LOSS.id].value) == ("2", 34.0)
    untold = case(("Wedge height loss of L1.", [LOSS]))
    assert document(untold).facts.said[0].grade == ""


def test_a_grade_follows_from_described_signs() -> None:
    words = "L5/S1 shows disc degeneration with a black disc and a collapsed space."
    sentence = Sentence(0, len(words), (WORN.id,), described=(WORN.id,))
    study = EXAMPLE.study.model_copy(update={"text": words})
    assert document(Case(study, (WORN,), (sentence,))).facts.said[0].grade == "4"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_phrase_of_a_finding_means_the_finding(language: Any) -> None:
    for key, _ in document(EXAMPLE).named:
        assert meaning(phrase(key, language, with_article=True), language) == key


def test_a_vague_phrase_fits_every_site_that_it_may_mean() -> None:
    facts = document(case(("Disc degeneration at L5-S1, Pfirrmann grade IV.", [WORN]))).facts
    assert sites_of(facts, "disc_degeneration|||") == {"L5-S1"} == sites_of(facts, "disc_degeneration|4||")
    assert not sites_of(facts, "disc_degeneration|3||")


def test_levels_counted_from_below_move_with_the_number_of_lumbar_vertebrae() -> None:
    assert [recounted("L4-L5", count) for count in ("four", "six")] == ["L3-L4", "L5-L6"]
    assert recounted("C5-C6", "six") == ""


def test_two_curves_have_no_one_apex() -> None:
    curve = finding("L2", "scoliosis", side="left", extent=("T11", "L4"), value=20.0)
    other = finding("T7", "scoliosis", side="right", extent=("T4", "T11"), value=25.0)
    one = case(("Scoliosis convex to the left from T11 to L4, apex L2, Cobb angle 20°.", [curve]))
    both = case(
        ("Scoliosis convex to the left from T11 to L4, apex L2, Cobb angle 20°.", [curve]),
        ("Scoliosis convex to the right from T4 to T11, apex T7, Cobb angle 25°.", [other]),
    )
    assert curve_site(document(one).facts, "apex") == "L2"
    assert curve_site(document(both).facts, "apex") == ""


def test_an_old_fracture_has_no_injury_score() -> None:
    fields = {"site": "L1", "ligaments": "intact", "neurology": "intact"}
    old = FRACTURE.model_copy(update={"detail": "old"})
    assert tlics_total(document(EXAMPLE).facts, fields) == "2"
    assert tlics_total(document(case(("Old fracture of L1, AO type A3.", [old]))).facts, fields) == ""


@pytest.mark.parametrize(
    ("shown", "right", "fault"),
    [
        (("L4-L5", "L5-S1", "L2-L3"), "L4-L5", ""),
        (("L5-S1", "L2-L3"), "L4-L5", "the findings do not make"),
        (("L4-L5", "L4/5"), "L4-L5", "two options say the same"),
        (("L4-L5", "here"), "L4-L5", "not read back"),
    ],
)
def test_the_gate_judges_every_option_by_the_findings(shown: tuple[str, ...], right: str, fault: str) -> None:
    key = "herniation|extrusion|left|subarticular"
    text = "At which level does the report describe a left subarticular disc extrusion?"
    found = fault_of("written_level_of", "en", text, {"finding": key}, shown, right, document(EXAMPLE).facts)
    assert found.startswith(fault) if not fault else fault in found


def test_the_gate_refuses_a_question_about_another_finding_or_level() -> None:
    facts = document(EXAMPLE).facts
    fields = {"finding": "metastasis|lytic||"}
    other = "At which level does the report describe a left subarticular disc extrusion?"
    assert "another one" in fault_of("written_level_of", "en", other, fields, ("L4-L5",), "L4-L5", facts)
    strange = "At L3, what is there?"
    assert "another one" in fault_of("written_site_finding", "en", strange, {"site": "L1"}, (), "", facts)


def test_the_answer_must_follow_from_the_sentences_that_are_shown() -> None:
    lines = [line for line in document(EXAMPLE).lines if "extrusion" not in line.text]
    text = "At which level does the report describe a left subarticular disc extrusion?"
    key = "herniation|extrusion|left|subarticular"
    found = fault_of("written_level_of", "en", text, {"finding": key}, ("L4-L5",), "L4-L5", facts_of(lines))
    assert "findings" in found


def test_a_hand_made_case_is_asked_and_its_answers_are_right() -> None:
    made = [one for one in ask_written(EXAMPLE, ASKING) if isinstance(one, Instance)]
    assert len(made) >= 25
    levels = [one for one in made if one.kind == "written_level_of"]
    for one in levels:
        assert one.sites[0] in {"L4-L5", "L1", "L5-S1", "L2-L3"}
    assert all(one.study == "case" and one.modality == "text" for one in made)


def test_a_case_that_states_nothing_is_asked_nothing() -> None:
    assert list(ask_written(case(("All is well.", [])), ASKING)) == []


def test_the_same_case_and_seed_give_the_same_instances() -> None:
    one = written_case(400_001)
    first, second = (list(ask_written(one, ASKING)) for _ in range(2))
    assert [item.id for item in first] == [item.id for item in second]
    assert [item.id for item in ask_written(one, Asking(1, 0.5, 12))] != [item.id for item in first]


def test_a_case_gives_about_35_instances_half_of_them_choices_no_kind_more_than_thrice(
    asked: list[Instance],
) -> None:
    by_case = Counter(one.study for one in asked)
    assert 28 <= sum(by_case.values()) / len(by_case) <= 36
    assert max(Counter((one.study, one.kind) for one in asked).values()) <= 3
    choices = sum(one.task == "choice" for one in asked) / len(asked)
    assert 0.4 < choices < 0.55


def test_nothing_is_refused_and_no_two_instances_are_alike() -> None:
    made = list(_asked(range(400_030, 400_040)))
    assert [one.reason for one in made if isinstance(one, Reject)] == []
    turns = [tuple(turn.content for turn in one.messages) for one in made if isinstance(one, Instance)]
    assert len(set(turns)) == len(turns)


def test_records_built_without_validation_are_valid(asked: list[Instance]) -> None:
    for one in asked[::25]:
        assert Instance.model_validate(one.model_dump()) == one


def test_the_quote_is_the_span_of_the_document_or_a_citation() -> None:
    one = written_case(400_002)
    for made in ask_written(one, ASKING):
        assert isinstance(made, Instance)
        quote = made.provenance.quote
        assert quote is not None
        if quote.document.startswith("rule:"):
            assert (quote.start, quote.end) == (0, len(quote.text))
        else:
            assert quote.document == one.study.id
            assert one.study.text[quote.start : quote.end] == quote.text
            assert quote.text in made.question


def test_the_language_is_that_of_the_report(asked: list[Instance]) -> None:
    assert {one.language for one in asked} == {"en", "zh"}
    for one in asked[::7]:
        chinese = any("一" <= letter <= "鿿" for letter in one.question)
        assert chinese == (one.language == "zh")
        assert one.template.startswith(f"{one.kind}/{one.language}/")


def test_options_mean_what_the_balance_reads_from_them(asked: list[Instance]) -> None:
    for one in (one for one in asked if one.options):
        read = meaning_of(one)
        right = one.options["ABCD".index(one.answer)]
        assert answer_key(one.kind, one.language, right) == read.right
        assert len({read.right, *read.others}) == len(one.options)
    with pytest.raises(ValueError, match="pass a choice"):
        meaning_of(next(one for one in asked if not one.options))


def test_letters_are_uniform(asked: list[Instance]) -> None:
    letters = Counter(one.answer for one in asked if len(one.options) == 4)
    total = sum(letters.values())
    assert all(abs(letters[letter] / total - 0.25) < 0.12 for letter in "ABCD")


def test_which_answer_is_right_does_not_depend_on_which_are_offered() -> None:
    """Of one idea pool each offered answer is right alike: the options are drawn before the answer."""
    right: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    one = document_of(EXAMPLE, Random(5))
    ideas = list(KINDS["written_renumbered"].ideas(one))
    group = [idea for idea in ideas if idea.group == "disc"]
    for _ in range(900):
        made = composing._choice(one, "written_renumbered", group)
        assert made is not None
        right[tuple(sorted(made.offered))][made.idea.right] += 1
    for counts in right.values():
        expected = sum(counts.values()) / len(counts)
        assert sum((count - expected) ** 2 / expected for count in counts.values()) < 14


def test_a_question_with_several_right_answers_is_never_open(asked: list[Instance]) -> None:
    lists = {kind for kind, question in questions().items() if question.choice_only}
    assert lists == {"written_status_finding", "written_status_level", "written_pairing", "written_fused"}
    tasks = Counter(one.task for one in asked if one.kind in lists)
    assert tasks["choice"] > 10
    assert not tasks["open"]


def test_the_gate_refuses_an_open_question_that_two_findings_answer() -> None:
    facts, text = document(EXAMPLE).facts, "What is seen at {} according to the text?"
    shown = {"L1": "fresh fracture of AO type A3", "L5-S1": "disc degeneration of Pfirrmann grade IV"}
    found = {}
    for site, words in shown.items():
        key = meaning(words, "en")
        asked = text.format(site)
        found[site] = fault_of("written_site_finding", "en", asked, {"site": site}, (words,), key, facts)
    assert "several answers" in found["L1"]
    assert found["L5-S1"] == ""


@pytest.mark.parametrize(("key", "text"), [("1", "1 point"), ("11", "11 points"), ("21", "21 points")])
def test_one_point_is_not_plural_and_read_back(key: str, text: str) -> None:
    assert answer_text("written_tlics", "en", key, "canonical") == text
    assert answer_key("written_tlics", "en", text) == key


def test_before_radiosurgery_decompression_with_and_without_stabilisation_is_one_answer() -> None:
    plans = {
        noms_plan({"escc": escc, "sensitive": "no", "unstable": unstable})
        for escc in "23"
        for unstable in ("yes", "no")
    }
    assert plans == {"decompression_then_radiosurgery"}
    assert noms_plan({"escc": "1a", "sensitive": "no", "unstable": "yes"}) == "radiosurgery+stabilise"


@pytest.mark.parametrize(
    ("conditions", "scored"),
    [((), False), (("osteoporotic_fracture",), False), (("traumatic_fracture",), True),
     (("traumatic_fracture", "osteoporotic_fracture"), False)],
)  # fmt: skip
def test_scores_of_injuries_are_asked_of_injuries_alone(conditions: tuple[str, ...], scored: bool) -> None:
    hurt = case(("Fresh fracture of L1, AO type A3.", [FRACTURE]), conditions=conditions)
    assert bool(list(injury_scores(document(hurt)))) == scored
    missing = {idea.fields["score"] for idea in KINDS["written_missing"].ideas(document(hurt))}
    assert missing == ({"tlics"} if scored else set())


def test_a_count_quotes_a_level_that_counts() -> None:
    told = case(("No fracture of L2.", [WHOLE]), ("Fresh fracture of L1, AO type A3.", [FRACTURE]))
    assert [idea.sites for idea in KINDS["written_count"].ideas(document(told))] == [("L1", "L2")]


def test_kinds_of_a_rule_quote_the_paper() -> None:
    for name in ("modic", "pfirrmann", "lee", "ao", "schizas"):
        assert question_of(f"written_{name}_rule").rule in CITATIONS


@pytest.mark.parametrize(
    ("words", "other", "is_open"),
    [("No fracture of L2.", WHOLE, True), ("Fresh fracture of L1, AO type A3.", FRACTURE, False),
     ("Thoracic kyphosis of 62° (T4 to T12).", finding("T4", "thoracic_kyphosis", value=62.0), False),
     ("Thoracic kyphosis of 40° (T4 to T12).", finding("T4", "thoracic_kyphosis", value=40.0), True)],
)  # fmt: skip
def test_alignment_is_normal_only_where_the_text_leaves_it_open(
    words: str, other: Any, is_open: bool
) -> None:
    tumour = finding("L1", "metastasis", grade="lytic")
    told = document(case(("Lytic metastasis in L1.", [tumour]), (words, [other])))
    assert [is_alignment_open(told.facts, "L1", name) for name in ("normal", "deformity")] == [is_open, True]
    lacking = {idea.right for idea in KINDS["written_missing"].ideas(told) if idea.fields["score"] == "sins"}
    assert lacking == (
        {"pain", "alignment", "collapse", "posterolateral", "nothing"} if is_open else {"alignment"}
    )


def test_a_stenosis_is_treated_at_its_tightest_level_alone() -> None:
    mild = finding("L3-L4", "canal_stenosis", grade="mild")
    told = case(("Severe canal stenosis at L2-L3.", [BORDERLINE]), ("Mild canal stenosis at L3-L4.", [mild]))
    assert {idea.sites for idea in KINDS["written_stenosis_plan"].ideas(document(told))} == {("L2-L3",)}


def test_a_later_injury_is_imagined_of_no_vertebra_with_a_metastasis() -> None:
    tumour = finding("L2", "metastasis", grade="lytic")
    whole = ("No fracture of L2.", [WHOLE])
    for kind in ("written_ao_rule", "written_later_tlics"):
        assert list(KINDS[kind].ideas(document(case(whole))))
        assert not list(KINDS[kind].ideas(document(case(("Lytic metastasis in L2.", [tumour]), whole))))


def test_a_later_slip_is_at_most_two_grades_and_never_thoracic() -> None:
    free = [finding(site, "slip", grade="0", present=False) for site in ("T8-T9", "L4-L5")]
    said = ("No spondylolisthesis at T8-T9 or L4-L5.", free)
    asks = KINDS["written_later_slip"].ideas
    asked = {(idea.sites, idea.right) for idea in asks(document(case(said)))}
    assert set() < asked <= {(("L4-L5",), change) for change in ("same", "up_1", "up_2")}
    assert not list(asks(document(case(said, conditions=("ankylosing_spondylitis",)))))
