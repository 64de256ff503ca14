"""Height-loss questions kept in balance: no grade may be right so often that guessing it pays."""

from __future__ import annotations

from collections import Counter

from spinemed.records import Split


class GradeBalance:
    """Counts of the grades kept so far, for each split and task; ask in the order of the build."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Split, str], Counter[str]] = {}

    def keeps(self, task: str, grade: str, split: Split) -> bool:
        """Return whether an instance stays, and count it if so.

        A grade stays while it is not ahead of the third most frequent of the four: so three grades at least
        come equally often, and a fourth as often as it occurs.
        """
        kept = self._kept.setdefault((split, task), Counter())
        third = sorted((kept[str(number)] for number in range(4)), reverse=True)[2]
        if kept[grade] > third:
            return False
        kept[grade] += 1
        return True
