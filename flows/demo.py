"""The demo: a feed of made-up tweets over real pictures, served over HTTP on this machine."""

import csv
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from image_tags.flows.demo_pictures import PICTURES, make_enrolled_photo
from image_tags.tasks.contracts.errors import UsageError

PERSON = "Grace Hopper"
OPERATIONS = (
    "detect_labels",
    "detect_text",
    "recognize_celebrities",
    "detect_moderation_labels",
)
COLUMNS = ("tweet_id", "text", "likes", "media")


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
    ("The wall in my office", 640, "/wall.jpg"),
    ("Me, on my way up", 1480, "/selfie.jpg"),
    ("Every evening", 873, "/meme.jpg"),
    ("She still runs", 305, "/motorcycle.png"),
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
        """Log nothing: the flow reports what became of each link."""


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
        (people / f"{PERSON}.jpg").write_bytes(make_enrolled_photo())
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
