"""The tags that rows are compared by: their names, and which units have which."""

import hashlib
import itertools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from image_tags.tasks.adapters.files.table_files import AnyTable, iterate_parts

READ = ("word", "line")
"""The kinds that are text."""


@dataclass(frozen=True)
class Traits:
    """What units may have.

    Attributes:
        names: one line per trait: `kind`, `name` and, once merged, `also` (names of the same
            units).
        has: units (or images) x traits, 1 where the unit has the trait.
        images: images x traits, likewise.
    """

    names: pd.DataFrame
    has: sparse.csr_array
    images: sparse.csr_array


def fold_text(text: str) -> str:
    """Fold case and punctuation of a word or line: `Vote!` and `VOTE` are the same word.

    Text that is nothing but punctuation keeps it.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    letters = "".join(c for c in folded if not unicodedata.category(c).startswith("P"))
    return " ".join((letters if letters.strip() else folded).split())


def find_traits(long: AnyTable, image_ids: Sequence[str], kinds: Sequence[str]) -> Traits:
    """Find the tags of some images: images x traits.

    Args:
        long: `tags_long`.
        image_ids: the images, in the order of the rows.
        kinds: kinds of tags, and `any` for having text or a celebrity at all.
    """
    tags = _read_tags(long, image_ids, kinds)
    text = tags["kind"].isin(READ)
    folded = {name: fold_text(name) for name in tags.loc[text, "name"].unique()}
    tags.loc[text, "name"] = tags.loc[text, "name"].map(folded)
    any_of = dict.fromkeys(READ, "has_text") | {"celebrity": "has_celebrity"}
    wider = tags[tags["kind"].isin(list(any_of))]
    wider = wider.assign(name=wider["kind"].map(any_of), kind="any")
    tags = pd.concat([tags, wider])
    tags = tags[tags["kind"].isin(list(kinds))].drop_duplicates()
    names = tags[["kind", "name"]].drop_duplicates().sort_values(["kind", "name"])
    names = names.reset_index(drop=True)
    spots = tags.merge(names.reset_index(names="trait"), on=["kind", "name"])
    has = sparse.csr_array(
        (np.ones(len(spots)), (spots["image"].to_numpy(), spots["trait"].to_numpy())),
        shape=(len(image_ids), len(names)),
    )
    return Traits(names, has, has)


def _read_tags(long: AnyTable, image_ids: Sequence[str], kinds: Sequence[str]) -> pd.DataFrame:
    """The tags that matter: `image` (its place among the images), `kind` and `name`.

    The ids, most of the table, are replaced by places part by part.
    """
    places = pa.array(image_ids, pa.string())
    wanted = pa.array([*kinds, *READ, "celebrity"], pa.string())
    empty = pa.schema({"image": pa.int32(), "kind": pa.string(), "name": pa.string()})
    found = [empty.empty_table()]
    for part in iterate_parts(long, ["image_id", "kind", "name"]):
        image = pc.index_in(part["image_id"], value_set=places)
        tags = pa.table([image, part["kind"], part["name"]], schema=empty)
        kept = pc.and_(image.is_valid(), pc.is_in(part["kind"], value_set=wanted))
        found.append(tags.filter(kept))
    frame: pd.DataFrame = pa.concat_tables(found).to_pandas()
    return frame


def give_to_units(traits: Traits, pictures: sparse.csr_array) -> Traits:
    """A unit has a trait if any of its pictures does: units x traits."""
    has = sparse.csr_array(pictures @ traits.has)
    has.data[:] = 1
    return Traits(traits.names, has, traits.images)


def keep_units(traits: Traits, kept: npt.NDArray[np.int64]) -> Traits:
    """Keep some of the units."""
    return Traits(traits.names, traits.has[kept], traits.images)


def choose_traits(traits: Traits, chosen: npt.NDArray[np.bool_]) -> Traits:
    """Choose some of the traits."""
    names = traits.names[chosen].reset_index(drop=True)
    return Traits(names, traits.has[:, chosen], traits.images[:, chosen])


def merge_identical(traits: Traits) -> Traits:
    """Make one trait of those of one kind that exactly the same units have.

    They are one comparison under several names: counting it several times would only make the
    correction stricter, and the table longer.
    """
    columns = sparse.csc_array(traits.has)
    columns.sort_indices()
    ends = columns.indptr
    prints = [
        hashlib.sha256(columns.indices[start:end].tobytes()).digest()
        for start, end in itertools.pairwise(ends)
    ]
    marked = traits.names.assign(units=prints)
    first = ~marked.duplicated(["kind", "units"])
    groups = marked.groupby(["kind", "units"], sort=False)["name"].agg(list)
    names = traits.names[first].reset_index(drop=True)
    names["also"] = pd.Series([names[1:] for names in groups], dtype=object)
    left = first.to_numpy()
    return Traits(names, traits.has[:, left], traits.images[:, left])
