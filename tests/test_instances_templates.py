"""Templates are whole, fair and readable; wordings and answers are read back; the linter finds each fault."""

from __future__ import annotations

import numpy as np
import pytest
from case_fixture import Fabricated

from spinemed.errors import ConfigError, GeometryError
from spinemed.imaging.radiograph import Radiograph
from spinemed.imaging.volume import Volume
from spinemed.instances import lint
from spinemed.instances.ask_text import _KINDS, text_draft
from spinemed.instances.compose import composed
from spinemed.instances.drafts import spread
from spinemed.instances.margins import is_clear
from spinemed.instances.options import option_set
from spinemed.instances.shots import CaseSeries, Frame, Slice, frame_around, slice_of, whole_frame
from spinemed.instances.templates import LANGUAGES, Template, numbering_phrases, template_of, templates
from spinemed.instances.wording import answer_key, answer_text, fields_read, question_text
from spinemed.records import Instance

WORDS = {
    "form": "words",
    "en": {"0": "no slip", "1": "grade I", "2": "grade II", "3": "grade III"},
    "zh": {"0": "无滑脱", "1": "一度滑脱", "2": "二度滑脱", "3": "三度滑脱"},
}
SLIP = {
    "kind": "slip_grade",
    "axis": "pathology",
    "facts": ["slip"],
    "fields": {"segment": "site"},
    "answers": WORDS,
    "en": [f"How far has {{segment}} slipped, {number}?" for number in ("a", "b", "c", "d")],
    "zh": [f"{{segment}}滑了多少，{number}？" for number in "甲乙丙丁"],
}


def made(**changes: object) -> Template:
    return Template.model_validate({**SLIP, **changes})


def found(template: Template) -> str:
    faults = [*lint._shape(template)]
    for language in LANGUAGES:
        faults += [*lint._sentences(template, language), *lint._answers(template, language)]
    return "\n".join(faults)


def test_the_linter_finds_nothing_in_the_templates() -> None:
    assert list(lint.faults()) == []


def test_the_linter_exits_with_zero_and_says_what_it_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert lint.main() == 0
    assert "kinds" in capsys.readouterr().err


def test_a_sound_template_has_no_fault() -> None:
    assert found(made()) == ""


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"en": [*SLIP["en"][:3], "How far has it slipped?"]}, "declared are ['segment']"),
        ({"en": [*SLIP["en"][:3], "{segment}: {cobb}?"]}, "declared are ['segment']"),
        ({"en": SLIP["en"][:3]}, "fewer than 4"),
        ({"en": [*SLIP["en"][:3], "{segment}滑了吗？"]}, "other language"),
        ({"en": [*SLIP["en"][:3], "Is {segment}, above S1, of grade II?"]}, "names the answer 'grade II'"),
        ({"en": [*SLIP["en"][:3], "How far has {segment} slipped on L5?"]}, "the level parser reads"),
        ({"en": [*SLIP["en"][:3], "Which statement fits {segment}?"]}, "speaks of options"),
        ({"zh": [*SLIP["zh"][:3], "{segment}的滑脱，哪项正确？"]}, "speaks of options"),
        (
            {"answers": {**WORDS, "en": {**WORDS["en"], "0": "no slip of any kind at all"}}},
            "the longest answer",
        ),
        (
            {"answers": {**WORDS, "en": {"0": "no, so", "1": "one, so", "2": "two, so", "3": "three"}}},
            "answers have ','",
        ),
    ],
)  # fmt: skip
def test_each_fault_of_a_template_is_found(changes: dict[str, object], fault: str) -> None:
    assert fault in found(made(**changes))


def test_answers_must_be_named_in_both_languages() -> None:
    with pytest.raises(ValueError, match="one language only"):
        made(answers={"form": "words", "en": {"0": "no slip"}, "zh": {}})


def test_an_unknown_field_of_a_template_is_refused() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        made(note="x")


def test_an_unknown_kind_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match="marked_level"):
        template_of("no_such_kind")


def test_every_kind_has_four_wordings_in_each_language() -> None:
    for template in templates().values():
        for language in LANGUAGES:
            assert len(set(template.sentences(language))) >= 4
    for phrases in numbering_phrases().values():
        assert len(set(phrases.en)) >= 4
        assert len(set(phrases.zh)) >= 4


@pytest.mark.parametrize("language", LANGUAGES)
def test_questions_are_read_back_field_by_field(language: str) -> None:
    for template in templates().values():
        for fields in lint.sample_fields(template):
            text = question_text(template, language, fields, "k")  # type: ignore[arg-type]
            assert fields_read(template.kind, language, text) == fields  # type: ignore[arg-type]


@pytest.mark.parametrize("style", ["canonical", "elided_slash", "elided_chinese"])
def test_answers_are_read_back(style: str) -> None:
    cases = [
        ("marked_level", "T12"),
        ("marked_disc", "T12-L1"),
        ("marked_disc", "L5-S1"),
        ("implant_levels", "T11:L2"),
        ("decompression_level", "L4-L5 left"),
        ("compressed_root", "C8"),
        ("tlics_points", "7"),
        ("level_if_told", "cannot_tell"),
    ]
    for kind, key in cases:
        template = template_of(kind)
        assert answer_key(template, "zh", answer_text(template, "zh", key, style)) == key
        if style != "elided_chinese":
            assert answer_key(template, "en", answer_text(template, "en", key, style)) == key


def test_a_text_that_is_no_answer_has_no_key() -> None:
    assert answer_key(template_of("marked_level"), "en", "L4 and L5") == ""
    assert answer_key(template_of("tlics_points"), "en", "3 or 4 points") == ""


def test_an_answer_that_a_kind_does_not_have_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="it has 1, 2, 3, 4, 5"):
        answer_text(template_of("disc_degeneration"), "en", "9")


@pytest.mark.parametrize("kind", _KINDS)
def test_text_items_of_each_kind_are_proven_and_their_answers_vary(kind: str) -> None:
    case = Fabricated(1).case()
    rng = np.random.default_rng(0)
    answers = set()
    for _ in range(25):
        draft = text_draft(case, kind, rng)
        if draft is not None:
            item = next(composed(case, draft))
            assert isinstance(item, Instance)
            assert item.pictures == ()
            answers.add(draft.right)
    assert len(answers) >= 3


def test_options_of_many_candidates_are_a_run_of_neighbours_in_which_the_right_one_lies_anywhere() -> None:
    names = [f"n{number:02}" for number in range(40)]
    rng = np.random.default_rng(0)
    ranks = []
    for _ in range(400):
        right = names[int(rng.integers(40))]
        chosen = option_set(names, right, rng)
        ranks.append(sorted(chosen).index(right))
        assert right in chosen
        assert int(max(chosen)[1:]) - int(min(chosen)[1:]) < 10
    assert min(np.bincount(ranks)) > 70


def test_classes_are_drawn_alike_however_many_members_they_have() -> None:
    rng = np.random.default_rng(0)
    first = [next(spread({"1": [1] * 30, "2": [2]}, 1, rng)) for _ in range(400)]
    assert 160 < first.count(2) < 240
    assert sorted(spread({"1": [1], "2": [2]}, 9, rng)) == [1, 2]


def test_normal_sites_alone_are_asked_seldom() -> None:
    rng = np.random.default_rng(0)
    asked = sum(len(list(spread({"none": [1, 2, 3]}, 2, rng))) for _ in range(500))
    assert 15 < asked < 75


def cut_of(array: np.ndarray, spacing: tuple[float, float, float], plane: str, index: int) -> Slice:
    series = Fabricated(0).series[0]
    volume = Volume(array, spacing, (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1), "LPS")
    return slice_of(CaseSeries(series.series, volume, ()), plane, index)  # type: ignore[arg-type]


def test_axial_slices_are_counted_from_below() -> None:
    array = np.arange(3, dtype=np.int16)[:, None, None] * np.ones((3, 4, 5), np.int16) * 500
    cuts = [cut_of(array, (4.0, 0.5, 0.6), "axial", index) for index in range(3)]
    assert [int(cut.grey[0, 0]) for cut in cuts] == sorted(int(cut.grey[0, 0]) for cut in cuts)
    assert cuts[0].grey.shape == (4, 5)
    assert cuts[0].spacing_mm == (0.5, 0.6)


def test_axial_slices_of_a_steep_disc_are_found_along_the_other_axis() -> None:
    """Turned to the patient's axes such a stack counts its slices along y; the lowest lies furthest back."""
    array = np.arange(3, dtype=np.int16)[None, :, None] * np.ones((6, 3, 5), np.int16) * 500
    cuts = [cut_of(array, (0.5, 4.0, 0.6), "axial", index) for index in range(3)]
    assert [cut.grey.shape for cut in cuts] == [(6, 5)] * 3
    assert int(cuts[0].grey[0, 0]) > int(cuts[2].grey[0, 0])
    assert cuts[0].spacing_mm == (0.5, 0.6)


@pytest.mark.parametrize(("plane", "index"), [("sagittal", 5), ("axial", 3), ("axial", -1)])
def test_a_slice_that_is_not_there_is_named(plane: str, index: int) -> None:
    with pytest.raises(GeometryError, match="do not belong together"):
        cut_of(np.zeros((3, 4, 5), np.int16), (4.0, 0.5, 0.5), plane, index)


def test_a_radiograph_is_its_own_slice_and_needs_a_scale() -> None:
    record = Fabricated(0).series[0].series.model_copy(update={"modality": "XR"})
    film = Radiograph(np.ones((6, 4), np.uint16), (0.3, 0.3), ("L", "F"), "AP", "", "DX", "1", "2", "p")
    assert slice_of(CaseSeries(record, film, ()), "radiograph", 0).grey.shape == (6, 4)
    without = Radiograph(np.ones((6, 4), np.uint16), None, ("L", "F"), "AP", "", "DX", "1", "2", "p")
    with pytest.raises(GeometryError, match="a film with a scale"):
        slice_of(CaseSeries(record, without, ()), "radiograph", 0)


def test_windows_hold_their_point_and_stay_on_the_slice() -> None:
    cut = Slice(np.zeros((200, 200), np.uint8), (1.0, 1.0), "sagittal", 0)
    rng = np.random.default_rng(0)
    corners = set()
    for _ in range(50):
        frame = frame_around(cut, (100.0, 100.0), rng, (80.0, 120.0))
        row, column = frame.pixel_of(100.0, 100.0)
        assert 0 < row < frame.height_px
        assert 0 < column < frame.width_px
        assert frame.top_mm >= 0
        corners.add((round(frame.top_mm), round(frame.left_mm)))
    assert len(corners) > 30
    whole = whole_frame(cut, rng)
    assert whole.top_mm <= 0
    assert whole.height_px * whole.pixel_mm >= 200


def test_a_window_beyond_the_slice_is_cut_to_it() -> None:
    cut = Slice(np.zeros((100, 50), np.uint8), (1.0, 1.0), "sagittal", 0)
    part = Frame(-20.0, -10.0, 1.0, 150, 80).within(cut)
    assert (part.top_mm, part.left_mm, part.height_px, part.width_px) == (0.0, 0.0, 100, 50)


def test_a_value_within_its_error_of_a_cut_is_not_clear() -> None:
    finding = Fabricated(0).series[0].of("height_loss")[0]
    for value, clear in ((24.5, False), (26.5, True), (39.2, False), (20.9, False), (10.0, True)):
        assert is_clear(finding.model_copy(update={"value": value, "error": 1.0})) == clear
