"""Units that are dependent because they show the same picture, or share a cluster.

A picture in many albums moves all of them: those albums are hardly more evidence than the picture
alone, whatever their number.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from image_tags.tasks.contracts.metrics import Floats
from image_tags.tasks.effects.posts import Posts


@dataclass(frozen=True)
class Sharing:
    """What units have in common beyond single clusters.

    Attributes:
        overlaps: units x units, symmetric: what to add to the number of clusters in common, so
            that each dependent pair counts once.
        parts: units x pictures: each picture's part in the unit; the parts of a unit add up to 1.
    """

    overlaps: sparse.csr_array
    parts: sparse.csr_array


def find_sharing(posts: Posts, clusters: sparse.csr_array) -> Sharing | None:
    """Find what units share; None if the clusters tell all.

    Two units are dependent if they share a cluster or a picture. Pairs that share a picture but no
    cluster are missing from the sum over clusters; pairs that share several clusters are in it
    several times.
    """
    several = clusters.sum(axis=1) > 1
    sizes = posts.pictures.sum(axis=1)
    if not several.any() and not (sizes > 1).any():
        return None
    sharing = (posts.pictures @ posts.pictures.T).tocoo()
    pairs = [np.column_stack([sharing.row, sharing.col])]
    if several.any():
        at = np.flatnonzero(several)
        both = (clusters[at] @ clusters[at].T).tocoo()
        pairs.append(np.column_stack([at[both.row], at[both.col]]))
    one, other = np.unique(np.concatenate(pairs), axis=0).T
    shared = clusters[one].multiply(clusters[other]).sum(axis=1)
    units = clusters.shape[0]
    overlaps = sparse.csr_array((1 - shared, (one, other)), shape=(units, units))
    overlaps.eliminate_zeros()
    if not overlaps.nnz:
        return None
    of_unit = sparse.diags_array(1 / np.maximum(sizes, 1))
    # A unit without a picture is one by itself.
    alone = sparse.eye_array(units, format="csc")[:, np.flatnonzero(sizes == 0)]
    parts = sparse.hstack([of_unit @ posts.pictures, alone])
    return Sharing(overlaps, sparse.csr_array(parts))


def count_effective(parts: sparse.csr_array, has: Floats) -> Floats:
    """Count the effective number of independent clusters behind each trait's comparison.

    Clusters that make up more of one side than of the other count for more, as in Carter, Schnepel
    and Steigerwald (2017): equal ones on two sides of the same size all count, and one cluster that
    makes up a side leaves little more than one.

    Args:
        parts: units x clusters (or pictures): each one's part in the unit.
        has: units x traits, 1 where the unit has the trait.
    """
    lacks = 1 - has
    share = parts.T @ has / has.sum(axis=0) - parts.T @ lacks / lacks.sum(axis=0)
    pull = share**2
    effective: Floats = pull.sum(axis=0) ** 2 / (pull**2).sum(axis=0)
    return effective


LEAST = 0.01
"""Share of the variance that its estimate must be expected to find."""


def correct_variance(sharing: Sharing, clusters: sparse.csr_array, has: Floats) -> Floats:
    """Return by how much the variance over dependent pairs must grow, for each trait.

    Deviations from a mean that the units themselves have pulled are too small: CR2's correction,
    for dependence that does not fall into clusters. It is the variance that there would be if
    pictures made all the difference, divided by what its estimate is then expected to be.

    Returns:
        At least 1; NaN where next to nothing is expected of the estimate, as where all units that
        have the trait show the same picture.
    """
    lacks = 1 - has
    with_n, without_n = has.sum(axis=0), lacks.sum(axis=0)
    # For each unit, the mean over either side of: does it depend on this unit (0 or 1), and how
    # much do they vary together.
    near_with, near_without = _mean_over_sides(
        lambda side: clusters @ (clusters.T @ side) + sharing.overlaps @ side, has
    )
    like_with, like_without = _mean_over_sides(
        lambda side: sharing.parts @ (sharing.parts.T @ side), has
    )
    contrast = has / with_n - lacks / without_n
    true = (contrast * (like_with - like_without)).sum(axis=0)
    # sum_ij c_i c_j near_ij E(e_i e_j), where e is a value less the mean of its side.
    pulled = (contrast * (near_with * like_with - near_without * like_without)).sum(axis=0)
    within = _mean(has, near_with) * _mean(has, like_with)
    within += _mean(lacks, near_without) * _mean(lacks, like_without)
    across = _mean(has, near_without) * _mean(has, like_without)
    expected = true - 2 * pulled + within - 2 * across
    enough = expected > LEAST * true
    return np.where(enough, np.maximum(true / np.where(enough, expected, 1), 1), np.nan)


def _mean_over_sides(add_up: Callable[[Floats], Floats], has: Floats) -> tuple[Floats, Floats]:
    having, every = add_up(has), add_up(np.ones((len(has), 1)))
    with_n = has.sum(axis=0)
    return having / with_n, (every - having) / (len(has) - with_n)


def _mean(side: Floats, values: Floats) -> Floats:
    mean: Floats = (side * values).sum(axis=0) / side.sum(axis=0)
    return mean
