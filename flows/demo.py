"""The demo: a small feed of tweets over real, rights-clean pictures, served over HTTP on this
machine.

The pictures ship in packages: scikit-image's are in the public domain or CC0 (its
`data/README.txt`), matplotlib's portrait of Grace Hopper is a work of the US Navy. The tweets are
made up.
"""

import csv
import functools
import http.server
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from image_tags.tasks.contracts.errors import UsageError

PERSON = "Grace Hopper"
COLUMNS = ("tweet_id", "text", "likes", "media")


def _read_packaged(package: str, *path: str) -> bytes:
    return files(package).joinpath(*path).read_bytes()


def _read_skimage(name: str) -> bytes:
    return _read_packaged("skimage", "data", name)


def _read_portrait() -> bytes:
    return _read_packaged("matplotlib", "mpl-data", "sample_data", "grace_hopper.jpg")


def _encode_picture(picture: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    picture.convert("RGB").save(out, form)
    return out.getvalue()


def _turn_page() -> bytes:
    return _encode_picture(
        Image.open(io.BytesIO(_read_skimage("page.png"))).rotate(90, expand=True), "PNG"
    )


def _convert_cat() -> bytes:
    return _encode_picture(Image.open(io.BytesIO(_read_skimage("chelsea.png"))), "WEBP")


def _shrink_coffee() -> bytes:
    return _encode_picture(
        Image.open(io.BytesIO(_read_skimage("coffee.png"))).resize((60, 40)), "PNG"
    )


def _make_enrolled_photo() -> bytes:
    """Another rendition than the one in the feed: cropped, smaller, compressed anew."""
    portrait = Image.open(io.BytesIO(_read_portrait()))
    width, height = portrait.size
    return _encode_picture(
        portrait.crop((width // 10, 0, width, height * 9 // 10)).resize((369, 432)), "JPEG"
    )


PICTURES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "/cat.png": ("image/png", functools.partial(_read_skimage, "chelsea.png")),
    "/cat-again.png": ("image/png", functools.partial(_read_skimage, "chelsea.png")),
    "/cat.webp": ("image/webp", _convert_cat),
    "/coffee.png": ("image/png", functools.partial(_read_skimage, "coffee.png")),
    "/rocket.jpg": ("image/jpeg", functools.partial(_read_skimage, "rocket.jpg")),
    "/stars.jpg": ("image/jpeg", functools.partial(_read_skimage, "hubble_deep_field.jpg")),
    "/retina.jpg": ("image/jpeg", functools.partial(_read_skimage, "retina.jpg")),
    "/photographer.png": ("image/png", functools.partial(_read_skimage, "camera.png")),
    "/astronaut.png": ("image/png", functools.partial(_read_skimage, "astronaut.png")),
    "/page.png": ("image/png", functools.partial(_read_skimage, "page.png")),
    "/page-on-its-side.png": ("image/png", _turn_page),
    "/admiral.jpg": ("image/jpeg", _read_portrait),
    "/tiny.png": ("image/png", _shrink_coffee),
    "/moved.jpg": (
        "text/html",
        lambda: b"<!doctype html><title>Moved</title><p>This picture has moved.",
    ),
}
"""What the server has, by path; anything else is 404."""

TWEETS = (
    ("The cat has claimed the good chair again.", 412, "/cat.png"),
    ("Reposting her majesty, because why not", 198, "/cat-again.png"),
    ("Same cat, smaller file", 57, "/cat.webp"),
    ("Third espresso. No regrets.", 88, "/coffee.png"),
    ("Launch day!", 1290, "/rocket.jpg"),
    ("From the pad to the stars", 951, "/rocket.jpg /stars.jpg"),
    ("Ready to fly", 1733, "/astronaut.png"),
    ("She found the first computer bug", 2210, "/admiral.jpg"),
    ("What every programmer should read twice", 75, "/page.png"),
    ("Turn your head", 41, "/page-on-its-side.png"),
    ("Campus, with a camera", 133, "/photographer.png"),
    ("My eye doctor showed me this", 62, "/retina.jpg|/coffee.png"),
    ("No picture today, just thoughts", 12, ""),
    ("You had to be there", 9, "/deleted.jpg"),
    ("New home for my pictures", 15, "/moved.jpg"),
    ("An icon, literally", 7, "/tiny.png"),
)
"""Text, likes and the paths behind the media column."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the picture, or 404."""
        content_type, make = PICTURES.get(self.path, ("text/plain", None))
        body = make() if make else b"There is nothing here.\n"
        self.send_response(200 if make else 404)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the flow reports what became of each link."""


@contextmanager
def serve_feed(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Serve the feed while the block runs.

    Yields:
        The feed as a CSV file, and the folder of enrolled people, both in `folder`.

    Raises:
        UsageError: the packages with the pictures are not installed.

    """
    if find_spec("skimage") is None or find_spec("matplotlib") is None:
        raise UsageError(
            "The demo's pictures are not installed: pip install 'image-tags[local,demo]'."
        )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        people = folder / "people"
        people.mkdir(parents=True, exist_ok=True)
        (people / f"{PERSON}.jpg").write_bytes(_make_enrolled_photo())
        yield _write_feed(folder / "tweets.csv", f"http://127.0.0.1:{server.server_port}"), people
    finally:
        server.shutdown()
        server.server_close()


def _write_feed(path: Path, site: str) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, (text, likes, media) in enumerate(TWEETS, 1):
            writer.writerow((1000 + number, text, likes, media.replace("/", f"{site}/")))
    return path
