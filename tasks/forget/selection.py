"""Whose data: the rows, links and pictures that belong to a person, a link or a picture."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.adapters.files.tables import parquet_table
from image_tags.tasks.adapters.link_records.link_log import LinkLog
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.tables import IMAGES, schema_of
from image_tags.tasks.execution.run_folder import is_staged, run_key, staged
from image_tags.tasks.forget.mentions import mark_equal

LINK_COLUMNS = ["row", "url", "image_id"]


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
        rows: rows of each version, by its folder; of each run, by its folder.
        cells: the cells with links in those rows, by column.
        urls: the links in those rows that no other row has.
        images: their pictures, to be removed.
        shared: pictures of those rows that other rows show too, which stay.
    """

    rows: dict[str, set[int]] = field(default_factory=dict)
    cells: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    urls: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)

    @property
    def identifiers(self) -> set[str]:
        """Links and pictures."""
        return self.urls | self.images


@dataclass(frozen=True)
class Material:
    """The links of one version or run.

    Attributes:
        links: `row`, `url`, `image_id`.
        source: the columns of the source, one line per link of `rows`.
        rows: the row of each line of `source`.
        url_column: the column with the links, if it is known.
    """

    links: pa.Table
    source: pa.Table
    rows: pa.ChunkedArray
    url_column: str | None


def find_selection(store: Store, selection: Selection) -> Found:
    """Find the rows, links and pictures of the selection in all versions and runs that are kept.

    Raises:
        UsageError: no version, run or copy of a source has the column.
    """
    found = Found()
    chosen = {selection.image_id} if selection.image_id else set()
    if selection.url:
        found.urls.add(selection.url)
        chosen |= _find_images(store, selection)
    others: set[str] = set()
    urls_of_others: set[str] = set()
    has_column = selection.row_value is None
    for folder, material in _read_all(store):
        links = material.links
        if selection.row_value:
            column, value = selection.row_value
            if column in material.source.column_names:
                has_column = True
                mine = material.rows.filter(mark_equal(material.source[column], value))
            else:
                mine = pa.chunked_array([], pa.int64())
        else:
            hits = pc.is_in(links["image_id"], value_set=pa.array(list(chosen), pa.string()))
            if selection.url:
                hits = pc.or_(hits, pc.fill_null(pc.equal(links["url"], selection.url), False))
            mine = links["row"].filter(hits)
        in_rows = pc.is_in(links["row"], value_set=mine.combine_chunks())
        found.rows[folder] = set(mine.to_pylist())
        found.urls |= _values(links, "url", in_rows)
        found.images |= _values(links, "image_id", in_rows)
        others |= _values(links, "image_id", pc.invert(in_rows))
        urls_of_others |= _values(links, "url", pc.invert(in_rows))
        if material.url_column and material.url_column in material.source.column_names:
            lines = pc.is_in(material.rows, value_set=mine.combine_chunks())
            cells = material.source[material.url_column].filter(lines)
            found.cells[material.url_column] |= {str(one) for one in cells.drop_null().to_pylist()}
    if not has_column and not _is_in_sources(store, selection):
        raise UsageError(f"No version has a column {(selection.row_value or '?')[0]!r}.")
    found.shared = (found.images & others) - chosen
    found.images = (found.images - found.shared) | chosen
    found.urls -= urls_of_others
    return found


def list_versions(store: Store) -> list[str]:
    """The folders of the versions that are kept, also of those that no pointer names."""
    last = "tagged.parquet"
    keys = store.keys("published/")
    return sorted(key.removesuffix(last) for key in keys if key.endswith(f"/{last}"))


def list_runs(store: Store) -> list[str]:
    """The folders of the runs that are kept."""
    return sorted({f"runs/{key.split('/')[1]}/" for key in store.keys("runs/")})


def count_source_columns(store: Store, folder: str) -> int:
    """How many columns of a version's `tagged` and `rows` are the source's; `row` comes next."""
    widths: list[int] = [
        parquet_table(store.read(f"{folder}{name}.parquet")).num_columns
        for name in ("tagged", "images", "tags_wide")
    ]
    return widths[0] - widths[1] - (widths[2] - 1)


def _read_all(store: Store) -> Iterator[tuple[str, Material]]:
    for folder in list_versions(store):
        yield folder, _read_version(store, folder)
    records = LinkLog(store)
    for folder in list_runs(store):
        if material := _read_run(store, folder.split("/")[1], records):
            yield folder, material


def _read_version(store: Store, folder: str) -> Material:
    """The material of a version: all from `tagged`, which is rewritten last of all."""
    tagged = parquet_table(store.read(f"{folder}tagged.parquet"))
    width, names = count_source_columns(store, folder), schema_of(IMAGES).names
    links = {name: tagged.column(width + names.index(name)) for name in LINK_COLUMNS}
    url_column = _read_summary(store, f"{folder}summary.json").get("url_column")
    source = tagged.select(range(width))
    return Material(pa.table(links), source, links["row"], url_column)


def _read_run(store: Store, run: str, records: LinkLog) -> Material | None:
    """The material of a run, published or not; None if it had not read its source."""
    if not all(is_staged(store, run, name) for name in ("source", "links")):
        return None
    source, links = staged(store, run, "source"), staged(store, run, "links")
    if is_staged(store, run, "images"):
        links = staged(store, run, "images")
    else:
        outcomes = records.find(links["url"].unique().to_pylist())
        pictures = {url: one.outcome.picture for url, one in outcomes.items()}
        ids = [one and one.image_id for one in map(pictures.get, links["url"].to_pylist())]
        links = links.append_column("image_id", pa.array(ids, pa.string()))
    rows = pa.chunked_array([pa.array(range(source.num_rows), pa.int64())])
    url_column = _read_summary(store, run_key(run, "summary.json")).get("url_column")
    return Material(links.select(LINK_COLUMNS), source, rows, url_column)


def _find_images(store: Store, selection: Selection) -> set[str]:
    """The pictures that a link leads to, or led to in any version or run."""
    url = selection.url or ""
    record = LinkLog(store).find([url]).get(url)
    found = {record.outcome.picture.image_id} if record and record.outcome.picture else set()
    for _, material in _read_all(store):
        found |= _values(material.links, "image_id", pc.equal(material.links["url"], url))
    return found


def _is_in_sources(store: Store, selection: Selection) -> bool:
    column = (selection.row_value or ("",))[0]
    return any(
        column in parquet_table(store.read(key)).column_names for key in store.keys("sources/")
    )


def _read_summary(store: Store, key: str) -> dict[str, str]:
    try:
        found = json.loads(store.read(key))
    except (NotInStore, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _values(links: pa.Table, column: str, mask: pa.Array) -> set[str]:
    return set(links.filter(pc.fill_null(mask, False))[column].drop_null().to_pylist())
