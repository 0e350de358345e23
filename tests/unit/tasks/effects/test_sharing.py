"""Dependence between units: the correction of the variance, the effective number of pictures."""

import numpy as np
import pytest
from scipy import sparse

from image_tags.tasks.effects.sharing import Sharing, correct_variance, count_effective

BLOCKS, EACH = 12, 5


def blocks():
    """Units in equal groups, each group one picture; half of the groups have the trait."""
    picture = np.repeat(np.arange(BLOCKS), EACH)
    parts = sparse.csr_array(np.eye(BLOCKS)[picture])
    units = len(picture)
    alone = sparse.csr_array(sparse.eye_array(units))
    overlaps = sparse.csr_array((picture[:, None] == picture) - np.eye(units))
    return Sharing(overlaps, parts), alone, (picture < BLOCKS // 2).astype("float64")[:, None]


def test_with_equal_blocks_it_is_the_correction_of_a_sample_variance():
    sharing, alone, has = blocks()
    side = BLOCKS // 2
    assert correct_variance(sharing, alone, has) == pytest.approx([side / (side - 1)])
    assert count_effective(sharing.parts, has) == pytest.approx([BLOCKS])


def test_it_is_the_ratio_that_simulation_finds():
    """Albums of two pictures out of twenty, which make all the difference between albums."""
    rng = np.random.default_rng(1)
    albums = [rng.choice(20, 2, replace=False) for _ in range(120)]
    parts = np.zeros((120, 20))
    for row, album in enumerate(albums):
        parts[row, album] = 0.5
    near = ((parts @ parts.T) > 0).astype("float64")
    has = np.array([0 in album or 1 in album or 2 in album for album in albums], dtype="float64")
    sharing = Sharing(sparse.csr_array(near - np.eye(120)), sparse.csr_array(parts))
    alone = sparse.csr_array(sparse.eye_array(120))
    contrast = has / has.sum() - (1 - has) / (1 - has).sum()
    values = parts @ rng.normal(size=(20, 40_000))
    means = np.where(has[:, None] > 0, has @ values / has.sum(), 0)
    means += np.where(has[:, None] > 0, 0, (1 - has) @ values / (1 - has).sum())
    weighted = contrast[:, None] * (values - means)
    estimates = (weighted * (near @ weighted)).sum(axis=0)
    true = (contrast @ values).var() / estimates.mean()
    found = correct_variance(sharing, alone, has[:, None])
    assert true > 1.2
    assert found == pytest.approx([true], rel=0.03)


def test_a_side_that_shows_one_picture_leaves_nothing_to_estimate_by():
    sharing, alone, _ = blocks()
    has = (np.arange(BLOCKS * EACH) < EACH).astype("float64")[:, None]
    assert count_effective(sharing.parts, has)[0] < 1.5
    lone = Sharing(sparse.csr_array(np.ones((6, 6)) - np.eye(6)), sparse.csr_array(np.ones((6, 1))))
    alone = sparse.csr_array(sparse.eye_array(6))
    assert np.isnan(correct_variance(lone, alone, np.array([[1.0], [1], [1], [0], [0], [0]]))).all()
