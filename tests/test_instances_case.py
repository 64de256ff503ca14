"""Items of whole cases: one right option by all findings, nothing to guess from, every text read back."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from case_fixture import Fabricated
from PIL import Image
from scipy.stats import chisquare

from spinemed.facts.planning.sources import CITATIONS
from spinemed.instances.ask_changes import FOLLOWED
from spinemed.instances.asking import Asking
from spinemed.instances.balance import WAITING, Admitted, PairBalance, out_of_balance
from spinemed.instances.case import ask_case, case_of
from spinemed.instances.drafts import Case
from spinemed.instances.gate import levels_named
from spinemed.instances.landmarks import LANDMARKS
from spinemed.instances.premise import Known, Shown, shown_of
from spinemed.instances.proof import TRUTHS, right_options
from spinemed.instances.shots import picture_of, slice_of
from spinemed.instances.templates import template_of
from spinemed.instances.wording import answer_key, fields_read, wording_fits
from spinemed.levels import DEFAULT_NUMBERING
from spinemed.records import Instance, Picture, Reject

LETTERS = "ABCDE"
STUDIES = 28


@cache
def made(number: int) -> Fabricated:
    """Return a study: lumbar or from the neck down, with few, some or many findings."""
    top, bottom = (("T9", "S1"), ("C2", "T9"), ("T5", "S1"))[number % 3]
    return Fabricated(number, top, bottom, sick=(0.06, 0.15, 0.4)[number // 3 % 3])


class Asked:
    """What one case gave, with the case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        found = list(ask_case(case))
        self.pictures = {one.id: one for one in found if isinstance(one, Picture)}
        self.items = [one for one in found if isinstance(one, Instance)]
        self.rejects = [one for one in found if isinstance(one, Reject)]

    def shown(self, item: Instance) -> tuple[Shown, ...]:
        """Return where the item's pictures lie, from the pictures alone."""
        series = {one.series.uid: one for one in self.case.series}
        places = []
        for name in item.pictures:
            picture = self.pictures[name]
            of = series[picture.locator.series]
            cut = slice_of(of, picture.locator.plane, picture.locator.slice_index)
            places.append(shown_of(picture, of.series, cut.spacing_mm))
        return tuple(places)


@cache
def asked(number: int, open_share: float = 0.0) -> Asked:
    return Asked(made(number).case(open_share))


@cache
def choices() -> tuple[tuple[Asked, Instance], ...]:
    found = ((one, item) for number in range(STUDIES) for one in [asked(number)] for item in one.items)
    return tuple((one, item) for one, item in found if item.task == "choice")


def right_of(item: Instance) -> str:
    return item.options[LETTERS.index(item.answer)]


def test_a_thousand_choices_have_one_right_option_by_all_findings() -> None:
    assert len(choices()) >= 1000
    for one, item in choices():
        judged = right_options(item, one.shown(item), Known(one.case.facts))
        assert [option for option, holds in judged.items() if holds] == [right_of(item)], (item, judged)
        assert None not in judged.values(), (item, judged)


GRADES = {
    "disc_degeneration": "pfirrmann",
    "canal_stenosis": "canal_stenosis",
    "foraminal_grade": "foramen",
    "height_loss": "height_loss",
    "modic_type": "modic",
}


@pytest.mark.parametrize("kind", GRADES)
def test_grades_are_those_that_were_drawn(kind: str) -> None:
    """Judged by the drawn truth, not by the findings that items are made from."""
    of_kind = [
        (number, item) for number in range(STUDIES) for item in asked(number).items if item.kind == kind
    ]
    assert of_kind
    for number, item in of_kind:
        drawn = made(number).truths[item.sites[0]][GRADES[kind]]
        text = right_of(item) if item.options else item.answer
        assert answer_key(template_of(kind), item.language, text) == drawn


PLACES = {
    "herniation_level": lambda said: said.get("herniation", "none") != "none",
    "slip_level": lambda said: said.get("slip", "0") != "0",
    "stenosis_level": lambda said: said.get("canal_stenosis") in ("moderate", "severe"),
    "fracture_level": lambda said: bool(said.get("fracture")),
    "metastasis_level": lambda said: bool(said.get("metastasis")),
    "discitis_level": lambda said: said.get("special") == "spondylodiscitis",
    "cord_signal_level": lambda said: bool(said.get("cord_signal")),
}


def test_one_level_alone_of_those_offered_has_what_is_looked_for() -> None:
    looked_for = Counter[str]()
    for number in range(STUDIES):
        truths = made(number).truths
        for item in asked(number).items:
            if item.kind in PLACES and item.task == "choice":
                template = template_of(item.kind)
                keys = [answer_key(template, item.language, option) for option in item.options]
                there = [key for key in keys if PLACES[item.kind](truths[key])]
                assert there == [answer_key(template, item.language, right_of(item))]
                looked_for[item.kind] += 1
    assert set(looked_for) == set(PLACES)


def test_sides_are_the_patients() -> None:
    seen = Counter[str]()
    for number in range(STUDIES):
        truths = made(number).truths
        for item in asked(number).items:
            if item.kind == "herniation_side" and item.task == "choice":
                said = truths[item.sites[0]]
                drawn = said["side"] if said["herniation"] != "none" else "none"
                assert answer_key(template_of(item.kind), item.language, right_of(item)) == drawn
                seen[drawn] += 1
    assert set(seen) == {"left", "right", "central", "none"}


def test_most_kinds_are_asked_in_both_languages() -> None:
    both = {(item.kind, item.language) for _, item in choices()}
    kinds = {kind for kind, _ in both}
    # A whole spine is needed for a variant; the others come too seldom from few studies.
    seldom = {"transitional", "modic_level", "pars_level", "decompression_level", "herniation_type"}
    later = {one.kind for one in FOLLOWED} | {"new_metastasis"}
    assert set(TRUTHS) - later - kinds <= {*seldom, "fixation_levels", "scoliosis_plan"}
    assert len([kind for kind in kinds if {(kind, "en"), (kind, "zh")} <= both]) > 0.8 * len(kinds)


def balanced(items: Iterable[Instance]) -> list[Instance]:
    """Return the items that a balance of their own keeps."""
    balance = PairBalance()
    return [one for item in items for one in balance.admit(item).kept]


def test_letters_are_uniform() -> None:
    for count in (4, 5):
        letters = Counter(item.answer for _, item in choices() if len(item.options) == count)
        assert sum(letters.values()) > 30
        assert chisquare([letters[letter] for letter in LETTERS[:count]]).pvalue > 0.01


def test_the_longest_option_is_not_right_more_often() -> None:
    """Of options that differ in length, the longest and the shortest are right about as often as others."""
    hits = {"longest": 0, "shortest": 0}
    count = chance = 0.0
    uneven = [item for _, item in choices() if len({len(option) for option in item.options}) > 1]
    for item in balanced(uneven):
        lengths = [len(option) for option in item.options]
        count += 1
        chance += 1 / len(lengths)
        right = len(right_of(item))
        hits["longest"] += (right == max(lengths)) / lengths.count(max(lengths))
        hits["shortest"] += (right == min(lengths)) / lengths.count(min(lengths))
    assert count > 200
    for name, number in hits.items():
        assert abs(number - chance) / count < 0.06, name


def test_text_alone_stays_near_chance_after_the_balance() -> None:
    """A classifier of option against option, learnt on half of the patients, which are balanced apart."""
    with_pictures = [item for _, item in choices() if item.pictures]
    kept = {half: balanced(i for i in with_pictures if int(i.patient[8:]) % 2 == half) for half in (0, 1)}
    wins = Counter[tuple[str, str]]()
    for item in kept[0]:
        wins.update((right_of(item), other) for other in item.options if other != right_of(item))
    hits = chance = 0.0
    for item in kept[1]:
        scores = [
            sum(np.log((wins[option, other] + 1) / (wins[other, option] + 1)) for other in item.options)
            for option in item.options
        ]
        best = [option for option, score in zip(item.options, scores, strict=True) if score == max(scores)]
        hits += (right_of(item) in best) / len(best)
        chance += 1 / len(item.options)
    assert len(kept[1]) > 150
    assert abs(hits - chance) / len(kept[1]) < 0.08


def test_every_text_is_read_back_by_the_level_grammar() -> None:
    for _, item in choices():
        template = template_of(item.kind)
        assert wording_fits(item.kind, item.language, item.question), item.question
        stated = fields_read(item.kind, item.language, item.question).values()
        named = levels_named(item.question) - LANDMARKS.get(item.kind, frozenset())
        assert named <= {word for value in stated for word in value.split(" ")}, item.question
        keys = [answer_key(template, item.language, option) for option in item.options]
        assert "" not in keys
        assert len(set(keys)) == len(keys)


def test_items_are_written_in_their_language() -> None:
    for _, item in choices():
        chinese = any("\u4e00" <= letter <= "\u9fff" for letter in item.question)
        assert chinese == (item.language == "zh"), item.question


def test_only_the_languages_asked_for_are_used() -> None:
    items = Asked(made(0).case(languages=("zh",))).items
    assert {item.language for item in items} == {"zh"}


def test_a_level_cannot_be_told_without_sacrum_and_c2_in_view() -> None:
    untold = told = 0
    for one, item in choices():
        if item.kind != "level_if_told":
            continue
        key = answer_key(template_of(item.kind), item.language, right_of(item))
        shown = one.shown(item)[0]
        boxes = made(int(item.patient[8:])).boxes
        anchors = [boxes[site] for site in ("S1", "C2") if site in boxes]
        in_view = [box for box in anchors if box.bottom > shown.top and box.top < shown.bottom]
        assert (key == "cannot_tell") == (not in_view)
        assert len(item.options) == 5
        untold, told = untold + (key == "cannot_tell"), told + (key != "cannot_tell")
    assert untold > 1
    assert told > 20


def test_a_variant_of_numbering_forbids_to_count_from_the_sacrum() -> None:
    study = made(0)
    hidden = Reject(
        id=f"s/{study.study.series[0].uid}/L5/transitional/",
        source="t",
        step="visibility",
        reason="not in view",
    )
    case = case_of(study.study, study.series, Asking(0, 0.0, 12), [hidden])
    items = Asked(case).items
    assert items
    for item in items:
        assert "sacrum" not in fields_read(item.kind, item.language, item.question).values()
        assert item.kind != "level_if_told"


def test_two_findings_of_one_kind_are_never_both_offered() -> None:
    """With herniations at most levels, no search question offers two of them."""
    study = Fabricated(5, sick=0.9)
    for item in Asked(study.case()).items:
        if item.kind == "herniation_level" and item.task == "choice":
            keys = [answer_key(template_of(item.kind), item.language, option) for option in item.options]
            assert sum(study.truths[key]["herniation"] != "none" for key in keys) == 1


def test_a_finding_turned_round_makes_the_proof_fail() -> None:
    one, item = next(pair for pair in choices() if pair[1].kind == "canal_stenosis")
    facts = one.case.facts
    other = {"none": "severe"}
    turned = tuple(
        finding.model_copy(update={"grade": other.get(finding.grade, "none")})
        if finding.pathology == "canal_stenosis" and finding.site == item.sites[0]
        else finding
        for finding in facts.findings
    )
    judged = right_options(item, one.shown(item), Known(replace(facts, findings=turned)))
    assert judged[right_of(item)] is not True


def test_what_is_not_stated_is_not_offered() -> None:
    """Without a word on spondylodiscitis, no option says that there is one."""
    study = made(4)
    series = [
        replace(one, findings=tuple(f for f in one.findings if f.pathology != "spondylodiscitis"))
        for one in study.series
    ]
    items = Asked(case_of(study.study, series, Asking(0, 0.0, 12))).items
    assert not {"bridging", "herniation_type"} & {item.kind for item in items}


def test_all_items_open_have_no_options() -> None:
    items = asked(1, open_share=1.0).items
    assert {item.task for item in items if item.kind != "which_seen"} == {"open"}
    assert all(item.options == () for item in items if item.task == "open")


def test_pictures_are_square_pixels_with_a_place_in_their_slice() -> None:
    for one, item in choices()[:300]:
        for name in item.pictures:
            picture = one.pictures[name]
            assert Image.open(io.BytesIO(picture.png)).size == (picture.width, picture.height)
        for shown in one.shown(item):
            assert shown.bottom > shown.top
            assert shown.ring is None or shown.top <= shown.ring[0] <= shown.bottom


def test_multi_image_items_name_their_pictures_in_order() -> None:
    pairs = {"modic_type": ("T1", "T2"), "fracture_age": ("T1", "STIR")}
    seen = set()
    for one, item in choices():
        if item.kind in pairs:
            assert tuple(one.pictures[name].sequence for name in item.pictures) == pairs[item.kind]
            seen.add(item.kind)
        if item.kind == "unstable_slip":
            postures = [shown.series.posture for shown in one.shown(item)]
            assert postures == ["flexion", "extension"]
            seen.add(item.kind)
    assert seen == {"modic_type", "fracture_age", "unstable_slip"}


def test_the_same_seed_gives_the_same_items_and_another_seed_others() -> None:
    first, again = (Asked(made(2).case()).items for _ in range(2))
    other = Asked(made(2).case(seed=1)).items
    assert [item.id for item in first] == [item.id for item in again]
    assert {item.id for item in first} != {item.id for item in other}


def test_no_item_comes_twice() -> None:
    said = Counter((item.question, item.options, item.pictures) for _, item in choices() if item.pictures)
    assert max(said.values()) == 1


def test_a_picture_is_asked_in_one_form_alone() -> None:
    forms: dict[str, set[str]] = {}
    for number in range(6):
        for item in asked(number, open_share=0.5).items:
            for name in item.pictures:
                forms.setdefault(name, set()).add(item.task)
    assert all(len(tasks) == 1 for tasks in forms.values())


def test_key_images_can_be_drawn_for_any_finding() -> None:
    study = made(0)
    finding = study.series[0].findings[0]
    picture = picture_of(study.study, study.series[0], finding, "key", mark=True)
    assert picture.marker is not None
    assert picture.locator.series == study.series[0].series.uid
    assert picture == picture_of(study.study, study.series[0], finding, "key", mark=True)


def test_the_balance_lets_no_answer_win_more_often_than_it_loses() -> None:
    balance = PairBalance()
    items = [item for _, item in choices()]
    admitted = [balance.admit(item) for item in items]
    kept = [one for said in admitted for one in said.kept]
    refused = [one for said in admitted for one in said.refused] + [*balance.close()]
    assert sorted(one.id for one in kept + refused) == sorted(one.id for one in items)
    assert not balance.close()
    wins = Counter[tuple[str, str, str]]()
    for item in kept:
        wins.update((item.kind, meant(item, right_of(item)), other) for other in wrong(item))
    for (kind, one, other), number in wins.items():
        assert number - wins[kind, other, one] <= 1
    assert out_of_balance(kept[0]).step == "balance"


def test_the_first_item_of_a_kind_with_few_answers_waits_for_its_opposite() -> None:
    fours = [item for _, item in choices() if len(item.options) == 4 and item.answer != "A"]
    item = next(item for item in fours if template_of(item.kind).answers.form == "words")
    level = next(item for item in fours if template_of(item.kind).answers.form == "site")
    assert PairBalance().admit(level).kept == (level,)
    opposite = item.model_copy(update={"id": "opposite", "answer": "A"})
    balance = PairBalance()
    assert balance.admit(item) == Admitted()
    assert balance.admit(opposite).kept == (item, opposite)
    assert balance.close() == ()
    again = PairBalance()
    held = [again.admit(item.model_copy(update={"id": str(number)})) for number in range(12)]
    assert sum(len(one.refused) for one in held) == 12 - WAITING
    assert len(again.close()) == WAITING


def meant(item: Instance, option: str) -> str:
    """Return what an option means, whatever its wording and language."""
    return answer_key(template_of(item.kind), item.language, option)


def wrong(item: Instance) -> list[str]:
    """Return what the wrong options mean."""
    return [meant(item, option) for option in item.options if option != right_of(item)]


def test_a_picture_of_a_site_is_asked_for_what_else_its_slice_shows() -> None:
    """The answers of each such picture agree with what was drawn, in one language and form."""
    by_picture: dict[tuple[int, str], list[Instance]] = {}
    for number in range(STUDIES):
        for item in asked(number).items:
            if len(item.pictures) == 1:
                by_picture.setdefault((number, item.pictures[0]), []).append(item)
    several = {place: items for place, items in by_picture.items() if len(items) > 1}
    for items in several.values():
        assert len({(item.language, item.task) for item in items}) == 1
        assert len({item.kind for item in items}) == len(items)
    beside = [(n, i) for (n, _), items in several.items() for i in items if items[0].axis == "pathology"]
    assert {item.kind for _, item in beside} >= {"herniation_side", "herniation_zone", "canal_stenosis"}
    for number, item in beside:
        if item.kind in GRADES:
            text = right_of(item) if item.options else item.answer
            drawn = made(number).truths[item.sites[0]][GRADES[item.kind]]
            assert answer_key(template_of(item.kind), item.language, text) == drawn


def test_further_questions_of_a_ring_follow_from_the_level_under_it() -> None:
    """Judged by the body that the ring was drawn on, for spines from the head to the sacrum."""
    order = [level.value for level in DEFAULT_NUMBERING.levels]
    counted = Counter[str]()
    for number in range(STUDIES):
        for item in asked(number).items:
            text = right_of(item) if item.options else item.answer
            said = answer_key(template_of(item.kind), item.language, text)
            fields = fields_read(item.kind, item.language, item.question)
            place = order.index(item.sites[0]) if item.sites and item.sites[0] in order else 0
            if item.kind == "disc_beside":
                first = place - (fields["side"] == "above")
                assert said == f"{order[first]}-{order[first + 1]}"
            elif item.kind == "level_two_away":
                assert said == order[place + (2 if fields["way"] == "down" else -2)]
            elif item.kind == "exit_root":
                neck = item.sites[0].startswith("C")
                assert said == (f"C{int(item.sites[0][1:]) + 1}" if neck else item.sites[0])
            counted[item.kind] += 1
    assert min(counted[kind] for kind in ("disc_beside", "level_two_away", "exit_root", "count_in_view")) >= 5


def test_every_instance_has_a_place_or_a_quote_and_names_its_checks_and_wording() -> None:
    for _, item in [pair for pair in choices() if pair[1].language == "en"][:400]:
        where = item.provenance
        assert (where.locator is not None) == bool(item.pictures)
        assert (where.quote is not None) == (not item.pictures)
        if where.quote is not None:
            assert where.quote.document.removeprefix("rule:") in CITATIONS
            assert where.quote.text == CITATIONS[where.quote.document.removeprefix("rule:")]
            assert (where.quote.start, where.quote.end) == (0, len(where.quote.text))
        assert ("published_rule" in item.gates) == (not item.pictures)
        kind, language, number = item.template.split("/")
        assert (kind, language) == (item.kind, item.language)
        pattern = template_of(kind).sentences("en")[int(number) - 1].split("{")[0].strip()
        assert pattern.lower() in item.question.lower()
