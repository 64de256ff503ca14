"""Height-loss questions kept in balance: no grade may be right so often that guessing it pays."""

from __future__ import annotations

from collections import Counter

from spinemed.records import Instance, Reject, Split


class GradeBalance:
    """Counts of the grades kept so far, for each split and form; ask in the order of the build."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Split, str], Counter[str]] = {}

    def keeps(self, instance: Instance, grade: str, split: Split) -> bool:
        """Return whether an instance stays, and count it if so.

        A grade stays while it is not ahead of the third most frequent of the four: so three grades at least
        come equally often, and a fourth as often as it occurs.
        """
        kept = self._kept.setdefault((split, instance.task), Counter())
        third = sorted((kept[str(number)] for number in range(4)), reverse=True)[2]
        if kept[grade] > third:
            return False
        kept[grade] += 1
        return True


def unbalanced(instance: Instance, grade: str) -> Reject:
    """Return the Reject of an instance that did not stay."""
    return Reject(
        id=instance.id,
        source=instance.provenance.source,
        step="balance",
        reason=f"height_loss: grade {grade} would be right more often than other grades",
        fix="none needed",
    )
