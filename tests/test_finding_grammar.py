"""finding_words.py, finding_scope.py, finding_modifiers.py, finding_grammar.py: statements of reports."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemed.finding_grammar import Statement, read_findings
from spinemed.finding_words import FINDING_NAMES, READ_WORDS, SCALES
from spinemed.instances.clinic import lexicon
from spinemed.levels import Site

ROOT = Path(__file__).resolve().parent.parent
CASES = json.loads((ROOT / "tests" / "data" / "finding_statements.json").read_text(encoding="utf-8"))["cases"]
WORDS = [
    *["L4", "L5", "L4/5", "L5-S1", "L6", "T13", "Co", "S1", "T12-L1", "L1-L2-L4", "L4-S1", "C1", "to", "and"],
    *[",", ".", ";", ":", "、", "，", "。", "-", "#", "no", "without", "未见", "if", "at", "of"],
    *["left", "right", "(L)", "slip", "滑脱", "峡部裂", "fracture", "stenosis", "canal", "foraminal"],
    *["recess", "disc", "protrusion", "Modic 2", "Pfirrmann IV", "mild", "severe", "grade 1", "椎管狭窄"],
    *["移行椎", "sacralisation", "scoliosis", "apex", "screws", "bridging", "骨赘", "cord signal"],
]


def read(text):
    return {tuple(one) for one in read_findings(text)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:40])
def test_a_sentence_states_what_is_written_down_unless_it_is_known_to_be_misread(case):
    is_right = read(case["text"]) == {tuple(one) for one in case["statements"]}
    assert is_right != case.get("misread", False)


def test_the_sentences_are_many_in_both_languages():
    assert len(CASES) >= 50
    assert {case["language"] for case in CASES} == {"en", "zh"}
    for case in CASES:
        for site, finding, grade, side, present in case["statements"]:
            assert str(Site.parse(site)) == site and finding in FINDING_NAMES
            assert grade in ("", *SCALES.get(finding, ()), "large", "L5_sacralised")
            assert side in ("", "left", "right", "both", "central") and isinstance(present, bool)


def test_every_finding_but_the_vertebrae_has_words():
    assert set(READ_WORDS) == set(lexicon.PATHOLOGY_WORDS) == set(FINDING_NAMES[2:])
    assert set(SCALES) <= set(FINDING_NAMES)


@pytest.mark.parametrize(
    ("text", "finding", "grade"),
    [
        ("L4-5 disc degeneration, Pfirrmann grade V", "disc_degeneration", "5"),
        ("L4/5椎间盘退变（Pfirrmann Ⅱ级）", "disc_degeneration", "2"),
        ("Grade II spondylolisthesis of L4 on L5", "slip", "2"),
        ("L4/5滑脱，Meyerding Ⅲ度", "slip", "3"),
        ("Genant grade 3 height loss of L1", "height_loss", "3"),
        ("Lee grade 2 left foraminal stenosis at L4-5", "foraminal_stenosis", "2"),
        ("Mild right foraminal stenosis at L4-5", "foraminal_stenosis", "1"),
        ("Modic type 3 change at L4-5", "modic_change", "3"),
        ("L1 fracture (AO type A4)", "fracture", "A4"),
        ("Blastic metastasis in L3", "metastasis", "blastic"),
        ("Mild to moderate canal stenosis at L4-5", "canal_stenosis", "moderate"),
    ],
)
def test_each_scale_is_read(text, finding, grade):
    found = [one for one in read_findings(text) if one.finding == finding]
    assert [(one.grade, one.present) for one in found] == [(grade, True)]


@pytest.mark.parametrize(
    "text",
    [
        "No fracture of L1.",
        "Fracture of L1 is not seen.",
        "L1: no fracture.",
        "There is no evidence of dislocation or fracture at L1.",
        "L1椎体未见骨折。",
        "未见L1骨折。",
        "L1无骨折征象。",
    ],
)
def test_a_denial_is_read_in_many_forms(text):
    assert read(text) == {("L1", "fracture", "", "", False)}


def test_a_healthy_grade_is_a_denial():
    assert read("L4-L5 disc degeneration Pfirrmann I.") == {("L4-L5", "disc_degeneration", "1", "", False)}


def test_what_is_stated_once_is_not_taken_back():
    text = "CT: no fracture of L1.\nMR: fresh fracture of L1, AO type A1.\nImpression: fracture of L1."
    assert read(text) == {("L1", "fracture", "A1", "", True)}


def test_of_several_grades_the_worst_counts():
    text = "L5/S1: slip, Meyerding grade I, lying.\nL5/S1: spondylolisthesis, Meyerding grade II, standing."
    assert read(text) == {("L5-S1", "slip", "2", "", True)}


def test_a_bulge_and_an_organ_without_a_level_are_no_statements():
    assert read_findings("L4-5 disc bulge. Severe stenosis of the canal. 腰椎间盘膨出。") == ()
    assert read_findings("") == read_findings("L4 and L5 are shown.") == ()


def test_sites_are_of_the_kind_that_the_finding_has():
    assert {one.site for one in read_findings("Disc degeneration from L2 to S1.")} == {
        "L2-L3", "L3-L4", "L4-L5", "L5-S1",
    }  # fmt: skip
    assert {one.site for one in read_findings("Fractures at T12-L1.")} == {"T12", "L1"}
    assert read_findings("L4椎体滑脱")[0].site == "L4-L5"


def test_the_order_is_from_the_head_down():
    found = read_findings("Fracture of L5. Fracture of T3. C5/6 disc extrusion.")
    assert [one.site for one in found] == ["C5-C6", "T3", "L5"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=25), st.sampled_from([" ", ""]))
def test_no_text_makes_it_fail_and_every_statement_is_canonical(words, joiner):
    for one in read_findings(joiner.join(words)):
        assert isinstance(one, Statement)
        assert str(Site.parse(one.site)) == one.site
        assert one.finding in FINDING_NAMES and isinstance(one.present, bool)


@pytest.mark.parametrize(
    "part",
    [
        "canal ",
        "stenosis of the ",
        "no fracture, ",
        "loss of a b ",
        "L4-5 slip at ",
        "椎管",
        "canal, and or ",
        "- ",
    ],
)
def test_time_grows_with_the_length_alone(part):
    def seconds(count):
        start = time.process_time()
        read_findings(part * count)
        return time.process_time() - start

    seconds(20)
    assert seconds(800) < 20 * max(seconds(100), 0.004)


def test_a_sentence_read_twice_says_the_same():
    for case in CASES[:10]:
        assert read(case["text"] + "\n" + case["text"]) == read(case["text"])
