"""Scores of questions that were answered several times: pass@k, pass^k, all rotations right, consistency.

pass@k: Chen et al. 2021 (arXiv 2107.03374); pass^k: Yao et al. 2024 (arXiv
2406.12045); all rotations right is the circular accuracy of MMBench (arXiv 2307.06281).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

from .intervals import NotEstimable


def pass_at_k(attempts: int, right: int, k: int) -> float | NotEstimable:
    """Return the chance that at least one of k attempts is right: 1 - C(n - c, k) / C(n, k).

    NotEstimable with fewer than k attempts: neither 1 nor 0 would be true. Raises ValueError unless
    0 <= right <= attempts and k >= 1.

    >>> round(pass_at_k(5, 2, 2), 9), pass_at_k(1, 1, 2).reason
    (0.7, 'not estimable, 1 attempt for k = 2')
    """
    return too_few(attempts, right, k) or 1 - math.comb(attempts - right, k) / math.comb(attempts, k)


def pass_hat_k(attempts: int, right: int, k: int) -> float | NotEstimable:
    """Return the chance that k attempts are all right, pass^k: C(c, k) / C(n, k).

    NotEstimable with fewer than k attempts. Raises ValueError as `pass_at_k` does.

    >>> pass_hat_k(5, 2, 2), pass_hat_k(4, 4, 4)
    (0.1, 1.0)
    """
    return too_few(attempts, right, k) or math.comb(right, k) / math.comb(attempts, k)


def too_few(attempts: int, right: int, k: int) -> NotEstimable | None:
    """Return why k attempts cannot be drawn, or None; ValueError on impossible counts."""
    if not 0 <= right <= attempts or k < 1:
        raise ValueError(f"needs 0 <= right <= attempts and k >= 1, got {right} of {attempts}, k = {k}")
    if attempts >= k:
        return None
    return NotEstimable(f"not estimable, {attempts} attempt{'s' * (attempts != 1)} for k = {k}")


def all_rotations(hits: Sequence[Sequence[bool]]) -> list[bool]:
    """Return for each item whether every rotation of its options was answered right.

    `hits` holds one row an item and one entry a rotation; all rows are equally long. Raises ValueError on
    rows of different length (an item with fewer rotations would have it easier) or without an entry.

    >>> all_rotations([[True, True], [True, False]])
    [True, False]
    """
    lengths = {len(row) for row in hits}
    if len(lengths) > 1 or 0 in lengths:
        raise ValueError(f"every item needs the same number of rotations, one or more; got {sorted(lengths)}")
    return [all(row) for row in hits]


def consistency(answers: Sequence[Sequence[Hashable]]) -> float:
    """Return the mean share of an item's answers that equal its most frequent answer, in (0, 1].

    1 means that every repetition of every item gave the same answer, right or wrong. Raises ValueError
    without items or on an item without answers.

    >>> consistency([["A", "A", "B", "A"], ["C", "C"]])
    0.875
    """
    if not answers or not all(len(row) for row in answers):
        raise ValueError("consistency needs at least one item, and one answer or more of each")
    return sum(max(Counter(row).values()) / len(row) for row in answers) / len(answers)
