"""Expectations that `rows` agrees with the tables that it sums up."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from image_tags.expectations.custom.agreement import are_source_columns
from image_tags.expectations.custom.base import Observation, TableExpectation, report_broken
from image_tags.expectations.subject import Subject
from image_tags.tasks.adapters.files.table_files import TableFile
from image_tags.tasks.contracts.reasons import Status

SEVERITY = {Status.NO_LINK: 0, Status.TAGGED: 1, Status.REJECTED: 2, Status.PENDING: 3}
"""How bad a status is: that of a row is the worst of its links."""


class ExpectOneRowPerSourceRow(TableExpectation):
    """The table has each row of the source once, in the source's order."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Compare the row numbers with 0..n-1; null is no number."""
        rows = whole.tables["source"].num_rows
        numbers = pc.fill_null(_read_ours(own, whole, ["row"])["row"], -1).to_numpy()
        if len(numbers) != rows:
            return Observation(False, f"{len(numbers):,} rows, but the source has {rows:,}")
        wrong = np.flatnonzero(numbers != np.arange(rows)).tolist()
        return report_broken([f"row {row}" for row in wrong], rows, "rows")


class ExpectRowsToAgreeWithImages(TableExpectation):
    """Each row is the source's row as it was, with the counts and the worst status of its links."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Compare the source's columns, then add up `images` again."""
        source = whole.tables["source"]
        broken = are_source_columns(own, source)
        ours = _read_ours(own, whole, ["row", "n_links", "n_tagged", "status"])
        images = whole.tables["images"].select(["row", "status"]).to_pandas()
        images["bad"] = images["status"].map({str(one): bad for one, bad in SEVERITY.items()})
        images["is_link"] = images["status"] != Status.NO_LINK
        images["is_tagged"] = images["status"] == Status.TAGGED
        wanted = images.groupby("row").agg(
            n_links=("is_link", "sum"), n_tagged=("is_tagged", "sum"), bad=("bad", "max")
        )
        wanted["status"] = wanted["bad"].map({bad: str(one) for one, bad in SEVERITY.items()})
        there = ours.to_pandas().set_index("row")
        if not there.index.is_unique:
            return report_broken([*broken, "a row number occurs twice"], own.num_rows, "rows")
        compared = wanted.join(there.add_suffix("_there"))
        for name in ("n_links", "n_tagged", "status"):
            wrong = compared.index[compared[name] != compared[f"{name}_there"]]
            broken += [f"{name} of row {row}" for row in wrong]
        return report_broken(broken, own.num_rows, "rows")


class ExpectRowsToAgreeWithTags(TableExpectation):
    """The names of a kind that a row lists are those that its pictures have in `tags_long`."""

    column: str
    kind: str

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Compare the pairs of row and name, whatever their order."""
        names = whole.tables["tags_long"].encode("name")
        listed = _list_pairs(own, whole, self.column, names.dictionary)
        wanted = _join_pairs(whole, self.kind, names)
        size = len(names.dictionary) + 1
        # One number per pair, compared by hashing: sorting millions takes three times as long.
        have, want = (
            pd.Index((pairs["row"] * size + pairs["name"]).unique()) for pairs in (listed, wanted)
        )
        different = have[~have.isin(want)].append(want[~want.isin(have)])
        broken = [f"row {row}" for row in sorted(set((different // size).tolist()))]
        return report_broken(broken, len(listed), self.column)


class ExpectRowsToAgreeWithWide(TableExpectation):
    """A row has the faces of its pictures in `tags_wide`; what no picture shows is null."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Add up the faces of each row's distinct pictures again; people are at least as many."""
        there = _read_ours(
            own, whole, ["row", "n_faces", "n_people", "has_text", "has_celebrity", "celebrities"]
        )
        wanted = _add_up_faces(whole)
        faces = pd.Series(there["n_faces"].to_pylist(), index=there["row"].to_pylist(), dtype=float)
        people = pc.fill_null(pc.greater_equal(there["n_people"], there["n_faces"]), True)
        named = pc.greater(pc.list_value_length(there["celebrities"]), 0)
        agree = pc.fill_null(pc.equal(there["has_celebrity"], named), True)
        broken = [
            f"row {row}"
            for row in faces.index[~faces.eq(wanted.reindex(faces.index)) & faces.notna()]
        ]
        broken += [f"row {row}" for row in wanted.index.difference(faces.dropna().index)]
        unread = pc.is_null(there["n_faces"])
        for name in ("n_people", "has_text", "has_celebrity", "celebrities"):
            agree = pc.and_(agree, pc.equal(pc.is_null(there[name]), unread))
        wrong = there["row"].filter(pc.invert(pc.and_(people, agree)))
        broken += [f"row {row}" for row in wrong.to_pylist()]
        return report_broken(broken, own.num_rows, "rows")


def _add_up_faces(whole: Subject) -> pd.Series:
    """The faces of each row of which a picture was read."""
    images = whole.tables["images"].select(["row", "image_id", "status"]).to_pandas()
    read = images[images["image_id"].notna() & images["status"].isin(["tagged", "rejected"])]
    wide = whole.tables["tags_wide"].select(["image_id", "n_faces"]).to_pandas()
    faces = wide.set_index("image_id")["n_faces"]
    pairs = read[["row", "image_id"]].drop_duplicates()
    total: pd.Series = pairs["image_id"].map(faces).groupby(pairs["row"]).sum().astype(float)
    return total


def _list_pairs(own: TableFile, whole: Subject, column: str, names: pa.Array) -> pd.DataFrame:
    """Each row and the code of each name that it lists; an unknown name has a code of its own."""
    ours = _read_ours(own, whole, ["row", column])
    lists = ours[column].combine_chunks()
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    codes = pc.fill_null(pc.index_in(lists.flatten(), names), len(names))
    return pd.DataFrame(
        {"row": np.repeat(ours["row"].to_numpy(), lengths), "name": codes.to_numpy()}
    )


def _join_pairs(whole: Subject, kind: str, names: pa.DictionaryArray) -> pd.DataFrame:
    """Each row of the source and the code of each name of the kind that its pictures have."""
    long, images = whole.tables["tags_long"], whole.tables["images"].select(["row", "image_id"])
    ids = long.encode("image_id")
    is_kind = pc.equal(long["kind"], kind).to_numpy()
    tags = pd.DataFrame(
        {
            "image": ids.indices.to_numpy()[is_kind],
            "name": names.indices.to_numpy()[is_kind],
        }
    ).drop_duplicates()
    of_link = pc.index_in(images["image_id"], ids.dictionary, skip_nulls=True)
    links = pd.DataFrame({"row": images["row"].to_numpy(), "image": of_link.to_numpy()})
    return links.dropna().astype("int64").drop_duplicates().merge(tags, on="image")


def _read_ours(own: TableFile, whole: Subject, names: list[str]) -> pa.Table:
    """Some columns of ours, known by their place: one may have a prefix next to the source's."""
    source = len(whole.tables["source"].schema)
    ours = own.column_names[source:]
    plain = {name: there for name in names for there in ours if _is_named(there, name)}
    return own.select([plain[name] for name in names]).rename_columns(names)


def _is_named(there: str, name: str) -> bool:
    while there != name and there.startswith("image_tags_"):
        there = there.removeprefix("image_tags_")
    return there == name
