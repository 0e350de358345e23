"""Real tables in every kind of file, to be damaged."""

import gzip
import json

import pyarrow as pa
from hypothesis import strategies as st

from image_tags.tasks.adapters.files.tables import parquet_bytes
from tests.support.damage import damaged

ROWS = [
    {
        "id": 1542657904481796104 + row,
        "text": f'tweet {row}, "quoted" \\"so\\"; and | tab\t{row}',
        "media": f"http://a.example/{row}.jpg http://b.example/w_3,h_4/{row}.png",
        "likes": row * 1.5,
    }
    for row in range(20)
]


def delimited(sign: str) -> bytes:
    """The rows as quoted text."""
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
    "links.txt": "\n".join(str(row["media"]) for row in ROWS).encode(),
    "t.jsonl": "\n".join(map(json.dumps, ROWS)).encode(),
    "t.json": json.dumps({"data": ROWS, "meta": {"n": 1}}, indent=1).encode(),
    "tweets.js": b"window.YTD.tweets.part0 = "
    + json.dumps([{"tweet": row} for row in ROWS]).encode(),
    "t.parquet": parquet_bytes(pa.Table.from_pylist(ROWS)),
    "t.csv.gz": gzip.compress(delimited(","), mtime=0),
}
SIGNS = [b'"', b"\\", b",", b";", b"\t", b"|", b"\n", b"\r", b"\0", b"{", b"[", b"]", b"\xff", b"'"]


@st.composite
def damaged_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file's name and its damaged bytes."""
    name = draw(st.sampled_from(sorted(FILES)))
    return name, draw(damaged(FILES[name], SIGNS))
