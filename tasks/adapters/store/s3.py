"""The store on S3."""

import copy
import hashlib
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from typing_extensions import override

from image_tags.tasks.adapters.aws.client import AWS_ERRORS, code_of, status_of
from image_tags.tasks.adapters.retries.backoff import pause_before
from image_tags.tasks.adapters.store.s3_client import open_client
from image_tags.tasks.adapters.store.s3_errors import explain, is_passing
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.errors import StopRun, UsageError
from image_tags.tasks.contracts.settings import StoreSettings

PATIENCE = 60.0
"""Seconds for which an outage is waited out, beyond botocore's own retries of each request."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds before the second try, and before any; see `pause_before`."""
AT_ONCE = 1000
"""Objects that S3 removes with one request (API Reference, "DeleteObjects")."""
READ_AT_ONCE = 1 << 20
"""Bytes of an object in memory while it goes to a file."""
_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
"""Amazon S3 User Guide, "General purpose bucket naming rules"."""

T = TypeVar("T")


class _Failed(Exception):
    """A condition of a request does not hold.

    `retried`: an earlier try of it may have succeeded all the same.
    """

    def __init__(self, retried: bool) -> None:
        self.retried = retried


class S3Store(Store):
    """A bucket, or a prefix in it, as store.

    Everything stays in memory; one client serves all threads.
    """

    def __init__(
        self,
        settings: StoreSettings,
        *,
        patience: float = PATIENCE,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is asked yet; UsageError if the address, profile or endpoint cannot be right."""
        found = _ADDRESS.fullmatch(settings.store)
        if not found:
            raise UsageError(f"The store {settings.store!r} is not of the form s3://bucket/prefix.")
        self.bucket: str = found["bucket"]
        self.prefix: str = (found["prefix"] or "").strip("/")
        self.address = f"s3://{self.bucket}/{self.prefix}".rstrip("/")
        self._settings = settings
        self._patience = patience
        self._wait = wait
        self._is_away = False
        self.client = open_client(settings)
        self.region: str = self.client.meta.region_name

    @override
    def read(self, key: str) -> bytes:
        return self._get(key)[0]

    @override
    def write(self, key: str, data: bytes, content_type: str, *, durable: bool = True) -> None:
        self._put(key, data, content_type)

    @override
    def add(self, key: str, data: bytes, content_type: str, *, durable: bool = True) -> bool:
        return self._put_if(key, data, content_type, IfNoneMatch="*")

    @override
    def exists(self, key: str) -> bool:
        return self.size(key) is not None

    @override
    def size(self, key: str) -> int | None:
        try:
            head = self._do(
                "s3:GetObject",
                lambda: self.client.head_object(Bucket=self.bucket, Key=self._full(key)),
            )
        except NotInStore:
            return None
        return head["ContentLength"]

    @override
    def keys(self, prefix: str) -> Iterator[str]:
        return (key for key, _ in self._list(prefix))

    @override
    def list_sizes(self, prefix: str) -> dict[str, int]:
        """Pages are read in the order of keys: what left an earlier page shows on a later one."""
        return dict(self._list(prefix))

    @override
    def read_range(self, key: str, start: int, length: int) -> bytes:

        def get() -> bytes:
            span = f"bytes={start}-{start + length - 1}"
            answer = self.client.get_object(Bucket=self.bucket, Key=self._full(key), Range=span)
            return answer["Body"].read()

        return self._do("s3:GetObject", get)

    @override
    def delete(self, key: str) -> None:
        self._do(
            "s3:DeleteObject",
            lambda: self.client.delete_object(Bucket=self.bucket, Key=self._full(key)),
        )

    @override
    def delete_all(self, keys: Iterable[str]) -> None:
        full = [self._full(key) for key in keys]
        for first in range(0, len(full), AT_ONCE):
            names = {
                "Objects": [{"Key": key} for key in full[first : first + AT_ONCE]],
                "Quiet": True,
            }
            self._do("s3:DeleteObject", partial(self._delete_all, names))

    @override
    def read_tagged(self, key: str) -> tuple[bytes, str] | None:
        try:
            return self._get(key)
        except NotInStore:
            return None

    @override
    def swap(self, key: str, data: bytes, content_type: str, token: str | None) -> bool:
        """As exclusive as the server's If-Match; `add` and a None token only need If-None-Match."""
        if token is None:
            return self.add(key, data, content_type)
        return self._put_if(key, data, content_type, IfMatch=token)

    @override
    def fetch_file(self, key: str, folder: Path) -> Path:
        path = folder / hashlib.sha256(key.encode()).hexdigest()

        def get() -> None:
            answer = self.client.get_object(Bucket=self.bucket, Key=self._full(key))
            with path.open("wb") as file:
                for part in answer["Body"].iter_chunks(READ_AT_ONCE):
                    file.write(part)

        try:
            self._do("s3:GetObject", get)
        except OSError as error:
            raise StopRun(
                f"No temporary file can be written in {str(folder)!r} ({error.strerror}): free "
                "some space there, or let TMPDIR name a folder with more, and run again."
            ) from None
        return path

    @override
    def put_file(self, key: str, path: Path, content_type: str) -> None:
        """One request takes up to 5 GB (User Guide, "Uploading objects")."""
        self._put(key, path, content_type)

    @override
    def copy(self, key: str, target: str) -> None:
        """One request copies up to 5 GB (API Reference, "CopyObject")."""
        self._do(
            "s3:PutObject",
            lambda: self.client.copy_object(
                Bucket=self.bucket,
                Key=self._full(target),
                CopySource={"Bucket": self.bucket, "Key": self._full(key)},
                **self._encryption(),
            ),
        )

    @override
    def locate(self, key: str) -> str:
        return f"{self.address}/{key}"

    @override
    def bucket_and_key(self, key: str) -> tuple[str, str] | None:
        return self.bucket, self._full(key)

    @override
    def check_writable(self) -> None:
        now = copy.copy(self)
        now._patience = 0.0
        key = f".check/{uuid.uuid4().hex}"
        try:
            added = now.add(key, b"ok", "text/plain")
            again = now.add(key, b"again", "text/plain")
            kept = now.read(key) == b"ok" and key in now.keys(".check/")
            now.delete(key)
        except StopRun as error:
            raise UsageError(f"The store {self.address} cannot be used. {error}") from None
        if not added or again or not kept:
            raise UsageError(
                f"The store {self.address} cannot be used: "
                "its server does not honour If-None-Match."
            )

    def _full(self, key: str) -> str:
        if key.startswith("/") or ".." in key.split("/"):
            raise ValueError(f"not a key: {key!r}")
        return f"{self.prefix}/{key}" if self.prefix else key

    def _delete_all(self, names: Any) -> None:
        answer = self.client.delete_objects(Bucket=self.bucket, Delete=names)
        if failed := answer.get("Errors"):
            raise ClientError({"Error": {"Code": failed[0].get("Code", "")}}, "DeleteObjects")

    def _list(self, prefix: str) -> Iterator[tuple[str, int]]:
        full, more, cut = "", True, len(self._full(""))
        while more:
            page, more = self._do("s3:ListBucket", partial(self._page, self._full(prefix), full))
            for full, size in page:
                yield full[cut:], size

    def _page(self, full_prefix: str, after: str) -> tuple[list[tuple[str, int]], bool]:
        found = self.client.list_objects_v2(
            Bucket=self.bucket, Prefix=full_prefix, StartAfter=after
        )
        contents = found.get("Contents", [])
        return [(one["Key"], one["Size"]) for one in contents], found["IsTruncated"]

    def _get(self, key: str) -> tuple[bytes, str]:
        def get() -> tuple[bytes, str]:
            answer = self.client.get_object(Bucket=self.bucket, Key=self._full(key))
            return answer["Body"].read(), answer["ETag"]

        return self._do("s3:GetObject", get)

    def _encryption(self) -> dict[str, Any]:
        how: dict[str, Any] = {}
        if self._settings.sse or self._settings.sse_kms_key:
            how["ServerSideEncryption"] = self._settings.sse or "aws:kms"
        if self._settings.sse_kms_key:
            how["SSEKMSKeyId"] = self._settings.sse_kms_key
        return how

    def _put(self, key: str, data: bytes | Path, content_type: str, **condition: str) -> None:
        how: dict[str, Any] = {**condition, **self._encryption()}
        if self._settings.storage_class and key.startswith("images/"):
            how["StorageClass"] = self._settings.storage_class

        def put() -> None:
            with open_body(data) as body:
                self.client.put_object(
                    Bucket=self.bucket,
                    Key=self._full(key),
                    Body=body,
                    ContentType=content_type,
                    ChecksumAlgorithm="SHA256",
                    **how,
                )

        self._do("s3:PutObject", put, is_conditional=bool(condition))

    def _put_if(self, key: str, data: bytes, content_type: str, **condition: str) -> bool:
        try:
            self._put(key, data, content_type, **condition)
        except NotInStore:  # If-Match on what has been deleted
            return False
        except _Failed as failed:
            # The answer to an earlier try may have been lost: then what is stored there is ours.
            found = self.read_tagged(key) if failed.retried else None
            return found is not None and found[0] == data
        return True

    def _do(self, action: str, request: Callable[[], T], *, is_conditional: bool = False) -> T:
        """Make a request; through an outage it is repeated for as long as patience lasts.

        Patience is one for all: once it has run out, further requests are made once, until one of
        them is answered. A run that ends has many things to put away, each with a request.
        """
        waited, tries = 0.0, 0
        while True:
            tries += 1
            try:
                done = request()
            except AWS_ERRORS as error:
                passing = is_passing(error)
                if passing and not self._is_away and waited < self._patience:
                    pause = pause_before(tries, FIRST_PAUSE, LONGEST_PAUSE)
                    self._wait(pause)
                    waited += pause
                    continue
                self._is_away = passing
                if status_of(error) == 404 and code_of(error) != "NoSuchBucket":
                    raise NotInStore(f"There is no such object in {self.address}.") from None
                if is_conditional and status_of(error) == 412:
                    raise _Failed(tries > 1 or _retries(error) > 0) from None
                raise explain(error, action, self.bucket, self.address, self.region) from None
            self._is_away = False
            return done


def open_body(data: bytes | Path) -> AbstractContextManager[Any]:
    """What a request sends: bytes as they are, a file from its beginning at every try."""
    return nullcontext(data) if isinstance(data, bytes) else data.open("rb")


def _retries(error: Exception) -> int:
    said = error.response.get("ResponseMetadata", {}) if isinstance(error, ClientError) else {}
    return int(said.get("RetryAttempts", 0))
