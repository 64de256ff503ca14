"""Red flags: which serious disease each one points to, and what it requires next."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from spinemed.facts.planning.ruling import Ruling

Concern = Literal["cauda_equina", "cord_compression", "infection", "cancer", "fracture", "myelopathy"]
Urgency = Literal["emergency", "urgent", "routine"]
RedFlag = Literal[
    "saddle_anaesthesia",
    "urinary_retention",
]  # to be extended


class RedFlagRuling(Ruling):
    """What one red flag points to and what it requires."""

    concern: Concern
    urgency: Urgency
    requires: str


def red_flag(flag: RedFlag) -> RedFlagRuling:
    """Return what one red flag points to and requires."""
    raise NotImplementedError


def most_urgent(flags: Collection[RedFlag]) -> RedFlagRuling:
    """Return the ruling of the most urgent flag; not keyed where two concerns tie."""
    raise NotImplementedError
