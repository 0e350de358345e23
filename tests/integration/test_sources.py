"""Sources on a real S3 server: the same kinds of address as local ones, with the same meaning."""

import gzip
import os
import uuid

import pytest

from image_tags.tasks.adapters.files.files import expand_address
from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import StoreSettings
from image_tags.tasks.source.step import links_of, load_source
from tests.support.command import image_tags
from tests.support.s3_server import BUCKET

URL = "http://a.example/1.jpg"
NAMES = [
    "part-1.csv",
    "part-10.csv",
    "part-2.csv.gz",
    "day=3/a.jsonl",
    "_SUCCESS",
    ".part-1.csv.crc",
    "README.md",
]
NAMES += [
    "_temporary/0/part-9.csv",
    "_delta_log/00000.json",
    "store/runs/1/source.csv",
    "day=3/more/b.csv",
]


@pytest.fixture
def folder(s3):
    """A folder in the bucket, with an empty object in its own name, as some tools leave them."""
    files = S3Store(StoreSettings(store=f"s3://{BUCKET}/{uuid.uuid4().hex}/feed"))
    table = f"u\n{URL}\n".encode()
    for name in NAMES:
        data = gzip.compress(table) if name.endswith(".gz") else table
        files.write(
            name, b'{"u": "http://a.example/2.jpg"}\n' if "json" in name else data, "text/plain"
        )
    files.client.put_object(Bucket=BUCKET, Key=f"{files.prefix}/", Body=b"")
    return files


def found(files, address):
    return [
        one.removeprefix(f"{files.address}/")
        for one in expand_address(address, store=f"{files.address}/store")
    ]


@pytest.mark.parametrize("end", ["", "/"])
def test_a_prefix_with_and_without_slash_is_a_folder(folder, end):
    sibling = S3Store(StoreSettings(store=folder.address.removesuffix("/feed")))
    sibling.write("feedback/1.csv", f"u\n{URL}\n".encode(), "text/csv")
    names = ["day=3/a.jsonl", "day=3/more/b.csv", "part-1.csv", "part-2.csv.gz", "part-10.csv"]
    assert found(folder, f"{folder.address}{end}") == names
    assert (
        load_source(f"{folder.address}{end}", "u", store=f"{folder.address}/store").table.num_rows
        == 5
    )


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.csv", ["part-1.csv", "part-10.csv"]),
        ("part-?.csv*", ["part-1.csv", "part-2.csv.gz"]),
        ("part-[12].csv", ["part-1.csv"]),
        ("*", ["part-1.csv", "part-2.csv.gz", "part-10.csv"]),
        ("*/*", ["day=3/a.jsonl"]),
        ("**/*.csv", ["day=3/more/b.csv", "part-1.csv", "part-10.csv"]),
    ],
)
def test_a_pattern_means_what_it_means_locally(folder, tmp_path, pattern, expected):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("u\n")
    assert found(folder, f"{folder.address}/{pattern}") == expected
    local = expand_address(f"{tmp_path}/{pattern}", store=str(tmp_path / "store"))
    assert [os.path.relpath(one, tmp_path) for one in local] == expected


@pytest.mark.parametrize(
    ("name", "data", "remark"),
    [
        ("a.csv", f"sep=;\nid;u\n1;{URL}\n".encode(), "semicolon"),
        ("a.csv", f"id\tu\n1\t{URL}\n".encode("utf-16"), "UTF-16"),
        (
            "a.tsv.gz",
            gzip.compress(f"My export\nid\tu\n1\t{URL}\n".encode(), mtime=0),
            "above the header",
        ),
        ("a.csv", f'id,t,u\n1,"say \\"hi, you\\"",{URL}\n'.encode(), "backslashes"),
        ("a.txt", f"{URL}\n".encode(), "The first line holds a link"),
        ("a.csv", f'"u"\n"1","{URL}"\n"2","{URL}"\n'.encode(), "row names"),
        (
            "tweets.js",
            b'window.YTD.tweets.part0 = [{"tweet": {"id": "1", "entities": {"media": '
            b'[{"media_url_https": "' + URL.encode() + b'"}]}}}]',
            "Each row is the object 'tweet'",
        ),
        ("a.json", b'{"data": [{"u": "' + URL.encode() + b'"}], "meta": {}}', "the list 'data'"),
    ],
)
def test_every_shape_of_a_file_is_read_from_s3_as_from_a_folder(
    folder, tmp_path, name, data, remark
):
    folder.write(f"shapes/{name}", data, "text/plain")
    (tmp_path / name).write_bytes(data)
    source = load_source(f"{folder.address}/shapes/{name}", None)
    local = load_source(str(tmp_path / name), None)
    assert (source.table, source.remarks) == (local.table, local.remarks)
    assert {link.url for link in links_of(source.table, source.url_column)} == {URL}
    assert any(remark in one for one in source.remarks)


@pytest.mark.parametrize(
    "name",
    [
        "a b+c.csv",
        "what?.csv",
        "100%.csv",
        "%2F.csv",
        "#1 [new].csv",
        "été 😀.csv",
        "a'b\"&=;,.csv",
    ],
)
def test_keys_with_characters_that_are_special_in_a_url(folder, name):
    folder.write(f"odd/{name}", f"u\n{URL}\n".encode(), "text/csv")
    for address in (
        f"{folder.address}/odd/{name}",
        f"{folder.address}/odd/",
        f"{folder.address}/odd/*.csv",
    ):
        assert expand_address(address) == [f"{folder.address}/odd/{name}"]
        assert load_source(address, "u").table.num_rows == 1


def test_missing_sources_are_named_in_one_sentence(folder):
    for address, sentence in {
        f"{folder.address}/missing.csv": "no CSV, TSV, JSON Lines or Parquet file at",
        f"{folder.address}/nothing/": "no CSV, TSV, JSON Lines or Parquet file at",
        f"{folder.address}/*.tsv": "No file matches",
        f"s3://{BUCKET}//feed/a.csv": "begins with /",
        f"s3://{BUCKET}/feed/../a.csv": "begins with / or leads up",
        "s3://no-such-bucket-here/feed/": "no-such-bucket-here",
        "s3://Not_A_Bucket/feed/": "Not_A_Bucket",
    }.items():
        with pytest.raises(UsageError, match=sentence):
            load_source(address, "u")


def test_a_local_source_that_grows_and_is_replaced(prefect_server, rekognition, site, tmp_path):
    """Add a file to the folder, then leave out the first by a pattern; the store is in it too."""
    feed = tmp_path / "feed"
    feed.mkdir()
    env = {**prefect_server.env, **rekognition.environment()}

    def add_file(name, *numbers):
        links = [site.picture(f"/{number}.png", number) for number in numbers]
        (feed / name).write_text("\n".join(["link", *links, ""]))

    def run(source):
        words = ["run", str(source), "--store", str(feed / "store"), "--analyzer", "rekognition"]
        words += ["--operations", "detect_labels", "--csv", "--allow-private-addresses", "--json"]
        done = image_tags(*words, env=env)
        assert done.code == 0, done.err
        return done

    add_file("part-1.csv", 1, 2, 3)
    assert run(feed).summary["changes"]["since"] is None
    add_file("part-2.csv", 3, 4)
    grown = run(feed)
    since = grown.summary["changes"]["since"]
    assert f"Since version {since}: +2 rows, +1 link, +1 image." in grown.out
    assert (grown.summary["rows"], rekognition.billed) == (5, 4)
    replaced = run(feed / "part-[2-9].csv").summary["changes"]
    assert {what: count for what, count in replaced.items() if count and what != "since"} == {
        "rows_gone": 3,
        "links_gone": 2,
        "images_gone": 2,
    }
    assert rekognition.billed == 4
