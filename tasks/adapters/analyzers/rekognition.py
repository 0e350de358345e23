"""Amazon Rekognition as the analyzer: every call at the account's pace, every error by its kind."""

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from image_tags.tasks.adapters.analyzers.pacer import Pacer, shared_pacer
from image_tags.tasks.adapters.analyzers.quotas import quotas_for
from image_tags.tasks.adapters.aws.bucket import bucket_problem
from image_tags.tasks.adapters.aws.client import (
    AWS_ERRORS,
    code_in,
    code_of,
    open_service,
    open_session,
    status_of,
    stop_for,
)
from image_tags.tasks.adapters.interruption import interruption
from image_tags.tasks.adapters.pictures.shrink import UNREADABLE, shrink_picture
from image_tags.tasks.adapters.retries.backoff import pause_before
from image_tags.tasks.adapters.retries.tally import Tally
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.errors import LinkError, Rejected, StopRun, Transient
from image_tags.tasks.contracts.operations import OPERATIONS
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Answer, JsonObject, Picture
from image_tags.tasks.contracts.settings import AnalysisSettings

logger = logging.getLogger(__name__)

S3_LIMIT = 15 * 1024 * 1024
BYTES_LIMIT = 5 * 1024 * 1024
"""Bytes of a picture, as an S3 object and in the request ("Guidelines and quotas in Amazon
Rekognition").
"""

MIN_SIDE = 80
"""px; same source."""

LATENCY = 0.5
"""Seconds a call may take with the quota still used up: so many calls are kept in flight."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 20.0
"""Seconds before the second try, and before any; see `pause_before`."""

GONE = "The picture is no longer in the store."

FINAL = (
    "InvalidS3ObjectException",
    "InvalidParameterException",
    "ImageTooLargeException",
    "InvalidImageFormatException",
    "ValidationException",
)
"""The service's codes for a picture that will not do (API Reference: errors of the operations,
common errors).
"""

THROTTLED = (
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "Throttling",
    "TooManyRequestsException",
)


class Rekognition:
    """Answers operations by asking Amazon Rekognition.

    See image_tags.tasks.adapters.analyzers.analyzer.Analyzer.

    Args:
        settings: what to ask, how fast, how often again.
        store: where the pictures are; one on S3 is read by the service itself.
        region: by default the one boto3 finds.
        sleep: how to pause before another try (a test passes its own).

    """

    name = "rekognition"

    def __init__(
        self,
        settings: AnalysisSettings,
        store: Store,
        region: str | None,
        sleep: Callable[[float], None] = time.sleep,
        tally: Tally | None = None,
    ) -> None:
        self._tally = tally or Tally()
        self._settings = settings
        self._store = store
        self._sleep = sleep
        session = open_session(region)
        self.region: str = session.region_name
        self._quotas = quotas_for(settings, session, OPERATIONS)
        self._client: Any = open_service(session, "rekognition")
        self._session, self._session_lock = session, threading.Lock()
        self._shrinking = threading.Lock()
        self._stopped: StopRun | None = None
        self._first = {operation: threading.Lock() for operation in OPERATIONS}
        self._tried: set[str] = set()
        for operation in OPERATIONS:
            self._pace(operation)

    def settings_of(self, operation: str) -> JsonObject:
        """See Analyzer."""
        return {"analyzer": self.name, **OPERATIONS[operation].request(self._settings)}

    def threads(self, operation: str) -> int:
        """See Analyzer."""
        return self._settings.analyzer_threads or min(
            64, 1 + math.ceil(self._quotas[operation] * LATENCY)
        )

    def refusal(self, operation: str, picture: Picture) -> LinkError | None:
        """See Analyzer.

        Neither bytes nor long sides are a reason: the service is sent a reduced copy.
        """
        size = f"this one is {picture.width} x {picture.height} px"
        limit = OPERATIONS[operation].max_side
        shorter, longer = sorted((picture.width, picture.height))
        if shorter < MIN_SIDE:
            return Rejected(
                Reason.TOO_SMALL, f"{operation} needs at least {MIN_SIDE} x {MIN_SIDE} px; {size}."
            )
        if limit and longer > limit and round(shorter * limit / longer) < MIN_SIDE:
            return Rejected(
                Reason.TOO_LARGE,
                f"{operation} takes sides of {MIN_SIDE} to {limit:,} px; {size}, "
                "which no reduced copy fits.",
            )
        return None

    def answer(self, operation: str, picture: Picture) -> Answer:
        """See Analyzer.

        The first call of an operation goes alone: what only a person can fix then fails once.
        """
        if operation not in self._tried:
            with self._first[operation]:
                if operation not in self._tried:
                    try:
                        return self._ask(operation, picture)
                    finally:
                        self._tried.add(operation)
        return self._ask(operation, picture)

    def _ask(self, operation: str, picture: Picture) -> Answer:
        self._go_on()
        image, remark = self._image(operation, picture)
        request = OPERATIONS[operation].request(self._settings)
        self._tally.count("calls", operation)
        for attempt in range(self._settings.analyzer_retries + 1):
            if attempt:
                self._sleep(pause_before(attempt, FIRST_PAUSE, LONGEST_PAUSE))
            self._go_on()
            try:
                response: JsonObject = getattr(self._client, operation)(Image=image, **request)
            except AWS_ERRORS as error:
                problem = self._problem(operation, picture, image, error)
            else:
                metadata: JsonObject = response.pop("ResponseMetadata", {})
                kind = metadata.get("HTTPHeaders", {}).get("content-type", "")
                if response or "json" in kind:
                    return Answer(
                        response, response.get(OPERATIONS[operation].version or ""), remark
                    )
                # A proxy's or network's own page: botocore takes any text with status 200 for an
                # answer without members.
                problem = Transient(
                    Reason.ANALYZER_UNAVAILABLE,
                    f"No answer (something of type {kind or 'unknown'}).",
                )
            if isinstance(problem, StopRun):
                self._stopped = self._stopped or problem
                self._go_on()
            if isinstance(problem, Rejected):
                break
        raise problem

    def _image(self, operation: str, picture: Picture) -> tuple[JsonObject, str | None]:
        """Return the request's Image, and what was done to the picture to make it fit."""
        max_side = OPERATIONS[operation].max_side
        fits = max_side is None or max(picture.width, picture.height) <= max_side
        place = self._store.bucket_and_key(picture.key)
        if place and fits and picture.size <= S3_LIMIT:
            return {"S3Object": {"Bucket": place[0], "Name": place[1]}}, None
        try:
            data = self._store.read(picture.key)
        except NotInStore:
            raise Transient(Reason.ANALYZER_UNAVAILABLE, GONE) from None
        if fits and len(data) <= BYTES_LIMIT:
            return {"Bytes": data}, None
        with self._shrinking:  # one at a time: large pictures unpack to hundreds of megabytes
            try:
                data, remark = shrink_picture(data, BYTES_LIMIT, max_side)
            except UNREADABLE as error:
                raise Rejected(
                    Reason.TOO_LARGE, f"{len(data):,} bytes, and it cannot be re-encoded: {error}"
                ) from None
        return {"Bytes": data}, remark

    def _problem(
        self, operation: str, picture: Picture, image: JsonObject, error: Exception
    ) -> LinkError | StopRun:
        """What an error of the call means."""
        action = f"rekognition:{self._client.meta.method_to_api_mapping[operation]}"
        code = code_of(error)
        stop = stop_for(error, action, self.region)
        if code == "InvalidS3ObjectException" and "S3Object" in image:
            with self._session_lock:  # making clients is not thread-safe
                s3 = open_service(self._session, "s3")
            stop = bucket_problem(s3, image["S3Object"]["Bucket"], self.region)
            if stop is None and not self._store.exists(picture.key):
                return Transient(Reason.ANALYZER_UNAVAILABLE, GONE)
        if stop:
            return stop
        if code in FINAL:
            says = (
                error.response["Error"].get("Message", "") if isinstance(error, ClientError) else ""
            )
            return Rejected(Reason.REFUSED_BY_ANALYZER, f"{code}: {says[:300]}")
        if code in THROTTLED:
            return Transient(Reason.THROTTLED, f"Throttled ({code}).")
        status = f", HTTP {status_of(error)}" if status_of(error) else ""
        return Transient(Reason.ANALYZER_UNAVAILABLE, f"No answer ({code}{status}).")

    def _go_on(self) -> None:
        """Raise what stopped another thread's call, or Interrupted once the process is to end."""
        interruption.check()
        if self._stopped:
            raise type(self._stopped)(str(self._stopped))

    def _pace(self, operation: str) -> None:
        """Pace every try of the operation, botocore's own too, and slow down when throttled."""
        meta = self._client.meta
        pacer: Pacer = shared_pacer(meta.endpoint_url, operation, self._quotas[operation])

        def wait(**_: object) -> None:
            self._go_on()
            pacer.wait()
            self._tally.count("requests", operation)
            self._go_on()

        def look(parsed_response: JsonObject | None, **_: object) -> None:
            if code_in(parsed_response or {}) in THROTTLED:
                self._tally.count("throttled", operation)
                pacer.slow_down()

        api = meta.method_to_api_mapping[operation]
        # Before signing, so that a request is never old when it leaves.
        meta.events.register_first(f"request-created.rekognition.{api}", wait)
        meta.events.register(f"response-received.rekognition.{api}", look)
