"""What is new in a run since the last published version: rows, links and images, and dead links."""

import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.adapters.files.errors import DamagedTable
from image_tags.tasks.adapters.files.tables import parquet_table
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.display import counted
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.published.pointer import FILES, Pointer, look_at_pointer

COLUMNS = ["row", "url", "image_id", "status"]
"""Of the table `images`, for a comparison."""


def compare_with_published(store: Store, images: pa.Table, run: str = "") -> JsonObject:
    """Count how a staged `images` table differs from the last version that another run published.

    A version that an earlier try of this run published is skipped: a retry reports what the whole
    run changed, and what it left pending is still new.

    Returns:
        The counts of `compare_images`, and `since`: the name of that version, or None.

    """
    reading = look_at_pointer(store)
    if reading.pointer is None:
        damage = {"unreadable": str(reading.damage)} if reading.damage else {}
        return {"since": None, **damage, **compare_images(None, images)}
    version = _last_of_another_run(reading.pointer, run)
    if version is None:
        return {"since": None, **compare_images(None, images)}
    key = FILES.format(version=version, name="images.parquet")
    try:
        before = parquet_table(store.read(key), columns=COLUMNS)
    except (NotInStore, KeyError):  # someone removed the version by hand
        return {"since": None, **compare_images(None, images)}
    except DamagedTable:
        damage = {"unreadable": f"{store.locate(key)} is damaged."}
        return {"since": None, **damage, **compare_images(None, images)}
    return {"since": version, **compare_images(before, images)}


def compare_images(before: pa.Table | None, after: pa.Table) -> dict[str, int]:
    """Count what came and what went from one `images` table to the next; None is an empty table.

    Rows have no name, so only their number is compared. Links and images are compared as such, each
    counted once however often it occurs.

    Returns:
        `rows_new`, `rows_gone`, `links_new`, `links_gone`, `images_new`, `images_gone`;
        `links_changed`: links to another picture than before; `links_newly_dead`: links that led to
        a picture and are now rejected or pending; `links_newly_pending`: pending links that were
        not pending before, or not there.

    """
    before = after.slice(0, 0) if before is None else before
    rows = pc.count_distinct(after["row"]).as_py() - pc.count_distinct(before["row"]).as_py()
    links_new, links_gone = _count_new_and_gone(before["url"], after["url"])
    images_new, images_gone = _count_new_and_gone(before["image_id"], after["image_id"])
    with_picture = before.filter(pc.is_valid(before["image_id"]))["url"]
    failed = _links_with_status(after, Status.REJECTED, Status.PENDING)
    return {
        "rows_new": max(0, rows),
        "rows_gone": max(0, -rows),
        "links_new": links_new,
        "links_gone": links_gone,
        "links_changed": _count_changed(before, after),
        "links_newly_dead": len(failed) - _count_missing(failed, pc.unique(with_picture)),
        "links_newly_pending": _count_missing(
            _links_with_status(after, Status.PENDING), _links_with_status(before, Status.PENDING)
        ),
        "images_new": images_new,
        "images_gone": images_gone,
    }


def describe_changes(changes: JsonObject) -> str:
    """The counts in one sentence; what did not happen is left out."""
    if changes.get("unreadable"):
        return f"Not compared with the last version: {changes['unreadable']}"
    if changes["since"] is None:
        return "No earlier version to compare with."
    parts = []
    for noun in ("row", "link", "image"):
        for sign, what in (("+", "new"), ("-", "gone")):
            if count := changes.get(f"{noun}s_{what}"):
                parts.append(f"{sign}{counted(count, noun)}")
    for what in ("changed", "newly dead", "newly pending"):
        if count := changes.get(f"links_{what.replace(' ', '_')}"):
            parts.append(f"{counted(count, 'link')} {what}")
    return f"Since version {changes['since']}: {', '.join(parts) or 'nothing new'}."


def _last_of_another_run(pointer: Pointer, run: str) -> str | None:
    own = run.rpartition("-")[2]
    if not own or not pointer.version.endswith(f"-{own}"):
        return pointer.version
    others = (one.version for one in pointer.history if not one.version.endswith(f"-{own}"))
    return next(others, None)


def _count_new_and_gone(before: pa.ChunkedArray, after: pa.ChunkedArray) -> tuple[int, int]:
    old, new = (pc.unique(column.drop_null()) for column in (before, after))
    return _count_missing(new, old), _count_missing(old, new)


def _count_missing(values: pa.Array, among: pa.Array) -> int:
    return int(len(values) - (pc.sum(pc.is_in(values, value_set=among)).as_py() or 0))


def _links_with_status(images: pa.Table, *statuses: Status) -> pa.Array:
    """The distinct links of these statuses."""
    wanted = pa.array([str(status) for status in statuses])
    return pc.unique(images.filter(pc.is_in(images["status"], value_set=wanted))["url"])


def _count_changed(before: pa.Table, after: pa.Table) -> int:
    old, new = (_picture_of_each_link(table) for table in (before, after))
    both = new.join(old, keys="url", right_suffix="_before", join_type="inner")
    return int(pc.sum(pc.not_equal(both["image_id"], both["image_id_before"])).as_py() or 0)


def _picture_of_each_link(images: pa.Table) -> pa.Table:
    """Each link that led to a picture, once: one link leads to one picture in a version."""
    found = images.select(["url", "image_id"]).drop_null()
    return (
        found.group_by("url", use_threads=False)
        .aggregate([("image_id", "first")])
        .rename_columns(["url", "image_id"])
    )
