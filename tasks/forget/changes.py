"""What has to change in the store, file by file, so that nothing of the selection is left."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.adapters.files.csv_files import CSV, csv_bytes
from image_tags.tasks.adapters.files.tables import parquet_bytes, parquet_table
from image_tags.tasks.adapters.store.store import JSON, PARQUET, NotInStore, Store
from image_tags.tasks.contracts.display import link_address
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.effects.traits import fold_text
from image_tags.tasks.forget.mentions import has_mention, mark_equal, mark_mentions
from image_tags.tasks.forget.selection import (
    Found,
    Selection,
    count_source_columns,
    list_runs,
    list_versions,
)
from image_tags.tasks.published.counts import rank_names

IMAGE_TABLES = ("tags_long", "tags_dropped", "tags_wide")
"""Tables with a line per image or tag: rewritten by `image_id`."""

DELETED = ("report.html", "findings.json", "content.json")
"""Files of a version that show links and pictures of their own, or no longer fit its tables."""


@dataclass(frozen=True)
class Change:
    """One file to delete, or to replace.

    Attributes:
        what: what it is, in the plural.
        key: the file.
        data: its new bytes; None to delete it.
        content_type: of the new bytes.
    """

    what: str
    key: str
    data: bytes | None = None
    content_type: str = ""

    def apply(self, store: Store) -> None:
        """Make the change."""
        if self.data is None:
            store.delete(self.key)
        else:
            store.write(self.key, self.data, self.content_type)


def change_pictures(store: Store, found: Found) -> Iterator[Change]:
    """The files that belong to pictures: themselves, and tags derived from their answers.

    A file of derived tags is deleted whole: the next run makes it again.
    """
    for key in store.keys("images/"):
        if key.rpartition("/")[2].partition(".")[0] in found.images:
            yield Change("pictures", key)
    wanted = pa.array(list(found.images), pa.string())
    for key in store.keys("derived/"):
        ids = parquet_table(store.read(key))["image_id"]
        if pc.any(pc.is_in(ids, value_set=wanted)).as_py():
            yield Change("files of derived tags", key)


def change_tables(store: Store, selection: Selection, found: Found) -> Iterator[Change]:
    """The files with rows and links: of runs, copies of sources, and versions."""
    for folder in list_runs(store):
        keys = list(store.keys(folder))
        if found.rows.get(folder) or any(_mentions(store, key, selection, found) for key in keys):
            yield from (Change("files of runs", key) for key in keys)
    for key in store.keys("sources/"):
        table = parquet_table(store.read(key))
        kept = table.filter(pc.invert(_select_source_rows(table, selection, found)))
        if kept.num_rows < table.num_rows:
            yield Change("copies of the source", key, parquet_bytes(kept), PARQUET)
    for folder in list_versions(store):
        yield from _change_version(store, folder, found)


def _change_version(store: Store, folder: str, found: Found) -> Iterator[Change]:
    rows, present = found.rows.get(folder, set()), set(store.keys(folder))
    long = parquet_table(store.read(f"{folder}tags_long.parquet"))
    left = long.filter(pc.invert(_mark(long["image_id"], found.images)))
    if not rows and left.num_rows == long.num_rows:
        return
    for name in DELETED:
        if folder + name in present:
            yield Change("reports and findings", folder + name)
    if (key := f"{folder}summary.json") in present:
        tagged = parquet_table(store.read(f"{folder}tagged.parquet"))
        numbers = set(tagged.column(count_source_columns(store, folder)).to_pylist())
        summary = _shorten_summary(json.loads(store.read(key)), found, left)
        summary["forgotten_rows"] = summary["rows"] - len(numbers - rows)
        yield Change("summaries", key, json.dumps(summary, indent=2).encode(), JSON)
    if (key := f"{folder}profile.json") in present:
        profile = json.loads(store.read(key))
        names = set(left.filter(pc.equal(left["kind"], "label"))["name"].to_pylist())
        labels = profile.get("labels") or {}
        profile["labels"] = {name: n for name, n in labels.items() if name in names}
        yield Change("summaries", key, json.dumps(profile, indent=2).encode(), JSON)
    if (key := f"{folder}tag_effects.parquet") in present:
        effects = parquet_table(store.read(key))
        yield from _replace_table(store, key, effects, _keep_effects(effects, left), present)
    for name in IMAGE_TABLES:
        key = f"{folder}{name}.parquet"
        table = long if name == "tags_long" else parquet_table(store.read(key))
        kept = table.filter(pc.invert(_mark(table["image_id"], found.images)))
        yield from _replace_table(store, key, table, kept, present)
    at = count_source_columns(store, folder)
    for name, column in (("images", 0), ("rows", at), ("tagged", at)):
        if (key := f"{folder}{name}.parquet") in present:
            table = parquet_table(store.read(key))
            kept = table.filter(pc.invert(_mark(table.column(column), rows)))
            yield from _replace_table(store, key, table, kept, present)


def _replace_table(
    store: Store, key: str, table: pa.Table, kept: pa.Table, present: set[str]
) -> Iterator[Change]:
    if kept.equals(table):
        return
    text = key.removesuffix(".parquet") + ".csv"
    if text in present:
        plain = (csv_bytes(table), csv_bytes(kept))  # the second after an interruption
        escaped = store.read(text) not in plain
        yield Change("tables", text, csv_bytes(kept, for_spreadsheets=escaped), CSV)
    yield Change("tables", key, parquet_bytes(kept), PARQUET)


def _shorten_summary(summary: JsonObject, found: Found, left: pa.Table) -> JsonObject:
    """A summary without sentences on the rows and pictures, and names that only they had."""
    hosts = {urlsplit(url).netloc for url in found.urls}
    # Remarks name links as `link_address` shows them; those of older versions in full.
    named = {form for url in found.urls for form in (url, link_address(url))}
    return summary | {
        "remarks": [
            one
            for one in summary.get("remarks") or []
            if not has_mention(one, found.identifiers) and not any(form in one for form in named)
        ],
        "findings": [],
        "slow_hosts": [one for one in summary.get("slow_hosts") or [] if one["host"] not in hosts],
        "top_labels": rank_names(left, "label"),
        "people": rank_names(left, "celebrity"),
    }


def _keep_effects(effects: pa.Table, left: pa.Table) -> pa.Table:
    """The comparisons of tags that some picture still has."""
    pairs = zip(left["kind"].to_pylist(), left["name"].to_pylist(), strict=True)
    tags = {(kind, fold_text(name)) for kind, name in pairs}
    lines = effects.select(["kind", "name", "also"]).to_pylist()
    kept = [
        one["kind"] == "any"
        or all((one["kind"], fold_text(name)) in tags for name in (one["name"], *one["also"]))
        for one in lines
    ]
    return effects.filter(pa.array(kept, pa.bool_()))


def _mentions(store: Store, key: str, selection: Selection, found: Found) -> bool:
    """Whether a file of a run holds anything of the selection."""
    try:
        data = store.read(key)
    except NotInStore:
        return False
    if not key.endswith(".parquet"):
        return has_mention(data.decode("utf-8", "replace"), found.identifiers)
    table = parquet_table(data)
    if key.endswith("/source.parquet"):
        return bool(pc.any(_select_source_rows(table, selection, found)).as_py())
    return bool(pc.any(mark_mentions(table, found.identifiers)).as_py())


def _select_source_rows(table: pa.Table, selection: Selection, found: Found) -> pa.Array:
    if selection.row_value:
        column, value = selection.row_value
        if column not in table.column_names:
            return pa.repeat(pa.scalar(False), table.num_rows)
        return mark_equal(table[column], value)
    marked = mark_mentions(table, found.urls)
    for column, cells in found.cells.items():
        if column in table.column_names:
            texts = [one is not None and str(one) in cells for one in table[column].to_pylist()]
            marked = pc.or_(marked, pa.array(texts, pa.bool_()))
    return marked


def _mark(column: pa.ChunkedArray, values: set[str] | set[int]) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=pa.array(list(values), column.type))
