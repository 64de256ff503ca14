"""Choice items kept in balance: of any two options, neither is right more often when both are offered."""

from __future__ import annotations

from collections import Counter

from spinemed.records import Instance, Reject

LETTERS = "ABCDE"


class PairBalance:
    """Counts of which option was right against which other, by kind, language and split; ask in build order.

    One study cannot balance its answers: it has one pattern of disease. Over a corpus, an item stays if its
    right option has not won against any other option offered more often than lost to it. So the text alone
    tells nothing, whatever the prevalences; rare answers limit how often common ones are asked beside them.
    """

    def __init__(self) -> None:
        self._wins: Counter[tuple[str, str, str, str, str]] = Counter()

    def keeps(self, instance: Instance, split: str = "") -> bool:
        """Return whether a choice item stays, and count it if so; other items always stay."""
        if instance.task != "choice":
            return True
        group = split, instance.kind, instance.language
        right = instance.options[LETTERS.index(instance.answer)]
        others = [option for option in instance.options if option != right]
        ahead = [self._wins[(*group, right, other)] - self._wins[(*group, other, right)] for other in others]
        if max(ahead) > 0:
            return False
        for other in others:
            self._wins[(*group, right, other)] += 1
        return True


def out_of_balance(instance: Instance) -> Reject:
    """Return the Reject of an item that did not stay."""
    return Reject(
        id=instance.id,
        source=instance.provenance.source,
        step="balance",
        reason=f"{instance.kind}: the right option would be right more often than another one offered",
        fix="none needed",
    )
