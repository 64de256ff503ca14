"""How instances are drawn: seed, languages, share of open questions, how many of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Asking:
    """How instances are drawn: the seed, the share of pictures asked as `open`, marks a series at most.

    `items_per_kind` (at most, of one study) holds for the items of whole cases.
    """

    seed: int
    open_share: float
    marks_per_series: int
    languages: tuple[Literal["en", "zh"], ...] = ("en", "zh")
    items_per_kind: int = 2
