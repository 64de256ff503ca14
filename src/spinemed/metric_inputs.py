"""Checks of what a metric is given: some items, lists of one length, texts, and errors that name the item.

Standard library only, so that metric folders can carry it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from contextlib import contextmanager


def check_lengths(
    metric: str, count: int, beside: Mapping[str, Sized | None] | None = None, unit: str = "item"
) -> None:
    """Raise ValueError where there is no item, or where a list beside the items has another length.

    `beside` is argument -> list, None for one that is not given.

    >>> check_lengths("spine_level", 2, {"cases": ["a", "b"], "sides": None})
    """
    if not count:
        raise ValueError(f"{metric} needs at least one {unit}, got none")
    for name, given in (beside or {}).items():
        if given is not None and len(given) != count:
            raise ValueError(f"{name} has {len(given)} entries for {count} {unit}{'s' * (count != 1)}")


@contextmanager
def naming_item(place: int) -> Iterator[None]:
    """Give a block in which a ValueError or TypeError becomes a ValueError that names item `place`.

    >>> with naming_item(3):
    ...     float("12")
    12.0
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ValueError(f"item {place}: {error}") from error


def check_text(given: object, what: str = "reply") -> None:
    """Raise ValueError where `given` is not text.

    >>> check_text("L4-L5")
    """
    if not isinstance(given, str):
        raise ValueError(f"a {what} is text, got {given!r:.80}")
