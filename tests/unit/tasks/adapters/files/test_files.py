"""Which files an address stands for, and in which order."""

import os

import pytest

from image_tags.tasks.adapters.files import s3_files
from image_tags.tasks.adapters.files.files import expand_address, read_bytes, short_name
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.errors import UsageError


@pytest.fixture
def feed(tmp_path):
    """A folder as tools leave it: tables on two levels, and other files."""
    folder = tmp_path / "feed"
    names = ["part-1.csv", "part-10.csv", "part-2.csv.gz", "day=3/a.parquet", "day=3/more/b.JSONL"]
    names += [
        "_SUCCESS",
        ".part-1.csv.crc",
        ".hidden.csv",
        "_part.csv",
        "README.md",
        "cover.jpg",
        "noending",
    ]
    names += [
        "_temporary/0/part-9.csv",
        ".ipynb_checkpoints/part-1-checkpoint.csv",
        "_delta_log/00000.json",
    ]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("u\nhttp://a.example/1.jpg\n")
    return folder


def names(feed, found):
    return [os.path.relpath(one, feed) for one in found]


@pytest.mark.parametrize("end", ["", "/"])
def test_a_folder_stands_for_its_tables_in_natural_order(feed, end):
    expected = [
        "day=3/a.parquet",
        "day=3/more/b.JSONL",
        "part-1.csv",
        "part-2.csv.gz",
        "part-10.csv",
    ]
    assert names(feed, expand_address(f"{feed}{end}")) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.csv", ["part-1.csv", "part-10.csv"]),
        ("part-?.*", ["part-1.csv", "part-2.csv.gz"]),
        ("part-[12]*", ["part-1.csv", "part-2.csv.gz", "part-10.csv"]),
        ("*", ["part-1.csv", "part-2.csv.gz", "part-10.csv"]),
        ("*/*", ["day=3/a.parquet"]),
        (
            "**/*.*",
            ["day=3/a.parquet", "day=3/more/b.JSONL", "part-1.csv", "part-2.csv.gz", "part-10.csv"],
        ),
        ("no*", ["noending"]),
    ],
)
def test_a_pattern_stands_for_the_tables_it_matches(feed, pattern, expected):
    assert names(feed, expand_address(f"{feed}/{pattern}")) == expected


def test_a_file_named_in_full_is_read_whatever_its_name(feed):
    for name in ("_part.csv", ".hidden.csv", "noending"):
        assert names(feed, expand_address(f"{feed}/{name}")) == [name]
    odd = feed / "what [is] this?.csv"
    odd.write_text("u\n")
    assert expand_address(str(odd)) == [str(odd)]


def test_a_folder_whose_own_name_is_hidden_is_a_folder(feed, tmp_path):
    assert names(feed, expand_address(f"{feed}/_temporary")) == ["_temporary/0/part-9.csv"]
    assert names(feed, expand_address(f"{feed}/_temporary/*/*.csv")) == ["_temporary/0/part-9.csv"]


def test_files_in_the_store_are_not_part_of_the_source(feed):
    for name in ("store/runs/1/source.parquet", "store/published/1/tagged.parquet", "store-2.csv"):
        (feed / name).parent.mkdir(parents=True, exist_ok=True)
        (feed / name).write_text("u\n")
    for address in (feed, feed / "**" / "*"):
        found = names(feed, expand_address(str(address), store=str(feed / "store")))
        assert "store-2.csv" in found
        assert not [name for name in found if name.startswith("store/")]
    published = str(feed / "store/published/1/tagged.parquet")
    assert expand_address(published, store=str(feed / "store")) == [published], "asked for by name"


def test_missing_sources_are_named_in_one_sentence(feed, tmp_path):
    (tmp_path / "empty").mkdir()
    for address, sentence in {
        f"{tmp_path}/empty": "no CSV, TSV, JSON Lines or Parquet file in the folder",
        f"{feed}/*.tsv": "No file matches",
        f"{feed}/_*": r"No file matches.*begin with \. or _",
        f"{feed}/missing.csv": "There is no file",
        os.devnull: "not a file or folder",
    }.items():
        with pytest.raises(UsageError, match=sentence):
            expand_address(address)


def test_a_file_that_disappears_meanwhile_is_named_in_one_sentence(feed):
    found = expand_address(str(feed))
    (feed / "part-1.csv").unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        read_bytes(found[2])


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("tweets.csv.gz", "tweets"),
        ("/data/feed/", "feed"),
        ("/data/feed/*.csv", "feed"),
        ("/data/feed/**/*.parquet", "feed"),
        ("/data/feed/2026-*.csv", "2026-*"),
        ("s3://bucket/feed/", "feed"),
        ("s3://bucket/*.csv", "bucket"),
        ("s3://bucket", "bucket"),
        ("s3://bucket/a b#c?d.csv", "a b#c?d"),
        ("*.csv", "*.csv"),
        (".", "."),
    ],
)
def test_short_names(address, name):
    assert short_name(address) == name


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("s3://bucket/feed/*.csv", r"No file matches 's3://bucket/feed/\*\.csv'"),
        ("s3://bucket/feed/", "There is no CSV, TSV, JSON Lines or Parquet file at 's3://bucket"),
    ],
)
def test_nothing_on_s3_is_a_sentence(monkeypatch, tmp_path, address, sentence):
    monkeypatch.setattr(s3_files, "open_store", lambda settings: FolderStore(str(tmp_path)))
    with pytest.raises(UsageError, match=sentence):
        expand_address(address)
