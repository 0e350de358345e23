"""A stand-in for the endpoint of Amazon Rekognition: five operations over its JSON 1.1 protocol,
for an unmodified client.

It checks signatures, holds requests and its own answers against botocore's model, knows the
service's limits, enforces a quota, counts what it bills, and fails as told.
`AWS_ENDPOINT_URL_REKOGNITION=<url>` sends boto3 here. By itself, `python -m
tests.support.rekognition_endpoint --quota 50 --latency 0.3` prints its address, `GET /stats` what
it counted.
"""

import argparse
import base64
import hashlib
import io
import json
import re
import socketserver
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from PIL import Image

from tests.support import rekognition_answers
from tests.support.shapes import assert_request, assert_response, service

ACCESS_KEY, SECRET_KEY, REGION = "AKIATESTTESTTESTTEST", "stand-in-secret", "us-east-1"
OPERATIONS = (
    "DetectLabels",
    "DetectText",
    "RecognizeCelebrities",
    "DetectModerationLabels",
    "DetectFaces",
)
THROTTLING = (
    ("ThrottlingException", 400),
    ("ProvisionedThroughputExceededException", 400),
    ("ThrottlingException", 500),
)
DROP_UNBILLED, DROP_BILLED = "drop_unbilled", "drop_billed"
"""Faults: hang up before the call is billed, and after."""
HOLD = "hold"
"""Fault: bill the call, and keep its answer back until `release` is set."""
WEB_PAGE = "web_page"
"""Fault: a page with status 200 in place of the answer, as from a proxy or a hotel's network;
nothing is billed.
"""
SPELLINGS = {
    "plain": ("{code}", ""),
    "with a namespace": ("com.amazonaws.rekognition#{code}", ""),
    "with a link": ("{code}:http://internal.amazon.com/coral/com.amazonaws.rekognition/", ""),
    "in the header": ("", "{code}:http://internal.amazon.com/coral/com.amazonaws.rekognition/"),
}
"""How an error's code may be given: in the body's `__type` and in the header `x-amzn-errortype`."""

STATUS = {"InternalServerError": 500, "ServiceUnavailable": 503}
SIGNED = re.compile(
    r"Credential=(?P<key>[^/]+)/(?P<scope>[^,]+), *SignedHeaders=(?P<headers>[^,]+), *Signature="
)

Resolver = Callable[[str, str], bytes | None]


@dataclass
class Fault:
    """Something that goes wrong.

    Attributes:
        kind: an error code of the service, DROP_UNBILLED, DROP_BILLED, HOLD or `slow`.
        operation: only with this one (the service's name); None for any.
        image: only for pictures whose identity holds this; None for any.
        times: how often; None for ever.
        after: how many calls it lets pass first.
        status: HTTP status of the error.
        seconds: how long `slow` takes more.

    """

    kind: str
    operation: str | None = None
    image: str | None = None
    times: int | None = 1
    after: int = 0
    status: int | None = None
    seconds: float = 0.0


@dataclass
class Seen:
    """What the endpoint has counted.

    Attributes:
        billed: answers given, by operation and picture; one hung up on after the work was done
            counts too.
        requests: requests that came, by operation.
        errors: errors given, by code.
        hang_ups: connections dropped, by kind.
        most_in_flight: requests at the same time.
        held: answers that were kept back.
        first, last: when the first and the last answer was billed, monotonic seconds.

    """

    billed: Counter[tuple[str, str]] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    hang_ups: Counter[str] = field(default_factory=Counter)
    most_in_flight: int = 0
    held: int = 0
    first: float = 0.0
    last: float = 0.0


class Refusal(Exception):
    """An error answer: code, HTTP status, message."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status or STATUS.get(code, 400)


class HangUp(Exception):
    """Close the connection without an answer."""


class Page(Exception):
    """Answer with a page of HTML."""


class RekognitionEndpoint:
    """The endpoint. Settings may be changed while it runs.

    Args:
        quota: calls per second, per operation; None for no limit.
        latency: seconds that an answer takes.
        resolve: the bytes of an S3 object, None if it is not there; by default every object is
            there, unseen.
        port: 0 takes a free one.

    """

    def __init__(
        self,
        quota: float | None = None,
        latency: float = 0.0,
        resolve: Resolver | None = None,
        port: int = 0,
    ) -> None:
        self.quota, self.latency, self.resolve = quota, latency, resolve
        self.faults: list[Fault] = []
        self.spelling = "plain"
        self.answers: dict[tuple[str, str], dict[str, Any]] = {}
        """What to answer instead, by operation and identity of the picture."""
        self.seen = Seen()
        self.release = threading.Event()
        self._windows: dict[str, deque[float]] = {name: deque() for name in OPERATIONS}
        service()  # loading the model takes a second, which the first request should not wait for
        self._in_flight = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def environment(self) -> dict[str, str]:
        """What boto3 needs to come here."""
        return {
            "AWS_ENDPOINT_URL_REKOGNITION": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @contextmanager
    def running(self) -> Iterator["RekognitionEndpoint"]:
        """Serve while the block runs."""
        thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        thread.start()
        try:
            yield self
        finally:
            self.release.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    @property
    def billed(self) -> int:
        """Answers billed in all."""
        return sum(self.seen.billed.values())

    @property
    def in_flight(self) -> int:
        """Requests that it works on now."""
        with self._lock:
            return self._in_flight

    def stats(self) -> dict[str, Any]:
        """The counts, as JSON."""
        seen, operations = self.seen, Counter[str]()
        with self._lock:
            for (operation, _), calls in seen.billed.items():
                operations[operation] += calls
            return {
                "billed": dict(operations),
                "billed_twice": sum(calls > 1 for calls in seen.billed.values()),
                "requests": dict(seen.requests),
                "errors": dict(seen.errors),
                "most_in_flight": seen.most_in_flight,
                "seconds": seen.last - seen.first,
            }

    def respond(
        self, target: str, headers: dict[str, str], body: bytes, path: str
    ) -> dict[str, Any]:
        """The answer to a request; Refusal or HangUp instead."""
        operation = target.removeprefix("RekognitionService.")
        if operation not in OPERATIONS:
            raise Refusal("UnknownOperationException", "")
        _check_signature(headers, body, path)
        request = _decoded(operation, body)
        with self._lock:
            self.seen.requests[operation] += 1
            self._in_flight += 1
            self.seen.most_in_flight = max(self.seen.most_in_flight, self._in_flight)
        try:
            return self._work(operation, request)
        finally:
            with self._lock:
                self._in_flight -= 1

    def _work(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        identity = _identity(request["Image"])
        self._take_quota(operation)
        fault = self._fault(operation, identity)
        kind = fault.kind if fault else ""
        if kind == DROP_UNBILLED:
            raise HangUp(kind)
        if kind == WEB_PAGE:
            raise Page
        if fault and kind not in (DROP_BILLED, HOLD, "slow"):
            raise Refusal(kind, "told to fail", fault.status)
        identity = self._look_at(operation, request["Image"], identity)
        time.sleep(self.latency + (fault.seconds if fault else 0.0))
        answer = self.answers.get((operation, identity)) or rekognition_answers.answer(
            operation, identity, request
        )
        assert_response(operation, answer)
        with self._lock:
            self.seen.billed[operation, identity] += 1
            self.seen.last = time.monotonic()
            self.seen.first = self.seen.first or self.seen.last
            self.seen.held += kind == HOLD
        if kind == DROP_BILLED:
            raise HangUp(kind)
        if kind == HOLD:
            self.release.wait()
        return answer

    def _take_quota(self, operation: str) -> None:
        with self._lock:
            window, now = self._windows[operation], time.monotonic()
            while window and window[0] <= now - 1:
                window.popleft()
            if self.quota is not None and len(window) >= self.quota:
                code, status = THROTTLING[sum(self.seen.errors.values()) % len(THROTTLING)]
                raise Refusal(code, "Rate exceeded", status)
            window.append(now)

    def _fault(self, operation: str, identity: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                hit = fault.operation in (None, operation) and (
                    fault.image is None or fault.image in identity
                )
                if hit and fault.after:
                    fault.after -= 1
                elif hit and fault.times != 0:
                    fault.times = None if fault.times is None else fault.times - 1
                    return fault
        return None

    def _look_at(self, operation: str, image: dict[str, Any], identity: str) -> str:
        """Refuse a picture that the service would; the identity of the picture's bytes where they
        can be had.
        """
        data = image.get("Bytes")
        if data is None and self.resolve:
            data = self.resolve(image["S3Object"]["Bucket"], image["S3Object"]["Name"])
            if data is None:
                raise Refusal("InvalidS3ObjectException", "Unable to get object metadata from S3.")
        if data is None:
            return identity
        if len(data) > 15 * 1024 * 1024:
            raise Refusal("ImageTooLargeException", "Request has image size above the limit")
        try:
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
                size = picture.size
        except OSError:
            raise Refusal(
                "InvalidImageFormatException", "Request has invalid image format"
            ) from None
        if min(size) < 80:
            raise Refusal("InvalidParameterException", "Request has invalid image dimensions")
        if max(size) > 10_000 and operation in ("DetectLabels", "DetectModerationLabels"):
            raise Refusal("ImageTooLargeException", "Request has image dimensions above the limit")
        return hashlib.sha256(data).hexdigest()


def _identity(image: dict[str, Any]) -> str:
    """The picture's sha256, or bucket and name of its S3 object."""
    if ("Bytes" in image) == ("S3Object" in image):
        raise Refusal("InvalidParameterException", "Request has Invalid Parameters")
    if "Bytes" in image:
        return hashlib.sha256(image["Bytes"]).hexdigest()
    return f"{image['S3Object']['Bucket']}/{image['S3Object']['Name']}"


def _decoded(operation: str, body: bytes) -> dict[str, Any]:
    try:
        request: dict[str, Any] = json.loads(body)
        if "Bytes" in request.get("Image", {}):
            request["Image"]["Bytes"] = base64.b64decode(request["Image"]["Bytes"], validate=True)
    except ValueError:
        raise Refusal("SerializationException", "") from None
    try:
        assert_request(operation, request)
    except AssertionError as error:
        raise Refusal("ValidationException", f"1 validation error detected: {error}") from None
    return request


def _check_signature(headers: dict[str, str], body: bytes, path: str) -> None:
    """Refuse what is not signed with the one known key, for this region and service."""
    found = SIGNED.search(headers.get("authorization", ""))
    if not found:
        raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    if found["key"] != ACCESS_KEY:
        raise Refusal(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    request = AWSRequest("POST", f"http://{headers['host']}{path}", data=body)
    for name in found["headers"].split(";"):
        request.headers[name] = headers[name]
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "rekognition", REGION)
    signature = auth.signature(
        auth.string_to_sign(request, auth.canonical_request(request)), request
    )
    if not headers["authorization"].endswith(signature):
        expected = auth.canonical_request(request)
        says = f"The Canonical String for this request should have been {expected!r}"
        raise Refusal("InvalidSignatureException", says, 403)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], endpoint: RekognitionEndpoint) -> None:
        self.endpoint = endpoint
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no fault of the endpoint's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer would look its own name up
        self.server_name, self.server_port = self.server_address[0], self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        endpoint = self.server.endpoint
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        try:
            self._send(
                200, endpoint.respond(headers.get("x-amz-target", ""), headers, body, self.path)
            )
        except Refusal as refusal:
            with endpoint._lock:
                endpoint.seen.errors[refusal.code] += 1
            in_body, in_header = (
                form.format(code=refusal.code) for form in SPELLINGS[endpoint.spelling]
            )
            body_says = {"Message": refusal.message} | ({"__type": in_body} if in_body else {})
            self._send(
                refusal.status, body_says, **({"x-amzn-ErrorType": in_header} if in_header else {})
            )
        except Page:
            self._send_bytes(
                200,
                b"<html>Please sign in to this network.</html>",
                **{"Content-Type": "text/html"},
            )
        except HangUp as hang_up:
            with endpoint._lock:
                endpoint.seen.hang_ups[str(hang_up)] += 1
            self.close_connection = True

    def do_GET(self) -> None:
        self._send(200, self.server.endpoint.stats())

    def _send(self, status: int, answer: dict[str, Any], **headers: str) -> None:
        self._send_bytes(
            status,
            json.dumps(answer).encode(),
            **{"Content-Type": "application/x-amz-json-1.1", **headers},
        )

    def _send_bytes(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--quota", type=float)
    parser.add_argument("--latency", type=float, default=0.0)
    options = parser.parse_args()
    endpoint = RekognitionEndpoint(options.quota, options.latency, port=options.port)
    with endpoint.running():
        print(endpoint.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
