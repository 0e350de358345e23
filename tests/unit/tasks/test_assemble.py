"""The tables that people merge on."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.assemble import (
    column_names,
    images_table,
    renamed_columns,
    tagged_table,
    wide_table,
)
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import Fetched, Link, Verdict
from image_tags.tasks.contracts.tables import IMAGES, schema_of, wide_columns
from image_tags.tasks.reshape import LONG_SCHEMA
from tests.support.made import fetched, image_id

WIDTHS = {"celebrity": 1, "label": 3, "word": 2}
IDS = [image_id(name) for name in "abc"]
TAGS = st.dictionaries(
    st.tuples(
        st.sampled_from(IDS), st.sampled_from(["label", "word", "celebrity", "line", "face"])
    ),
    st.lists(st.tuples(st.text(min_size=1, max_size=5), st.floats(0, 100)), max_size=5),
)


def long_of(tags):
    rows = [
        {"image_id": i, "kind": kind, "rank": rank, "name": name, "confidence": confidence}
        for (i, kind), found in tags.items()
        for rank, (name, confidence) in enumerate(found, 1)
    ]
    return pa.Table.from_pylist(rows, schema=LONG_SCHEMA)


@given(TAGS)
def test_wide_says_what_long_says(tags):
    wide = wide_table(long_of(tags), IDS, WIDTHS)
    assert wide.schema.equals(schema_of(wide_columns(WIDTHS)))
    assert wide.column("image_id").to_pylist() == IDS
    for row in wide.to_pylist():
        for kind, width in WIDTHS.items():
            found = tags.get((row["image_id"], kind), [])[:width]
            padded = found + [(None, None)] * (width - len(found))
            assert [
                (row[f"{kind}_{n}"], row[f"{kind}_{n}_confidence"]) for n in range(1, width + 1)
            ] == padded


def test_wide_columns_come_in_natural_order():
    names = [column.name for column in wide_columns({"celebrity": 1, "label": 11, "word": 1})]
    assert names[:3] == ["image_id", "celebrity_1", "celebrity_1_confidence"]
    assert names.index("label_2") < names.index("label_10")


CELLS = st.lists(
    st.lists(st.sampled_from(["u1", "u2", "dead", "unfinished"]), max_size=3), max_size=6
)


@given(CELLS)
def test_every_row_and_link_is_accounted_for(cells):
    links = [Link(row, at, url) for row, cell in enumerate(cells) for at, url in enumerate(cell)]
    got = {
        "u1": fetched("u1"),
        "u2": fetched("u2"),
        "dead": Fetched("dead", reason=Reason.NOT_FOUND, detail="404"),
    }
    verdicts = {image_id("u1"): Verdict(image_id("u1"), Status.TAGGED)}
    verdicts[image_id("u2")] = Verdict(image_id("u2"), Status.PENDING, Reason.THROTTLED, "slow")
    images = images_table(len(cells), links, got, verdicts, lambda key: f"/s/{key}")
    assert images.schema.equals(schema_of(IMAGES))
    rows = images.to_pylist()
    assert [(r["row"], r["position"], r["url"]) for r in rows if r["status"] != "no_link"] == [
        (link.row, link.position, link.url) for link in links
    ]
    assert [r["row"] for r in rows if r["status"] == "no_link"] == [
        n for n, cell in enumerate(cells) if not cell
    ]
    assert {r["row"] for r in rows} == set(range(len(cells)))
    expected = {
        "u1": ("tagged", None),
        "u2": ("pending", "throttled"),
        "dead": ("rejected", "not_found"),
    }
    expected |= {"unfinished": ("pending", "connection_failed"), None: ("no_link", None)}
    assert all((r["status"], r["reason"]) == expected[r["url"]] for r in rows)
    assert [r["row"] for r in rows] == sorted(r["row"] for r in rows)


def test_tagged_keeps_the_source_and_says_what_it_renamed():
    source = pa.table(
        {
            "url": ["u1", None],
            "label_1": [1.5, 2.5],
            "image_tags_url": ["x", "y"],
            "when": [b"a", b"b"],
        }
    )
    verdicts = {image_id("u1"): Verdict(image_id("u1"), Status.TAGGED)}
    images = images_table(
        2,
        [Link(0, 0, "u1"), Link(0, 1, "u1")],
        {"u1": fetched("u1")},
        verdicts,
        lambda key: f"/s/{key}",
    )
    wide = wide_table(
        long_of({(image_id("u1"), "label"): [("Cat", 99.0)]}), [image_id("u1")], WIDTHS
    )
    tagged = tagged_table(source, images, wide)
    assert tagged.select(source.column_names).slice(0, 1).equals(source.slice(0, 1))
    assert tagged.schema.field("when").type == pa.binary()
    assert tagged.num_rows == 3
    assert tagged.column("image_tags_label_1").to_pylist() == ["Cat", "Cat", None]
    assert tagged.column("image_tags_image_tags_url").to_pylist() == ["u1", "u1", None]
    names = images.column_names, wide.column_names[1:]
    assert renamed_columns(source.column_names, *names) == {
        "url": "image_tags_image_tags_url",
        "label_1": "image_tags_label_1",
    }


def test_a_name_that_differs_in_capitals_alone_is_taken_too():
    assert renamed_columns(["URL", "Url", "Image_Tags_URL"], ["row", "url"]) == {
        "url": "image_tags_image_tags_url"
    }


@given(
    st.lists(
        st.sampled_from(["row", "url", "URL", "Status", "image_tags_row", "mine", "Mine", ""]),
        unique=True,
    )
)
def test_column_names_never_clash(source):
    names = column_names(source, ["row", "url"], ["status"])
    assert names[: len(source)] == source
    ours = [name.casefold() for name in names[len(source) :]]
    assert len(set(ours)) == len(ours) == 3
    assert not set(ours) & {name.casefold() for name in source}
