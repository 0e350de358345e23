"""Remove a person's rows, pictures and answers from everything that the store keeps.

The published tables say which rows, links and pictures belong together, so they are rewritten last:
after an interruption, the same command finds the rest.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.adapters.files.csv_files import CSV, csv_bytes
from image_tags.tasks.adapters.files.tables import parquet_bytes, parquet_table
from image_tags.tasks.adapters.segments.names import new_name, parse_name
from image_tags.tasks.adapters.segments.parquet_segments import encode_segment, read_metadata
from image_tags.tasks.adapters.store.store import JSON, PARQUET, NotInStore, Store
from image_tags.tasks.contracts.errors import UsageError

IMAGE_TABLES = ("tags_long", "tags_dropped", "tags_wide")
"""Tables with a line per image or tag: rewritten by `image_id`."""

ROW_TABLES = ("rows", "tagged", "images")
"""Tables with a line per row or link: rewritten by `row`, in this order."""

DELETED = ("report.html", "findings.json")
"""Files of a version that show links and pictures of their own, and cannot be drawn again."""

IMAGE_ID = re.compile("[0-9a-f]{64}")

EDGE = (r"(?:^|[\s,;|\"'<>(\[{])", r"(?:$|[\s,;|\"'<>)\]}\\\\])")
"""What may be before and after a link in a cell."""

AT_ONCE = 200
"""Identifiers searched for in one pass over a segment."""


@dataclass(frozen=True)
class Selection:
    """Whose data: exactly one of these.

    Attributes:
        row_value: a column of the source and its value, such as ("author", "ann").
        url: a link as it is in the source.
        image_id: sha256 of a picture, in hex.
    """

    row_value: tuple[str, str] | None = None
    url: str | None = None
    image_id: str | None = None


@dataclass
class Found:
    """What belongs to the selection.

    Attributes:
        rows: rows of each version.
        urls: the links in those rows that no other row has.
        images: their pictures, to be removed.
        shared: pictures of those rows that other rows show too, which stay.
    """

    rows: dict[str, set[int]] = field(default_factory=dict)
    urls: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)


def forget(store: Store, selection: Selection, *, dry_run: bool = False) -> list[str]:
    """Remove what belongs to the selection; returns sentences on what was removed and what is left.

    Do not run it while a run is at work in the store: the run could write what it has in memory.

    Args:
        store: the store.
        selection: whose data.
        dry_run: only say what would be removed.

    Raises:
        UsageError: not exactly one thing is selected, or no version has the column.
    """
    given = [one for one in (selection.row_value, selection.url, selection.image_id) if one]
    if len(given) != 1:
        raise UsageError("Give exactly one of --row-value, --url and --image-id.")
    found = find_selection(store, selection)
    removed: Counter[str] = Counter()
    for key, what, new in _list_changes(store, selection, found):
        removed[what] += 1
        if dry_run:
            continue
        if new is not None:
            target, data, content_type = new
            store.write(target, data, content_type)
            if target == key:
                continue
        store.delete(key)
    return _describe(store, found, removed, dry_run=dry_run)


def find_selection(store: Store, selection: Selection) -> Found:
    """Find the rows, links and pictures of the selection in all versions that are kept."""
    found = Found()
    versions = {version: _read_links(store, version, selection) for version in _versions(store)}
    if selection.row_value and versions and all(one is None for one in versions.values()):
        raise UsageError(f"No version has a column {selection.row_value[0]!r}.")
    chosen = {selection.image_id} if selection.image_id else set()
    if selection.url:
        found.urls.add(selection.url)
        for links in filter(None, versions.values()):
            chosen |= _values(links, "image_id", pc.equal(links["url"], selection.url))
    others: set[str] = set()
    urls_of_others: set[str] = set()
    for version, links in versions.items():
        if links is None:
            continue
        mine = links["mine"]
        if chosen:
            mine = pc.is_in(links["image_id"], value_set=pa.array(list(chosen), pa.string()))
            if selection.url:
                mine = pc.or_(mine, pc.fill_null(pc.equal(links["url"], selection.url), False))
        rows = set(links.filter(mine)["row"].to_pylist())
        in_rows = pc.is_in(links["row"], value_set=pa.array(list(rows), pa.int64()))
        found.rows[version] = rows
        found.urls |= _values(links, "url", in_rows)
        found.images |= _values(links, "image_id", in_rows)
        others |= _values(links, "image_id", pc.invert(in_rows))
        urls_of_others |= _values(links, "url", pc.invert(in_rows))
    found.shared = (found.images & others) - chosen
    found.images = (found.images - found.shared) | chosen
    found.urls -= urls_of_others
    return found


def _list_changes(
    store: Store, selection: Selection, found: Found
) -> Iterator[tuple[str, str, tuple[str, bytes, str] | None]]:
    """Every object to change: key, what it is, and its new key, bytes and type (None: deleted)."""
    for key in store.keys("images/"):
        if key.rpartition("/")[2].partition(".")[0] in found.images:
            yield key, "pictures", None
    for prefix, ids in (("responses/", found.images), ("links/", found.urls | found.images)):
        for key in store.keys(prefix):
            changed, new = _rewrite_entries(store, key, ids)
            if changed:
                yield key, f"files of {prefix.rstrip('/')}", new
    for run in sorted({key.split("/")[1] for key in store.keys("runs/")}):
        keys = list(store.keys(f"runs/{run}/"))
        if any(_mentions(store, key, selection, found) for key in keys):
            for key in keys:
                yield key, "files of runs", None
    for key in store.keys("sources/"):
        table = parquet_table(store.read(key))
        kept = table.filter(pc.invert(_select_source_rows(table, selection, found)))
        if kept.num_rows < table.num_rows:
            yield key, "copies of the source", (key, parquet_bytes(kept), PARQUET)
    for version in _versions(store):
        yield from _change_version(store, version, found)


def _change_version(
    store: Store, version: str, found: Found
) -> Iterator[tuple[str, str, tuple[str, bytes, str] | None]]:
    rows, folder = found.rows.get(version, set()), f"published/{version}/"
    present = set(store.keys(folder))
    has_images = folder + "tags_long.parquet" in present and found.images
    if not rows and not has_images:
        return
    for name in DELETED:
        if folder + name in present:
            yield folder + name, "reports and findings", None
    key = folder + "summary.json"
    if rows and key in present:
        summary = json.loads(store.read(key))
        summary["remarks"] = [
            remark
            for remark in summary.get("remarks", [])
            if not any(url in remark for url in found.urls)
        ]
        summary["forgotten_rows"] = summary.get("forgotten_rows", 0) + len(rows)
        yield key, "summaries", (key, json.dumps(summary, indent=2).encode(), JSON)
    for name in (*IMAGE_TABLES, *ROW_TABLES):
        key = folder + f"{name}.parquet"
        if key not in present:
            continue
        table = parquet_table(store.read(key))
        if name in IMAGE_TABLES:
            gone = pc.is_in(table["image_id"], value_set=pa.array(found.images, pa.string()))
        else:
            numbers = table[_our_column(table, "row")]
            gone = pc.is_in(numbers, value_set=pa.array(rows, pa.int64()))
        kept = table.filter(pc.invert(gone))
        if kept.num_rows == table.num_rows:
            continue
        if (text := folder + f"{name}.csv") in present:
            escaped = store.read(text) != csv_bytes(table)
            yield text, "tables", (text, csv_bytes(kept, for_spreadsheets=escaped), CSV)
        yield key, "tables", (key, parquet_bytes(kept), PARQUET)


def _rewrite_entries(
    store: Store, key: str, identifiers: set[str]
) -> tuple[bool, tuple[str, bytes, str] | None]:
    """Whether a log's file has some of the entries, and what replaces it; None to delete it."""
    folder, _, name = key.rpartition("/")
    if not name.endswith(".parquet"):
        text = store.read(key).decode("utf-8", "replace")
        return _contains(name + text, identifiers), None
    data = store.read(key)
    table = parquet_table(data)
    gone = _mark_mentions(table, identifiers)
    kept = table.filter(pc.invert(gone))
    if kept.num_rows == table.num_rows or not kept.num_rows:
        return kept.num_rows < table.num_rows, None
    # A segment is immutable: what replaces it has a name of its own, and readers list again.
    was = parse_name(name)
    target = f"{folder}/{new_name(was.owner) if was else name}"
    return True, (target, encode_segment(kept, read_metadata(data)), PARQUET)


def _mentions(store: Store, key: str, selection: Selection, found: Found) -> bool:
    """Whether a file of a run holds anything of the selection."""
    try:
        data = store.read(key)
    except NotInStore:
        return False
    identifiers = found.urls | found.images
    if not key.endswith(".parquet"):
        return _contains(data.decode("utf-8", "replace"), identifiers)
    table = parquet_table(data)
    if key.endswith("/source.parquet"):
        return bool(pc.any(_select_source_rows(table, selection, found)).as_py())
    return bool(pc.any(_mark_mentions(table, identifiers)).as_py())


def _select_source_rows(table: pa.Table, selection: Selection, found: Found) -> pa.Array:
    if selection.row_value:
        column, value = selection.row_value
        if column not in table.column_names:
            return pa.repeat(pa.scalar(False), table.num_rows)
        return _equals(table[column], value)
    return _mark_mentions(table, found.urls)


def _mark_mentions(table: pa.Table, identifiers: Iterable[str]) -> pa.Array:
    """Which lines hold one of the identifiers in any cell of text."""
    wanted = sorted(identifiers)
    marked = pa.repeat(pa.scalar(False), table.num_rows)
    texts = [
        _as_text(table[name])
        for name in table.column_names
        if table.schema.field(name).type not in NUMBERS
    ]
    for at in range(0, len(wanted), AT_ONCE):
        pattern = _join_pattern(wanted[at : at + AT_ONCE])
        for text in texts:
            hits = pc.fill_null(pc.match_substring_regex(text, pattern), False)
            marked = pc.or_(
                marked, hits.combine_chunks() if hits.num_chunks != 1 else hits.chunk(0)
            )
    return marked


NUMBERS = frozenset(
    {pa.int64(), pa.int32(), pa.float64(), pa.float32(), pa.bool_(), pa.timestamp("us", "UTC")}
)
"""Types whose cells hold no identifier."""


def _join_pattern(identifiers: Iterable[str]) -> str:
    """Match any of them: an image_id anywhere, a link only as a whole.

    The link to someone else's picture may begin with the same characters.
    """
    parts = [re.escape(one) for one in identifiers if IMAGE_ID.fullmatch(one)]
    parts += [
        EDGE[0] + re.escape(one) + EDGE[1] for one in identifiers if not IMAGE_ID.fullmatch(one)
    ]
    return "|".join(parts)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column
    values = [None if one is None else str(one) for one in column.to_pylist()]
    return pa.chunked_array([pa.array(values, pa.string())])


def _read_links(store: Store, version: str, selection: Selection) -> pa.Table | None:
    """row, url, image_id and `mine` of a version; None if it lacks the column asked for."""
    images = parquet_table(store.read(f"published/{version}/images.parquet"))
    links = images.select(["row", "url", "image_id"])
    if selection.row_value is None:
        return links.append_column("mine", pa.repeat(pa.scalar(False), links.num_rows))
    column, value = selection.row_value
    tagged = parquet_table(store.read(f"published/{version}/tagged.parquet"))
    ours = {_our_column(tagged, name) for name in images.column_names}
    if column not in tagged.column_names or column in ours:
        return None
    return links.append_column("mine", _equals(tagged[column], value))


def _equals(column: pa.ChunkedArray, value: str) -> pa.Array:
    """Which cells are this value, as people would type it."""
    cells = column.to_pylist()
    return pa.array([cell is not None and str(cell) == value for cell in cells], pa.bool_())


def _our_column(table: pa.Table, name: str) -> str:
    """What a column of ours is called where the source may have one of the same name."""
    while f"image_tags_{name}" in table.column_names:
        name = f"image_tags_{name}"
    return name


def _values(links: pa.Table | None, column: str, mask: pa.Array) -> set[str]:
    if links is None:
        return set()
    return set(links.filter(pc.fill_null(mask, False))[column].drop_null().to_pylist())


def _contains(text: str, identifiers: Iterable[str]) -> bool:
    wanted = {form for one in identifiers for form in (one, json.dumps(one)[1:-1])}
    return bool(wanted) and re.search(_join_pattern(sorted(wanted)), text) is not None


def _versions(store: Store) -> list[str]:
    keys = store.keys("published/")
    return sorted({key.split("/")[1] for key in keys if key.endswith("/images.parquet")})


def _describe(store: Store, found: Found, removed: Counter[str], *, dry_run: bool) -> list[str]:
    verb = "Would change or remove" if dry_run else "Changed or removed"
    most = max((len(rows) for rows in found.rows.values()), default=0)
    lines = [
        f"{most:,} rows (in the version that has most), {len(found.urls):,} links and "
        f"{len(found.images):,} pictures belong to this."
    ]
    lines += [f"{verb} {what}: {n:,}" for what, n in sorted(removed.items())]
    if found.shared:
        lines.append(
            f"Left: {len(found.shared):,} pictures that other rows show too; remove one for "
            f"everybody with --image-id: {', '.join(sorted(found.shared)[:3])}"
        )
    if any(True for _ in store.keys("damaged/")):
        lines.append("Left: files below damaged/ that cannot be read; delete them by hand.")
    lines.append(
        "Left, outside the store: your own source files, what readers have copied, logs and "
        "artifacts on the Prefect server, and older object versions if the bucket keeps them."
    )
    return lines
