"""What the pictures show: frequent names with examples, removed tags, shared pictures.

Counting is left to DuckDB and Arrow: a run may have some ten million tags.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.adapters.files.sorted_tables import add_table, open_database
from image_tags.tasks.contracts.display import NAME, shown
from image_tags.tasks.published.counts import rank_names, read_names
from image_tags.tasks.report.view import ReportInput

EXAMPLES = 3
"""Example pictures next to a name."""

SHARED_FROM = 3
"""A picture is worth showing from this many links on."""

REMOVED_NAMES = 6
"""Names shown of what a cleaning rule removed."""


@dataclass(frozen=True)
class Top:
    """One name: on how many images it is, and the images that show it best."""

    name: str
    images: int
    examples: list[str]


@dataclass(frozen=True)
class Removed:
    """What one cleaning rule removed: tags, and the names it hit most."""

    rule: str
    tags: int
    names: list[str]


@dataclass(frozen=True)
class Shared:
    """One picture behind many links, and a few of them."""

    image_id: str
    links: int
    urls: list[str]


def find_top_names(view: ReportInput, kind: str, limit: int) -> list[Top]:
    """The names of one kind that most images have, with the images that show them best."""
    tags = view.tables["tags_long"]
    top = rank_names(read_names(tags), kind, limit)
    given = {"kind": kind, "names": [name for name, _ in top], "examples": EXAMPLES}
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder)) as database:
        add_table(database, "tags", tags)
        rows = database.execute(
            "WITH seen AS (SELECT name, image_id, max(confidence) AS best FROM tags "
            "WHERE kind = $kind AND list_contains($names, name) GROUP BY name, image_id) "
            "SELECT name, list(image_id ORDER BY best DESC NULLS LAST, image_id)[1:$examples] "
            "FROM seen GROUP BY name",
            given,
        ).fetchall()
    examples = dict(rows)
    return [Top(shown(name, NAME), n, examples[name]) for name, n in top]


def list_removed(view: ReportInput) -> list[Removed]:
    """List what each cleaning rule removed, the rule that removed most first."""
    dropped = view.select_table("tags_dropped", "rule", "name")
    return [
        Removed(
            rule,
            n,
            [
                shown(name, NAME)
                for name, _ in _count_values(
                    _rows_where(dropped, "rule", rule), "name", REMOVED_NAMES
                )
            ],
        )
        for rule, n in _count_values(dropped, "rule", dropped.num_rows)
    ]


def find_shared_pictures(view: ReportInput, limit: int = 5) -> list[Shared]:
    """Find the pictures that most links lead to, if several do."""
    links = view.select_table("images", "image_id", "url").drop_null()
    return [
        Shared(
            image_id,
            n,
            list(dict.fromkeys(_rows_where(links, "image_id", image_id)["url"].to_pylist()))[
                :EXAMPLES
            ],
        )
        for image_id, n in _count_values(links, "image_id", limit)
        if n >= SHARED_FROM
    ]


def _rows_where(table: pa.Table, column: str, value: str) -> pa.Table:
    return table.filter(pc.equal(table[column], value))


def _count_values(table: pa.Table, by: str, limit: int) -> Sequence[tuple[str, int]]:
    """Count the most frequent values of a column; equal counts by name."""
    groups = table.group_by(by, use_threads=False).aggregate([([], "count_all")])
    named = groups.rename_columns(["n" if name != by else by for name in groups.column_names])
    first = named.sort_by([("n", "descending"), (by, "ascending")]).slice(0, limit)
    return list(zip(first[by].to_pylist(), first["n"].to_pylist(), strict=True))
