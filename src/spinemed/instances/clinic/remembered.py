"""Results of pure functions kept for the cases asked last: the drafts of one case share what they rest on."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, Final, ParamSpec, TypeVar

CASES: Final = 16
"""Results that each function keeps: a case is narrowed a few times before it is told."""

Given = ParamSpec("Given")
Result = TypeVar("Result")


class _Same:
    """An argument that equals itself alone: to compare all findings of a case would take longer."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value


def remembered(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Return the function with the results of its last calls kept, told apart by the arguments themselves.

    For pure functions of frozen records: the same object gives the same result, an equal one is worked on
    anew. What is kept holds its arguments, so that no other object can come to lie at their address.

    >>> seen = []
    >>> double = remembered(lambda items: seen.append(items) or items * 2)
    >>> case = ("a",)
    >>> double(case), double(case), len(seen)
    (('a', 'a'), ('a', 'a'), 1)
    """

    @lru_cache(maxsize=CASES)
    def kept(*same: _Same) -> Result:
        values: tuple[Any, ...] = tuple(one.value for one in same)
        return function(*values)  # type: ignore[call-arg]

    @wraps(function)
    def call(*args: Given.args, **named: Given.kwargs) -> Result:
        if named:
            raise TypeError(f"{function.__name__} takes its arguments by place, not {', '.join(named)}")
        return kept(*map(_Same, args))

    return call
