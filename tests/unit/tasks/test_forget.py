"""Forgetting someone: nothing of theirs is left, and nothing of anyone else is lost."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

from image_tags.flows.commands.forget import forget as command
from image_tags.tasks.adapters.files.csv_files import CSV, csv_bytes
from image_tags.tasks.adapters.files.tables import parquet_bytes, parquet_table
from image_tags.tasks.adapters.ledger.entry import SCHEMA
from image_tags.tasks.adapters.link_records.link_log import LinkLog
from image_tags.tasks.adapters.link_records.record import record_outcome
from image_tags.tasks.adapters.segments import SegmentLog
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import JSON, PARQUET
from image_tags.tasks.adapters.store.store_format import check_format
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import FetchSettings
from image_tags.tasks.contracts.tables import (
    IMAGES,
    TAG_EFFECTS,
    TAGS_LONG,
    schema_of,
    wide_columns,
)
from image_tags.tasks.execution.run_folder import LINKS
from image_tags.tasks.forget.forget import forget
from image_tags.tasks.forget.selection import Selection
from tests.support.made import LABELS, TEXT, entry, fetched, image_id, labels_response

AUTHORS = ["ann", "ann", "bob", "cid"]
PICTURES = ["selfie", "meme", "meme", "cat"]
TAGS = {"selfie": "Sunglasses", "meme": "Text", "cat": "Cat"}
WIDTHS = {"celebrity": 0, "label": 1, "word": 0}


def url(row):
    return f"https://host.example/{row}.jpg"


def make_tables():
    """The published tables of four rows, and the source that they were made from."""
    source = pa.table({"author": AUTHORS, "media": [url(row) for row in range(4)]})
    ids = list(map(image_id, PICTURES))
    links = zip(range(4), source["media"].to_pylist(), ids, strict=True)
    images = pa.Table.from_pylist(
        [{"row": row, "url": link, "image_id": one} for row, link, one in links],
        schema=schema_of(IMAGES),
    )
    tags = [
        {"image_id": image_id(one), "kind": "label", "name": name} for one, name in TAGS.items()
    ]
    wide = [{"image_id": image_id(one), "label_1": name} for one, name in TAGS.items()]
    wide = pa.Table.from_pylist(wide, schema=schema_of(wide_columns(WIDTHS)))
    labels = [TAGS[one] for one in PICTURES]
    after = [pa.array(labels), *(pa.nulls(4, field.type) for field in list(wide.schema)[2:])]
    names = [*source.column_names, *images.column_names, *wide.column_names[1:]]
    effects = [{"kind": "label", "name": name, "also": []} for name in TAGS.values()]
    tags = pa.Table.from_pylist(tags, schema=schema_of(TAGS_LONG))
    return source, {
        "images": images,
        "tagged": pa.table([*source.columns, *images.columns, *after], names=names),
        "rows": source.append_column("row", images["row"]).append_column("n", images["row"]),
        "tags_long": tags,
        "tags_dropped": tags,
        "tags_wide": wide,
        "tag_effects": pa.Table.from_pylist(effects, schema=schema_of(TAG_EFFECTS)),
    }


@pytest.fixture
def store(tmp_path):
    """Two versions, runs, a source copy, derived tags, pictures, answers and link records."""
    store = FolderStore(str(tmp_path / "store"))
    check_format(store)
    source, tables = make_tables()
    remarks = [f"Look at {url(0)}.", "All is well."]
    summary = {"rows": 4, "url_column": "media", "remarks": remarks, "findings": [url(1)],
               "slow_hosts": [], "top_labels": [["Sunglasses", 1]], "people": []}  # fmt: skip
    for version in ("v1", "v2"):
        for name, table in tables.items():
            store.write(f"published/{version}/{name}.parquet", parquet_bytes(table), PARQUET)
        store.write(f"published/{version}/tagged.csv", csv_bytes(tables["tagged"]), CSV)
        store.write(f"published/{version}/report.html", url(0).encode(), "text/html")
        store.write(f"published/{version}/summary.json", json.dumps(summary).encode(), JSON)
        profile = {"rows": 4, "labels": {"Sunglasses": 1, "Cat": 1}}
        store.write(f"published/{version}/profile.json", json.dumps(profile).encode(), JSON)
    for one in set(PICTURES):
        key = f"images/{image_id(one)[:2]}/{image_id(one)}.jpg"
        store.write(key, b"picture", "image/jpeg")
    for operation in (LABELS, TEXT):
        log = open_answers(store, operation)
        for one in sorted(set(PICTURES)):
            given = labels_response(TAGS[one])
            log.add(entry(image_id(one), operation, given).to_row()).result()
        log.close()
        open_answers(store, operation).add(entry(image_id("selfie"), operation).to_row()).result()
    records = LinkLog(store, interval=None)
    for row, name in enumerate(PICTURES):
        records.add(record_outcome(fetched(url(row), name), FetchSettings()))
    records.close()
    store.write("runs/r1/source.parquet", parquet_bytes(source), PARQUET)
    store.write("runs/r1/summary.json", b"{}", JSON)
    store.write("runs/r2/source.parquet", parquet_bytes(source.slice(3)), PARQUET)
    store.write("sources/frame-1.parquet", parquet_bytes(source), PARQUET)
    for name, some in (("a", ["selfie", "cat"]), ("b", ["meme"])):
        table = pa.table({"image_id": list(map(image_id, some))})
        for ending in (".parquet", ".index.parquet"):
            store.write(f"derived/tags-1/{name}{ending}", parquet_bytes(table), PARQUET)
    return store


def open_answers(store, operation):
    prefix = f"responses/{operation}-0"
    return SegmentLog(store, prefix, SCHEMA, key="image_id", time="answered", interval=None)


def list_keys(store):
    """Every file below the store's folder, whatever it is."""
    folder = Path(store.address)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def everything(store):
    """All bytes of the store as one text, Parquet as its values."""
    parts = []
    for key in list_keys(store):
        data = store.read(key)
        parts.append(key)
        parts.append(
            str(parquet_table(data).to_pylist()) if key.endswith(".parquet") else data.decode()
        )
    return "\n".join(parts)


def test_a_persons_rows_pictures_and_answers_leave_every_place(store):
    lines = forget(store, Selection(row_value=("author", "ann")))
    left = everything(store)
    for gone in ("ann", url(0), url(1), image_id("selfie"), "Sunglasses"):
        assert gone not in left
    for kept in ("bob", "cid", url(2), url(3), image_id("meme"), image_id("cat")):
        assert kept in left
    for version in ("v1", "v2"):
        tagged = parquet_table(store.read(f"published/{version}/tagged.parquet"))
        assert tagged["row"].to_pylist() == [2, 3]
        assert store.read(f"published/{version}/tagged.csv") == csv_bytes(tagged)
        summary = json.loads(store.read(f"published/{version}/summary.json"))
        assert summary["forgotten_rows"] == 2
        assert summary["remarks"] == ["All is well."]
    assert not any("r1" in key for key in store.keys("runs/"))
    assert any("r2" in key for key in store.keys("runs/"))
    assert any("1 picture that other rows show too" in line for line in lines)
    assert image_id("meme") in "".join(lines)


def test_answers_of_others_are_still_read_from_the_rewritten_log(store):
    log = open_answers(store, LABELS)
    log.refresh()
    forget(store, Selection(image_id=image_id("selfie")))
    for one in (log, open_answers(store, LABELS)):
        one.refresh()
        assert set(one.find_times()) == {image_id("meme"), image_id("cat")}
        found = [table["image_id"].to_pylist() for table in one.read(["response"])]
        assert sorted(key for part in found for key in part) == sorted(one.find_times())
    assert list(store.keys("claims/")) == []


@pytest.mark.parametrize("selection", [Selection(url=url(2)), Selection(image_id=image_id("meme"))])
def test_a_link_or_a_picture_takes_all_rows_that_show_it_along(store, selection):
    forget(store, selection)
    left = everything(store)
    for gone in (image_id("meme"), url(1), url(2), "bob"):
        assert gone not in left
    assert "cid" in left
    rows = parquet_table(store.read("published/v2/rows.parquet"))["row"].to_pylist()
    assert rows == [0, 3]


def test_a_dry_run_changes_nothing_and_a_second_time_finds_nothing(store):
    before = everything(store)
    planned = forget(store, Selection(row_value=("author", "ann")), dry_run=True)
    assert everything(store) == before
    assert any(line.startswith("Would change or remove pictures: 1") for line in planned)
    forget(store, Selection(row_value=("author", "ann")))
    after = everything(store)
    again = forget(store, Selection(row_value=("author", "ann")))
    assert everything(store) == after
    assert not any(line.startswith("Changed or removed") for line in again)


@pytest.mark.parametrize(
    "selection", [Selection(row_value=("author", "ann")), Selection(url=url(0))], ids=["row", "url"]
)
def test_whenever_it_is_interrupted_the_next_time_finishes_it(store, monkeypatch, selection):
    whole = FolderStore(f"{store.address}-copy")
    for key in list_keys(store):
        whole.write(key, store.read(key), "")
    forget(whole, selection)
    published = list(whole.keys("published/"))
    changes = []
    for at in range(200):
        left = at

        def fail_in_time(real):
            def change(*given, **options):
                nonlocal left
                left -= 1
                if left < 0:
                    raise OSError("interrupted")
                return real(*given, **options)

            return change

        with monkeypatch.context() as patched:
            for name in ("delete", "write", "delete_all"):
                patched.setattr(store, name, fail_in_time(getattr(store, name)))
            try:
                forget(store, selection)
                break
            except OSError:
                changes.append(at)
        # What it had claimed is free again once its process is dead.
        store.delete_all([key for key in list_keys(store) if key.startswith("claims/")])
    assert len(changes) > 5
    assert list(store.keys("published/")) == published
    for key in published:
        assert store.read(key) == whole.read(key), key
    gone = [url(0), image_id("selfie")] + ["ann"] * (selection.url is None)
    assert [one for one in gone if one in everything(store)] == []


def test_a_run_that_was_never_published_is_searched_too(store):
    """Eve is in no version: her links are in the staged tables, her pictures in their records."""
    links = [url(8), url(9), url(3)]
    source = pa.table({"author": ["eve", "eve", "cid"], "media": links})
    columns = {"row": range(3), "position": [0] * 3, "url": links}
    store.write("runs/r3/source.parquet", parquet_bytes(source), PARQUET)
    store.write("runs/r3/links.parquet", parquet_bytes(pa.table(columns, LINKS)), PARQUET)
    records = LinkLog(store)
    for row, name in ((8, "eve"), (9, "cat")):
        records.add(record_outcome(fetched(url(row), name), FetchSettings()))
        store.write(f"images/{image_id(name)[:2]}/{image_id(name)}.jpg", b"picture", "image/jpeg")
    records.close()
    log = open_answers(store, LABELS)
    log.add(entry(image_id("eve"), LABELS).to_row()).result()
    forget(store, Selection(row_value=("author", "eve")))
    left = everything(store)
    for gone in ("eve", url(8), url(9), image_id("eve")):
        assert gone not in left
    for kept in ("ann", "cid", url(3), image_id("cat"), image_id("selfie")):
        assert kept in left


@pytest.mark.parametrize(
    ("column", "typed", "kept"),
    [
        (pa.array([7, 8, None]), "7", [8, None]),
        (pa.array([7.0, 7.5, float("nan")]), "7", [7.5]),
        (pa.array([2**53 + 1, 2**53]), str(2**53), [2**53 + 1]),
        (pa.array([True, False]), "true", [False]),
        (pa.array(["7", "7.0", " 7"]), "7", ["7.0", " 7"]),
        (pa.array([["a"], ["b"]]), "['a']", [["b"]]),
    ],
)
def test_values_are_what_people_type(store, column, typed, kept):
    source = pa.table({"who": column})
    store.write("sources/frame-2.parquet", parquet_bytes(source), PARQUET)
    forget(store, Selection(row_value=("who", typed)))
    left = parquet_table(store.read("sources/frame-2.parquet"))["who"].to_pylist()
    assert [one for one in left if one == one] == kept


def test_a_column_of_the_source_may_have_the_name_of_ours(tmp_path):
    """`image_tags_row` of the source is not our `row`, though it is called so where both exist."""
    store = FolderStore(str(tmp_path))
    check_format(store)
    _, tables = make_tables()
    for name in ("tagged", "rows"):
        more = pa.array([9, 9, 9, 0])
        tables[name] = tables[name].add_column(0, "image_tags_row", more)
    for name, table in tables.items():
        store.write(f"published/v1/{name}.parquet", parquet_bytes(table), PARQUET)
    forget(store, Selection(row_value=("author", "ann")))
    for name in ("tagged", "rows"):
        left = parquet_table(store.read(f"published/v1/{name}.parquet"))
        assert left["author"].to_pylist() == ["bob", "cid"]


def test_a_damaged_segment_is_set_aside_and_named(store):
    (key, *_) = [key for key in store.keys("responses/") if "detect_text" in key]
    store.write(key, store.read(key)[:-40], PARQUET)
    lines = forget(store, Selection(row_value=("author", "ann")))
    assert f"damaged/{key}" in set(list_keys(store))
    assert any("files below damaged/" in line for line in lines)


def test_a_cell_in_another_form_is_found_in_the_copy_of_the_source(store):
    """A link is fetched in its proper form; the copy has the cell as it was."""
    _, tables = make_tables()
    cells = ["host.example/0.jpg (mine)", *tables["tagged"]["media"].to_pylist()[1:]]
    source = pa.table({"author": AUTHORS, "media": cells})
    store.write("sources/frame-1.parquet", parquet_bytes(source), PARQUET)
    at = tables["tagged"].column_names.index("media")
    tagged = tables["tagged"].set_column(at, "media", pa.array(cells))
    for version in ("v1", "v2"):
        store.write(f"published/{version}/tagged.parquet", parquet_bytes(tagged), PARQUET)
    forget(store, Selection(url=url(0)))
    left = parquet_table(store.read("sources/frame-1.parquet"))
    assert left["author"].to_pylist() == ["ann", "bob", "cid"]


def test_names_that_only_their_pictures_had_leave_the_summaries_and_effects(store):
    forget(store, Selection(row_value=("author", "ann")))
    effects = parquet_table(store.read("published/v1/tag_effects.parquet"))
    assert effects["name"].to_pylist() == ["Text", "Cat"]
    assert json.loads(store.read("published/v1/profile.json"))["labels"] == {"Cat": 1}
    summary = json.loads(store.read("published/v1/summary.json"))
    assert summary["top_labels"] == [["Cat", 1], ["Text", 1]]


@pytest.mark.parametrize(
    ("selection", "sentence"),
    [
        (Selection(), "exactly one"),
        (Selection(url="x", image_id="y"), "exactly one"),
        (Selection(row_value=("writer", "ann")), "No version has a column 'writer'"),
    ],
)
def test_what_cannot_be_selected_is_one_sentence(store, selection, sentence):
    with pytest.raises(UsageError, match=sentence):
        forget(store, selection)


def test_the_command_says_what_is_left(store):
    done = CliRunner().invoke(
        command, ["--store", store.address, "--row-value", "author=ann"], standalone_mode=False
    )
    assert done.exception is None
    assert "Left, outside the store: your own source files" in done.output


def test_a_longer_link_of_somebody_else_is_another_link(store):
    media = [url(0), url(0) + "?of=bob", f"{url(3)},{url(0)}"]
    source = pa.table({"author": ["ann", "bob", "cid"], "media": media})
    store.write("sources/frame-2.parquet", parquet_bytes(source), PARQUET)
    forget(store, Selection(url=url(0)))
    left = parquet_table(store.read("sources/frame-2.parquet"))
    assert left["author"].to_pylist() == ["bob"]


def test_a_mistyped_store_is_not_made(tmp_path):
    with pytest.raises(UsageError, match="nothing in the store"):
        forget(FolderStore(str(tmp_path / "typo")), Selection(url=url(0)))
    assert not (tmp_path / "typo").exists()
