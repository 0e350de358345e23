"""Links and pictures as people have them, from `image-tags run` to the published table."""

import base64
import csv
import io
import json
import socket
import zlib

import pytest
from PIL import Image

from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.web import resolver
from tests.support.answers import chunk, head, page, redirect, status
from tests.support.command import check_accounted, image_tags, published
from tests.support.hostile_server import HostileServer
from tests.support.odd_pictures import (
    BROKEN_EXIF,
    add_chunk,
    add_exif,
    break_checksum,
    png_chunk,
    sixteen_bit_png,
)
from tests.support.synthetic import encoded, numbered

BROKEN, _ = BROKEN_EXIF["a fraction of -1/0"]
TEXT, _ = BROKEN_EXIF["text where a number belongs"]


def jpeg(number):
    return numbered(encoded("JPEG", seed=number), number)


def heavy_jpeg():
    """A JPEG of more than 5 MB with broken EXIF and orientation 6."""
    noise = Image.effect_noise((3000, 2400), 120).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=97)
    assert len(out.getvalue()) > 5 * 1024 * 1024
    return add_exif(out.getvalue(), BROKEN)


def long_picture():
    out = io.BytesIO()
    Image.linear_gradient("L").resize((12_000, 150)).convert("RGB").save(out, "PNG")
    return out.getvalue()


def turned(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(kind, exif=exif)


GOOD = {
    "webp-exif": page(add_exif(encoded("WEBP", seed=1), TEXT)),
    "cmyk-exif": page(add_exif(encoded("JPEG", mode="CMYK", seed=2), BROKEN)),
    "png16-exif": page(add_exif(sixteen_bit_png(), BROKEN)),
    "heavy-exif": page(heavy_jpeg()),
    "icc": page(
        add_chunk(
            encoded("PNG", seed=3),
            png_chunk(b"iCCP", b"p\0\0" + zlib.compress(b"\0" * 1_400_000)),
        )
    ),
    "bad-checksum": page(
        add_chunk(encoded("PNG", seed=4), break_checksum(png_chunk(b"tEXt", b"a\0b")))
    ),
    "no-end-marker": page(jpeg(5)[:-2]),
    "length-too-long": lambda _: [head(Content_Length=len(jpeg(6)) + 1000), jpeg(6)],
    "no-last-chunk": lambda _: [head(Transfer_Encoding="chunked"), chunk(jpeg(7))],
    "turned-jpeg": page(turned("JPEG", 6)),
    "turned-png": page(turned("PNG", 8)),
    "long": page(long_picture()),
    "entities?a=1&b=2": page(jpeg(8)),
    "cookie": lambda request: (
        page(jpeg(9))
        if request.headers.get("cookie") == "seen=1"
        else status(302, Location="/cookie", Set_Cookie="seen=1; Path=/")
    )(request),
    "hop/0": page(jpeg(10)),
} | {f"hop/{n}": redirect(f"/hop/{n - 1}") for n in range(1, 11)}

LINKS = [
    *(name for name in GOOD if not name.startswith(("hop", "entities"))),
    "entities?a=1&amp;b=2",
    "hop/10",
]
"""Paths of links that must end as tagged."""


@pytest.fixture
def server():
    with HostileServer({f"/{name}": answer for name, answer in GOOD.items()}) as server:
        yield server


@pytest.fixture
def run(rekognition, prefect_server, tmp_path):
    """Run the command on links; returns its result and the rows of `images` by link."""
    env = {**rekognition.environment(), **prefect_server.env}
    store = tmp_path / "store"

    def go(links, *words):
        source = tmp_path / "feed.csv"
        with source.open("w", newline="") as file:
            csv.writer(file).writerows([["link"], *([link] for link in links)])
        given = ["--analyzer", "rekognition", "--operations", "detect_labels,detect_text"]
        given += ["--allow-private-addresses", "--task-retries", "0", "--fetch-retries", "1"]
        given += ["--url-column", "link", "--json", *words]
        done = image_tags("run", str(source), "--store", str(store), *given, env=env)
        rows = {}
        if done.summary["published"]:
            tables = published(FolderStore(str(store)))
            check_accounted(done.summary, tables)
            rows = {row["url"]: row for row in tables["images"].to_pylist()}
        return done, rows

    return go


def test_every_picture_whose_pixels_are_all_there_is_tagged(run, server, monkeypatch):
    denied = "http://nowhere.example/a.jpg"
    lookup = socket.getaddrinfo

    def look_up(host, *rest, **more):
        if host == "nowhere.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return lookup(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(resolver, "is_name_denied", lambda host, _: host == "nowhere.example")
    inline = "data:image/png;base64," + base64.b64encode(encoded("PNG", seed=20)).decode()
    links = {name: server.url(f"/{name}") for name in LINKS}
    without_scheme = server.url("/no-end-marker").removeprefix("http:")
    done, rows = run([*links.values(), inline, without_scheme, denied])
    assert done.code == 0, done.err
    untagged = {url: row for url, row in rows.items() if row["status"] != "tagged"}
    assert list(untagged) == [denied], untagged
    assert untagged[denied]["reason"] == "no_such_host"
    of = {name: rows[url] for name, url in links.items()}
    for name, size in [
        ("webp-exif", (120, 160)),
        ("cmyk-exif", (120, 160)),
        ("png16-exif", (120, 160)),
        ("heavy-exif", (2400, 3000)),
        ("turned-jpeg", (120, 160)),
        ("turned-png", (120, 160)),
        ("long", (12_000, 150)),
    ]:
        assert (of[name]["width"], of[name]["height"]) == size, name
    assert "scaled from 12000 x 150 to 10000 x 125 px" in of["long"]["detail"]
    assert "metadata (iCCP)" in of["icc"]["detail"]
    assert "end marker was added" in of["no-end-marker"]["detail"]


def test_a_dead_link_settles_and_is_no_longer_a_reason_to_fail(run, server):
    with HostileServer() as gone:
        dead = gone.url("/gone.jpg")
    links = [server.url("/turned-jpeg"), dead]
    day = ("--give-up-after", "0")
    for reason in ("connection_failed", "connection_failed", "given_up", "given_up"):
        done, rows = run(links, *day)
        assert rows[dead]["reason"] == reason
    assert done.code == 0
    assert rows[dead]["status"] == "rejected"
    assert rows[dead]["detail"].startswith("failed in 3 runs since ")
    assert len(server.asked("/turned-jpeg")) == 1


def test_a_run_that_tags_nothing_does_not_replace_a_good_version(run, server, tmp_path):
    good, _ = run([server.url("/turned-jpeg")])
    gone = [server.url("/gone-1"), server.url("/gone-2")]
    done, rows = run(gone)
    assert (done.code, rows) == (1, {})
    assert "Something is tagged, if there are links." in done.out
    current = json.loads(FolderStore(str(tmp_path / "store")).read("published/current.json"))
    assert current["version"] == good.summary["version"]
    done, rows = run(gone, "--allow-empty")
    assert done.summary["published"]
    assert {row["reason"] for row in rows.values()} == {"not_found"}
