"""The probability of superiority of many groups at once, with an interval and a p-value.

One estimate, one standard error and one t distribution give both the interval and the p-value, so
that they always agree. docs/effects.md explains the method and names its sources.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse, special, stats

from image_tags.tasks.contracts.metrics import Floats
from image_tags.tasks.effects.sharing import Sharing, correct_variance, count_effective

LEVEL = 0.95
"""Of the interval."""

CELLS = 4_000_000
"""Numbers (units x traits) that are in memory at the same time, a few times over."""


@dataclass(frozen=True)
class Estimates:
    """One entry per trait.

    Attributes:
        superiority: P(with > without) + P(tie) / 2.
        low: lower end of its 95% interval.
        high: upper end.
        p_value: two-sided, that it is 1/2.
        with_clusters: independent clusters that have the trait.
        without_clusters: those that lack it; a cluster can be on both sides.
    """

    superiority: Floats
    low: Floats
    high: Floats
    p_value: Floats
    with_clusters: Floats
    without_clusters: Floats


def estimate_superiority(
    values: Floats,
    has: sparse.csr_array,
    clusters: sparse.csr_array,
    sharing: Sharing | None = None,
) -> Estimates:
    """Estimate the probability that a unit with a trait has a higher value than one without.

    Args:
        values: one per unit.
        has: units x traits, 1 where the unit has the trait. Every trait needs units on both sides.
        clusters: units x clusters, 1 where the unit belongs to the cluster. Units without a
            cluster in common count as independent, unless `sharing` says otherwise.
        sharing: the pictures and clusters that units share beyond that.

    Returns:
        The estimates; the interval and p-value are NaN where all units of one side are in one
        cluster, or show one picture, so that the uncertainty cannot be estimated.
    """
    lines = max(1, len(values), sharing.parts.shape[1] if sharing else 0)
    width = max(1, CELLS // lines)
    parts = [
        _estimate_some(values, has[:, at : at + width].toarray(), clusters, sharing)
        for at in range(0, has.shape[1], width)
    ]
    fields = Estimates.__dataclass_fields__
    return Estimates(
        **{name: np.concatenate([np.empty(0), *(part[name] for part in parts)]) for name in fields}
    )


def _estimate_some(
    values: Floats, has: Floats, clusters: sparse.csr_array, sharing: Sharing | None
) -> dict[str, Floats]:
    with_n = has.sum(axis=0)
    without_n = len(values) - with_n
    superiority, with_place, without_place = _place_units(values, has, with_n, without_n)
    with_part = has * (with_place - superiority) / with_n
    without_part = (1 - has) * (without_place - superiority) / without_n
    with_share = (clusters.T @ has) / with_n
    without_share = (clusters.T @ (1 - has)) / without_n
    with np.errstate(divide="ignore", invalid="ignore"):
        # CR2: a cluster that makes up much of its side pulls the mean towards itself, so that its
        # own deviation is too small by this root.
        scaled = clusters.T @ with_part / np.sqrt(np.clip(1 - with_share, 0, None))
        scaled += clusters.T @ without_part / np.sqrt(np.clip(1 - without_share, 0, None))
        variance = (scaled**2).sum(axis=0)
        effective = count_effective(clusters, has)
        if sharing is not None:
            parts = with_part + without_part
            shared = (parts * (sharing.overlaps @ parts)).sum(axis=0)
            variance = np.maximum(variance + shared, (parts**2).sum(axis=0))
            variance *= correct_variance(sharing, clusters, has)
            effective = np.minimum(effective, count_effective(sharing.parts, has))
        freedom = np.maximum(effective - 1, 1)
    sides = [(share > 0).sum(axis=0).astype("float64") for share in (with_share, without_share)]
    alone = np.maximum(with_share.max(axis=0), without_share.max(axis=0)) > 1 - 1e-9
    smaller = np.minimum(*sides)
    edge = 1 / (2 * smaller**2)
    bounded = np.clip(superiority, edge, 1 - edge)
    prior = _guess_spread(bounded) * (1 / sides[0] + 1 / sides[1])
    error = np.sqrt((smaller * variance + prior) / (smaller + 1)) / (bounded * (1 - bounded))
    error[alone] = np.nan
    centre = special.logit(bounded)
    reach = stats.t.ppf((1 + LEVEL) / 2, freedom) * error
    return {
        "superiority": superiority,
        "low": np.minimum(special.expit(centre - reach), superiority),
        "high": np.maximum(special.expit(centre + reach), superiority),
        "p_value": 2 * stats.t.sf(np.abs(centre) / error, freedom),
        "with_clusters": sides[0],
        "without_clusters": sides[1],
    }


def _guess_spread(superiority: Floats) -> Floats:
    """Guess the variance of one unit's share if nothing is known but the superiority.

    The larger of Hanley and McNeil's two expressions. It weighs as much as one cluster: ten units
    that all happen to be near the top seem to vary less than they do.
    """
    most = np.maximum(superiority, 1 - superiority)
    spread: Floats = 2 * most**2 / (1 + most) - most**2
    return spread


def _place_units(
    values: Floats, has: Floats, with_n: Floats, without_n: Floats
) -> tuple[Floats, Floats, Floats]:
    """Superiority, and each unit's own share in it (DeLong's structural components).

    A unit with the trait is placed among those without it, and the other way round; ties count
    half.
    """
    steps, step = np.unique(values, return_inverse=True)
    on_step = sparse.csr_array(
        (np.ones(len(values)), (step, np.arange(len(values)))), shape=(len(steps), len(values))
    )
    having = on_step @ has
    lacking = np.bincount(step, minlength=len(steps))[:, None] - having
    below_with = (np.cumsum(having, axis=0) - having / 2) / with_n
    below_without = (np.cumsum(lacking, axis=0) - lacking / 2) / without_n
    superiority = (having * below_without).sum(axis=0) / with_n
    return superiority, below_without[step], 1 - below_with[step]
