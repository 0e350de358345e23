"""Drift: found where it is, and no false alarms by chance, however small the tables."""

from types import SimpleNamespace

import numpy as np
import pytest

from image_tags.expectations.custom.coverage import chance_margin
from image_tags.expectations.custom.drift import (
    ExpectKindsLikeLastVersion,
    ExpectTagsAnImageLikeLastVersion,
    ExpectTopLabelsLikeLastVersion,
    ExpectVolumeLikeLastVersion,
)
from image_tags.expectations.profile import Profile

EXPECTATIONS = (
    ExpectVolumeLikeLastVersion(max_change=0.0),
    ExpectTagsAnImageLikeLastVersion(max_change=0.0),
    ExpectKindsLikeLastVersion(max_change=0.0),
    ExpectTopLabelsLikeLastVersion(max_change=0.0, top=20),
)
"""Without any allowance, so that only the margin for chance is left."""


def a_version(images, random, share=0.3):
    """A version of images that each have some of ten labels by chance, and some words."""
    has = random.random((images, 10)) < share
    words = random.poisson(3, images)
    tags = has.sum(axis=1) + words
    labels = {f"L{n}": int(has[:, n].sum()) for n in range(10)}
    kinds = {"label": int(has.sum()), "word": int(words.sum())}
    return Profile(images, images, images, float(tags.mean()), float(tags.std()), kinds, labels)


def outcomes_of(now, last):
    return [
        one.inspect_table(None, SimpleNamespace(profile=now, last=last)).met for one in EXPECTATIONS
    ]


@pytest.mark.parametrize("images", [1, 4, 20, 300])
def test_versions_that_differ_by_chance_alone_raise_no_alarm(images):
    random = np.random.default_rng(images)
    outcomes = [outcomes_of(a_version(images, random), a_version(200, random)) for _ in range(200)]
    alarms = 1 - np.mean([outcome[1:] for outcome in outcomes], axis=0)  # the rows do differ
    assert alarms.max() <= 0.03


def test_versions_that_differ_raise_the_alarm():
    random = np.random.default_rng(0)
    assert outcomes_of(a_version(300, random), a_version(300, random, share=0.9)) == [
        True,
        False,
        False,
        False,
    ]
    assert not outcomes_of(a_version(20, random), a_version(300, random))[0]


def test_the_allowance_is_the_settings_own():
    random = np.random.default_rng(0)
    whole = SimpleNamespace(profile=a_version(300, random), last=a_version(300, random, share=0.9))
    assert ExpectTopLabelsLikeLastVersion(max_change=0.9, top=20).inspect_table(None, whole).met
    assert ExpectTagsAnImageLikeLastVersion(max_change=0.9).inspect_table(None, whole).met


def test_the_first_version_and_one_without_images_have_nothing_to_compare_with():
    now = a_version(5, np.random.default_rng(0))
    nothing = Profile(5, 5, 0, 0.0, 0.0, {}, {})
    assert (
        outcomes_of(now, None)
        == outcomes_of(now, nothing)
        == outcomes_of(nothing, now)
        == outcomes_of(nothing, nothing)
        == [True] * 4
    )


def test_the_margin_shrinks_with_the_size_and_vanishes_at_the_ends():
    assert chance_margin(0.5, 9) == pytest.approx(0.5)
    assert chance_margin(0.5, 100) == pytest.approx(0.15)
    assert chance_margin(0.0, 3) == chance_margin(1.0, 3) == 0
