"""What the pictures show: the most frequent names with examples, what cleaning removed, pictures
behind many links.

Counting is left to Arrow: a run may have some ten million tags.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.contracts.display import NAME, shown
from image_tags.tasks.report.view import ReportInput

EXAMPLES = 3
"""Pictures beside a name."""

SHARED_FROM = 3
"""Links behind one picture from which it is worth showing."""

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


def top_names(view: ReportInput, kind: str, limit: int) -> list[Top]:
    """The names of one kind that most images have."""
    tags = view.table("tags_long", "image_id", "kind", "name", "confidence")
    tags = tags.filter(pc.equal(tags["kind"], kind))
    counts = _counted(tags, "name", limit, ("image_id", "count_distinct"))
    some = tags.filter(pc.is_in(tags["name"], pa.array([name for name, _ in counts], pa.string())))
    examples: dict[str, dict[str, None]] = {}
    best_first = some.sort_by([("confidence", "descending"), ("image_id", "ascending")])
    for name, image_id in zip(
        best_first["name"].to_pylist(), best_first["image_id"].to_pylist(), strict=True
    ):
        examples.setdefault(name, {})[image_id] = None
    return [Top(shown(name, NAME), n, list(examples[name])[:EXAMPLES]) for name, n in counts]


def removed(view: ReportInput) -> list[Removed]:
    """What each cleaning rule removed, the busiest rule first."""
    dropped = view.table("tags_dropped", "rule", "name")
    return [
        Removed(
            rule,
            n,
            [
                shown(name, NAME)
                for name, _ in _counted(_where(dropped, "rule", rule), "name", REMOVED_NAMES)
            ],
        )
        for rule, n in _counted(dropped, "rule", dropped.num_rows)
    ]


def shared_pictures(view: ReportInput, limit: int = 5) -> list[Shared]:
    """The pictures that most links lead to, if several do."""
    links = view.table("images", "image_id", "url").drop_null()
    return [
        Shared(
            image_id,
            n,
            list(dict.fromkeys(_where(links, "image_id", image_id)["url"].to_pylist()))[:EXAMPLES],
        )
        for image_id, n in _counted(links, "image_id", limit)
        if n >= SHARED_FROM
    ]


def _where(table: pa.Table, column: str, value: str) -> pa.Table:
    return table.filter(pc.equal(table[column], value))


def _counted(
    table: pa.Table, by: str, limit: int, how: tuple[Any, str] = ([], "count_all")
) -> Sequence[tuple[str, int]]:
    """The most frequent values of a column with their counts; equal counts by name."""
    groups = table.group_by(by, use_threads=False).aggregate([how])
    named = groups.rename_columns(["n" if name != by else by for name in groups.column_names])
    first = named.sort_by([("n", "descending"), (by, "ascending")]).slice(0, limit)
    return list(zip(first[by].to_pylist(), first["n"].to_pylist(), strict=True))
