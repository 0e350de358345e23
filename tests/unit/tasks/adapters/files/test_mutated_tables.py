"""Real files, damaged at random: each is a table or one sentence, within a bound of time."""

import gzip
import json
import time

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.files.tables import parquet_bytes, read_table
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.source.step import links_of
from image_tags.tasks.source.url_column import choose_url_column

MOST_SECONDS = 5
"""CPU time of one input of a few KB; measured: below 0.1."""

ROWS = [
    {
        "id": 1542657904481796104 + row,
        "text": f'tweet {row}, "quoted" \\"so\\"; and | tab\t{row}',
        "media": f"http://a.example/{row}.jpg http://b.example/w_3,h_4/{row}.png",
        "likes": row * 1.5,
    }
    for row in range(20)
]


def delimited(sign):
    lines = [sign.join(ROWS[0])]
    for row in ROWS:
        cells = ('"' + str(cell).replace('"', '""') + '"' for cell in row.values())
        lines.append(sign.join(cells))
    return "\n".join(lines).encode()


FILES = {
    "t.csv": delimited(","),
    "t.tsv": delimited("\t"),
    "semicolon.csv": b"sep=;\n" + delimited(";"),
    "utf16.csv": delimited("\t").decode().encode("utf-16"),
    "links.txt": "\n".join(row["media"] for row in ROWS).encode(),
    "t.jsonl": "\n".join(map(json.dumps, ROWS)).encode(),
    "t.json": json.dumps({"data": ROWS, "meta": {"n": 1}}, indent=1).encode(),
    "tweets.js": b"window.YTD.tweets.part0 = "
    + json.dumps([{"tweet": row} for row in ROWS]).encode(),
    "t.parquet": parquet_bytes(pa.Table.from_pylist(ROWS)),
    "t.csv.gz": gzip.compress(delimited(","), mtime=0),
}
SIGNS = [b'"', b"\\", b",", b";", b"\t", b"|", b"\n", b"\r", b"\0", b"{", b"[", b"]", b"\xff", b"'"]


@st.composite
def damaged_files(draw):
    """A file's name and its bytes with some replaced, inserted, removed, repeated or cut off."""
    name = draw(st.sampled_from(sorted(FILES)))
    data = FILES[name]
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.integers(0, 30)))
        piece = draw(st.sampled_from([*SIGNS, b"", data[begin:end] * 3]) | st.binary(max_size=8))
        data = data[:begin] + piece + data[end:]
    if draw(st.booleans()):
        data = data[: draw(st.integers(0, len(data)))]
    return name, data


@given(damaged_files())
def test_a_damaged_file_is_a_table_or_a_sentence(file):
    name, data = file
    begun = time.process_time()
    try:
        table = read_table(name, data).table
        assert table.num_rows <= len(data)
        links_of(table, choose_url_column(table, None).name)
    except UsageError as error:
        sentence = str(error)
    else:
        sentence = ""
    assert "\n" not in sentence
    assert time.process_time() - begun < MOST_SECONDS


@pytest.mark.parametrize("name", FILES)
def test_the_files_themselves_are_read_whole(name):
    table = read_table(name, FILES[name]).table
    assert table.num_rows == len(ROWS)
    assert len(links_of(table, choose_url_column(table, None).name)) == 2 * len(ROWS)
