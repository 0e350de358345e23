"""A small web site on loopback that serves what it is told and counts what it was asked."""

import io
import threading
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image


def png(number: int, side: int = 96) -> bytes:
    """A small picture, different for every number."""
    out = io.BytesIO()
    Image.new("RGB", (side, side), (number % 256, number // 256 % 256, 77)).save(out, "PNG")
    return out.getvalue()


@dataclass
class Answer:
    """What a path answers, once `when` is set."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    when: threading.Event | None = None


class Site:
    """Paths can be added and changed while it runs; anything else is 404."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: Counter[str] = Counter()
        site, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with lock:
                    site.asked[self.path] += 1
                answer = site.answers.get(self.path, Answer(b"gone", 404))
                if answer.when:
                    answer.when.wait()
                self.send_response(answer.status)
                for name, value in {
                    "Content-Length": str(len(answer.body)),
                    **answer.headers,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        # `shutdown` waits for the poll that goes on.
        serve = partial(self._server.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()

    def picture(self, path: str, number: int) -> str:
        """Serve a picture at a path; its link."""
        self.answers[path] = Answer(png(number), headers={"Content-Type": "image/png"})
        return f"{self.url}{path}"

    def close(self) -> None:
        """No more."""
        self._server.shutdown()
        self._server.server_close()
