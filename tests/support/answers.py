"""Good answers, and every bad one that a web server can give.

An answer is what is sent, piece by piece.
"""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import count, repeat

from tests.support.synthetic import encoded

GOOD = encoded("JPEG", (160, 120), quality=85)
MUCH = b"\0" * 65_536

Say = Iterable[bytes]
"""What is sent, piece by piece."""

Answer = Callable[["Request"], Say]


class Request:
    """One request: path, headers in lower case, how often the path was asked for before."""

    def __init__(self, head: bytes, before: int) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.path = lines[0].split(" ")[1]
        self.headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])
        }
        self.before = before


class Pause(bytes):
    """Not sent: the server waits a moment, the shorter the better."""


class Reset(bytes):
    """Not sent: the connection is reset."""


def head(status: str = "200 OK", **headers: object) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


def page(body: bytes = GOOD, status: str = "200 OK", **headers: object) -> Answer:
    """A well-formed answer."""
    return lambda _: [head(status, **{"Content_Length": len(body), **headers}) + body]


def status(code: int, **headers: object) -> Answer:
    return page(b"", f"{code} So", **headers)


def redirect(location: str, code: int = 302) -> Answer:
    return status(code, Location=location)


def _set_cookie(location: str) -> Answer:
    return status(302, Location=location, Set_Cookie="seen=1; Path=/; Max-Age=60; HttpOnly")


def drip(data: bytes) -> Iterator[bytes]:
    """One byte at a time with a pause before each, then on and on."""
    for at in count():
        yield Pause()
        yield data[at : at + 1] or b"x"


def _joined(first: bytes, *rest: Say) -> Iterator[bytes]:
    yield first
    for one in rest:
        yield from one


def _paused(piece: bytes) -> Iterator[bytes]:
    while True:
        yield Pause()
        yield piece


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def unpacked(size: int) -> bytes:
    return b"\0" * size


BOMB = gzip.compress(unpacked(20_000_000), mtime=0)

ANSWERS: dict[str, Answer] = {
    "/good.jpg": page(),
    "/named-wrongly.png": page(Content_Type="text/html"),
    "/without-length": lambda _: [head(), GOOD],
    "/chunked": lambda _: [
        head(Transfer_Encoding="chunked"),
        *(chunk(GOOD[i : i + 99]) for i in range(0, len(GOOD), 99)),
        b"0\r\n\r\n",
    ],
    "/gzipped": page(gzip.compress(GOOD, mtime=0), Content_Encoding="gzip"),
    "/length-no-number": lambda _: [head(Content_Length="many"), GOOD],
    "/length-negative": lambda _: [head(Content_Length="-5"), GOOD],
    "/early-hints": lambda _: [
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" * 3,
        head(Content_Length=len(GOOD)) + GOOD,
    ],
    "/trailing-bytes": page(GOOD + b"more"),
    "/odd-headers": lambda _: [head(X_Odd="\xff\xfe\x80", Set_Cookie="a=b; Domain=.com"), GOOD],
    # Slow.
    "/silence": lambda _: repeat(Pause()),
    "/drip-head": lambda _: drip(head()),
    "/drip-header-lines": lambda _: _joined(b"HTTP/1.1 200 OK\r\n", _paused(b"X-A: b\r\n")),
    "/drip-body": lambda _: _joined(head(Content_Length=100_000), drip(GOOD)),
    "/drip-chunks": lambda _: _joined(head(Transfer_Encoding="chunked"), _paused(chunk(b"x"))),
    "/drip-404": lambda _: _joined(head("404 No", Content_Length=50_000), drip(b"")),
    # Without end.
    "/endless-body": lambda _: _joined(head(), repeat(GOOD + MUCH)),
    "/endless-chunks": lambda _: _joined(head(Transfer_Encoding="chunked"), repeat(chunk(MUCH))),
    "/endless-chunk-line": lambda _: _joined(
        head(Transfer_Encoding="chunked"), repeat(b"0" * 65_536)
    ),
    "/endless-trailers": lambda _: _joined(
        head(Transfer_Encoding="chunked"), [chunk(GOOD), b"0\r\n"], repeat(b"X-A: b\r\n" * 1000)
    ),
    "/endless-header": lambda _: _joined(b"HTTP/1.1 200 OK\r\nX-A: ", repeat(b"a" * 65_536)),
    "/endless-header-lines": lambda _: _joined(
        b"HTTP/1.1 200 OK\r\n", repeat(b"X-A: " + b"a" * 1000 + b"\r\n")
    ),
    "/endless-status-line": lambda _: _joined(b"HTTP/1.1 200 ", repeat(b"a" * 65_536)),
    "/endless-continue": lambda _: repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "/endless-processing": lambda _: repeat(b"HTTP/1.1 102 Processing\r\n\r\n"),
    "/endless-redirect-body": lambda _: _joined(
        head("302 Found", Location="/good.jpg"), repeat(MUCH)
    ),
    "/endless-404": lambda _: _joined(head("404 No"), repeat(MUCH)),
    "/huge-length": lambda _: [head(Content_Length=10**12), GOOD],
    # Bombs.
    "/gzip-bomb": page(BOMB, Content_Encoding="gzip"),
    "/gzip-bomb-in-gzip": page(gzip.compress(BOMB, mtime=0), Content_Encoding="gzip, gzip"),
    "/deflate-bomb": page(zlib.compress(unpacked(20_000_000)), Content_Encoding="deflate"),
    "/many-encodings": page(GOOD, Content_Encoding=", ".join(["gzip"] * 50)),
    "/gzip-broken": page(b"\x1f\x8b\x08\x00 no such thing", Content_Encoding="gzip"),
    "/brotli": page(b"\x0b\x02\x80hello\x03", Content_Encoding="br"),
    "/zstandard": page(b"\x28\xb5\x2f\xfd\x04\x58", Content_Encoding="gzip, zstd"),
    # Lies and broken speech.
    "/length-too-long": lambda _: [head(Content_Length=len(GOOD) + 1000), GOOD],
    "/length-too-long-and-cut": lambda _: [head(Content_Length=len(GOOD)), GOOD[:-100]],
    "/without-last-chunk": lambda _: [head(Transfer_Encoding="chunked"), chunk(GOOD)],
    "/chunk-too-long": lambda _: [
        head(Transfer_Encoding="chunked"),
        chunk(GOOD[:1000]),
        b"ffffff\r\n",
        GOOD[1000:],
    ],
    "/wants-cookie": lambda request: (
        page() if request.headers.get("cookie") == "seen=1" else _set_cookie("/wants-cookie")
    )(request),
    "/length-too-short": lambda _: [head(Content_Length=len(GOOD) // 2), GOOD],
    "/two-lengths": lambda _: [head(Content_Length="10, 20"), GOOD],
    "/hangs-up-elsewhere": lambda request: [
        head(Content_Length=len(GOOD)),
        GOOD[: 1000 + 100 * request.before],
    ],
    "/chunks-cut": lambda request: [
        head(Transfer_Encoding="chunked"),
        b"fff\r\n",
        GOOD[: 500 + request.before],
    ],
    "/chunk-line-broken": lambda _: [head(Transfer_Encoding="chunked"), b"zz\r\n", GOOD],
    "/closes": lambda _: [],
    "/closes-in-head": lambda _: [b"HTTP/1.1 200 OK\r\nContent-Le"],
    "/resets": lambda _: [Reset()],
    "/resets-in-body": lambda request: [
        head(Content_Length=len(GOOD)),
        GOOD[: 1000 + 100 * request.before],
        Pause(),
        Reset(),
    ],
    "/no-http": lambda _: [b"220 mail.example.com ESMTP\r\n"],
    "/no-head": lambda _: [GOOD],
    "/status-no-number": lambda _: [b"HTTP/1.1 abc OK\r\n\r\n"],
    "/too-many-headers": lambda _: [head(**{f"X-{n}": n for n in range(500)}), GOOD],
    # Redirects.
    "/loop": redirect("/loop"),
    "/to-good": redirect("/good.jpg"),
    "/to-nowhere": status(302),
    "/to-broken": redirect("http://[::1"),
    "/to-long": redirect("/" + "a" * 20_000),
    "/to-control": lambda _: [
        b"HTTP/1.1 302 Found\r\nLocation: /a\x01b\r\nContent-Length: 0\r\n\r\n"
    ],
    "/to-file": redirect("file:///etc/passwd"),
    "/to-ftp": redirect("ftp://127.0.0.1/a.jpg"),
    "/to-script": redirect("javascript:alert(1)"),
    "/to-data": redirect("data:image/png;base64,AAAA"),
    "/to-login": redirect("http://user:secret@127.0.0.1/a.jpg"),
    "/to-metadata": redirect("http://169.254.169.254/latest/meta-data/"),
    # Not the picture that was asked for.
    "/page.jpg": page(
        b"<!DOCTYPE html><html><body>No such picture</body></html>", Content_Type="image/jpeg"
    ),
    "/json": page(b'{"error": "no"}'),
    "/text": page(b"This picture is gone, sorry about that."),
    "/empty": page(b""),
    "/noise": page(bytes(range(256)) * 20),
    "/svg": page(b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>'),
    "/heic": page(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"\0" * 500),
    "/truncated": page(GOOD[: len(GOOD) // 2]),
    "/small": page(encoded("PNG", (79, 200))),
    "/noai": page(X_Robots_Tag="noai"),
    "/noindex-for-us": page(X_Robots_Tag="image-tags: noindex"),
    "/noindex-for-another": page(X_Robots_Tag="otherbot: noindex, nofollow"),
}
ANSWERS |= {
    f"/status/{code}": status(code)
    for code in (204, 206, 300, 304, 305, 400, 401, 402, 403, 404, 405, 408, 410, 418, 425)
}
ANSWERS |= {
    f"/status/{code}": status(code) for code in (429, 451, 500, 501, 502, 503, 504, 599, 999)
}
ANSWERS |= {f"/chain/{n}": redirect(f"/chain/{n - 1}") for n in range(1, 14)} | {"/chain/0": page()}
