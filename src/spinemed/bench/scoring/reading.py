"""What was read from one reply, item by item: the common ground of all figures of a scorecard."""

from __future__ import annotations

from dataclasses import dataclass

from spinemed.bench.items import Item


@dataclass(frozen=True)
class Reading:
    """What was read from one reply: parse state, the chosen option's text, right or not, level steps off.

    `item` is as shown; an open item's answer is its site in canonical spelling, where it is one. `letter` and
    `text` are "" unless one option was chosen. `shift` is signed, caudal positive, and None where not exactly
    one site is named or the key is none. `score` is the factual score of a report, None of other items.
    """

    item: Item
    status: str
    letter: str
    text: str
    correct: bool
    conflict: bool
    shift: float | None = None
    site: str = ""
    score: float | None = None

    @property
    def points(self) -> float:
        """What the item counts in a comparison: 1 or 0, or the factual score of a report."""
        return float(self.correct) if self.score is None else self.score
