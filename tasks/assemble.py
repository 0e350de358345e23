"""The tables that people merge on: `images`, `tags_wide` and `tagged`."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import Fetched, Link, Verdict
from image_tags.tasks.contracts.tables import IMAGES, WIDE_KINDS, schema_of, wide_columns
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import (
    load_fetched,
    load_links,
    load_verdicts,
    stage,
    staged,
)
from image_tags.tasks.execution.task_options import timed

OURS = "image_tags_"
"""What goes before a column of ours in `tagged` when the source has one of the same name."""


@task(task_run_name="assemble the tables", cache_policy=NO_CACHE)
@timed
def assemble_tables(resources: RunResources, digests: Sequence[str]) -> dict[str, str]:
    """Stage `images`, `tags_wide` and `tagged`; returns the columns of ours that `tagged` had to
    rename.
    """
    store, run, settings = resources.store, resources.run, resources.settings
    source = staged(store, run, "source")
    fetched = {one.url: one for one in load_fetched(store, run, digests)}
    verdicts = load_verdicts(store, run)
    images = images_table(source.num_rows, load_links(store, run), fetched, verdicts, store.locate)
    widths = {
        "celebrity": settings.wide_celebrities,
        "label": settings.wide_labels,
        "word": settings.wide_words,
    }
    wide = wide_table(staged(store, run, "tags_long"), list(verdicts), widths)
    stage(store, run, "images", images)
    stage(store, run, "tags_wide", wide)
    stage(store, run, "tagged", tagged_table(source, images, wide))
    renamed = renamed_columns(source.column_names, images.column_names, wide.column_names[1:])
    for was, now in renamed.items():
        get_run_logger().warning(
            "Our column %r is called %r in `tagged`: the source has one of that name.", was, now
        )
    return renamed


def images_table(
    rows: int,
    links: Iterable[Link],
    fetched: Mapping[str, Fetched],
    verdicts: Mapping[str, Verdict],
    locate: Callable[[str], str],
) -> pa.Table:
    """One row a link, and one for each source row without any, in order of row and position.

    Args:
        rows: rows of the source.
        links: all links.
        fetched: what became of each URL; one that is missing was not finished and is pending.
        verdicts: what became of each image.
        locate: a picture's address from its key.

    """
    by_row: dict[int, list[Link]] = {}
    for link in links:
        by_row.setdefault(link.row, []).append(link)
    out: list[dict[str, object]] = []
    for row in range(rows):
        if row not in by_row:
            out.append({"row": row, "status": Status.NO_LINK})
        out += [
            _image_row(link, fetched.get(link.url), verdicts, locate)
            for link in by_row.get(row, ())
        ]
    return pa.Table.from_pylist(out, schema=schema_of(IMAGES))


def wide_table(long: pa.Table, image_ids: Sequence[str], widths: Mapping[str, int]) -> pa.Table:
    """One row an image: its first celebrities, labels and words by rank.

    As many columns as `widths` says.
    """
    schema = schema_of(wide_columns(dict(widths)))
    place = {image_id: number for number, image_id in enumerate(image_ids)}
    columns: dict[str, list[object]] = {name: [None] * len(image_ids) for name in schema.names}
    columns["image_id"] = list(image_ids)
    cells = (
        long.column(name).to_pylist() for name in ("image_id", "kind", "rank", "name", "confidence")
    )
    for image_id, kind, rank, name, confidence in zip(*cells, strict=True):
        if kind in WIDE_KINDS and rank <= widths[kind]:
            columns[f"{kind}_{rank}"][place[image_id]] = name
            columns[f"{kind}_{rank}_confidence"][place[image_id]] = confidence
    return pa.table(columns, schema=schema)


def tagged_table(source: pa.Table, images: pa.Table, wide: pa.Table) -> pa.Table:
    """Every column of the source as it is, then those of `images` and `tags_wide`; a row for each
    row of `images`.
    """
    names = column_names(source.column_names, images.column_names, wide.column_names[1:])
    place = {
        image_id: number for number, image_id in enumerate(wide.column("image_id").to_pylist())
    }
    spots = pa.array(
        [place.get(image_id) for image_id in images.column("image_id").to_pylist()], pa.int64()
    )
    parts = [source.take(images.column("row")), images, wide.drop_columns("image_id").take(spots)]
    columns = [column for part in parts for column in part.columns]
    return pa.table(columns, names=list(names))


def column_names(source: Sequence[str], *ours: Sequence[str]) -> list[str]:
    """The columns of `tagged`: the source's untouched, ours with `image_tags_` before them where
    the name is taken.

    It is taken also by a name that differs only in capitals: DuckDB and Athena would not tell the
    two apart.
    """
    names, taken = list(source), {name.casefold() for name in source}
    for name in (name for part in ours for name in part):
        candidate = name
        while candidate.casefold() in taken:
            candidate = OURS + candidate
        names.append(candidate)
        taken.add(candidate.casefold())
    return names


def renamed_columns(source: Sequence[str], *ours: Sequence[str]) -> dict[str, str]:
    """Which columns of ours go by another name in `tagged`, and by which."""
    wanted = [name for part in ours for name in part]
    given = column_names(source, *ours)[len(source) :]
    return {was: now for was, now in zip(wanted, given, strict=True) if was != now}


def _image_row(
    link: Link,
    fetched: Fetched | None,
    verdicts: Mapping[str, Verdict],
    locate: Callable[[str], str],
) -> dict[str, object]:
    row: dict[str, object] = {"row": link.row, "position": link.position, "url": link.url}
    if fetched is None:
        detail = "The batch that had this link did not finish."
        return row | {
            "status": Status.PENDING,
            "reason": Reason.CONNECTION_FAILED,
            "detail": detail,
        }
    row |= {"format": fetched.format, "bytes": fetched.bytes, "detail": fetched.detail}
    if fetched.picture is None:
        reason = fetched.reason or Reason.CONNECTION_FAILED
        return row | {"status": reason.status, "reason": reason}
    picture = fetched.picture
    verdict = verdicts[picture.image_id]
    return row | {
        "image_id": picture.image_id,
        "object": locate(picture.key),
        "width": picture.width,
        "height": picture.height,
        "status": verdict.status,
        "reason": verdict.reason,
        "detail": verdict.detail or fetched.detail,
    }
