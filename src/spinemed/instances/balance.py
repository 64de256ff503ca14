"""Choice items kept in balance: of any two answers, neither is right more often when both are offered."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Generic, TypeVar

from spinemed.instances.templates import template_of
from spinemed.instances.wording import answer_key
from spinemed.records import Instance, Reject

LETTERS = "ABCDE"
WAITING = 8
"""Items of one kind with the same right answer that wait for an opposite; more are refused at once."""

Group = tuple[str, str]


Item = TypeVar("Item")


@dataclass(frozen=True)
class Admitted(Generic[Item]):
    """What an item brought about: items that stay, the new one or earlier ones, and items that do not."""

    kept: tuple[Item, ...] = ()
    refused: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Offer(Generic[Item]):
    """A choice item as the balance sees it: what its options mean, whatever their wording and language."""

    item: Item
    right: str
    others: tuple[str, ...]
    has_few_answers: bool


class PairBalance(Generic[Item]):
    """Counts of which answer was right against which other, by kind and split; ask in build order.

    One study cannot balance its answers: it has one pattern of disease. Over a corpus, an item stays if its
    right answer has not won against any other on offer more often than lost to it. Where the same few words
    are on offer each time (grades, sides, kinds), the first item, and any whose answer would lead all others
    on offer, waits for an opposite one: else the commoner answer would be one ahead in each pair, which tells
    much where a kind is rare. So the text alone tells nothing, whatever the prevalences; rare answers limit
    how often common ones are asked beside them.
    """

    def __init__(self) -> None:
        self._wins: Counter[tuple[Group, str, str]] = Counter()
        self._waiting: defaultdict[Group, list[Offer[Item]]] = defaultdict(list)

    def admit(self: PairBalance[Instance], instance: Instance, split: str = "") -> Admitted[Instance]:
        """Return what stays and what does not, now that this instance came; one that is no choice stays."""
        if instance.task != "choice":
            return Admitted((instance,))
        return self.take(offer_of(instance), (split, instance.kind))

    def take(self, offer: Offer[Item], group: Group) -> Admitted[Item]:
        """Return what stays and what does not, now that this offer came; neither where it waits.

        `group` is (split, kind): offers of different groups are balanced apart.
        """
        leads = self._leads(group, offer)
        if max(leads) > 0:
            return Admitted(refused=(offer.item,))
        if min(leads) < 0 or not offer.has_few_answers:
            return Admitted(tuple(self._keep(group, offer)))
        waiting = self._waiting[group]
        for partner in waiting:
            if _opposed(offer, partner) and max(self._leads(group, partner)) <= 0:
                waiting.remove(partner)
                return Admitted((*self._keep(group, partner), *self._keep(group, offer)))
        if sum(one.right == offer.right for one in waiting) >= WAITING:
            return Admitted(refused=(offer.item,))
        waiting.append(offer)
        return Admitted()

    def close(self) -> tuple[Item, ...]:
        """Return the items that waited for an opposite that never came; they do not stay."""
        left = tuple(offer.item for waiting in self._waiting.values() for offer in waiting)
        self._waiting.clear()
        return left

    def _leads(self, group: Group, offer: Offer[Item]) -> list[int]:
        """Return how far the right answer is ahead of each other one."""
        wins, right = self._wins, offer.right
        return [wins[group, right, other] - wins[group, other, right] for other in offer.others]

    def _keep(self, group: Group, offer: Offer[Item]) -> list[Item]:
        """Count an item that stays, and those that waited for it; return them."""
        kept, ready = [], [offer]
        while ready:
            one = ready.pop()
            kept.append(one.item)
            self._wins.update((group, one.right, other) for other in one.others)
            for waits in self._waiting[group]:
                leads = self._leads(group, waits)
                if max(leads) <= 0 and min(leads) < 0:
                    self._waiting[group].remove(waits)
                    ready.append(waits)
                    break
        return kept


def out_of_balance(instance: Instance) -> Reject:
    """Return the Reject of an item that did not stay."""
    return Reject(
        id=instance.id,
        source=instance.provenance.source,
        step="balance",
        reason=f"{instance.kind}: the right option would be right more often than another one offered",
        fix="none needed",
    )


def offer_of(instance: Instance) -> Offer[Instance]:
    """Return a choice item as the balance sees it: its options by what they mean."""
    template = template_of(instance.kind)
    keys = [answer_key(template, instance.language, option) or option for option in instance.options]
    right = LETTERS.index(instance.answer)
    others = tuple(keys[:right] + keys[right + 1 :])
    return Offer(instance, keys[right], others, template.answers.form == "words")


def _opposed(one: Offer[Item], other: Offer[Item]) -> bool:
    """Whether each of two items has the right answer of the other among its wrong ones."""
    return one.right in other.others and other.right in one.others
