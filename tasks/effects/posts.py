"""What is compared: the source rows, collapsed to one unit per distinct picture.

Rows that share a picture are not independent: whatever the picture does to the metric, it does to
all of them. So they become one unit. A row with several pictures is one unit with all rows that
have the same set of pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse, stats

from image_tags.tasks.adapters.files.table_files import AnyTable
from image_tags.tasks.contracts.metrics import Floats
from image_tags.tasks.contracts.reasons import Status

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Posts:
    """Source rows that can be compared, and their pictures.

    Attributes:
        rows: numbers of the source rows.
        unit: the unit of each row.
        pictures: units x images, 1 where the unit has the image.
    """

    rows: Integers
    unit: Integers
    pictures: sparse.csr_array

    @property
    def row_units(self) -> sparse.csr_array:
        """Units x rows, 1 where the row is of the unit."""
        ones = np.ones(len(self.rows))
        shape = (self.pictures.shape[0], len(self.rows))
        return sparse.csr_array((ones, (self.unit, np.arange(len(self.rows)))), shape=shape)


def find_posts(images: AnyTable, max_links: int) -> tuple[Posts, list[str]]:
    """Find the rows with a picture that was read, and the image ids in the order of the columns.

    A picture behind more than `max_links` links is left out: it is likely a placeholder that a
    host shows for deleted pictures, so its tags say nothing about the posts.
    """
    links = images.select(["row", "image_id", "status"]).to_pandas()
    counts = links["image_id"].value_counts()
    placeholders = counts.index[counts > max_links]
    read = links[(links["status"] == Status.TAGGED) & ~links["image_id"].isin(placeholders)]
    read = read[["row", "image_id"]].drop_duplicates()
    codes, ids = pd.factorize(read["image_id"], sort=True)
    order = np.lexsort((codes, read["row"].to_numpy()))
    codes, numbers = codes[order], read["row"].to_numpy(dtype="int64")[order]
    rows, starts = np.unique(numbers, return_index=True)
    sets = np.empty(len(rows), dtype=object)
    sets[:] = [tuple(part.tolist()) for part in np.split(codes, starts[1:])][: len(rows)]
    unit, distinct = pd.factorize(sets)
    lengths = [len(one) for one in distinct]
    at = np.repeat(np.arange(len(distinct)), lengths)
    members = np.fromiter((code for one in distinct for code in one), "int64", sum(lengths))
    pictures = sparse.csr_array((np.ones(len(at)), (at, members)), shape=(len(distinct), len(ids)))
    return Posts(rows, unit.astype("int64"), pictures), list(ids)


def add_rows_without_link(posts: Posts, images: AnyTable) -> Posts:
    """Add the rows without any link, each a unit of its own without pictures."""
    links = images.select(["row", "status"]).to_pandas()
    bare = links.loc[links["status"] == Status.NO_LINK, "row"].to_numpy(dtype="int64")
    units, width = posts.pictures.shape
    empty = sparse.csr_array((len(bare), width))
    return Posts(
        np.concatenate([posts.rows, bare]),
        np.concatenate([posts.unit, units + np.arange(len(bare))]),
        sparse.csr_array(sparse.vstack([posts.pictures, empty])),
    )


def keep_rows(posts: Posts, kept: npt.NDArray[np.bool_]) -> tuple[Posts, Integers]:
    """Keep some of the rows; returns them and which units are left."""
    left, unit = np.unique(posts.unit[kept], return_inverse=True)
    return Posts(posts.rows[kept], unit.astype("int64"), posts.pictures[left]), left


def rank_units(posts: Posts, values: Floats, *, by_size: bool) -> Floats:
    """Each unit's standing: the mean of its rows' mid-ranks, from 0 to 1.

    Args:
        posts: the rows.
        values: the metric of each row, finite.
        by_size: rank rows only among rows with as many pictures: posts with more pictures have
            more tags, and may do better for other reasons.
    """
    strata = posts.pictures.sum(axis=1)[posts.unit] if by_size else np.zeros(len(values))
    standing = np.empty(len(values))
    for stratum in np.unique(strata):
        here = strata == stratum
        standing[here] = (stats.rankdata(values[here]) - 0.5) / here.sum()
    # Rounded, so that equal means of different rows are ties.
    means: Floats = posts.row_units @ standing / np.bincount(posts.unit)
    return np.round(means, 12)


def cluster_units(posts: Posts, labels: Sequence[object] | None) -> sparse.csr_array:
    """Units x clusters: by the labels of the rows, or each unit by itself.

    Args:
        posts: the rows.
        labels: a label per source row (an author, say); None marks a row by itself.
    """
    units = posts.pictures.shape[0]
    if labels is None:
        return sparse.csr_array(sparse.eye_array(units))
    codes, _ = pd.factorize(np.array(labels, dtype=object)[posts.rows])
    unknown = np.flatnonzero(codes < 0)
    codes[unknown] = codes.max(initial=-1) + 1 + np.arange(len(unknown))
    pairs = np.unique(np.column_stack([posts.unit, codes]), axis=0)
    return sparse.csr_array(
        (np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(units, codes.max(initial=-1) + 1)
    )
