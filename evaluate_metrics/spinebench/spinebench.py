"""Metric: the total of a SpineBench from its parts, sample-weighted, refused when a part is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import datasets
import evaluate

# evaluate copies only the modules that this file names, so those that they import in turn are named too.
from .intervals import wilson as wilson
from .metric_inputs import check_lengths
from .score_total import Part, bounds, checked, part_interval, shares, total_interval

DESCRIPTION = (
    "Total of SpineBench (arXiv 2510.03160): mean of part scores weighted by items. The other SpineBench "
    "(arXiv 2510.12267), a plain mean of two accuracies, is a mode of its own with a result of another name."
)
INPUTS = """
predictions: list of float, the score of each part in 0 to 100; None or NaN is a missing part.
references: list of int, the items of each part, such as 294, 193, 87.
names: optional list of str, the names of the parts.
right: optional list of int or None, how many items of each part are right; gives intervals.
errors: optional list of float or None, the standard error in points of a part that is not right-or-wrong.
partial: False refuses a missing part with a ValueError; True gives bounds, and no total.
benchmark: "2510.03160" (weighted by items, result `total`) or "2510.12267" (plain mean of diagnosis and
  localisation accuracy, result `overall`). The two are different benchmarks: never compare their numbers.
confidence: coverage of the intervals, 0.95 unless told.

Returns a dict of plain Python numbers:
  n, items          parts, items of all parts
  benchmark         which of the two
  total (overall)   0 to 100, higher is better; None when a part is missing
  total_low/high (overall_low/high)   what it can be with missing parts at 0 and at 100; equal if none is
  interval_low/high confidence interval of the total, items as independent; None unless every part has counts
                    or an error
  parts             a list with name, score, size, weight, low, high of each part
A part whose count and score disagree, a score outside 0 to 100 and a part without items raise ValueError, and
so does empty input. There are no ties.

>>> metric = SpineBench()
>>> round(metric.compute(predictions=[88.50, 93.32], references=[487, 87])["total"], 2)
89.23
>>> other = metric.compute(predictions=[32.37, 9.35], references=[1758, 1000], benchmark="2510.12267")
>>> round(other["overall"], 2), "total" in other
(20.86, False)
"""
_NAMES = {"2510.03160": "total", "2510.12267": "overall"}


@evaluate.utils.file_utils.add_start_docstrings(DESCRIPTION, INPUTS)
class SpineBench(evaluate.Metric):  # type: ignore[misc]
    """Total of a SpineBench; see `INPUTS` for arguments, ranges and worked values."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=DESCRIPTION,
            citation="",
            inputs_description=INPUTS,
            features=datasets.Features(
                {"predictions": datasets.Value("float64"), "references": datasets.Value("int64")}
            ),
        )

    def _compute(
        self,
        predictions: Sequence[float | None],
        references: Sequence[int],
        names: Sequence[str] | None = None,
        right: Sequence[int | None] | None = None,
        errors: Sequence[float | None] | None = None,
        partial: bool = False,
        benchmark: Literal["2510.03160", "2510.12267"] = "2510.03160",
        confidence: float = 0.95,
    ) -> dict[str, Any]:
        if benchmark not in _NAMES:
            raise ValueError(f"benchmark is one of {', '.join(_NAMES)}, got {benchmark!r}")
        parts = read_parts(predictions, references, names, right, errors, benchmark)
        missing = [part.name for part in parts if part.score is None]
        if missing and not partial:
            raise ValueError(
                f"no score for the part {', '.join(map(repr, missing))}, so there is no total: a mean of the "
                "other parts would be another number; score it, or pass partial=True for bounds"
            )
        return summary(parts, _NAMES[benchmark], benchmark, confidence)


def read_parts(
    scores: Sequence[float | None],
    sizes: Sequence[int],
    names: Sequence[str] | None,
    right: Sequence[int | None] | None,
    errors: Sequence[float | None] | None,
    benchmark: str,
) -> list[Part]:
    """Return the checked parts; ValueError for lists of unequal length or impossible values."""
    count = len(scores)
    if names is None:
        names = ["diagnosis", "localisation"] if benchmark == "2510.12267" else []
        names = names if len(names) == count else [f"part {place}" for place in range(1, count + 1)]
    check_lengths("spinebench", count, {"names": names, "right": right, "errors": errors}, "part")
    if benchmark == "2510.12267" and count != 2:
        raise ValueError(
            f"the SpineBench of arXiv 2510.12267 has two parts, diagnosis and localisation; got {count}"
        )
    counts, spreads = right or [None] * count, errors or [None] * count
    return checked(
        [Part(*fields) for fields in zip(names, scores, map(int, sizes), counts, spreads, strict=True)]
    )


def summary(parts: Sequence[Part], name: str, benchmark: str, confidence: float) -> dict[str, Any]:
    """Return the numbers that `INPUTS` defines, the total under `name`."""
    weights = shares(parts) if name == "total" else [1 / len(parts)] * len(parts)
    # The plain mean is the weighted one of parts of equal size.
    low, high = bounds(parts if name == "total" else [part._replace(size=1, right=None) for part in parts])
    whole = all(part.score is not None for part in parts)
    interval = total_interval(parts, weights, confidence) if whole else None
    ends = [part_interval(part, confidence) for part in parts]
    return {
        "n": len(parts),
        "items": sum(part.size for part in parts),
        "benchmark": benchmark,
        name: low if whole else None,
        f"{name}_low": low,
        f"{name}_high": high,
        "interval_low": interval.low if interval else None,
        "interval_high": interval.high if interval else None,
        "parts": [
            {
                "name": part.name,
                "score": part.score,
                "size": part.size,
                "weight": weight,
                "low": end.low if end else None,
                "high": end.high if end else None,
            }
            for part, weight, end in zip(parts, weights, ends, strict=True)
        ],
    }
