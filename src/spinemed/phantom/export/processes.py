"""Studies written by several processes, each on one thread, in the order of their seeds."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path


def in_processes(write: partial[Path], seeds: range, workers: int) -> Iterator[Path]:
    """Yield what `write` returns for each seed, in order; several workers are processes of their own."""
    if workers == 1 or len(seeds) < 2:
        yield from (write(seed) for seed in seeds)
        return
    # Spawned, not forked: the caller may hold threads.
    context = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(write, seeds, chunksize=min(4, -(-len(seeds) // workers)))


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes started inside keep to one thread each: together they fill the cores already."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
    added = [name for name in names if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
