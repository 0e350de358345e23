"""The tables that people merge on."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.files import table_files
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.assemble.column_names import list_renamed, name_columns
from image_tags.tasks.assemble.faces import count_faces
from image_tags.tasks.assemble.images import make_images, tabulate_fetched
from image_tags.tasks.assemble.rows import gather_facts, make_rows
from image_tags.tasks.assemble.step import assemble_staged
from image_tags.tasks.assemble.tagged import make_tagged
from image_tags.tasks.assemble.wide import divide_tags, make_wide
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import Fetched, Link, Verdict
from image_tags.tasks.contracts.tables import IMAGES, schema_of, wide_columns
from image_tags.tasks.execution.run_folder import links_table
from image_tags.tasks.execution.staged_tables import StagedTables
from image_tags.tasks.reshape.reading import LONG_SCHEMA
from image_tags.tasks.reshape.verdicts import tabulate_verdicts
from tests.support.made import fetched, image_id

WIDTHS = {"celebrity": 1, "label": 3, "word": 2}
COUNTS = {"celebrity": "n_celebrities", "label": "n_labels", "word": "n_words"}
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
    wide = make_wide(pa.array(IDS), long_of(tags), WIDTHS)
    assert wide.schema.equals(schema_of(wide_columns(WIDTHS)))
    assert wide.column("image_id").to_pylist() == IDS
    for row in wide.to_pylist():
        for kind, width in WIDTHS.items():
            found = tags.get((row["image_id"], kind), [])[:width]
            padded = found + [(None, None)] * (width - len(found))
            assert [
                (row[f"{kind}_{n}"], row[f"{kind}_{n}_confidence"]) for n in range(1, width + 1)
            ] == padded
            assert row[COUNTS[kind]] == len(tags.get((row["image_id"], kind), []))
        faces = (tags.get((row["image_id"], kind), []) for kind in ("face", "celebrity"))
        assert row["n_faces"] == sum(map(len, faces))  # none has a box


def test_wide_columns_come_in_natural_order():
    names = [column.name for column in wide_columns({"celebrity": 1, "label": 11, "word": 1})]
    assert names[:3] == ["image_id", "celebrity_1", "celebrity_1_confidence"]
    assert names.index("label_2") < names.index("label_10")


def images_of(rows, links, found, verdicts):
    known = tabulate_fetched(found, "/s/{}".format)
    parts = make_images(rows, links_table(links), known, tabulate_verdicts(verdicts))
    return pa.concat_tables([schema_of(IMAGES).empty_table(), *parts])


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
    verdicts = [
        Verdict(image_id("u1"), Status.TAGGED),
        Verdict(image_id("u2"), Status.PENDING, Reason.THROTTLED, "slow"),
    ]
    images = images_of(len(cells), links, got.values(), verdicts)
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
    links = [Link(0, 0, "u1"), Link(0, 1, "u1")]
    verdicts = [Verdict(image_id("u1"), Status.TAGGED)]
    images = images_of(2, links, [fetched("u1")], verdicts)
    long = long_of({(image_id("u1"), "label"): [("Cat", 99.0)]})
    wide = make_wide(pa.array([image_id("u1")]), long, WIDTHS)
    tagged = make_tagged(source, 0, images, wide)
    assert tagged.select(source.column_names).slice(0, 1).equals(source.slice(0, 1))
    assert tagged.schema.field("when").type == pa.binary()
    assert tagged.num_rows == 3
    assert tagged.column("image_tags_label_1").to_pylist() == ["Cat", "Cat", None]
    assert tagged.column("image_tags_image_tags_url").to_pylist() == ["u1", "u1", None]
    names = images.column_names, wide.column_names[1:]
    assert list_renamed(source.column_names, *names) == {
        "url": "image_tags_image_tags_url",
        "label_1": "image_tags_label_1",
    }


def test_a_name_that_differs_in_capitals_alone_is_taken_too():
    assert list_renamed(["URL", "Url", "Image_Tags_URL"], ["row", "url"]) == {
        "url": "image_tags_image_tags_url"
    }


@given(
    st.lists(
        st.sampled_from(["row", "url", "URL", "Status", "image_tags_row", "mine", "Mine", ""]),
        unique=True,
    )
)
def test_column_names_never_clash(source):
    names = name_columns(source, ["row", "url"], ["status"])
    assert names[: len(source)] == source
    ours = [name.casefold() for name in names[len(source) :]]
    assert len(set(ours)) == len(ours) == 3
    assert not set(ours) & {name.casefold() for name in source}


def test_an_image_without_a_verdict_is_a_mistake():
    with pytest.raises(ValueError, match="no verdict"):
        images_of(1, [Link(0, 0, "u1")], [fetched("u1")], [])


def boxes(*given):
    """Tags with boxes: (kind, left, top, width, height)."""
    rows = [
        {"image_id": "a", "kind": kind, "rank": rank, "name": "x", "confidence": 1.0}
        | dict(zip(("left", "top", "width", "height"), box, strict=True))
        for rank, (kind, *box) in enumerate(given, 1)
    ]
    return pa.Table.from_pylist(rows, schema=LONG_SCHEMA)


@pytest.mark.parametrize(
    ("given_boxes", "faces"),
    [
        ([("face", 0.1, 0.1, 0.2, 0.2), ("celebrity", 0.1, 0.11, 0.2, 0.2)], 1),
        ([("face", 0.1, 0.1, 0.2, 0.2), ("face", 0.25, 0.1, 0.2, 0.2)], 2),
        ([("face", 0.1, 0.1, 0.2, 0.2), ("label", 0.1, 0.1, 0.2, 0.2)], 1),
        ([("face", None, None, None, None), ("celebrity", None, None, None, None)], 2),
        ([("face", 0.1, 0.1, 0.0, 0.0), ("face", 0.1, 0.1, 0.0, 0.0)], 2),
        ([("label", 0.1, 0.1, 0.2, 0.2)], 0),
    ],
)
def test_a_face_that_two_operations_found_counts_once(given_boxes, faces):
    tags = boxes(*given_boxes)
    places = pa.array([0] * tags.num_rows).to_numpy()
    assert count_faces(tags, places, 1).tolist() == [faces]


def rows_of(cells, tags, statuses=None, long=None):
    """`rows` for cells of links a, b, c to images of the same names; `dead` leads nowhere."""
    links = [Link(row, at, url) for row, cell in enumerate(cells) for at, url in enumerate(cell)]
    verdicts = [
        Verdict(image_id(name), (statuses or {}).get(name, Status.TAGGED)) for name in "abc"
    ]
    found = [fetched(name) for name in "abc"] + [Fetched("dead", reason=Reason.NOT_FOUND)]
    images = images_of(len(cells), links, found, verdicts)
    ids = pa.array(IDS)
    table = pa.Table.from_pylist(long, schema=LONG_SCHEMA) if long else long_of(tags)
    facts = gather_facts(ids, table, make_wide(ids, table, WIDTHS))
    source = pa.table({"n": range(len(cells)), "status": ["mine"] * len(cells)})
    return make_rows(source, 0, images, ids, facts).to_pylist()


def test_a_row_sums_up_its_pictures():
    a, b, c = IDS
    tags = {
        (a, "label"): [("Cat", 90.0), ("Pet", 80.0)],
        (a, "word"): [("big", 90.0), ("SALE", 90.0)],
        (b, "label"): [("Dog", 70.0), ("Pet", 60.0)],
        (b, "celebrity"): [("Ada Lovelace", 99.0)],
        (b, "line"): [("no word of it", 50.0)],
        (c, "word"): [("now", 90.0)],
    }
    both, none, one, same = rows_of([["b", "a"], [], ["c"], ["a", "a"]], tags)
    assert both == {
        "n": 0, "status": "mine", "row": 0, "n_links": 2, "n_tagged": 2,
        "labels": ["Dog", "Pet", "Cat"], "words": "big SALE", "celebrities": ["Ada Lovelace"],
        "n_faces": 1, "n_people": 1, "has_text": True, "has_celebrity": True,
        "image_tags_status": "tagged",
    }  # fmt: skip
    assert [none[name] for name in ("n_links", "labels", "words", "has_text", "n_faces")] == [
        0, None, None, None, None,
    ]  # fmt: skip
    assert none["image_tags_status"] == "no_link"
    assert (one["labels"], one["words"], one["has_celebrity"]) == ([], "now", False)
    assert (same["n_links"], same["words"]) == (2, "big SALE")


def test_a_row_has_the_worst_status_of_its_links():
    statuses = {"a": Status.PENDING, "b": Status.REJECTED}
    rows = rows_of([["c", "b"], ["b", "a", "c"], ["c"], []], {}, statuses)
    assert [row["image_tags_status"] for row in rows] == [
        "rejected", "pending", "tagged", "no_link",
    ]  # fmt: skip
    assert [row["n_tagged"] for row in rows] == [1, 1, 1, 0]
    assert [row["labels"] for row in rows] == [[], [], [], None]


def test_words_of_a_row_are_the_text_in_reading_order_one_line_per_picture():
    a, b, c = IDS
    tags = {
        # Several lines of words on one picture: the rank is the reading order, not the confidence.
        (a, "word"): [("Happy", 80.0), ("birthday,", 99.0), ("dear", 70.0), ("dear", 98.0)],
        (a, "line"): [("Happy birthday,", 90.0), ("dear dear", 90.0)],
        (b, "word"): [("東京", 60.0)],
        (c, "line"): [("only a line", 60.0)],
    }
    cells = [["b", "c", "a"], ["a"], ["c"], ["a", "b", "a"], ["dead", "a"], ["dead"], []]
    rows = rows_of(cells, tags)
    text = "Happy birthday, dear dear"
    assert [row["words"] for row in rows] == [
        f"東京\n{text}", text, None, f"{text}\n東京", text, None, None,
    ]  # fmt: skip
    assert [row["has_text"] for row in rows] == [True, True, True, True, True, None, None]


def test_equal_rows_and_cells_without_a_number_stay_rows_of_their_own():
    source = pa.table({"likes": [1.0, float("nan"), None, 1.0], "media": ["a", "a", None, "a"]})
    verdicts = [Verdict(image_id("a"), Status.TAGGED)]
    links = [Link(row, 0, "a") for row in (0, 1, 3)]
    images = images_of(4, links, [fetched("a")], verdicts)
    ids, long = pa.array(IDS[:1]), long_of({(IDS[0], "label"): [("Cat", 90.0)]})
    facts = gather_facts(ids, long, make_wide(ids, long, WIDTHS))
    made = make_rows(source, 0, images, ids, facts)
    assert str(made["likes"].to_pylist()) == "[1.0, nan, None, 1.0]"
    assert made["row"].to_pylist() == [0, 1, 2, 3]
    assert made["labels"].to_pylist() == [["Cat"], ["Cat"], None, ["Cat"]]
    assert made["n_links"].to_pylist() == [1, 1, 0, 1]


def test_faces_and_people_of_a_row_add_up_over_its_distinct_pictures():
    a, b, c = IDS
    tags = {
        (a, "face"): [("face", 99.0), ("face", 98.0)],
        (b, "celebrity"): [("Ada Lovelace", 99.0), ("Alan Turing", 98.0)],
        (c, "label"): [("Person", 90.0)],
    }
    tags = long_of(tags).to_pylist()
    for tag in tags:
        tag["instances"] = 5 if tag["name"] == "Person" else None
    rows = rows_of([["a", "b", "a"], ["c"], ["b", "c"]], {}, long=tags)
    assert [row["n_faces"] for row in rows] == [4, 0, 2]
    assert [row["n_people"] for row in rows] == [4, 5, 7]
    people = ["Ada Lovelace", "Alan Turing"]
    assert [row["celebrities"] for row in rows] == [people, [], people]
    assert [row["has_celebrity"] for row in rows] == [True, False, True]


ROW_CELLS = st.lists(st.lists(st.sampled_from(["a", "b", "c", "dead"]), max_size=4), max_size=6)


@given(ROW_CELLS, TAGS)
def test_rows_list_what_the_long_table_has(cells, tags):
    for row, cell in zip(rows_of(cells, tags), cells, strict=True):
        pictures = list(dict.fromkeys(image_id(name) for name in cell if name != "dead"))
        for column, kind in (("labels", "label"), ("celebrities", "celebrity")):
            names = [name for one in pictures for name, _ in tags.get((one, kind), [])]
            assert row[column] == (list(dict.fromkeys(names)) if pictures else None)
        words = [[name for name, _ in tags.get((one, "word"), [])] for one in pictures]
        assert row["words"] == ("\n".join(" ".join(some) for some in words if some) or None)
        kinds = {kind for one in pictures for kind in ("word", "line") if tags.get((one, kind))}
        assert row["has_text"] == (bool(kinds) if pictures else None)
        assert row["n_links"] == len(cell)
        assert row["n_tagged"] == sum(name != "dead" for name in cell)
        worst = "rejected" if "dead" in cell else "tagged" if cell else "no_link"
        assert row["image_tags_status"] == worst


def test_tags_in_another_order_than_the_images_are_a_mistake():
    tags = long_of({(IDS[1], "label"): [("Cat", 1.0)], (IDS[0], "label"): [("Dog", 1.0)]})
    with pytest.raises(ValueError, match="order"):
        list(divide_tags([tags], pa.array(IDS)))


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_tables_made_in_parts_are_those_made_at_once(tmp_path, monkeypatch, rows):
    links = [Link(0, 0, "u1"), Link(0, 1, "u2"), Link(2, 0, "u3"), Link(3, 0, "u1")]
    names = ["u1", "u2", "u3"]
    ids = [image_id(name) for name in names]
    kinds = {"label": 4, "word": 3, "celebrity": 1}
    tags = {
        (one, kind): [(f"{kind} {n}", 90.0 - n) for n in range(count)]
        for one in (ids[0], ids[2])
        for kind, count in kinds.items()
    }
    source = pa.table({"likes": [4.0, 3.0, 2.0, 1.0], "url": ["u1 u2", None, "u3", "u1"]})
    given_tables = {
        "source": source,
        "links": links_table(links),
        "verdicts": tabulate_verdicts([Verdict(one, Status.TAGGED) for one in ids]),
        "tags_long": long_of(tags),
    }
    found = tabulate_fetched([fetched(name) for name in names], "/s/{}".format)
    monkeypatch.setattr(table_files, "ROW_GROUP", rows)
    monkeypatch.setattr("image_tags.tasks.assemble.step.PART", rows)
    monkeypatch.setattr("image_tags.tasks.assemble.images.PART", rows)
    with StagedTables(FolderStore(str(tmp_path)), "r") as tables:
        for name, table in given_tables.items():
            tables.stage(name, table)
        assemble_staged(tables, found, WIDTHS)
        made = {
            name: tables.open(name).select(tables.open(name).column_names)
            for name in ("images", "tags_wide", "tagged", "rows")
        }
    verdicts = [Verdict(one, Status.TAGGED) for one in ids]
    images = images_of(4, links, [fetched(name) for name in names], verdicts)
    wide = make_wide(pa.array(ids), long_of(tags), WIDTHS)
    facts = gather_facts(pa.array(ids), long_of(tags), wide)
    assert made["images"].equals(images)
    assert made["tags_wide"].equals(wide)
    assert made["tagged"].equals(make_tagged(source, 0, images, wide))
    assert made["rows"].equals(make_rows(source, 0, images, pa.array(ids), facts))
