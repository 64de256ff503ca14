"""Windows show bodies whole and neighbours clearly cut, and what is counted from; chains hold no sliver."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from spinemed.instances.chains import Chain, Span, chain_of, countable
from spinemed.instances.windows import draw_window, windows_open
from spinemed.records import Box, Finding, Locator

HEIGHT = 400.0


def body(site: str, top: int, bottom: int, right: int = 60, part: bool = False) -> Finding:
    """Return a body from row to row, in columns from 28 on."""
    return Finding(
        id=site,
        study="s",
        site=site,
        pathology="vertebra_in_part" if part else "vertebra",
        evidence=Locator(series="1.2", slice_index=3, box=Box(left=28, top=top, right=right, bottom=bottom)),
    )


def column(sites: Sequence[str], top: int = 60, height: int = 24) -> list[Finding]:
    """Return bodies one below the other, discs of 6 rows between them."""
    return [body(site, top + 30 * place, top + 30 * place + height) for place, site in enumerate(sites)]


def chain(findings: Sequence[Finding]) -> Chain:
    found = chain_of(findings, (1.0, 1.0))
    assert found is not None
    return found


def tops(chain: Chain, anchor: str, first: int, height: float = HEIGHT) -> list[float]:
    """Return the upper edges of many windows that begin at a vertebra of the chain."""
    rng = np.random.default_rng(0)
    windows = [
        draw_window(chain, anchor, (height, 200.0), rng, reference=first)  # type: ignore[arg-type]
        for _ in range(200)
    ]
    found = [window.top_mm for window in windows if window is not None]
    assert found
    return found


@pytest.mark.parametrize("part", [body("T8", 36, 54, part=True), body("T8", 6, 54, part=True)])
def test_a_neighbour_that_the_slice_shows_in_part_is_cut_further(part: Finding) -> None:
    """At most 60 % of the height of the first whole body is seen of the one above it."""
    found = chain([part, *column(["T9", "T10", "T11", "T12", "L1"])])
    assert found.ceiling == 54
    assert min(tops(found, "reference", 0)) >= 54 - 0.6 * 24


def test_above_the_highest_label_no_other_body_is_shown_whole() -> None:
    found = chain(column(["T9", "T10", "T11", "T12", "L1"], top=26))
    assert found.ceiling is None
    assert min(tops(found, "reference", 0)) >= 26 - 0.6 * 24


def test_below_the_lowest_whole_body_the_next_is_cut_as_well() -> None:
    found = chain([*column(["L1", "L2", "L3"]), body("L4", 150, 172, part=True)])
    rng = np.random.default_rng(0)
    for _ in range(100):
        window = draw_window(found, "reference", (HEIGHT, 200.0), rng, free_end=2)
        assert window is None or window.bottom_mm <= 150 + 0.6 * 24


def test_on_frontal_films_whole_bodies_lie_well_inside() -> None:
    found = chain(column(["T9", "T10", "T11", "T12", "L1"]))
    clear = Chain(found.spans, None, clear_mm=5.0)
    assert max(tops(clear, "reference", 0)) <= 60 - 5.0
    assert max(tops(found, "reference", 0)) > 60 - 5.0


def test_a_leaning_s1_is_in_view_to_its_lower_endplate_or_not_counted_from() -> None:
    found = chain([*column(["L1", "L2", "L3", "L4", "L5"]), body("S1", 210, 235)])
    assert found.sacrum == Span("S1", 210.0, 235.0, 28.0, 60.0)
    rng = np.random.default_rng(0)
    for _ in range(50):
        window = draw_window(found, "sacrum", (HEIGHT, 200.0), rng)
        assert window is None or window.bottom_mm >= 210 + 34
    assert windows_open(found, "sacrum", 240.0) == ()


def test_a_window_from_c2_is_not_mostly_skull() -> None:
    found = chain(column(["C2", "C3", "C4", "C5", "C6", "C7"], top=150, height=20))
    rng = np.random.default_rng(0)
    windows = [draw_window(found, "C2", (HEIGHT, 200.0), rng) for _ in range(100)]
    shares = [
        (150 - max(one.top_mm, 0)) / (one.bottom_mm - max(one.top_mm, 0))
        for one in windows
        if one is not None
    ]
    assert shares
    assert max(shares) <= 0.4 + 1e-6


def test_a_sliver_ends_a_chain() -> None:
    found = column(["T10", "T11", "T12", "L1", "L2", "L3"])
    found[1] = body("T11", 90, 114, right=44)
    assert chain(found).sites == ("T12", "L1", "L2", "L3")


def test_what_a_view_cannot_show_is_not_counted() -> None:
    neck = column(["C2", "C3", "C7", "T1"])
    assert [one.site for one in countable(neck, "XR frontal")] == ["T1"]
    assert [one.site for one in countable(neck, "STIR sagittal")] == ["C3", "C7", "T1"]
    assert len(countable(neck, "T2 sagittal")) == 4


def test_a_neighbour_whose_box_overlaps_is_cut_as_far_as_any() -> None:
    """Boxes of bodies that lean overlap: the one above ends 8 mm below the top of the first whole body."""
    found = chain([body("T8", 44, 68, part=True), *column(["T9", "T10", "T11", "T12", "L1"])])
    assert found.ceiling == 68
    assert min(tops(found, "reference", 0)) >= 68 - 0.6 * 24
    sites = ["T7", "T8", "T9", "T10", "T11", "T12", "L1", "L2", "L3"]
    below = chain([*column(sites), body("L4", 316, 340, part=True)])
    rng = np.random.default_rng(0)
    drawn = [draw_window(below, "reference", (HEIGHT, 200.0), rng, free_end=8) for _ in range(100)]
    bottoms = [window.bottom_mm for window in drawn if window is not None]
    assert bottoms
    assert max(bottoms) <= 316 + 0.6 * 24


def test_a_run_ends_before_a_vertebra_behind_which_nothing_is_known() -> None:
    """T8 is whole in the picture and not stated: with it T9 may not be called the topmost whole vertebra."""
    sites = ["T9", "T10", "T11", "T12", "L1"]
    assert chain(column(sites)).sites == tuple(sites)
    known = chain_of(column(sites), (1.0, 1.0), unseen=["T8"])
    assert known is not None
    assert known.sites == ("T10", "T11", "T12", "L1")
    assert known.ceiling == 60 + 24
    gap = [*column(["C5", "C6", "C7"], top=0, height=12), *column(sites, top=160)]
    found = chain(gap)
    assert found.sites == ("T10", "T11", "T12", "L1")
    assert found.ceiling == 160 + 24


def test_a_run_between_c2_and_the_sacrum_keeps_its_ends() -> None:
    found = chain([*column(["L3", "L4", "L5"]), body("S1", 150, 175)])
    assert found.sites == ("L3", "L4", "L5")
    assert found.sacrum is not None
    assert chain([body("C1", 40, 50), *column(["C2", "C3", "C4"])]).sites == ("C2", "C3", "C4")
    four = [*column(["L2", "L3", "L4"]), body("S1", 150, 175)]
    assert chain(four).sites == ("L2", "L3", "L4")
    lost = chain_of(four, (1.0, 1.0), unseen=["L5"])
    assert lost is not None
    assert lost.sites == ("L2", "L3")
    assert chain([*column(["T11", "T12", "T13"]), body("L1", 150, 174)]).sites == ("T11", "T12")
