"""What is new in a run since the last published version: rows, links and images that came and went."""

import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.adapters.files.tables import parquet_table
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.published.pointer import look_at_pointer


def compare_with_published(store: Store, images: pa.Table) -> JsonObject:
    """How a staged `images` table differs from the one that readers see now; `since` names that
    version, or is None.
    """
    reading = look_at_pointer(store)
    if reading.pointer is None:
        damage = {"unreadable": str(reading.damage)} if reading.damage else {}
        return {"since": None, **damage, **compare_images(None, images)}
    pointer = reading.pointer
    try:
        before = parquet_table(
            store.read(pointer.tables["images"]), columns=["row", "url", "image_id"]
        )
    except (NotInStore, KeyError):  # someone removed the version by hand
        return {"since": None, **compare_images(None, images)}
    except (pa.ArrowException, OSError):
        damage = {"unreadable": f"{store.locate(pointer.tables['images'])} is damaged."}
        return {"since": None, **damage, **compare_images(None, images)}
    return {"since": pointer.version, **compare_images(before, images)}


def compare_images(before: pa.Table | None, after: pa.Table) -> dict[str, int]:
    """Count what came and what went from one `images` table to the next; None is a table without
    rows.

    Rows have no name, so only their number is compared. Links and images are compared as such, each
    counted once however often it occurs. A link counts as changed if it led to one picture and now
    leads to another.
    """
    before = after.slice(0, 0) if before is None else before
    rows = pc.count_distinct(after["row"]).as_py() - pc.count_distinct(before["row"]).as_py()
    links_new, links_gone = _count_new_and_gone(before["url"], after["url"])
    images_new, images_gone = _count_new_and_gone(before["image_id"], after["image_id"])
    return {
        "rows_new": max(0, rows),
        "rows_gone": max(0, -rows),
        "links_new": links_new,
        "links_gone": links_gone,
        "links_changed": _count_changed(before, after),
        "images_new": images_new,
        "images_gone": images_gone,
    }


def describe_changes(changes: JsonObject) -> str:
    """The counts for a person; what did not happen is left out."""
    if changes.get("unreadable"):
        return f"Not compared with the last version: {changes['unreadable']}"
    if changes["since"] is None:
        return "No earlier version to compare with."
    said = [
        f"{count:,} {noun}{'' if count == 1 else 's'} {what}"
        for what in ("new", "gone", "changed")
        for noun in ("row", "link", "image")
        if (count := changes.get(f"{noun}s_{what}"))
    ]
    return f"Since version {changes['since']}: {', '.join(said) or 'nothing new'}."


def _count_new_and_gone(before: pa.ChunkedArray, after: pa.ChunkedArray) -> tuple[int, int]:
    old, new = (pc.unique(column.drop_null()) for column in (before, after))
    return _count_missing(new, old), _count_missing(old, new)


def _count_missing(values: pa.Array, among: pa.Array) -> int:
    return int(len(values) - (pc.sum(pc.is_in(values, value_set=among)).as_py() or 0))


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
