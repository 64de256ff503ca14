"""Paired comparison of every two of several lists of scores, with tests that respect patients."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from pydantic import Field

from spinemed.bench.scoring.score_files import Matched, match, read_files
from spinemed.comparisons import cluster_flip_p, holm, mcnemar_exact, mcnemar_mid_p
from spinemed.errors import ConfigError
from spinemed.intervals import Interval, NotEstimable, bootstrap_mean, clustered_mean
from spinemed.power import observed_design_effect
from spinemed.records import Record


class Candidate(Record):
    """One file: its mean score with the bootstrap interval over patients."""

    name: str
    mean: float
    low: float | None = Field(description="null where one patient or equal scores give no interval")
    high: float | None
    left_out: int = Field(description="items of the file that another file lacks")
    unscored: int = Field(
        description="items that are neither right nor wrong: no sites, no side, or a report"
    )


class Pair(Record):
    """Two files on the same items: first minus second. Null where the data cannot tell."""

    first: str
    second: str
    difference: float
    low: float | None = Field(description="percentile bootstrap over patients")
    high: float | None
    error: float | None = Field(description="CR1 error of the difference, clustered by patient")
    t_low: float | None = Field(description="t interval with that error and patients - 1 degrees of freedom")
    t_high: float | None
    wins: int = Field(description="items on which the first scores higher")
    losses: int
    mcnemar_p: float | None = Field(description="exact, items as independent; null unless scores are 0 or 1")
    mcnemar_mid_p: float | None
    patients_p: float = Field(description="two-sided sign-flip test over patients")
    least_p: float = Field(description="the smallest patients_p that so many differing patients can give")
    holm_p: float = Field(description="patients_p after Holm over all pairs")
    design_effect: float | None = Field(description="variance of the difference over that of single items")
    detectable: float | None = Field(
        description="smallest difference found with `power`, given the error seen, at alpha / number of pairs"
    )
    conclusion: str


class Comparison(Record):
    """All pairs of two or more files on the items that they share."""

    n: int
    patients: int
    right_or_wrong: bool = Field(description="all scores are 0 or 1")
    confidence: float
    alpha: float
    power: float
    candidates: tuple[Candidate, ...]
    pairs: tuple[Pair, ...]


def compare_files(
    paths: Sequence[Path],
    data: Path,
    config: str,
    split: str,
    *,
    common: bool = False,
    alpha: float = 0.05,
    power: float = 0.8,
) -> Comparison:
    """Return the comparison of two or more files of predictions or scores; errors as in `score_files`."""
    return compare(match(read_files(paths, data, config, split), common), alpha=alpha, power=power)


def compare(matched: Matched, *, alpha: float = 0.05, power: float = 0.8, draws: int = 10_000) -> Comparison:
    """Return candidates, and all pairs in the order of the files, with Holm's correction over the pairs."""
    if not 0 < alpha < 1 or not 0 < power < 1:
        raise ConfigError(f"alpha and power lie strictly between 0 and 1, got {alpha} and {power}")
    binary = all(score in (0.0, 1.0) for scores in matched.scores for score in scores)
    chosen = list(combinations(range(len(matched.names)), 2))
    differences = [
        [one - other for one, other in zip(matched.scores[first], matched.scores[second], strict=True)]
        for first, second in chosen
    ]
    p_values = [cluster_flip_p(values, matched.patients) for values in differences]
    pairs = []
    for (first, second), values, p, corrected in zip(
        chosen, differences, p_values, holm(p_values), strict=True
    ):
        names = matched.names[first], matched.names[second]
        least = detectable(values, matched.patients, alpha / len(chosen), power)
        found = pair(names, values, matched.patients, binary, 1 - alpha, draws, p, corrected, least)
        said = conclusion(found, len(set(matched.patients)), len(chosen), binary, alpha, power)
        pairs.append(found.model_copy(update={"conclusion": said}))
    return Comparison(
        n=len(matched.ids),
        patients=len(set(matched.patients)),
        right_or_wrong=binary,
        confidence=1 - alpha,
        alpha=alpha,
        power=power,
        candidates=tuple(candidate(matched, place, 1 - alpha, draws) for place in range(len(matched.names))),
        pairs=tuple(pairs),
    )


def candidate(matched: Matched, place: int, confidence: float, draws: int) -> Candidate:
    """Return the mean and interval of one file."""
    scores = matched.scores[place]
    span = patient_span(scores, matched.patients, confidence, draws)
    return Candidate(
        name=matched.names[place],
        mean=sum(scores) / len(scores),
        low=span.low if span else None,
        high=span.high if span else None,
        left_out=matched.left_out[place],
        unscored=matched.unscored[place],
    )


def pair(
    names: tuple[str, str],
    differences: Sequence[float],
    patients: Sequence[str],
    binary: bool,
    confidence: float,
    draws: int,
    p: float,
    corrected: float,
    least: float | None,
) -> Pair:
    """Return the figures of one pair, still without its conclusion."""
    wins = sum(value > 0 for value in differences)
    losses = sum(value < 0 for value in differences)
    span = patient_span(differences, patients, confidence, draws)
    mean = clustered_mean(differences, patients, confidence)
    estimated = None if isinstance(mean, NotEstimable) or mean.error == 0 else mean
    effect = observed_design_effect(differences, patients)
    differing = len({patient for patient, value in zip(patients, differences, strict=True) if value})
    return Pair(
        first=names[0],
        second=names[1],
        difference=sum(differences) / len(differences),
        low=span.low if span else None,
        high=span.high if span else None,
        error=estimated.error if estimated else None,
        t_low=estimated.low if estimated else None,
        t_high=estimated.high if estimated else None,
        wins=wins,
        losses=losses,
        mcnemar_p=mcnemar_exact(wins, losses) if binary else None,
        mcnemar_mid_p=mcnemar_mid_p(wins, losses) if binary else None,
        patients_p=p,
        least_p=min(1.0, 2.0 ** (1 - differing)),
        holm_p=corrected,
        design_effect=None if isinstance(effect, NotEstimable) else effect,
        detectable=least,
        conclusion="",
    )


def patient_span(
    scores: Sequence[float], patients: Sequence[str], confidence: float, draws: int
) -> Interval | None:
    """Return the bootstrap interval over patients; None where one patient or equal scores give none."""
    if len(set(patients)) < 2 or len(set(scores)) < 2:
        return None
    return bootstrap_mean(scores, patients, confidence=confidence, draws=draws)


def detectable(
    differences: Sequence[float], patients: Sequence[str], alpha: float, power: float
) -> float | None:
    """Return the smallest difference that a two-sided test finds with `power`, given the error seen.

    The error holds the share of discordant items as well as how much patients have in common. Quantiles are
    of Student's t with patients - 1 degrees of freedom (Bloom 1995). None where no error can be estimated.
    """
    from scipy.special import stdtrit

    mean = clustered_mean(differences, patients)
    if isinstance(mean, NotEstimable) or mean.error == 0:
        return None
    degrees = mean.clusters - 1
    return float(stdtrit(degrees, 1 - alpha / 2) + stdtrit(degrees, power)) * mean.error


def conclusion(found: Pair, patients: int, pairs: int, binary: bool, alpha: float, power: float) -> str:
    """Return one plain sentence on what a pair shows."""
    one, other = found.first, found.second
    after = f" after Holm over {pairs} pairs" if pairs > 1 else ""
    if not found.wins and not found.losses:
        return f"{one} and {other} score the same on every item."
    if patients == 1:
        return f"All items are of one patient: nothing can be said about {one} and {other} on other patients."
    if found.holm_p < alpha:
        better, worse = (one, other) if found.difference > 0 else (other, one)
        verb = "is right more often than" if binary else "scores higher than"
        return (
            f"{better} {verb} {worse}, by {amount(abs(found.difference), binary)}"
            f" ({p_words(found.holm_p)} over patients{after})."
        )
    if min(1.0, found.least_p * pairs) >= alpha:
        return (
            f"No difference between {one} and {other} is shown, and none could be: they differ in too few "
            f"patients for any p below {alpha:g}{after}."
        )
    said = f"No difference between {one} and {other} is shown ({p_words(found.holm_p)} over patients{after})"
    if found.detectable is None:
        return f"{said}."
    return f"{said}; one of {amount(found.detectable, binary)} would be found with {power:.0%} power."


def amount(difference: float, binary: bool) -> str:
    """Return a difference in words: percentage points for right-or-wrong scores, else the number.

    >>> amount(0.052, True), amount(0.052, False)
    ('5.2 points', '0.052')
    """
    return f"{100 * difference:.1f} points" if binary else f"{difference:.3g}"


def p_words(p: float) -> str:
    """Return a p value in words, with two figures.

    >>> p_words(0.0214), p_words(3e-9)
    ('p = 0.021', 'p < 0.0001')
    """
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"
