"""Our statistics beside statsmodels, scikit-learn, krippendorff, pingouin and scipy on random data."""

from __future__ import annotations

from typing import Any

import krippendorff
import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import fleiss_kappa as other_fleiss
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from spinemed.agreement import fleiss_kappa, kendall, pearson, spearman, weighted_kappa
from spinemed.comparisons import (
    benjamini_hochberg,
    benjamini_yekutieli,
    holm,
    mcnemar_exact,
    mcnemar_mid_p,
    sign_flip_p,
)
from spinemed.intervals import (
    NotEstimable,
    bca_ends,
    clopper_pearson,
    clustered_error,
    clustered_mean,
    wilson,
)
from spinemed.power import paired_spread, required_items
from spinemed.reliability import icc, icc_interval, krippendorff_alpha

NINE = {"abs": 1e-9}
SEEDS = range(5)


def ratings(seed: int, cases: int = 25, raters: int = 4) -> np.ndarray:
    """Return scores 1 to 5 of raters that see one truth, each with noise and a bias of its own."""
    draw = np.random.default_rng(seed)
    truth = (
        draw.normal(3, 1.2, (cases, 1)) + draw.normal(0, 0.4, raters) + draw.normal(0, 0.6, (cases, raters))
    )
    return np.clip(np.rint(truth), 1, 5)


@pytest.mark.parametrize(
    ("hits", "count"), [(81, 263), (15, 148), (0, 20), (1, 29), (20, 20), (0, 1), (263, 487), (54, 87)]
)
def test_intervals_of_shares_equal_statsmodels(hits: int, count: int) -> None:
    for confidence in (0.8, 0.95, 0.99):
        alpha = 1 - confidence
        assert wilson(hits, count, confidence) == pytest.approx(
            proportion_confint(hits, count, alpha, "wilson"), **NINE
        )
        assert clopper_pearson(hits, count, confidence) == pytest.approx(
            proportion_confint(hits, count, alpha, "beta"), **NINE
        )


@pytest.mark.parametrize(
    ("first", "second"), [(2, 0), (5, 15), (1, 9), (10, 10), (40, 60), (700, 760), (30_000, 30_500)]
)
def test_mcnemar_equals_statsmodels_and_scipy(first: int, second: int) -> None:
    table = [[3, first], [second, 4]]
    assert mcnemar_exact(first, second) == pytest.approx(mcnemar(table, exact=True).pvalue, **NINE)
    seen = scipy.stats.binom.pmf(min(first, second), first + second, 0.5)
    middle = 1.0 if first == second else mcnemar(table, exact=True).pvalue - seen
    assert mcnemar_mid_p(first, second) == pytest.approx(middle, **NINE)


@pytest.mark.parametrize("seed", SEEDS)
def test_clustered_errors_equal_statsmodels(seed: int) -> None:
    draw = np.random.default_rng(seed)
    groups = draw.integers(0, 12, 90)
    scores = draw.normal(0, 1, 90) + draw.normal(0, 1, 12)[groups]
    model = OLS(scores, np.ones(90))
    options = {"groups": groups, "df_correction": True}
    # statsmodels scales by C / (C - 1) x (n - 1) / (n - k), which is C / (C - 1) for a mean.
    corrected = model.fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": True}, use_t=True)
    plain = model.fit(cov_type="cluster", cov_kwds=options | {"use_correction": False})
    assert clustered_error(scores.tolist(), groups.tolist()) == pytest.approx(corrected.bse[0], **NINE)
    assert clustered_error(scores.tolist(), groups.tolist(), "CR0") == pytest.approx(plain.bse[0], **NINE)
    found = clustered_mean(scores.tolist(), groups.tolist())
    assert not isinstance(found, NotEstimable)
    assert (found.low, found.high) == pytest.approx(tuple(corrected.conf_int()[0]), **NINE)


@pytest.mark.parametrize("seed", SEEDS)
def test_corrections_equal_statsmodels(seed: int) -> None:
    p_values = np.random.default_rng(seed).beta(0.5, 3, 11).tolist()
    for ours, name in ((holm, "holm"), (benjamini_hochberg, "fdr_bh"), (benjamini_yekutieli, "fdr_by")):
        assert ours(p_values) == pytest.approx(multipletests(p_values, method=name)[1].tolist(), **NINE)


@pytest.mark.parametrize("seed", SEEDS)
def test_sign_flips_equal_the_permutation_test_of_scipy(seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.4, 1, 11)
    other = scipy.stats.permutation_test(
        (values,), np.sum, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert sign_flip_p(values.tolist()) == pytest.approx(other.pvalue, **NINE)
    whole = np.rint(3 * values)
    other = scipy.stats.permutation_test(
        (whole,), np.sum, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert sign_flip_p(whole.tolist()) == pytest.approx(min(1.0, other.pvalue), **NINE)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_corrected_bootstrap_equals_scipy_on_the_same_draws(seed: int) -> None:
    values = np.random.default_rng(seed).exponential(1, 30)
    other = scipy.stats.bootstrap((values,), np.mean, method="BCa", n_resamples=999, rng=seed)
    left_out = (values.sum() - values) / 29
    ends = bca_ends(other.bootstrap_distribution, float(values.mean()), left_out, 0.95)
    assert ends == pytest.approx(tuple(other.confidence_interval), **NINE)


@pytest.mark.parametrize("seed", SEEDS)
def test_kappas_equal_scikit_learn_and_statsmodels(seed: int) -> None:
    table = ratings(seed)
    first, second = table[:, 0], table[:, 1]
    for ours, theirs in (("quadratic", "quadratic"), ("linear", "linear"), ("unweighted", None)):
        other = cohen_kappa_score(first, second, labels=[1, 2, 3, 4, 5], weights=theirs)
        assert weighted_kappa(first, second, range(1, 6), ours) == pytest.approx(other, **NINE)  # type: ignore[arg-type]
    counts = np.array([[(row == score).sum() for score in range(1, 6)] for row in table])
    assert fleiss_kappa(counts) == pytest.approx(other_fleiss(counts), **NINE)


@pytest.mark.parametrize("seed", SEEDS)
def test_correlations_equal_scipy(seed: int) -> None:
    first, second = ratings(seed)[:, :2].T
    assert pearson(first, second) == pytest.approx(scipy.stats.pearsonr(first, second)[0], **NINE)
    assert spearman(first, second) == pytest.approx(scipy.stats.spearmanr(first, second)[0], **NINE)
    assert kendall(first, second) == pytest.approx(scipy.stats.kendalltau(first, second)[0], **NINE)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("measure", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_equals_krippendorff_with_missing_scores(seed: int, measure: Any) -> None:
    table = ratings(seed)
    table[np.random.default_rng(seed).random(table.shape) < 0.3] = np.nan
    rows = [[None if np.isnan(score) else float(score) for score in row] for row in table]
    other = krippendorff.alpha(reliability_data=table.T, level_of_measurement=measure)
    assert krippendorff_alpha(rows, measure) == pytest.approx(other, **NINE)


# Pingouin 0.7 calls DataFrame.dropna with an option that pandas 3.1 deprecates (pingouin.parametric.anova2).
@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.dropna")
def test_intraclass_correlations_equal_pingouin(monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd
    import pingouin  # slow to import, and only here

    monkeypatch.setitem(pingouin.options, "round.column.CI95", 14)
    for seed in SEEDS:
        table = ratings(seed)
        long = pd.DataFrame(
            {
                "case": np.repeat(np.arange(25), 4),
                "rater": np.tile(np.arange(4), 25),
                "score": table.ravel(),
            }
        )
        other = pingouin.intraclass_corr(long, targets="case", raters="rater", ratings="score")
        values = dict(zip(other["Type"].str.upper(), other["ICC"], strict=True))
        for form in ("1,1", "A,1", "C,1", "1,k", "A,k", "C,k"):
            assert icc(table, form) == pytest.approx(values[f"ICC({form.upper()})"], **NINE)  # type: ignore[arg-type]
        low, high = other.loc[other["Type"] == "ICC(A,1)", other.columns[-1]].iloc[0]
        assert icc_interval(table) == pytest.approx((low, high), **NINE)


def test_the_number_of_items_equals_the_z_test_of_statsmodels() -> None:
    from statsmodels.stats.power import NormalIndPower

    # One sample is the limit of two samples of which the second is endless (ratio = 0).
    for difference in (0.03, 0.05, 0.1):
        other = NormalIndPower().solve_power(difference / paired_spread(), alpha=0.05, power=0.8, ratio=0)
        assert required_items(difference) == int(np.ceil(other - 1e-6))
