"""What is new since the last version."""

from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.files.tables import parquet_bytes
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import PARQUET
from image_tags.tasks.contracts.tables import IMAGES, schema_of
from image_tags.tasks.published.pointer import Pointer, Version, swap_pointer
from image_tags.tasks.summary.changes import (
    compare_images,
    compare_with_published,
    describe_changes,
)


def images(*rows):
    """(row, url, image) or (row, url, image, status) as an `images` table."""
    named = []
    for row, url, image, *status in rows:
        usual = "tagged" if image else "no_link" if url is None else "rejected"
        named.append({"row": row, "url": url, "image_id": image, "status": (status or [usual])[0]})
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
        "links_newly_dead": 0,  # f is new
        "links_newly_pending": 0,
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
    assert Counter(compare_images(before, before).values()) == {0: 9}
    assert compare_images(None, after) == compare_images(images(), after)


def test_dead_links_are_those_that_led_to_a_picture_before():
    before = images((0, "a", "1"), (1, "b", "2"), (2, "c", None), (3, "d", "4"), (4, "d", "4"))
    after = images(
        (0, "a", None, "rejected"),
        (1, "b", None, "pending"),
        (2, "c", None, "rejected"),
        (3, "d", "4"),
        (4, "d", "4"),
        (5, "e", None, "rejected"),
    )
    assert compare_images(before, after)["links_newly_dead"] == 2  # a, b


def test_pending_links_are_new_unless_they_were_pending_before():
    before = images((0, "a", "1"), (1, "b", None, "pending"), (2, "c", None, "pending"))
    after = images(
        (0, "a", None, "pending"),
        (1, "b", None, "pending"),
        (2, "c", "3"),
        (3, "d", None, "pending"),
        (4, "d", None, "pending"),
    )
    assert compare_images(before, after)["links_newly_pending"] == 2  # a, d
    assert compare_images(None, after)["links_newly_pending"] == 3


def test_a_retry_is_compared_with_the_version_before_its_own_run(tmp_path):
    store = FolderStore(str(tmp_path))
    for version, row in (("v1-other", (0, "a", "1")), ("v2-mine", (0, "a", None, "pending"))):
        key = f"published/{version}/images.parquet"
        store.write(key, parquet_bytes(images(row)), PARQUET)
    kept = [Version("v2-mine", "now"), Version("v1-other", "before")]
    swap_pointer(store, Pointer("v2-mine", "now", {}, kept), None)
    again = images((0, "a", None, "pending"))
    mine = compare_with_published(store, again, "20261126T220000Z-mine")
    assert (mine["since"], mine["links_newly_pending"]) == ("v1-other", 1)
    other = compare_with_published(store, again, "20261126T230000Z-third")
    assert (other["since"], other["links_newly_pending"]) == ("v2-mine", 0)


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
    some = {
        **nothing,
        "rows_new": 2,
        "links_new": 1200,
        "links_gone": 1,
        "images_new": 3,
        "links_newly_dead": 3,
    }
    assert (
        describe_changes(some)
        == "Since version v1: +2 rows, +1,200 links, -1 link, +3 images, 3 links newly dead."
    )
    assert describe_changes({**nothing, "since": None}) == "No earlier version to compare with."
