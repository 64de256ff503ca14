"""evaluate_metrics/spine_findings, finding_lists.py and finding_scores.py."""

import json
from pathlib import Path
from typing import Any

import pytest

from spinemed.finding_grammar import Statement
from spinemed.finding_lists import grade_of, read_reference, read_reply
from spinemed.finding_scores import Item, grade_scores, stenosis_scores, worst_levels

FOLDER = Path(__file__).parent.parent / "evaluate_metrics" / "spine_findings"


@pytest.fixture(scope="module")
def metric(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import evaluate

    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        for name in ("HF_HOME", "HF_MODULES_CACHE", "HF_EVALUATE_CACHE"):
            patch.setenv(name, str(cache))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield evaluate.load(str(FOLDER), keep_in_memory=True)


def truth(*entries: dict[str, Any]) -> str:
    return json.dumps(list(entries))


def disc(site: str, grade: str) -> dict[str, Any]:
    return {"site": site, "finding": "disc_degeneration", "grade": grade}


def test_both_sides_against_one_are_two_thirds(metric: Any) -> None:
    gold = truth({"site": "L4-L5", "finding": "recess_stenosis", "side": "left"})
    said = "Bilateral lateral recess stenosis at L4-L5."
    result = metric.compute(predictions=[said], references=[gold])
    assert result["f1"] == 1
    assert result["triple_f1"] == pytest.approx(2 / 3)


def test_what_the_reference_does_not_tell_is_not_asked(metric: Any) -> None:
    gold = truth({"site": "L4-L5", "finding": "herniation"})
    result = metric.compute(predictions=["Left disc extrusion at L4/5."], references=[gold])
    assert result["triple_f1"] == result["quadruple_f1"] == 1
    assert result["grades"] == {}


def test_a_neighbouring_level_is_tolerated_once(metric: Any) -> None:
    gold = truth(disc("L4-L5", "3"))
    result = metric.compute(
        predictions=["Disc degeneration at L3-4 and L5-S1, Pfirrmann III."], references=[gold]
    )
    assert result["f1"] == 0
    assert (result["recall_tolerant"], result["precision_tolerant"]) == (1, 0.5)


def test_kappa_uses_the_whole_scale_and_is_none_where_constant(metric: Any) -> None:
    sites, right, said = ["L3-L4", "L4-L5", "L5-S1"], ["1", "2", "5"], ["1", "2", "4"]
    gold = truth(*map(disc, sites, right))
    grades = metric.compute(predictions=[truth(*map(disc, sites, said))], references=[gold])["grades"]
    assert grades["disc_degeneration"]["qwk"] == pytest.approx(0.9268, abs=1e-4)
    same = truth(*(disc(site, "3") for site in sites))
    constant = metric.compute(predictions=[same], references=[same])["grades"]["disc_degeneration"]
    assert (constant["qwk"], constant["exact"], constant["within_one"]) == (None, 1, 1)


def test_types_get_a_plain_kappa() -> None:
    def items(said: str, right: str) -> Item:
        return Item((Statement("L4-L5", "modic_change", said),), (Statement("L4-L5", "modic_change", right),))

    scores = grade_scores([items("1", "1"), items("2", "2"), items("1", "2"), items("2", "2")])
    assert set(scores["modic_change"]) == {"n", "ungraded", "exact", "kappa"}
    assert scores["modic_change"]["kappa"] == pytest.approx(0.5)


def test_a_right_finding_without_a_grade_is_counted_as_ungraded(metric: Any) -> None:
    result = metric.compute(
        predictions=["Disc degeneration at L4-5."], references=[truth(disc("L4-L5", "4"))]
    )
    assert result["grades"]["disc_degeneration"] == {
        "n": 0, "ungraded": 1, "exact": None, "qwk": None, "within_one": None,
    }  # fmt: skip


def test_the_worst_level_must_be_truly_worst_and_ties_are_listed(metric: Any) -> None:
    gold = truth(disc("L3-L4", "3"), disc("L4-L5", "5"), disc("L5-S1", "5"))
    right = "Disc degeneration: L3-4 Pfirrmann II, L4-5 Pfirrmann IV."
    wrong = "Disc degeneration: L3-4 Pfirrmann IV, L4-5 Pfirrmann IV."
    result = metric.compute(predictions=[right, wrong, "Normal."], references=[gold] * 3, return_items=True)
    assert (result["n_worst"], result["worst_level_accuracy"]) == (3, pytest.approx(1 / 3))
    worst = [row["worst"]["disc_degeneration"] for row in result["items"]]
    assert worst[1] == {"predicted": ["L3-L4", "L4-L5"], "gold": ["L4-L5", "L5-S1"]}
    assert worst[2]["predicted"] == []


def test_types_have_no_worst_level() -> None:
    one = (Statement("L4-L5", "modic_change", "2"),)
    assert list(worst_levels(Item(one, one))) == []


def test_weights_are_one_two_four_and_silence_is_normal() -> None:
    def canal(site: str, grade: str) -> Statement:
        return Statement(site, "canal_stenosis", grade, "", grade != "none")

    gold = (canal("L2-L3", "none"), canal("L3-L4", "moderate"), canal("L4-L5", "severe"))
    scores = stenosis_scores([Item((canal("L4-L5", "severe"),), gold)], 0.95)
    assert scores["weighted_accuracy"] == pytest.approx(5 / 7)
    assert (scores["n_severe"], scores["severe_sensitivity"]) == (1, 1)
    ungraded = stenosis_scores([Item((canal("L4-L5", ""),), gold)], 0.95)
    assert ungraded["weighted_accuracy"] == pytest.approx(1 / 7)


def test_the_rates_of_each_finding_carry_their_intervals(metric: Any) -> None:
    gold = truth({"site": "L1", "finding": "fracture"}, {"site": "L2", "finding": "fracture"})
    rates = metric.compute(predictions=["Fracture of L1 and L3."], references=[gold])["findings"]["fracture"]
    assert (rates["gold"], rates["predicted"], rates["sensitivity"], rates["precision"]) == (2, 2, 0.5, 0.5)
    assert 0 < rates["sensitivity_low"] < 0.5 < rates["sensitivity_high"] < 1


def test_a_denied_finding_that_is_stated_costs_specificity(metric: Any) -> None:
    gold = truth(*({"site": site, "finding": "fracture", "present": False} for site in ("L1", "L2")))
    result = metric.compute(predictions=["Fracture of L1."], references=[gold])
    assert (result["n_denied"], result["specificity"], result["precision"]) == (2, 0.5, 0)


def test_prose_and_a_list_of_the_same_findings_score_alike(metric: Any) -> None:
    gold = truth({"site": "L5-S1", "finding": "slip", "grade": "2"})
    listed = '```json\n[{"site": "L5/S1", "finding": "spondylolisthesis", "grade": "Meyerding II"}]\n```'
    for reply in ("L5/S1 spondylolisthesis, Meyerding grade II.", listed, "L5/S1滑脱，Meyerding II度。"):
        assert metric.compute(predictions=[reply], references=[gold])["quadruple_f1"] == 1


def test_entries_that_are_not_understood_are_counted_and_never_fail() -> None:
    reply = read_reply('[{"site": "L4", "finding": "unicorn"}, 5, {"finding": "fracture"}, {"site": 4}]')
    assert (reply.statements, reply.unread, reply.is_list) == ((), 4, True)
    for text in ("", "[", "[1, 2", "{}", "null", '[{"site": null, "finding": null}]', "🦴" * 50):
        assert read_reply(text).statements == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("L4: fracture", "JSON list"),
        ('{"site": "L4"}', "JSON list"),
        ('[{"site": "L4"}]', "finding 0 needs site and finding"),
        ('[{"site": "L4", "finding": "fracture", "colour": 1}]', "finding 0 needs"),
        ('[{"site": "L4/5", "finding": "slip"}]', "finding 0: 'L4/5' is not a site"),
        ('[{"site": "L4", "finding": "unicorn"}]', "'unicorn' is none of"),
        ('[{"site": "L4-L5", "finding": "slip", "grade": "9"}]', "slip has no grade '9'"),
        ('[{"site": "L4-L5", "finding": "slip", "side": "up"}]', "side 'up'"),
        ('[{"site": "L4-L5", "finding": "slip", "present": "no"}]', "present is true or false"),
    ],
)
def test_a_bad_reference_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_reference(text)


def test_the_metric_names_the_item_with_a_bad_reference(metric: Any) -> None:
    with pytest.raises(ValueError, match="item 1: a reference is a JSON list"):
        metric.compute(predictions=["L4", "L4"], references=["[]", "none"])


def test_grades_of_lists_have_many_spellings() -> None:
    assert grade_of("foraminal_stenosis", "severe") == "3"
    assert grade_of("fracture", "AO type A3") == "A3"
    assert grade_of("slip", "II") == grade_of("slip", "grade 2") == "2"
    assert grade_of("canal_stenosis", "重度") == "severe"
    assert grade_of("cage", "1") == ""
