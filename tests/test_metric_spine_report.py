"""The report metric: perturbed reports of our corpus in their order, contradictions, plans, judged points."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clinic_fixture import cases

from spinemed.bench.scoring.report_truth import truth_of as reference
from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic import report
from spinemed.instances.clinic.draft import Draft
from spinemed.report_facts import compare, contradictions, read_truth, statements_in
from spinemed.report_plan import read_plan
from spinemed.report_rubric import DEFAULT_RUBRIC
from spinemed.report_sections import read_sections

FOLDER = Path(__file__).parent.parent / "evaluate_metrics" / "spine_report"
CASES = cases()
LANGUAGES = ("en", "zh")
MAIN = {
    "extrusion": ("L4-L5", "herniation"),
    "cervical": ("C5-C6", "herniation"),
    "stenosis": ("L4-L5", "canal_stenosis"),
    "injury_b2": ("T12", "fracture"),
}
NEIGHBOUR = {"extrusion": "L3-L4", "cervical": "C4-C5", "stenosis": "L2-L3", "injury_b2": "T11"}
DENIAL = {
    "en": {"herniation": "No disc herniation at {}.", "canal_stenosis": "No canal stenosis at {}.",
           "fracture": "No fracture of {}."},
    "zh": {"herniation": "{}未见椎间盘突出。", "canal_stenosis": "{}未见椎管狭窄。",
           "fracture": "{}未见骨折。"},
}  # fmt: skip
INVENTED = {"en": "Spondylodiscitis at C2-C3.", "zh": "C2-C3椎间盘炎。"}
NORMAL = {
    "en": "## Findings\nNo fracture of {0}. No disc herniation at {1}. No canal stenosis at {1}.\n"
    "## Impression\nNormal spine.",
    "zh": "影像所见：{0}未见骨折。{1}未见椎间盘突出。{1}未见椎管狭窄。\n诊断意见：正常。",
}
SWAPS = {"en": [("left", "right"), ("Left", "Right")], "zh": [("左", "右")]}
STEPS = [
    ("Extrusion", "Protrusion"),
    ("extrusion", "protrusion"),
    ("脱出", "突出"),
    ("Protrusion", "Extrusion"),
    ("protrusion", "extrusion"),
    ("突出", "脱出"),
    ("evere", "oderate"),
    ("重度", "中度"),
]


@pytest.fixture(scope="module")
def metric(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import evaluate

    return evaluate.load(str(FOLDER), keep_in_memory=True, cache_dir=str(tmp_path_factory.mktemp("cache")))


def truth_of(facts: CaseFacts, language: str, plan_levels: list[str] | None = None) -> str:
    return reference(facts.findings, language, plan_levels)


def written(name: str, language: str, **wanted: str) -> str:
    """Return a report on a case whose sites are spelled canonically, so that a test can change them."""
    for key in range(40):
        draft = report(CASES[name], str(key), language)  # type: ignore[arg-type]
        fits = isinstance(draft, Draft) and all(
            getattr(draft.plan, field) == to for field, to in wanted.items()
        )
        if fits and MAIN.get(name, ("",))[0] in read_sections(draft.answer)("diagnosis").text:
            return draft.answer
    raise AssertionError(f"no report on {name}")


def swapped(text: str, language: str) -> str:
    for one, two in SWAPS[language]:
        text = text.replace(one, "\0").replace(two, one).replace("\0", two)
    return text


def one_step(line: str) -> str:
    for word, other in STEPS:
        if word in line:
            return line.replace(word, other)
    return line


def perturbed(name: str, language: str) -> dict[str, str]:
    """Return the report on a case and its perturbations; lines that state the main finding are changed."""
    site, finding = MAIN[name]
    text = written(name, language)
    lines = text.split("\n")
    states = [
        site in line
        and any((one.site, one.finding) == (site, finding) and one.present for one in statements_in(line))
        for line in lines
    ]

    def changed(change: Callable[[str], str]) -> str:
        return "\n".join(
            change(line) if is_main else line for line, is_main in zip(lines, states, strict=True)
        )

    denial = "- " + DENIAL[language][finding].format(site)
    spine = {"cervical": ("C2, C3, C4, C5, C6, C7", "C4-C5, C5-C6, C6-C7")}
    return {
        "copy": text,
        "doubled": f"{text}\n\n{text}",
        "severity": changed(one_step),
        "side": changed(lambda line: swapped(line, language)),
        "dropped": changed(lambda _: ""),
        "invented": text.replace("\n## 2.", f"\n- {INVENTED[language]}\n\n## 2.", 1),
        "shift": changed(lambda line: line.replace(site, NEIGHBOUR[name])),
        "negated": changed(lambda _: denial),
        "empty": "",
        "normal": NORMAL[language].format(
            *spine.get(name, ("T12, L1, L2, L3, L4, L5", "L3-L4, L4-L5, L5-S1"))
        ),
    }


@pytest.fixture(scope="module")
def factual(metric: Any) -> dict[tuple[str, str], dict[str, float]]:
    """Return (case, language) -> perturbation -> factual score, through the metric at once."""
    places, texts, truths = [], [], []
    for name in MAIN:
        for language in LANGUAGES:
            truth = truth_of(CASES[name], language)
            for change, text in perturbed(name, language).items():
                places.append(((name, language), change))
                texts.append(text)
                truths.append(truth)
    result = metric.compute(predictions=texts, references=truths, return_items=True)
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for (case, change), item in zip(places, result["items"], strict=True):
        scores.setdefault(case, {})[change] = item["factual"]
    return scores


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", MAIN)
def test_perturbed_reports_score_in_the_order_that_they_deserve(
    factual: dict[tuple[str, str], dict[str, float]], name: str, language: str
) -> None:
    own = factual[name, language]
    sided = MAIN[name][1] == "herniation"
    graded = name != "injury_b2"
    assert own["copy"] == own["doubled"] == 1.0
    if graded:
        assert own["copy"] > own["severity"] > own["dropped"]
    if sided:
        assert own["severity"] > own["side"] > own["dropped"]
    assert own["copy"] > own["dropped"] > own["shift"]
    assert own["copy"] > own["invented"] >= own["shift"]
    assert own["dropped"] > own["negated"]
    assert own["dropped"] >= own["empty"] == 0.0
    assert own["negated"] >= own["normal"]
    assert own["empty"] > own["normal"]


def test_the_same_fault_costs_the_same_in_english_and_chinese(
    factual: dict[tuple[str, str], dict[str, float]],
) -> None:
    for name in MAIN:
        assert factual[name, "en"] == pytest.approx(factual[name, "zh"]), name


def test_scores_of_one_case_are_those_of_the_formula(
    factual: dict[tuple[str, str], dict[str, float]],
) -> None:
    own = factual["extrusion", "en"]  # a left extrusion and two worn discs
    wanted = {
        "copy": 1.0,
        "severity": 2.75 / 3,
        "side": 2.5 / 3,
        "dropped": 2 / 3,
        "invented": (3 - 1) / (3 + 1),
        "shift": (2 - 1) / (3 + 1),
        "negated": (2 - 1) / (3 + 1),
        "empty": 0.0,
    }
    assert {change: own[change] for change in wanted} == pytest.approx(wanted)


@pytest.mark.parametrize("language", LANGUAGES)
def test_our_own_reports_state_their_findings_and_do_not_contradict_themselves(language: str) -> None:
    for name in ("isthmic", "fragile", "metastasis", "discitis", "myelopathy", "scoliosis_young", "kyphosis"):
        facts = CASES[name]
        draft = next(one for key in range(60) if isinstance(one := report(facts, str(key), language), Draft))  # type: ignore[arg-type]
        found = compare(draft.answer, read_truth(truth_of(facts, language)))
        assert (found.score, found.contradictions, found.invented, found.denied) == (1.0, (), (), ()), name
        assert found.presence[0] == found.presence[1] > 0


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ("Left L4-L5 disc herniation.", "Right L4-L5 disc herniation.", "side"),
        ("L1 fracture.", "No fracture of L1.", "presence"),
        ("Mild canal stenosis at L4-L5.", "Severe canal stenosis at L4-L5.", "grade"),
        ("L4-L5椎间盘左侧突出。", "L4-L5椎间盘右侧突出。", "side"),
        ("L1椎体骨折。", "L1未见骨折。", "presence"),
        ("L4-L5椎管轻度狭窄。", "L4-L5椎管重度狭窄。", "grade"),
    ],
)
def test_sections_that_cannot_both_be_true_are_a_contradiction(first: str, second: str, kind: str) -> None:
    both = {"findings": list(statements_in(first)), "diagnosis": list(statements_in(second))}
    assert [one.kind for one in contradictions(both)] == [kind]
    assert list(contradictions({"findings": both["findings"], "diagnosis": both["findings"]})) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Bilateral L4-L5 recess stenosis, severe.", "Left recess stenosis at L4-L5."),
        ("L4-L5 herniation.", "Left L4-L5 herniation."),
        ("Severe canal stenosis at L4-L5, mild at L3-L4.", "Mild canal stenosis at L3-L4."),
        ("No fracture of L1. L2 fracture.", "Fracture of L2."),
    ],
)
def test_saying_less_is_no_contradiction(first: str, second: str) -> None:
    both = {"findings": list(statements_in(first)), "diagnosis": list(statements_in(second))}
    assert list(contradictions(both)) == []


@pytest.mark.parametrize(
    ("text", "sites"),
    [
        ("Offer discectomy at L4/5 on the left.", ["L4-L5"]),
        ("No operation at L4-L5; exercise.", []),
        ("If exercise fails, decompression at L4-L5.", []),
        ("Decompression at L4-L5 if walking stays limited.", ["L4-L5"]),
        ("Posterior fusion L4 to S1.", ["L4", "L5", "S1"]),
        ("Previous fusion at L4-L5; follow up.", []),
        ("Surgery is not indicated at L3-L4.", []),
        ("Non-operative treatment of L1.", []),
        ("The AO Spine score at L1 is 2: up to 3 conservative, from 6 operative.", []),
        ("建议行L4-L5减压融合术。", ["L4-L5"]),
        ("目前不手术，L4-L5随访。", []),
        ("若保守无效，行L4-L5减压。", []),
        ("L4-L5无需手术。", []),
    ],
)
def test_a_plan_is_at_the_levels_that_are_to_be_operated(text: str, sites: list[str]) -> None:
    assert list(read_plan(text).sites) == sites


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_plan_one_level_off_is_a_wrong_level_plan(metric: Any, language: str) -> None:
    text = written("extrusion", language, act="herniation.offer_surgery")
    doctor = read_sections(text).doctor.text
    off = text.replace(doctor, doctor.replace("L4-L5", "L3-L4"))
    none = text.replace(doctor, "1. Review.")
    truth = truth_of(CASES["extrusion"], language, ["L4-L5"])
    result = metric.compute(predictions=[text, off, none], references=[truth] * 3, return_items=True)
    assert [item["plan"] for item in result["items"]] == ["right", "wrong", "none given"]
    assert (result["n_plans"], result["n_no_plan"]) == (3, 1)
    assert result["wrong_plan_rate"] == pytest.approx(2 / 3)
    unasked = truth_of(CASES["extrusion"], language)
    assert metric.compute(predictions=[off], references=[unasked])["wrong_plan_rate"] is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_plan_on_the_other_side_or_far_from_the_findings_contradicts_the_report(language: str) -> None:
    text = written("extrusion", language, act="herniation.offer_surgery")
    doctor = read_sections(text).doctor.text
    truth = read_truth(truth_of(CASES["extrusion"], language))
    kinds = []
    for changed in (doctor, swapped(doctor, language), doctor.replace("L4-L5", "C4-C5")):
        kinds.append([one.kind for one in compare(text.replace(doctor, changed), truth).contradictions])
    assert kinds == [[], ["plan side"], ["plan level"]]


def test_a_normal_case_rewards_a_normal_report_and_not_silence(metric: Any) -> None:
    truth = truth_of(CASES["normal"], "en")
    texts = [written("normal", "en"), "", "L4-L5 disc herniation.", NORMAL["en"].format("L4", "L4-L5")]
    items = metric.compute(predictions=texts, references=[truth] * 4, return_items=True)["items"]
    assert [item["factual"] for item in items] == [1.0, 0.0, -0.5, 1.0]


def test_intervals_run_over_patients_and_languages_are_apart(metric: Any) -> None:
    texts = ["L1 fracture.", "L1骨折。", "", "L2 fracture."]
    truths = [json.dumps({"findings": [{"site": "L1", "finding": "fracture"}], "language": code})
              for code in ("en", "zh", "en", "zh")]  # fmt: skip
    one = metric.compute(predictions=texts, references=truths)
    assert one["factual_low"] <= one["factual"] <= one["factual_high"]
    assert {code: row["n"] for code, row in one["by_language"].items()} == {"en": 2, "zh": 2}
    assert one["by_language"]["en"]["factual"] == 0.5
    alone = metric.compute(predictions=texts, references=truths, patients=["a"] * 4)
    assert alone["factual_low"] is None


def test_points_give_means_with_n_and_missing_ones_give_bounds(metric: Any) -> None:
    names = [one.name for one in DEFAULT_RUBRIC.dimensions]
    full, gap = dict.fromkeys(names, 5), {**dict.fromkeys(names, 3), "diagnosis": None}
    given = {"predictions": ["L1 fracture."] * 2, "references": ['{"findings": []}'] * 2}
    result = metric.compute(**given, judge_scores=[json.dumps(full), json.dumps(gap)])
    assert (result["n_judged"], result["n_missing"]) == (1, 1)
    assert result["score"] is result["score_unit"] is result["sections"]["diagnosis"]["mean"] is None
    assert (result["score_worst"], result["score_best"]) == (pytest.approx(76.0), pytest.approx(84.0))
    assert result["dimensions"]["diagnosis"] == {
        "n": 1, "mean": 5.0, "low": None, "high": None, "worst": 3.0, "best": 5.0
    }  # fmt: skip
    assert result["sections"]["imaging"]["mean"] == 4.0
    whole = metric.compute(**given, judge_scores=[json.dumps(full)] * 2)
    assert (whole["score"], whole["score_unit"], whole["score_worst"]) == (100.0, 1.0, 100.0)


def test_a_rubric_of_ones_own_is_used(metric: Any) -> None:
    own = '{"groups": [{"name": "all", "dimensions": ["level", "side"]}], "scale": [0, 2]}'
    given = {"predictions": ["L1 fracture."], "references": ['{"findings": []}'], "rubric": own}
    result = metric.compute(**given, judge_scores=['{"level": 2, "side": 1}'])
    assert (result["score"], result["score_unit"]) == (75.0, 0.75)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"predictions": [], "references": []}, "at least one item"),
        ({"references": ["{"]}, "item 0: a reference is a JSON object"),
        ({"references": ["[]"]}, "item 0: a reference has findings"),
        (
            {"references": ['{"findings": [{"site": "L4/5", "finding": "slip"}]}']},
            "item 0: finding 0: 'L4/5'",
        ),
        ({"references": ['{"findings": [], "plan_levels": ["L9"]}']}, "item 0: 'L9'"),
        ({"references": ['{"findings": [], "plan": []}']}, "item 0: a reference has findings and knows"),
        ({"judge_scores": []}, "judge_scores has 0 entries for 1 item"),
        ({"judge_scores": ['{"style": 3}']}, "item 0: no dimension 'style'"),
        ({"judge_scores": ['{"diagnosis": 6}']}, "item 0: diagnosis has 6, outside the scale 1 to 5"),
        ({"judge_scores": ["3"]}, "item 0: judge scores are a JSON object"),
        ({"judge_scores": ["{}"], "rubric": "{}"}, "groups are a list"),
        ({"patients": ["a", "b"]}, "patients has 2 entries"),
    ],
)
def test_bad_input_is_refused_with_its_item(metric: Any, changed: dict[str, Any], message: str) -> None:
    given = {"predictions": ["L1 fracture."], "references": ['{"findings": []}']}
    with pytest.raises(ValueError, match=message):
        metric.compute(**{**given, **changed})


def test_hostile_reports_are_scored_and_gain_nothing(metric: Any) -> None:
    texts = [
        "\ufffd\x00",
        "{" * 500,
        "## Findings\n" * 300,
        "L4-L5 " * 400,
        "🦴",
        "<think>L1 fracture",
        "null",
    ]
    truth = '{"findings": [{"site": "L1", "finding": "fracture"}]}'
    result = metric.compute(predictions=texts, references=[truth] * len(texts))
    assert result["factual"] == 0.0
    assert result["finding_recall"] == 0.0
