"""Controls: what is taken away or changed, what is left alone, and that the key follows the options."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from bench_corpus import write_corpus
from PIL import Image

from spinemed.bench.items import Item, read_items, stored
from spinemed.bench.running.asking import Rows, in_stored_order
from spinemed.bench.running.controls import Question, asked, in_order, is_positional, orders, questions
from spinemed.bench.running.predict import Sample, read_status
from spinemed.errors import ConfigError, SourceError


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def item(identity: str = "a", options: tuple[str, ...] = ("L1", "L2", "L3", "L4"), answer: str = "C") -> Item:
    return Item(
        id=identity, question="Which?", options=options, answer=answer, level="L3", kind="k", modality="CT",
        patient=f"p{identity}", synthetic=True, marker=None, spacing_mm=1.0, width=4, height=4,
    )  # fmt: skip


@pytest.mark.parametrize("control", ["shuffled", "circular"])
def test_the_key_follows_its_option_into_every_order(control: str) -> None:
    for number in range(30):
        original = item(str(number))
        for order in orders(original, control, seed=1):
            shown = in_order(original, order)
            assert shown.truth == original.truth
            assert sorted(shown.options) == sorted(original.options)
            letters = order or "ABCD"
            assert letters[ord(shown.answer) - ord("A")] == original.answer


def test_a_drawn_order_is_never_the_corpus_s_and_depends_on_seed_and_id_alone() -> None:
    drawn = [orders(item(str(number)), "shuffled", seed=1)[0] for number in range(200)]
    assert "ABCD" not in drawn
    assert len(set(drawn)) > 15
    assert drawn == [orders(item(str(number)), "shuffled", seed=1)[0] for number in range(200)]
    assert drawn != [orders(item(str(number)), "shuffled", seed=2)[0] for number in range(200)]


def test_circular_shows_every_option_at_every_place_once() -> None:
    turned = [order or "ABCD" for order in orders(item(), "circular", seed=1)]
    assert turned == ["ABCD", "BCDA", "CDAB", "DABC"]
    assert all({order[place] for order in turned} == set("ABCD") for place in range(4))


@pytest.mark.parametrize(
    "option",
    [
        "All of the above", "none of these", "Both A and C", "A and B", "either B or D", "Option C", "B",
        "(D)", "the left image", "only the second picture", "picture 2", "keine der genannten",
        "alle oben genannten", "以上皆是", "与图1是同一椎体", "左图", "neither of the above", "all options",
    ],
)  # fmt: skip
def test_options_that_speak_of_places_keep_their_order(option: str) -> None:
    placed = item(options=("L1", "L2", option))
    assert is_positional(placed)
    assert orders(placed, "circular", seed=1) == orders(placed, "shuffled", seed=1) == [""]


@pytest.mark.parametrize(
    "option",
    [
        "L4-L5", "both the left and right ones", "neither of the two recesses", "left of the canal", "C5",
        "the right edge", "none of the other findings", "a fracture", "Grade A1", "only the body",
        "T12 and L1", "both a fracture and a slip", "左侧", "the upper end plate",
    ],
)  # fmt: skip
def test_options_about_anatomy_may_be_shuffled(option: str) -> None:
    assert not is_positional(item(options=("L1", "L2", option)))


def test_the_message_shows_the_order_and_the_answer_is_never_in_it(corpus: Path) -> None:
    sample = Sample(corpus, "choice", control="shuffled")
    found, left_out = sample.questions()
    rows = Rows(corpus, "choice", "test", found, "shuffled")
    assert left_out == 0
    for place, question in enumerate(found):
        (message,) = rows[place]["messages"]
        shown = [line.partition(". ")[2] for line in message["content"].splitlines()[1:]]
        assert shown == [question.item.lettered[letter] for letter in question.order]
        assert tuple(shown) == question.shown.options


def test_a_message_without_its_options_cannot_be_shuffled() -> None:
    row = {"messages": [{"role": "user", "content": "Which?"}], "images": []}
    with pytest.raises(SourceError, match="item a: its message does not end in its options"):
        asked(Question(item(), "DCBA"), "shuffled", {"a": row})
    with pytest.raises(ValueError, match="none of the letters"):
        in_order(item(), "ABCC")


def test_blank_pictures_are_grey_and_of_the_same_size_and_text_has_none(corpus: Path) -> None:
    found, _ = Sample(corpus, "choice", control="blank").questions()
    (picture,) = Rows(corpus, "choice", "test", found, "blank")[3]["images"]
    with Image.open(io.BytesIO(picture["bytes"])) as opened:
        assert opened.size == (40, 56)
        assert opened.getcolors() == [(40 * 56, (128, 128, 128))]
    found, _ = Sample(corpus, "choice", control="text").questions()
    assert len(found) == 40
    assert Rows(corpus, "choice", "test", found, "text")[0]["images"] == []


def test_a_wrong_picture_is_another_patient_s_and_otherwise_alike(corpus: Path) -> None:
    items = {each.id: each for each in read_items(corpus, "choice", "test")}
    sample = Sample(corpus, "choice", control="wrong_image", limit=20)
    found, left_out = sample.questions()
    assert (len(found), left_out) == (20, 0)
    own = Rows(corpus, "choice", "test", [Question(each.item) for each in found], "none")
    wrong = Rows(corpus, "choice", "test", found, "wrong_image")
    for place, question in enumerate(found):
        other = items[question.pictures_of]
        assert other.patient != question.item.patient
        assert (other.kind, other.modality) == (question.item.kind, question.item.modality)
        assert wrong[place]["messages"] == own[place]["messages"]
        assert wrong[place]["images"] != own[place]["images"]
    assert sample.questions() == (found, left_out)


def test_what_a_control_would_not_change_is_left_out_and_counted() -> None:
    items = [item("a"), item("b"), item("c")]
    for control in ("blank", "text"):
        found, left_out = questions(items, control, 0, items, {"a": 1, "b": 2})
        assert ([each.item.id for each in found], left_out) == (["a", "b"], 1)
    found, left_out = questions(items, "wrong_image", 0, items, {"a": 1, "b": 2, "c": 1})
    assert ({each.item.id for each in found}, left_out) == ({"a", "c"}, 1)


def test_controls_that_do_not_fit_are_refused() -> None:
    bare = [item("a", options=(), answer="L3")]
    with pytest.raises(ConfigError, match=r"no control 'mirror'.*blank"):
        questions(bare, "mirror", 0, bare, {})
    with pytest.raises(ConfigError, match="changes options"):
        questions(bare, "circular", 0, bare, {})
    with pytest.raises(ConfigError, match="of pictures"):
        questions(bare, "blank", 0, bare, {})
    with pytest.raises(ConfigError, match="dialogue holds no single questions"):
        Sample(Path("anywhere"), "dialogue").questions()


def test_several_right_letters_follow_their_options_and_are_all_read() -> None:
    several = item(answer="AD")
    shown = in_order(several, "DCBA")
    assert (shown.answer, shown.options[0]) == ("AD", "L4")
    assert in_order(several, "BADC").answer == "BC"
    assert read_status(shown, "A and D", "multiple", cut_off=False) == ("answered", "AD")
    assert read_status(shown, "A and D", "choice", cut_off=False) == ("ambiguous", "")


@pytest.mark.parametrize(
    ("text", "config", "cut_off", "status"),
    [
        ("The L4 body", "open", False, "answered"), ("grade 2", "open", False, "answered"),
        ("I cannot tell.", "open", False, "refusal"), (" ", "open", False, "no_answer"),
        ("the fourth lum", "open", True, "truncated"), ("L4", "open", True, "answered"),
        ("## 1. Findings at L4. Please consult a doctor.", "report", False, "answered"),
        ("## 1. Findings at L4", "report", True, "truncated"), ("", "report", False, "no_answer"),
    ],
)  # fmt: skip
def test_replies_without_options_are_read_too(text: str, config: str, cut_off: bool, status: str) -> None:
    assert read_status(item(options=()), text, config, cut_off=cut_off) == (status, "")


def test_rows_are_read_a_window_at_a_time(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spinemed.bench.running.asking.ROWS_AT_ONCE", 16)
    found, _ = Sample(corpus, "choice").questions()
    rows = Rows(corpus, "choice", "test", found, "none")
    assert [rows[place]["id"] for place in range(40)] == [each.item.id for each in found]
    assert len(rows.rows) == 8
    assert [row["id"] for row in rows[3:5]] == [each.item.id for each in found[3:5]]


@pytest.mark.parametrize("control", ["none", "circular"])
def test_questions_in_stored_order_are_read_in_one_pass(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, control: str
) -> None:
    monkeypatch.setattr("spinemed.bench.running.asking.ROWS_AT_ONCE", 6)
    found, _ = Sample(corpus, "choice", control=control).questions()
    ordered = in_stored_order(found, corpus, "choice", "test")
    assert sorted(each.key for each in ordered) == sorted(each.key for each in found)
    passes = []

    def counted(*place: Any) -> Any:
        passes.append(place)
        return stored(*place)

    monkeypatch.setattr("spinemed.bench.running.asking.stored", counted)
    rows = Rows(corpus, "choice", "test", ordered, control)
    assert [(row["id"], row["order"]) for row in rows] == [each.key for each in ordered]
    assert len(passes) == 1
