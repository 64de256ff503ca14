"""What a metric is given: lists of one length with something in them, and errors that name the item."""

from __future__ import annotations

import pytest

from spinemed.metric_inputs import check_lengths, check_text, naming_item


def test_no_item_is_refused_by_the_name_of_the_metric() -> None:
    with pytest.raises(ValueError, match=r"^spine_level needs at least one item, got none$"):
        check_lengths("spine_level", 0)


@pytest.mark.parametrize(
    ("count", "unit", "said"), [(1, "item", "3 entries for 1 item$"), (2, "part", "3 entries for 2 parts$")]
)
def test_a_list_of_another_length_is_named(count: int, unit: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^sides has {said}"):
        check_lengths("spinebench", count, {"cases": None, "names": ["a"] * count, "sides": "abc"}, unit)


@pytest.mark.parametrize("error", [ValueError("no site in it"), TypeError("no site in it")])
def test_what_is_wrong_with_an_item_names_it(error: Exception) -> None:
    with pytest.raises(ValueError, match=r"^item 4: no site in it$") as caught, naming_item(4):
        raise error
    assert caught.value.__cause__ is error


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(KeyError), naming_item(0):
        raise KeyError("a fault of ours")


def test_only_text_is_text() -> None:
    with pytest.raises(ValueError, match=r"^a report is text, got None$"):
        check_text(None, "report")
