"""The estimator: DeLong's arithmetic, interval and p-value that agree, clusters, separation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, special, stats

from image_tags.tasks.effects.sharing import Sharing
from image_tags.tasks.effects.superiority import estimate_superiority


def estimate(values, having, clusters=None, sharing=None):
    has = sparse.csr_array(np.asarray(having, dtype="float64").reshape(len(values), -1))
    groups = np.arange(len(values)) if clusters is None else np.asarray(clusters)
    membership = sparse.csr_array(
        (np.ones(len(values)), (np.arange(len(values)), groups)),
        shape=(len(values), groups.max() + 1),
    )
    return estimate_superiority(np.asarray(values, dtype="float64"), has, membership, sharing)


def delong(one, other):
    """Superiority and its standard error, as the definition has them."""
    pairs = (one[:, None] > other).astype(float) + 0.5 * (one[:, None] == other)
    spread = pairs.mean(axis=1).var(ddof=1) / len(one) + pairs.mean(axis=0).var(ddof=1) / len(other)
    return pairs.mean(), np.sqrt(spread)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([3, 8, 200]))
def test_without_clusters_it_is_delong_with_a_prior_on_the_logit_scale(seed, levels):
    rng = np.random.default_rng(seed)
    values, having = rng.integers(0, levels, 60), np.arange(60) < rng.integers(8, 40)
    found = estimate(values, having)
    superiority, error = delong(values[having], values[~having])
    assert found.superiority[0] == pytest.approx(superiority)
    middle = special.logit([found.low[0], found.high[0]]).mean()
    assert middle == pytest.approx(special.logit(superiority))
    with_n, without_n = having.sum(), (~having).sum()
    shares = np.r_[[1 / with_n] * with_n, [1 / without_n] * without_n] ** 2
    freedom = shares.sum() ** 2 / (shares**2).sum() - 1
    fewer, most = min(with_n, without_n), max(superiority, 1 - superiority)
    prior = (2 * most**2 / (1 + most) - most**2) * (1 / with_n + 1 / without_n)
    error = np.sqrt((fewer * error**2 + prior) / (fewer + 1))
    reach = stats.t.ppf(0.975, freedom) * error / (superiority * (1 - superiority))
    assert special.logit(found.high[0]) - middle == pytest.approx(reach)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_the_interval_leaves_out_one_half_exactly_where_p_is_below_five_percent(seed):
    rng = np.random.default_rng(seed)
    having = rng.random((40, 8)) < 0.4
    having[:2], having[2:4] = True, False
    found = estimate(
        np.round(rng.normal(0, 2, 40) + having[:, 0]), having, rng.permutation(40) // 3
    )
    outside = (found.low > 0.5) | (found.high < 0.5)
    assert (outside == (found.p_value < 0.05)).all()
    assert (found.low <= found.superiority).all()
    assert (found.superiority <= found.high).all()
    assert ((found.low >= 0) & (found.high <= 1)).all()


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("with_n", "without_n"), [(40, 60), (100, 900), (300, 300)])
def test_without_clusters_it_agrees_with_the_tests_of_scipy(with_n, without_n, ties):
    """Brunner and Munzel's test has the same variance, without logit and prior: both are cautious.

    The Mann-Whitney test takes the variance where nothing differs; it agrees near there only.
    """
    rng = np.random.default_rng([with_n, ties])
    for factor in (0.8, 1.0, 1.2, 1.4):
        one, other = rng.lognormal(3, 1, with_n) * factor, rng.lognormal(3, 1, without_n)
        if ties:
            one, other = np.round(one / 10), np.round(other / 10)
        found = estimate(np.r_[one, other], np.arange(with_n + without_n) < with_n)
        ranked = stats.mannwhitneyu(one, other)
        assert found.superiority[0] == pytest.approx(ranked.statistic / (with_n * without_n))
        ours, munzel, ranks = (
            stats.norm.isf(p / 2)
            for p in (
                found.p_value[0],
                stats.brunnermunzel(one, other, alternative="two-sided").pvalue,
                ranked.pvalue,
            )
        )
        assert 0.88 * munzel - 0.05 <= ours <= munzel + 0.03
        assert ours == pytest.approx(ranks, rel=0.2, abs=0.1)


def test_repeating_every_unit_in_its_cluster_adds_no_certainty():
    rng = np.random.default_rng(2)
    values, having = rng.normal(size=50), rng.random(50) < 0.4
    once = estimate(values, having)
    five = estimate(np.repeat(values, 5), np.repeat(having, 5), np.repeat(np.arange(50), 5))
    assert five.superiority == pytest.approx(once.superiority)
    assert (five.low, five.high, five.p_value) == (
        pytest.approx(once.low), pytest.approx(once.high), pytest.approx(once.p_value)
    )  # fmt: skip


def test_overlapping_pairs_add_their_covariance_once():
    rng = np.random.default_rng(3)
    values, having = rng.normal(size=400), rng.random(400) < 0.5
    values[1::2] = values[::2]  # pairs that are the same
    having[1::2] = having[::2]
    pairs = np.arange(400) ^ 1
    overlaps = sparse.csr_array((np.ones(400), (np.arange(400), pairs)), shape=(400, 400))
    alone = estimate(values, having)
    parts = sparse.csr_array(np.repeat(np.eye(200), 2, axis=0))
    paired = estimate(values, having, sharing=Sharing(overlaps, parts))
    widths = [special.logit(one.high) - special.logit(one.low) for one in (alone, paired)]
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(2), rel=0.02)


def test_complete_separation_has_an_interval_and_a_small_p_value():
    found = estimate(np.arange(30), np.arange(30) >= 20)
    assert found.superiority[0] == found.high[0] == 1
    assert 0.8 < found.low[0] < 1
    assert found.p_value[0] < 1e-3


def test_a_side_that_is_one_cluster_has_no_interval():
    having = np.arange(20) < 10
    found = estimate(np.arange(20) % 7, having, np.where(having, 0, np.arange(20)))
    assert np.isnan([found.low[0], found.high[0], found.p_value[0]]).all()


def test_no_traits_give_no_estimates():
    found = estimate([1.0, 2.0], np.empty((2, 0)))
    assert len(found.superiority) == len(found.p_value) == 0
