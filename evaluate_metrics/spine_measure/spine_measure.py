"""Metric: measurements of the spine: Cobb angles, slip, height loss, vertebra centroids, stenosis loss."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

import datasets
import evaluate

# evaluate copies only the modules that this file names, so those that they import in turn are named too.
from .agreement import weighted_kappa as weighted_kappa
from .intervals import wilson as wilson
from .level_labels import SCHEMES as SCHEMES
from .levels import Level as Level
from .measured_values import (
    circular_error,
    error_scores,
    grade_scores,
    read_number,
    read_numbers,
    smape,
)
from .metric_inputs import check_lengths, naming_item
from .reliability import icc as icc
from .stenosis_loss import label_scores, loss_scores, read_study
from .vertebra_centroids import Scan, centroid_scores, compare, read_centroids

TASKS = ("cobb", "slip", "height", "centroids", "rsna")
DESCRIPTION = "Errors of Cobb angles, slips and height losses, VerSe identification rate, RSNA 2024 loss."
INPUTS = """
predictions, references: list of str; what they hold depends on `task`:
  cobb       angles of one image in degrees, "[33, 18, 9]"; of a prediction all numbers in the text are read
  slip       percent of the depth of the vertebra below, "12"; of a prediction the one number in the text
  height     percent of lost vertebral height, likewise
  centroids  JSON of level or VerSe label to [x, y, z] in mm: {"L1": [0, 0, 0]}; or VerSe's own list
  rsna       JSON of row to class for one study: {"spinal_canal_stenosis_l4_l5": "Severe"}; predictions may
             have three probabilities instead of the class
task: one of cobb, slip, height, centroids, rsna.
limit_mm, inclusive: VerSe's limit, 20 mm; whether just 20 mm counts (the published code) or not (the paper).

Always returned: task, n items, n_missing (unreadable predictions; for rsna rows without one), then
  cobb       smape 0 to 100 as in AASCE 2019 (no factor 2, summed inside each image first), smape_angles,
             mae_angles (each angle), mae, bias, icc (ICC(A,1) over all angles), cmae (wrapped differences)
  slip, height     mae, bias, icc, and of the Meyerding or Genant grades grade_exact, _within_one, grade_qwk
  centroids  id_rate (mean of scans), id_rate_pooled, precision_pooled, d_mean, d_mean_pooled in mm,
             vertebrae, scans_all_right; an unreadable prediction is a scan without any
  rsna       loss_spinal, loss_foraminal, loss_subarticular, loss_any_severe, total (mean of the four);
             weighted_accuracy, qwk, severe_sensitivity of the likeliest classes; a missing row is 1/3 each
Errors are 0 or more and lower is better, over readable predictions; rates and accuracies lie in [0, 1]. What
cannot be computed is None. Empty input and unreadable references raise ValueError.

>>> metric = SpineMeasure()
>>> result = metric.compute(predictions=["[33, 18, 9]"], references=["[30, 20, 10]"], task="cobb")
>>> result["smape"], result["mae"]
(5.0, 2.0)
>>> metric.compute(predictions=["about 12 %"], references=["10"], task="slip")["mae"]
2.0
"""


@evaluate.utils.file_utils.add_start_docstrings(DESCRIPTION, INPUTS)
class SpineMeasure(evaluate.Metric):  # type: ignore[misc]
    """Errors of measurements; see `INPUTS` for tasks, arguments, ranges and worked values."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=DESCRIPTION,
            citation="",
            inputs_description=INPUTS,
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(
        self,
        predictions: Sequence[str],
        references: Sequence[str],
        task: str = "cobb",
        limit_mm: float = 20.0,
        inclusive: bool = True,
    ) -> dict[str, Any]:
        check_lengths("spine_measure", len(predictions))
        if task not in TASKS:
            raise ValueError(f"task {task!r} is unknown; name one of {', '.join(TASKS)}")
        pairs = list(zip(predictions, references, strict=True))
        if task == "cobb":
            result = cobb(pairs)
        elif task == "centroids":
            result = centroids(pairs, limit_mm, inclusive)
        elif task == "rsna":
            result = rsna(pairs)
        else:
            result = percentages(pairs, task)
        return {"task": task, "n": len(pairs), **result}


def cobb(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the scores of Cobb angles; a prediction with another number of angles is missing."""
    true: list[list[float]] = []
    said: list[list[float]] = []
    for place, (reply, truth) in enumerate(pairs):
        with naming_item(place):
            right = read_angles(truth)
        angles = read_numbers(reply)
        if angles is not None and len(angles) == len(right):
            true.append(right)
            said.append([abs(angle) for angle in angles])
    flat_true, flat_said = list(chain.from_iterable(true)), list(chain.from_iterable(said))
    widths = {len(angles) for angles in true}
    columns = range(widths.pop()) if len(widths) == 1 else range(0)
    by_angle = [([one[k] for one in true], [one[k] for one in said]) for k in columns]
    return {
        "n_missing": len(pairs) - len(true),
        "smape": smape(true, said),
        "smape_angles": [smape([[a] for a in one], [[b] for b in other]) for one, other in by_angle],
        "mae_angles": [error_scores(one, other)["mae"] for one, other in by_angle],
        **error_scores(flat_true, flat_said),
        "cmae": circular_error(flat_true, flat_said),
    }


def read_angles(text: str) -> list[float]:
    """Return the true angles of an image from a JSON list of numbers of 0 or more.

    >>> read_angles("[30, 20.5]")
    [30.0, 20.5]
    """
    angles = json.loads(text)
    if not isinstance(angles, list) or not angles or not all(isinstance(one, int | float) for one in angles):
        raise ValueError(f"Cobb angles are a JSON list of numbers, got {text!r:.80}")
    if min(angles) < 0:
        raise ValueError(f"a Cobb angle is 0 or more, got {text!r:.80}")
    return [float(angle) for angle in angles]


def percentages(pairs: Sequence[tuple[str, str]], kind: str) -> dict[str, Any]:
    """Return the scores of slips or height losses in percent; no number or several are missing."""
    true, said = [], []
    for place, (reply, truth) in enumerate(pairs):
        with naming_item(place):
            right = float(truth)
        number = read_number(reply)
        if number is not None:
            true.append(right)
            said.append(number)
    missing = len(pairs) - len(true)
    return {"n_missing": missing, **error_scores(true, said), **grade_scores(true, said, kind)}


def centroids(pairs: Sequence[tuple[str, str]], limit_mm: float, inclusive: bool) -> dict[str, Any]:
    """Return the scores of localised vertebrae; an unreadable prediction is a scan without any."""
    scans: list[Scan] = []
    missing = 0
    for place, (reply, truth) in enumerate(pairs):
        with naming_item(place):
            true = read_centroids(truth)
        try:
            said = read_centroids(reply)
        except (ValueError, TypeError):
            missing += 1
            said = {}
        scans.append(compare(said, true, limit_mm, inclusive))
    return {"n_missing": missing, **centroid_scores(scans)}


def rsna(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the losses of RSNA 2024 and the scores of the likeliest classes."""
    studies, missing = [], 0
    for place, (reply, truth) in enumerate(pairs):
        with naming_item(place):
            study, lacking = read_study(reply, truth)
        studies.append(study)
        missing += lacking
    return {"n_missing": missing, **loss_scores(studies), **label_scores(studies)}
