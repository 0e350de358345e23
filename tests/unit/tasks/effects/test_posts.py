"""Units: one per distinct set of pictures, their standing, their clusters and overlaps."""

import numpy as np
import pyarrow as pa

from image_tags.tasks.contracts.tables import IMAGES, schema_of
from image_tags.tasks.effects.posts import cluster_units, find_posts, rank_units
from image_tags.tasks.effects.sharing import find_sharing


def posts_of(rows):
    """Make posts from the pictures of each row."""
    links = [
        {"row": row, "position": at, "image_id": image, "status": "tagged"}
        for row, images in enumerate(rows)
        for at, image in enumerate(images)
    ]
    return find_posts(pa.Table.from_pylist(links, schema=schema_of(IMAGES)), 50)


def test_rows_with_the_same_pictures_are_one_unit_whatever_their_order():
    posts, image_ids = posts_of(["a", "b", "a", "ba", "ab", "aa"])
    assert image_ids == ["a", "b"]
    assert posts.unit[0] == posts.unit[2] == posts.unit[5]
    assert posts.unit[3] == posts.unit[4]
    assert len(set(posts.unit)) == posts.pictures.shape[0] == 3


def test_standing_is_the_mean_of_mid_ranks_among_rows_with_as_many_pictures():
    posts, _ = posts_of(["a", "b", "b", "cd", "ef"])
    standing = rank_units(posts, np.array([1.0, 5.0, 5.0, 100.0, 900.0]), by_size=True)
    assert standing[posts.unit].tolist() == [
        round(one, 12) for one in (0.5 / 3, 2 / 3, 2 / 3, 0.25, 0.75)
    ]


def test_rows_without_a_label_are_clusters_of_their_own():
    posts, _ = posts_of(["a", "b", "c", "d"])
    clusters = cluster_units(posts, ["x", "x", None, None]).toarray()
    assert clusters.sum(axis=0).tolist() == [2, 1, 1]


def test_independent_units_have_no_overlap():
    posts, _ = posts_of(["a", "b", "a"])
    assert find_sharing(posts, cluster_units(posts, None)) is None


def test_each_dependent_pair_counts_once():
    rows = ["a", "ab", "bc", "d", "d", "e", "f", "f"]
    labels = ["1", "2", "3", "4", "5", "4", "4", "5"]
    posts, _ = posts_of(rows)
    for given in (None, labels):
        clusters = cluster_units(posts, given)
        overlaps = find_sharing(posts, clusters).overlaps
        counted = (clusters @ clusters.T).toarray() + overlaps.toarray()
        sharing = (posts.pictures @ posts.pictures.T).toarray() > 0
        by_label = (clusters @ clusters.T).toarray() > 0
        assert (counted == (sharing | by_label)).all()
