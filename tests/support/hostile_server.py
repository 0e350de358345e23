"""A web server that sends any bytes, as slowly as wanted, and records each request."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from tests.support.answers import ANSWERS, Answer, Pause, Request, Reset


def _not_there(_: Request) -> list[bytes]:
    """Answer 404: where the redirects of random answers lead."""
    return [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]


class HostileServer:
    """Serves `answers` on a free port of `host`, one connection per answer; over TLS with `tls`."""

    def __init__(
        self,
        answers: Mapping[str, Answer] = ANSWERS,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answers = dict(answers)
        self.requests: list[Request] = []
        self._ports: list[int] = []
        self._accepted = threading.Condition()
        self._tls = tls
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=256
        )
        self._listener.settimeout(0.05)
        self._host = f"[{host}]" if ":" in host else host

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def url(self, path: str) -> str:
        return f"http{'s' if self._tls else ''}://{self._host}:{self.port}{path}"

    def asked(self, path: str) -> list[Request]:
        """The requests for a path, in order."""
        return [request for request in self.requests if request.path == path]

    def visitors(self) -> int:
        """How many others connected until now, accepted or not."""
        with socket.create_connection((self._host.strip("[]"), self.port)) as own, self._accepted:
            # Connections are accepted in the order in which they came, so ours is the last.
            assert self._accepted.wait_for(lambda: own.getsockname()[1] in self._ports, timeout=10)
            return self._ports.index(own.getsockname()[1])

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, address = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with self._accepted:
                self._ports.append(address[1])
                self._accepted.notify_all()
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(0.05)
            try:
                if self._tls:
                    connection.settimeout(5)
                    connection = self._tls.wrap_socket(connection, server_side=True)
                    connection.settimeout(0.05)
                request = self._read(connection)
                for piece in self.answers.get(request.path, _not_there)(request) if request else []:
                    if isinstance(piece, Reset):
                        connection.setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                        )
                        return
                    if isinstance(piece, Pause):
                        if self._stopped.wait(0.02):
                            return
                        continue
                    self._send(connection, piece)
            except OSError:
                return  # the client had enough

    def _read(self, connection: socket.socket) -> Request | None:
        received = b""
        while b"\r\n\r\n" not in received:
            try:
                more = connection.recv(65_536)
            except TimeoutError:
                if self._stopped.is_set():
                    return None
                continue
            if not more:
                return None
            received += more
        with self._lock:
            path = received.split(b" ", 2)[1].decode("latin-1")
            request = Request(received.split(b"\r\n\r\n")[0], len(self.asked(path)))
            self.requests.append(request)
        return request

    def _send(self, connection: socket.socket, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            try:
                view = view[connection.send(view) :]
            except TimeoutError:
                if self._stopped.is_set():
                    raise
