"""Genant's loss of height of a vertebral body from heights measured on masks: wedge, biconcave or crush."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from spinemed.facts.heights import Heights
from spinemed.facts.normal import MEASURED_LEVELS, Sex, expected_ratio
from spinemed.levels import Level

_NEIGHBOURS: Final = 4
_INTACT: Final = 0.15
# Rear heights of healthy bodies, mm: Panjabi, Spine 1991;16:888 and 1992;17:299. T12 to L5 were read [V] in
# github.com/Gregory-Schwing-MD-PhD/CTSpinoPelvic1K, morphometrics/panjabi_reference.csv, which copies the
# papers and has 14.3 for T1, where 14.1 here is [assumed]; the others [recalled; primary source not read].
# Only their ratios are used. Levels in between lie on the line between their neighbours.
_REAR_MM: Final[dict[str, float]] = {
    "T1": 14.1, "T3": 15.7, "T6": 17.4, "T9": 19.3, "T10": 20.2, "T11": 21.3, "T12": 22.7, "L1": 23.8,
    "L2": 24.3, "L3": 23.8, "L4": 24.1, "L5": 22.9,
}  # fmt: skip


def losses_of(site: str, sizes: Mapping[str, Heights], sex: Sex) -> dict[str, float]:
    """Return form -> loss in percent of one body: wedge of the front, biconcave of the middle, crush of all.

    `sizes` holds the heights of the bodies in the same picture; the nearest of them whose front is intact
    tell the usual hollow and, in the usual proportion, the usual rear height: without any, wedge alone is
    told. KeyError for a level outside T9 to L5, whose healthy wedge is not published.
    """
    own = sizes[site]
    losses = {"wedge": 1 - own.ratio / expected_ratio(site, sex)}
    near = _intact_neighbours(site, sizes, sex)
    if near:
        hollow = float(
            np.mean([(size.anterior + size.posterior) / 2 - size.middle for size in near.values()])
        )
        losses["biconcave"] = 1 - own.middle / ((own.anterior + own.posterior) / 2 - hollow)
        rear = np.mean([size.posterior * rear_mm(site) / rear_mm(level) for level, size in near.items()])
        losses["crush"] = 1 - own.posterior / float(rear)
    return {form: 100 * loss for form, loss in losses.items()}


def _intact_neighbours(site: str, sizes: Mapping[str, Heights], sex: Sex) -> dict[str, Heights]:
    place = Level(site).order
    sound = [
        level
        for level, size in sizes.items()
        if level != site
        and level in MEASURED_LEVELS
        and abs(1 - size.ratio / expected_ratio(level, sex)) < _INTACT
    ]
    sound.sort(key=lambda level: abs(Level(level).order - place))
    return {level: sizes[level] for level in sound[:_NEIGHBOURS]}


def rear_mm(level: str) -> float:
    """Return the usual rear height of a thoracic or lumbar body in mm.

    >>> rear_mm("L1"), rear_mm("T2")
    (23.8, 14.9)
    """
    known = list(_REAR_MM)
    orders = [Level(name).order for name in known]
    return round(float(np.interp(Level(level).order, orders, list(_REAR_MM.values()))), 3)
