"""Rows of a dataset with their pictures as the bytes of files, whatever the dataset decodes by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload


class UndecodedRows(Sequence[Mapping[str, Any]]):
    """Rows {"messages", "images"} of a `datasets.Dataset`, read through Arrow: nothing is decoded or cast.

    `Dataset.cast_column` to undecoded lists of pictures would write the whole dataset anew.
    """

    def __init__(self, rows: Any) -> None:
        """Take a dataset with the columns messages and images."""
        self.rows = rows.select_columns(["messages", "images"]).with_format("arrow")
        self.fingerprint = str(getattr(rows, "_fingerprint", ""))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, place: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        """Return one row, or the rows of a slice."""
        found: list[Mapping[str, Any]] = self.rows[place].to_pylist()
        return found if isinstance(place, slice) else found[0]

    def __getitems__(self, places: Sequence[int]) -> Sequence[Mapping[str, Any]]:
        """Return the rows of these numbers, gathered at once."""
        found: list[Mapping[str, Any]] = self.rows[list(places)].to_pylist()
        return found


def undecoded(rows: Any) -> Sequence[Mapping[str, Any]]:
    """Return the rows of a dataset undecoded; any other sequence as it is."""
    return UndecodedRows(rows) if hasattr(rows, "features") else rows


class NumberedRows(Sequence[dict[str, Any]]):
    """Rows that know their own number, under "row", so that a collator can say which one it leaves out."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take rows by number, such as `UndecodedRows`."""
        self.rows = rows

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, place: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        """Return one row, or the rows of a slice."""
        if isinstance(place, slice):
            return self.__getitems__(range(len(self))[place])
        return {**self.rows[place], "row": place}

    def __getitems__(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows of these numbers, in one read where the rows can do that."""
        several = getattr(self.rows, "__getitems__", None)
        found = several(places) if several else [self.rows[place] for place in places]
        return [{**row, "row": place} for row, place in zip(found, places, strict=True)]
