"""Tests of packing.py: as full as TRL's best fit, every row once, pictures capped, even ranks."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trl.data_utils import _pack_bfd

from spinemed.errors import ConfigError
from spinemed.training.packing import Plan, grouped_plan, pack_plan

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*SwigPy.*:DeprecationWarning"),
    pytest.mark.xdist_group("training"),
]
PLANS = (pack_plan, grouped_plan)


def corpus_like(rows: int, seed: int = 0) -> Any:
    """Return lengths with the median 864, the mean 1222 and the 95th percentile near 3,400 tokens."""
    lengths = np.random.default_rng(seed).lognormal(math.log(864), 0.8327, rows)
    return lengths.astype(np.int64).clip(40, 8192)


def mixes(seed: int) -> dict[str, Any]:
    """Return length mixes for a budget of 1,024, those included that are hard to pack."""
    random = np.random.default_rng(seed)
    third, sixth, half = 1024 // 3, 1024 // 6, 1024 // 2
    return {
        "even": random.integers(1, 1025, 700),
        "short": random.integers(1, 40, 700),
        "long": random.integers(500, 1025, 700),
        "two sizes": random.choice([300, 341], 700),
        "one size": np.full(700, 400),
        "whole": np.full(50, 1024),
        "ones": np.ones(3000, np.int64),
        "harmonic": np.repeat([half + 1, third + 1, sixth - 2], 210),
        "first fit's worst": np.concatenate(
            [np.full(300, half + 2), np.full(300, third - 50), np.full(600, 256 - 20), np.full(900, 100)]
        ),
        "few": random.integers(1, 1025, 3),
        "heavy tail": (1024 / random.pareto(0.8, 900).clip(1)).astype(np.int64).clip(1, 1024),
    }


def packs_of_trl(lengths: Any, budget: int, batch: int | None = None) -> int:
    """Return how many packs TRL's own function makes, of all rows at once or of `batch` at a time."""
    step, packs = batch or len(lengths), 0
    for start in range(0, len(lengths), step):
        part = lengths[start : start + step]
        offsets = np.concatenate([[0], np.cumsum(part)])
        rows = pa.LargeListArray.from_arrays(offsets, pa.nulls(int(offsets[-1]), pa.int8()))
        packs += len(_pack_bfd(pa.table({"input_ids": rows}), budget))
    return packs


def check(plan: Plan, lengths: Any, images: Any, budget: int, most_images: int | None = None) -> None:
    """Assert that every kept row stands in the plan once and no batch is over a limit or wrongly counted."""
    rows = sorted(row for batch in plan.batches for row in batch)
    out = [row for row, _ in plan.refused]
    assert sorted(rows + out) == list(range(len(lengths)))
    for batch, tokens, shown, paid in zip(plan.batches, plan.tokens, plan.images, plan.paid, strict=True):
        assert batch and tokens == lengths[list(batch)].sum() <= paid <= budget
        assert shown == images[list(batch)].sum()
        assert most_images is None or shown <= most_images


@pytest.mark.parametrize("seed", range(3))
def test_packs_of_all_rows_at_once_are_as_few_as_trls(seed: int) -> None:
    for name, lengths in mixes(seed).items():
        nothing = np.zeros_like(lengths)
        plan = pack_plan(lengths, nothing, budget=1024, window=None, seed=seed)
        check(plan, lengths, nothing, 1024)
        assert len(plan.batches) <= packs_of_trl(lengths, 1024), name


@pytest.mark.parametrize("seed", range(3))
def test_packs_of_windows_are_no_more_than_trls_of_the_same_windows(seed: int) -> None:
    for name, lengths in mixes(seed).items():
        lengths = np.random.default_rng(seed).permutation(lengths)
        plan = pack_plan(lengths, np.zeros_like(lengths), budget=1024, window=128, seed=seed)
        assert len(plan.batches) <= packs_of_trl(lengths, 1024, 128), name


def test_corpus_like_lengths_leave_less_than_a_hundredth_open() -> None:
    lengths = corpus_like(20_000)
    images = np.random.default_rng(1).integers(0, 3, len(lengths))
    for most_images in (None, 18):
        plan = pack_plan(lengths, images, budget=8192, most_images=most_images)
        check(plan, lengths, images, 8192, most_images)
        assert plan.waste < 0.005
        assert plan.fill == pytest.approx(1 - plan.waste)
    assert grouped_plan(lengths, images, budget=8192).waste < 0.02


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 70), st.integers(0, 6)), max_size=80),
    st.sampled_from([None, 1, 4, 5]),
    st.sampled_from([None, 1, 7, 16]),
    st.integers(1, 4),
    st.sampled_from(PLANS),
)
def test_every_row_is_in_one_batch_or_refused(
    rows: list[tuple[int, int]], most_images: int | None, window: int | None, world: int, make: Any
) -> None:
    lengths = np.array([length for length, _ in rows], np.int64)
    images = np.array([pictures for _, pictures in rows], np.int64)
    limits = {"budget": 64, "most_images": most_images, "window": window}
    try:
        plan = make(lengths, images, world=world, **limits)
    except ConfigError:
        plan = make(lengths, images, **limits)
        kept = sum(len(batch) for batch in plan.batches)
        assert -(-len(plan.batches) // world) * world > kept, "only where rows are fewer than batches"
        world = 1
    check(plan, lengths, images, 64, most_images)
    assert len(plan.batches) % world == 0


def test_a_plan_depends_on_seed_and_epoch_alone() -> None:
    lengths = corpus_like(3000)
    nothing = np.zeros_like(lengths)
    for make in PLANS:
        np.random.seed(1)
        one = make(lengths, nothing, budget=8192, seed=4, epoch=2).batches
        np.random.seed(2)
        assert make(lengths, nothing, budget=8192, seed=4, epoch=2).batches == one
        assert make(lengths, nothing, budget=8192, seed=4, epoch=3).batches != one
        assert make(lengths, nothing, budget=8192, seed=5, epoch=2).batches != one


def test_batches_are_split_until_every_rank_has_as_many() -> None:
    lengths = corpus_like(2000)
    nothing = np.zeros_like(lengths)
    for make in PLANS:
        alone = make(lengths, nothing, budget=8192)
        for world in (2, 3, 64):
            plan = make(lengths, nothing, budget=8192, world=world)
            check(plan, lengths, nothing, 8192)
            assert len(plan.batches) == -(-len(alone.batches) // world) * world
        plan = make(lengths, nothing, budget=8192, world=8, at_least=1001)
        check(plan, lengths, nothing, 8192)
        assert len(plan.batches) == 1008
    emptiest = sorted(alone.tokens)[0]
    assert min(make(lengths, nothing, budget=8192, world=64).tokens) <= emptiest


def test_fewer_rows_than_ranks_are_refused_with_a_way_out() -> None:
    with pytest.raises(ConfigError, match=r"3 rows cannot make 4 batches .* fewer processes"):
        pack_plan([9, 9, 9], [0, 0, 0], budget=10, world=4)


def test_rows_that_fit_no_batch_are_refused_with_the_reason() -> None:
    plan = pack_plan([0, 11, 5, 5], [0, 0, 4, 1], budget=10, most_images=3)
    assert plan.batches == ((3,),)
    assert [tuple(one) for one in plan.refused] == [
        (0, "no tokens"),
        (1, "11 tokens, a batch holds 10"),
        (2, "4 pictures, a batch holds 3"),
    ]


def test_only_the_rows_asked_for_are_planned() -> None:
    for make in PLANS:
        plan = make([5, 5, 5, 99, 99], [0] * 5, budget=10, rows=[0, 2, 3])
        assert sorted(row for batch in plan.batches for row in batch) == [0, 2]
        assert [row for row, _ in plan.refused] == [3]


def test_a_corpus_without_rows_is_an_empty_plan() -> None:
    for make in PLANS:
        plan = make([], [], budget=10, world=8)
        assert (plan.batches, plan.waste, plan.fill, plan.refused) == ((), 0.0, 0.0, ())


def test_limits_below_one_are_refused() -> None:
    for wrong in ({"budget": 0}, {"budget": 9, "most_images": 0}, {"budget": 9, "window": 0}):
        with pytest.raises(ConfigError, match="must be 1 or more"):
            pack_plan([1], [0], **wrong)
    with pytest.raises(ConfigError, match="one of each"):
        pack_plan([1, 2], [0], budget=9)
    with pytest.raises(ConfigError, match="row 1 has -1 pictures"):
        pack_plan([1, 2], [0, -1], budget=9)
    with pytest.raises(ConfigError, match="at least one process"):
        pack_plan([1], [0], budget=9, world=0)


def test_short_rows_full_of_pictures_do_not_leave_packs_half_empty() -> None:
    lengths = corpus_like(4000)
    images = np.random.default_rng(2).integers(0, 4, len(lengths))
    for window in (512, None):
        assert pack_plan(lengths, images, budget=8192, most_images=18, window=window).waste < 0.01


def test_a_limit_of_pictures_that_always_binds_costs_no_search() -> None:
    random = np.random.default_rng(3)
    lengths, images = random.integers(100, 400, 20_000), np.full(20_000, 3)
    start = time.process_time()
    plan = pack_plan(lengths, images, budget=8192, most_images=6, window=None)
    assert len(plan.batches) == 10_000
    assert time.process_time() - start < 4
