"""What is new since the last version."""

from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.files.tables import parquet_bytes
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import PARQUET
from image_tags.tasks.contracts.tables import IMAGES, schema_of
from image_tags.tasks.published.pointer import Pointer, swap_pointer
from image_tags.tasks.summary.changes import (
    compare_images,
    compare_with_published,
    describe_changes,
)


def images(*rows):
    """(row, url, image) as an `images` table."""
    named = [{"row": row, "url": url, "image_id": image} for row, url, image in rows]
    return pa.Table.from_pylist(named, schema=schema_of(IMAGES))


def test_what_came_and_what_went():
    before = images((0, "a", "1"), (1, "b", "2"), (2, "c", None), (3, "d", "4"))
    after = images(
        (0, "a", "1"), (1, "b", "9"), (2, "c", "3"), (3, "e", "1"), (3, "f", None), (4, None, None)
    )
    assert compare_images(before, after) == {
        "rows_new": 1,
        "rows_gone": 0,
        "links_new": 2,  # e, f
        "links_gone": 1,  # d
        "links_changed": 1,  # b; c led to nothing before
        "images_new": 2,  # 9, 3
        "images_gone": 2,  # 2, 4
    }
    assert compare_images(after, before)["rows_gone"] == 1


tables = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from("abcd") | st.none()).map(
        lambda cell: (cell[0], cell[1], None if cell[1] is None else cell[1].upper())
    ),
    max_size=8,
).map(lambda rows: images(*rows))


@given(tables, tables)
def test_as_sets_say(before, after):
    found = compare_images(before, after)
    for noun, column in [("links", "url"), ("images", "image_id")]:
        old, new = (
            {value for value in table[column].to_pylist() if value} for table in (before, after)
        )
        assert (found[f"{noun}_new"], found[f"{noun}_gone"]) == (len(new - old), len(old - new))
    assert found["rows_new"] - found["rows_gone"] == len(set(after["row"].to_pylist())) - len(
        set(before["row"].to_pylist())
    )
    assert found["links_changed"] == 0, "each link always leads to the same picture here"
    assert Counter(compare_images(before, before).values()) == {0: 7}
    assert compare_images(None, after) == compare_images(images(), after)


def test_compared_with_the_version_that_readers_see(tmp_path):
    store = FolderStore(str(tmp_path))
    assert compare_with_published(store, images((0, "a", "1")))["since"] is None
    store.write("published/v1/images.parquet", parquet_bytes(images((0, "a", "1"))), PARQUET)
    swap_pointer(store, Pointer("v1", "now", {"images": "published/v1/images.parquet"}), None)
    found = compare_with_published(store, images((0, "a", "1"), (1, "b", "1")))
    assert (found["since"], found["rows_new"], found["links_new"], found["images_new"]) == (
        "v1",
        1,
        1,
        0,
    )
    store.delete("published/v1/images.parquet")
    assert compare_with_published(store, images((0, "a", "1")))["since"] is None


def test_the_sentence_leaves_out_what_did_not_happen():
    nothing = {"since": "v1", **compare_images(images(), images())}
    assert describe_changes(nothing) == "Since version v1: nothing new."
    some = {**nothing, "rows_new": 2, "links_new": 1200, "links_gone": 1, "images_new": 3}
    assert (
        describe_changes(some)
        == "Since version v1: 2 rows new, 1,200 links new, 3 images new, 1 link gone."
    )
    assert describe_changes({**nothing, "since": None}) == "No earlier version to compare with."
