"""What is fuzzed: how inputs are made, and what must hold for each."""

import ast
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from image_tags.tasks.adapters.files.tables import read_table
from image_tags.tasks.adapters.pictures.verify import verify_picture
from image_tags.tasks.adapters.web import Web, client
from image_tags.tasks.contracts.errors import LinkError, Rejected, UsageError
from image_tags.tasks.contracts.settings import FetchSettings
from image_tags.tasks.source.step import links_of
from image_tags.tasks.source.url_cells import holds_links, links_in, looks_like_links
from image_tags.tasks.source.url_column import choose_url_column
from tests.support.answers import ANSWERS, Pause, Request, Reset
from tests.support.damage import damaged
from tests.support.damaged_tables import damaged_files
from tests.support.hostile_server import HostileServer
from tests.support.odd_pictures import (
    BROKEN_EXIF,
    add_chunk,
    add_exif,
    png_chunk,
    sixteen_bit_png,
)
from tests.support.synthetic import encoded

CORPUS = Path(__file__).parent / "corpus"
"""Inputs that found a fault once: `<target>-<name>.txt`, as Python writes them."""

PICTURES = {
    **{name: encoded(name) for name in ("JPEG", "PNG", "BMP", "WEBP", "AVIF", "TIFF")},
    "progressive": encoded("JPEG", progressive=True),
    "CMYK": encoded("JPEG", mode="CMYK"),
    "restarts": encoded("JPEG", restart_marker_blocks=4),
    "palette": encoded("PNG", mode="P"),
    "GIF": encoded("GIF", mode="P"),
    "lossless": encoded("WEBP", lossless=True),
    "packed": encoded("TIFF", compression="tiff_lzw"),
    "16 bits": sixteen_bit_png(),
    "EXIF": add_exif(encoded("JPEG"), BROKEN_EXIF["a fraction of -1/0"][0]),
    "EXIF in WebP": add_exif(encoded("WEBP"), BROKEN_EXIF["orientation as text"][0]),
    "profile": add_chunk(encoded("PNG"), png_chunk(b"iCCP", b"p\0\0no zlib")),
}
PICTURE_PIECES = [
    b"\xff\xd8",
    b"\xff\xd9",
    b"\xff\xda",
    b"\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
]
PICTURE_LIMITS = FetchSettings(max_pixels=1_000_000, max_frames=5)

CELLS = [
    "https://a.example/1.jpg, http://b.example/w_2,h_3/2.png",
    "['https://a.example/1.jpg', \"http://b.example/2.png\"]",
    '["https:\\/\\/a.example\\/1.jpg", {"url": "http://b.example/\\u00fc.png?a=1&amp;b=2"}]',
    "[Photo(previewUrl='https://a.example/1.jpg?s', fullUrl='https://a.example/1.jpg')]",
    "{https://a.example/1.jpg,NULL,www.b.example/x}",
    "array(['https://a.example/1.jpg'\n 'https://b.example/2.jpg'], dtype=object)",
    "Look (at ![this](https://a.example/My Photo 1.jpg)), <a href='//b.example/2.png'>or</a>!",
    "data:image/png;base64,iVBORw0KGgo=|http:\\\\a.example\\1.jpg;i.imgur.com/x.gifv",
]
CELL_PIECES = [*b"'\"\\,;|()[]{}<>=:/. \n", *range(0x80, 0x83)]

WEB_LIMITS = FetchSettings(
    allow_private_addresses=True,
    connect_timeout=1.0,
    read_timeout=0.2,
    deadline=0.4,
    max_bytes=300_000,
    fetch_retries=0,
)
SECRET = "5ec2e7a9"
SIGNED = f"/any?sig={SECRET}"
WEB_PIECES = [
    *(b"\r\n", b"\r\n\r\n", b": ", b"HTTP/1.1 302 F\r\nLocation: ", b"Content-Length: 5\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"0\r\n\r\n", b"ffff\r\n"),
]


@dataclass(frozen=True)
class Target:
    """One thing that is fuzzed.

    Attributes:
        inputs: how inputs are made.
        check: raises if something is wrong about one; what it must not raise is the point.
        open: what is set up around all checks.

    """

    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    open: Callable[[], Any] | None = None


def check_sentence(text: str, most: int = 1000) -> None:
    """What is said of a bad input is one line, and not endless."""
    assert 0 < len(text) <= most
    assert "\n" not in text


def check_cell(cell: Any) -> None:
    """A cell gives a list of texts, the same each time, and the three readers agree."""
    found = links_in(cell)
    assert all(isinstance(link, str) and link for link in found)
    assert links_in(cell) == found
    assert not looks_like_links(cell) or holds_links(cell)


def check_table(file: tuple[str, bytes, bool | None]) -> None:
    """A file is a table or one sentence."""
    name, data, header = file
    try:
        table = read_table(name, data, header=header).table
        assert table.num_rows <= len(data)
        assert len(set(table.column_names)) == table.num_columns
        links_of(table, choose_url_column(table, None).name)
    except UsageError as error:
        check_sentence(str(error))


def check_picture(body: bytes) -> None:
    """A picture is refused with a reason, or stored so that it is taken again as it is."""
    try:
        verified = verify_picture(body, PICTURE_LIMITS)
    except Rejected as error:
        check_sentence(error.detail, 300)
        return
    again = verify_picture(verified.data, PICTURE_LIMITS)
    assert again.data == verified.data
    assert (again.width, again.height, again.remark) == (verified.width, verified.height, None)


class WebCheck:
    """A client, and a server that answers with the input."""

    def __init__(self) -> None:
        self._server: HostileServer | None = None
        self._web: Web | None = None
        self._logged: list[str] = []

    @contextmanager
    def open(self) -> Iterator[None]:
        """Serve while the block runs."""
        listening = logging.Handler()
        listening.emit = lambda record: self._logged.append(record.getMessage())  # type: ignore[method-assign]
        root, backoff = logging.getLogger(), client.FIRST_BACKOFF
        client.FIRST_BACKOFF = 0.001
        root.addHandler(listening)
        try:
            with HostileServer() as self._server, Web(WEB_LIMITS) as self._web:
                yield
        finally:
            root.removeHandler(listening)
            client.FIRST_BACKOFF = backoff

    def check(self, answer: bytes) -> None:
        """An answer is a page within the limits, or the reason why there is none.

        Neither it nor the log shows the link's signature.
        """
        assert self._server is not None
        assert self._web is not None
        self._server.answers[SIGNED] = lambda _: [answer]
        self._server.requests.clear()
        self._logged.clear()
        try:
            page = self._web.fetch(self._server.url(SIGNED))
        except LinkError as error:
            check_sentence(error.detail, 300)
            self._logged.append(error.detail)
        else:
            assert len(page.body) <= WEB_LIMITS.max_bytes
        assert SECRET not in " ".join(self._logged)


def record_answers() -> list[bytes]:
    """The start of each answer of the hostile server, as it goes over the wire."""
    request = Request(b"GET / HTTP/1.1\r\n\r\n", 0)
    said = [
        [piece for piece in islice(answer(request), 20) if not isinstance(piece, Pause | Reset)]
        for answer in ANSWERS.values()
    ]
    return sorted({b"".join(pieces)[:20_000] for pieces in said})


def _texts() -> st.SearchStrategy[Any]:
    pieces = [bytes([one]) for one in CELL_PIECES]
    mutated = st.sampled_from(CELLS).flatmap(lambda cell: damaged(cell.encode(), pieces))
    return mutated.map(lambda data: data.decode("utf-8", "replace")) | st.text(max_size=60)


def _cells() -> st.SearchStrategy[Any]:
    texts = _texts()
    other = st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=40)
    names = st.text(max_size=8) | st.sampled_from(["url", "media"])
    return texts | st.recursive(
        texts | other,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
        max_leaves=12,
    )


_web = WebCheck()

TARGETS = {
    "cells": Target(_cells(), check_cell),
    "tables": Target(
        st.tuples(damaged_files(), st.sampled_from([None, True, False])).map(
            lambda drawn: (*drawn[0], drawn[1])
        ),
        check_table,
    ),
    "pictures": Target(
        st.sampled_from(sorted(PICTURES)).flatmap(
            lambda name: damaged(PICTURES[name], PICTURE_PIECES)
        ),
        check_picture,
    ),
    "web": Target(
        st.sampled_from(record_answers()).flatmap(lambda answer: damaged(answer, WEB_PIECES)),
        _web.check,
        _web.open,
    ),
}


def load_corpus(target: str) -> dict[str, Any]:
    """The inputs that found a fault in a target once, by file name."""
    files = sorted(CORPUS.glob(f"{target}-*.txt"))
    return {path.name: ast.literal_eval(path.read_text("utf-8")) for path in files}


warnings.filterwarnings("ignore", module="PIL")
