"""Metric: agreement of a judge with clinicians, beside the agreement of the clinicians with each other."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import datasets
import evaluate
import numpy as np
from numpy.typing import NDArray

# evaluate copies only the modules that this file names, so those that they import in turn are named too.
from .agreement import bland_altman, exact_agreement, pearson, spearman, weighted_kappa
from .alt_test import ENOUGH_CASES, alt_test
from .case_bootstrap import bootstrap_cases
from .comparisons import benjamini_yekutieli as benjamini_yekutieli
from .intervals import Interval, NotEstimable
from .metric_inputs import check_lengths
from .reliability import icc, icc_interval, krippendorff_alpha

DESCRIPTION = (
    "Agreement of a judge (or a first rater) with one or more clinicians: ICC(A,1), Krippendorff's alpha, "
    "weighted kappa, correlations, bias with limits of agreement, and the alternative annotator test."
)
INPUTS = """
predictions: list, the score of the judge for each item, None where the judge failed. Numbers, or texts with
  one JSON number ("4", "null").
references: list, the clinician's score of each item, or a list of scores with one place a clinician; numbers
  or JSON texts ("[4, 5, null]"). None is a missing score; every list is equally long.
cases: optional list of str, the case (report, patient) of each item; intervals draw whole cases.
dimensions: optional list of str, what each item scores; adds `by_dimension`.
scale_low, scale_high: ends of the scale, whole numbers, 1 and 5 unless told; all points between them count.
epsilon: what the judge may be worse by in the alternative annotator test: 0.2 for experts (the default).
confidence, draws, seed: of the intervals, 0.95, 1000 and 0 unless told.

Returns a dict of plain Python numbers. With several clinicians the figures of agreement are the mean over
clinicians of judge beside clinician, so that they compare with `human`, the mean over pairs of clinicians:
  n                       items that the judge and at least one clinician scored; all figures are of these
  missing_judge           items without a score of the judge; missing_reference: without one of a clinician
  clinicians, cases       how many
  icc                     ICC(A,1), absolute agreement, at most 1, higher is better; a constant bias lowers it
  icc_low, icc_high       interval by McGraw and Wong (one clinician, every case once), else a bootstrap over
                          cases; icc_interval says which
  krippendorff            alpha for ordered scores, at most 1
  qwk                     quadratic weighted kappa on the full scale, at most 1; needs whole scores
  exact, within_one       shares of equal scores, and of scores at most one point apart
  pearson, spearman       correlations in [-1, 1]; blind to a constant bias
  bias, deviation         mean and standard deviation of judge minus mean clinician
  limit_low, limit_high   limits of agreement, bias -+ 1.96 deviations
  bias_low, bias_high     bootstrap interval of the bias over cases
  human                   the seven figures of agreement between clinicians, or None with one clinician
  alt_test                winning_rate (0.5 or more: the judge may stand in), advantage, passes, by clinician
                          advantages and p_values, left_out; None unless three clinicians scored 30 cases
  notes                   why a figure is None, such as "undefined, constant"
Empty input, a score off the scale and one that is no number raise ValueError with the item.

>>> metric = RaterAgreement()
>>> result = metric.compute(predictions=[4, 3, 5, 2], references=[5, 3, 5, 1])
>>> round(result["icc"], 6), round(result["qwk"], 6), result["exact"], result["bias"]
(0.903226, 0.875, 0.5, 0.0)
>>> constant = metric.compute(predictions=[4, 4], references=[4, 4])
>>> constant["pearson"], constant["notes"]["pearson"], constant["exact"]
(None, 'undefined, constant', 1.0)
"""
FIGURES = ("icc", "krippendorff", "qwk", "exact", "within_one", "pearson", "spearman")
Scores = NDArray[np.float64]
Figure = float | NotEstimable


class Rated(NamedTuple):
    """One item that was scored by the judge and at least one clinician."""

    judge: float
    clinicians: tuple[float | None, ...]
    case: str
    dimension: str


class Settings(NamedTuple):
    """What the figures depend on beside the scores."""

    scale: tuple[float, ...]
    epsilon: float
    confidence: float
    draws: int
    seed: int


@evaluate.utils.file_utils.add_start_docstrings(DESCRIPTION, INPUTS)
class RaterAgreement(evaluate.Metric):  # type: ignore[misc]
    """Agreement of a judge with clinicians; see `INPUTS` for arguments, ranges and one worked value."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=DESCRIPTION,
            citation="",
            inputs_description=INPUTS,
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def add_batch(self, *, predictions: Sequence[object] = (), references: Sequence[object] = ()) -> None:
        """Add items; numbers, None and lists become JSON text, so that kinds may be mixed."""
        super().add_batch(
            predictions=[as_json(value) for value in predictions],
            references=[as_json(value) for value in references],
        )

    def add(self, *, prediction: object = None, reference: object = None) -> None:
        """Add one item as `add_batch` does."""
        super().add(prediction=as_json(prediction), reference=as_json(reference))

    def _compute(
        self,
        predictions: Sequence[str],
        references: Sequence[str],
        cases: Sequence[str] | None = None,
        dimensions: Sequence[str] | None = None,
        scale_low: int = 1,
        scale_high: int = 5,
        epsilon: float = 0.2,
        confidence: float = 0.95,
        draws: int = 1000,
        seed: int = 0,
    ) -> dict[str, Any]:
        count = len(predictions)
        check_lengths("rater_agreement", count, {"cases": cases, "dimensions": dimensions})
        if not scale_low < scale_high:
            raise ValueError(f"the scale needs scale_low < scale_high, got {scale_low} and {scale_high}")
        scale = tuple(float(point) for point in range(scale_low, scale_high + 1))
        judge = [read_score(text, scale, place) for place, text in enumerate(predictions)]
        clinicians = [read_row(text, scale, place) for place, text in enumerate(references)]
        if len({len(row) for row in clinicians}) > 1:
            lengths = sorted({len(row) for row in clinicians})
            raise ValueError(f"every item needs one place a clinician (null if missing), got {lengths}")
        case_names = names(cases) or [str(place) for place in range(count)]
        groups = names(dimensions) or [""] * count
        rated = [
            Rated(score, row, case, group)
            for score, row, case, group in zip(judge, clinicians, case_names, groups, strict=True)
            if score is not None and set(row) != {None}
        ]
        settings = Settings(scale, epsilon, confidence, draws, seed)
        result = {
            "n": len(rated),
            "missing_judge": sum(score is None for score in judge),
            "missing_reference": sum(set(row) == {None} for row in clinicians),
            "clinicians": len(clinicians[0]),
        } | summary(rated, len(clinicians[0]), settings)
        if dimensions is not None:
            result["by_dimension"] = {
                group: {"n": len(members)} | summary(members, len(clinicians[0]), settings)
                for group in dict.fromkeys(groups)
                for members in [[item for item in rated if item.dimension == group]]
            }
        return result


def as_json(value: object) -> str:
    """Return the JSON text of a score, a list of scores or None; text stays as it is.

    >>> as_json(4), as_json(None), as_json([4, None]), as_json("[4, null]")
    ('4', 'null', '[4, null]', '[4, null]')
    """
    if isinstance(value, str):
        return value
    plain_value = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    return json.dumps(plain_value, default=str)


def parsed(text: str) -> object:
    """Return what a JSON text holds, or the text itself where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def read_score(text: str, scale: Sequence[float], place: int) -> float | None:
    """Return the score in a text, None for null; ValueError names the item.

    >>> read_score("4", (1.0, 5.0), 0), read_score("null", (1.0, 5.0), 0)
    (4.0, None)
    """
    return checked(parsed(text), scale, place)


def read_row(text: str, scale: Sequence[float], place: int) -> tuple[float | None, ...]:
    """Return the clinicians' scores of one item, from one score or a JSON list; ValueError names the item."""
    value = parsed(text)
    row = value if isinstance(value, list) else [value]
    if not row:
        raise ValueError(f"item {place}: no clinician in {text!r:.80}; write null for a missing score")
    return tuple(checked(score, scale, place) for score in row)


def checked(value: object, scale: Sequence[float], place: int) -> float | None:
    """Return a score as a number; ValueError unless it lies on the scale, ends included, or is None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"item {place}: a score is a number or null, got {value!r:.80}")
    if not scale[0] <= value <= scale[-1]:
        raise ValueError(
            f"item {place}: score {value} is off the scale {scale[0]:g} to {scale[-1]:g}; pass scale_low and "
            "scale_high"
        )
    return float(value)


def names(given: Sequence[str] | None) -> list[str] | None:
    """Return names as text, None where none are given."""
    return None if given is None else [str(name) for name in given]


def summary(rated: Sequence[Rated], people: int, settings: Settings) -> dict[str, Any]:
    """Return the figures that `INPUTS` defines, counts of missing scores aside."""
    notes: dict[str, str] = {}
    table = np.array(
        [[item.judge, *(math.nan if score is None else score for score in item.clinicians)] for item in rated]
    ).reshape(len(rated), people + 1)
    judged = [(0, person) for person in range(1, people + 1)]
    result: dict[str, Any] = {"cases": len({item.case for item in rated})}
    result |= plain(figures(table, judged, settings.scale), notes)
    result |= icc_ends(rated, table, judged, settings, notes)
    result |= bias_figures(rated, table, settings, notes)
    among = list(combinations(range(1, people + 1), 2))
    result["human"] = None
    if among:
        human_notes: dict[str, str] = {}
        result["human"] = plain(figures(table, among, settings.scale), human_notes)
        notes |= {f"human.{name}": reason for name, reason in human_notes.items()}
    else:
        notes["human"] = "not estimable, one clinician"
    result["alt_test"] = alternative(rated, settings, notes)
    result["notes"] = notes
    return result


def figures(
    table: Scores, pairs: Sequence[tuple[int, int]], scale: Sequence[float]
) -> dict[str, float | NotEstimable]:
    """Return each figure of agreement as its mean over pairs of columns, on the items both have."""
    return {name: mean_over(table, pairs, figure_of(name, scale)) for name in FIGURES}


def mean_over(
    table: Scores, pairs: Sequence[tuple[int, int]], figure: Callable[[Scores, Scores], Figure]
) -> Figure:
    """Return the mean of a figure over pairs of columns; NotEstimable as soon as one pair has none."""
    found = []
    for first, second in pairs:
        both = table[~np.isnan(table[:, first]) & ~np.isnan(table[:, second])]
        if not len(both):
            return NotEstimable("not estimable, no item was scored by both")
        value = figure(both[:, first], both[:, second])
        if isinstance(value, NotEstimable):
            return value
        found.append(value)
    return sum(found) / len(found) if found else NotEstimable("not estimable, no item was scored by both")


def figure_of(name: str, scale: Sequence[float]) -> Callable[[Scores, Scores], Figure]:
    """Return the function of two lists of scores that gives the named figure."""

    def kappa(first: Scores, second: Scores) -> Figure:
        if (np.concatenate([first, second]) % 1 != 0).any():
            return NotEstimable("not estimable, scores are no whole numbers")
        return weighted_kappa(first, second, scale)

    return {
        "icc": absolute_agreement,
        "krippendorff": ordinal_alpha,
        "qwk": kappa,
        "exact": exact_agreement,
        "within_one": lambda first, second: exact_agreement(first, second, within=1.0),
        "pearson": pearson,
        "spearman": spearman,
    }[name]


def ordinal_alpha(first: Scores, second: Scores) -> Figure:
    """Return Krippendorff's alpha of two raters for ordered scores; NotEstimable with one item."""
    if len(first) < 2:
        return NotEstimable("undefined, fewer than two cases")
    return krippendorff_alpha(np.column_stack([first, second]).tolist())


def absolute_agreement(first: Scores, second: Scores) -> Figure:
    """Return ICC(A,1) of two raters; NotEstimable with one item."""
    if len(first) < 2:
        return NotEstimable("undefined, fewer than two cases")
    return icc(np.column_stack([first, second]))


def plain(found: dict[str, float | NotEstimable], notes: dict[str, str]) -> dict[str, float | None]:
    """Return figures as numbers, None for those not estimable, whose reasons go to `notes`."""
    notes |= {name: value.reason for name, value in found.items() if isinstance(value, NotEstimable)}
    return {name: None if isinstance(value, NotEstimable) else value for name, value in found.items()}


def icc_ends(
    rated: Sequence[Rated],
    table: Scores,
    judged: Sequence[tuple[int, int]],
    settings: Settings,
    notes: dict[str, str],
) -> dict[str, Any]:
    """Return the interval of the ICC and how it was made."""
    cases = [item.case for item in rated]
    span: Interval | NotEstimable
    if len(judged) == 1 and len(set(cases)) == len(cases) > 1:
        kind, span = "McGraw and Wong", icc_interval(table, settings.confidence)
    else:
        kind, span = (
            "bootstrap over cases",
            bootstrap_cases(
                lambda rows: mean_over(table[rows], judged, absolute_agreement),
                cases,
                confidence=settings.confidence,
                draws=settings.draws,
                seed=settings.seed,
            ),
        )
    if isinstance(span, NotEstimable):
        notes["icc_interval"] = span.reason
        return {"icc_low": None, "icc_high": None, "icc_interval": None}
    return {"icc_low": span.low, "icc_high": span.high, "icc_interval": kind}


def bias_figures(
    rated: Sequence[Rated], table: Scores, settings: Settings, notes: dict[str, str]
) -> dict[str, float | None]:
    """Return bias and limits of agreement of the judge minus the mean clinician."""
    keys = ("bias", "deviation", "limit_low", "limit_high", "bias_low", "bias_high")
    clinicians = [float(np.mean(row[~np.isnan(row)])) for row in table[:, 1:]]
    found = bland_altman(
        table[:, 0] if len(rated) else [],
        clinicians,
        [item.case for item in rated],
        confidence=settings.confidence,
        draws=settings.draws,
        seed=settings.seed,
    )
    if isinstance(found, NotEstimable):
        notes["bias"] = found.reason
        return dict.fromkeys(keys)
    ends: tuple[float, float] | tuple[None, None] = (None, None)
    if isinstance(found.bias_interval, NotEstimable):
        notes["bias_interval"] = found.bias_interval.reason
    else:
        ends = found.bias_interval
    values = (found.bias, found.deviation, found.low_limit, found.high_limit, *ends)
    return dict(zip(keys, values, strict=True))


def alternative(rated: Sequence[Rated], settings: Settings, notes: dict[str, str]) -> dict[str, Any] | None:
    """Return the alternative annotator test, or None with its reason in `notes`."""
    found = alt_test(
        [item.judge for item in rated],
        [item.clinicians for item in rated],
        [item.case for item in rated],
        epsilon=settings.epsilon,
        enough_cases=ENOUGH_CASES,
    )
    if isinstance(found, NotEstimable):
        notes["alt_test"] = found.reason
        return None
    return {
        "winning_rate": found.winning_rate,
        "passes": found.winning_rate >= 0.5,
        "advantage": found.advantage,
        "advantages": list(found.advantages),
        "p_values": list(found.p_values),
        "left_out": found.left_out,
    }
