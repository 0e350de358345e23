"""Forgetting someone: nothing of theirs is left, and nothing of anyone else is lost."""

import hashlib
import json

import pyarrow as pa
import pytest
from click.testing import CliRunner

from image_tags.flows.commands.forget import forget as command
from image_tags.tasks.adapters.files.csv_files import CSV, csv_bytes
from image_tags.tasks.adapters.files.tables import parquet_bytes, parquet_table
from image_tags.tasks.adapters.segments import SegmentLog
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import JSON, PARQUET
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.forget import Selection, forget

AUTHORS = ["ann", "ann", "bob", "cid"]
PICTURES = ["selfie", "meme", "meme", "cat"]
ENTRIES = pa.schema({"image_id": pa.string(), "response": pa.string(), "time": pa.float64()})


def image_id(name):
    return hashlib.sha256(name.encode()).hexdigest()


def url(row):
    return f"https://host.example/{row}.jpg"


@pytest.fixture
def store(tmp_path):
    """Two versions, a run, a source copy, pictures, answers and link records."""
    store = FolderStore(str(tmp_path / "store"))
    ids = [image_id(name) for name in PICTURES]
    source = pa.table({"author": AUTHORS, "media": [url(row) for row in range(4)]})
    images = pa.table({"row": [0, 1, 2, 3], "url": source["media"], "image_id": ids})
    tagged = pa.table({**dict(zip(source.column_names, source.columns, strict=True)),
                       **dict(zip(images.column_names, images.columns, strict=True))})  # fmt: skip
    tags = pa.table({"image_id": sorted(set(ids)), "name": ["tag"] * 3})
    rows = source.append_column("row", images["row"])
    tables = {"images": images, "tagged": tagged, "rows": rows, "tags_long": tags,
              "tags_dropped": tags, "tags_wide": tags}  # fmt: skip
    for version in ("v1", "v2"):
        for name, table in tables.items():
            store.write(f"published/{version}/{name}.parquet", parquet_bytes(table), PARQUET)
        store.write(f"published/{version}/tagged.csv", csv_bytes(tagged), CSV)
        store.write(f"published/{version}/report.html", url(0).encode(), "text/html")
        remarks = [f"Look at {url(0)}.", "All is well."]
        summary = json.dumps({"rows": 4, "remarks": remarks})
        store.write(f"published/{version}/summary.json", summary.encode(), JSON)
    for one in set(ids):
        store.write(f"images/{one[:2]}/{one}.jpg", b"picture", "image/jpeg")
    for prefix in ("responses/detect_labels-0", "responses/detect_text-0"):
        log = SegmentLog(store, prefix, ENTRIES, key="image_id", time="time", interval=None)
        for one in sorted(set(ids)):
            log.add({"image_id": one, "response": "{}", "time": 1.0})
        log.merge()
        log.close()
    for row in range(4):
        record = json.dumps({"url": url(row), "picture": {"image_id": ids[row]}})
        name = hashlib.sha256(url(row).encode()).hexdigest()
        store.write(f"links/{name[:2]}/{name}.json", record.encode(), JSON)
    store.write("runs/r1/source.parquet", parquet_bytes(source), PARQUET)
    store.write("runs/r1/summary.json", b"{}", JSON)
    store.write("runs/r2/source.parquet", parquet_bytes(source.slice(3)), PARQUET)
    store.write("sources/frame-1.parquet", parquet_bytes(source), PARQUET)
    return store


def everything(store):
    """All bytes of the store as one text, Parquet as its values."""
    parts = []
    for top in ("images", "links", "responses", "runs", "sources", "published"):
        for key in store.keys(f"{top}/"):
            data = store.read(key)
            parts.append(key)
            parts.append(
                str(parquet_table(data).to_pylist()) if key.endswith(".parquet") else data.decode()
            )
    return "\n".join(parts)


def test_a_persons_rows_pictures_and_answers_leave_every_place(store):
    lines = forget(store, Selection(row_value=("author", "ann")))
    left = everything(store)
    for gone in ("ann", url(0), url(1), image_id("selfie")):
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
    assert any("1 pictures that other rows show too" in line for line in lines)
    assert image_id("meme") in "".join(lines)


def test_answers_of_others_are_still_read_from_the_rewritten_log(store):
    log = SegmentLog(store, "responses/detect_labels-0", ENTRIES, key="image_id", time="time")
    log.refresh()
    forget(store, Selection(image_id=image_id("selfie")))
    log.refresh()
    assert set(log.find_times()) == {image_id("meme"), image_id("cat")}
    found = [table["image_id"].to_pylist() for table in log.read(["response"])]
    assert sorted(one for part in found for one in part) == sorted(log.find_times())


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


def test_an_interrupted_command_is_finished_by_the_next(store, monkeypatch):
    real, calls = store.delete, []

    def fail_at_third(key):
        calls.append(key)
        if len(calls) == 3:
            raise OSError("interrupted")
        real(key)

    monkeypatch.setattr(store, "delete", fail_at_third)
    with pytest.raises(OSError, match="interrupted"):
        forget(store, Selection(row_value=("author", "ann")))
    monkeypatch.undo()
    forget(store, Selection(row_value=("author", "ann")))
    assert "ann" not in everything(store)
    assert image_id("selfie") not in everything(store)


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
