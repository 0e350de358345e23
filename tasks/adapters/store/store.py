"""The store: where images, responses, runs and published tables are kept.

A folder (`folder.py`) or S3 (`s3.py`).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from image_tags.tasks.contracts.errors import ImageTagsError, StopRun

JSON = "application/json"
PARQUET = "application/vnd.apache.parquet"


class NotInStore(ImageTagsError):
    """There is no object under this key."""


class StoreUnreachable(StopRun):
    """The store does not answer, also after retries; nothing in it is lost."""


class Store(Protocol):
    """The contract that a folder and S3 both keep; the same tests run against each.

    Keys are relative POSIX paths such as `images/ab/abcd.jpg`. Every write is atomic: a reader sees
    the whole old or the whole new object. All methods may be called from many threads. What is put
    with `durable=False` can be made again, and need not outlive a power cut: it may then be gone or
    cut short, as `size` tells.
    """

    address: str
    """What the user called it: a folder or `s3://bucket/prefix`, without a slash at the end."""

    def read(self, key: str) -> bytes:
        """The object's bytes; NotInStore if there is none."""

    def write(self, key: str, data: bytes, content_type: str, *, durable: bool = True) -> None:
        """Put the object, in place of an older one if there is one."""

    def add(self, key: str, data: bytes, content_type: str, *, durable: bool = True) -> bool:
        """Put the object only if nothing is there; False, and no change, if something is."""

    def exists(self, key: str) -> bool:
        """Whether there is an object under this key."""

    def size(self, key: str) -> int | None:
        """The object's bytes, counted; None if there is none."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys below a prefix that ends in `/`, in order."""

    def list_sizes(self, prefix: str) -> dict[str, int]:
        """The objects below a prefix that ends in `/`, in order, with their bytes counted.

        If `delete_all` removes an object after its replacement was put under a key that sorts
        later, at least one of the two is listed, however the listing and the removal overlap.
        """

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """So many bytes of the object from `start` on, fewer at its end; NotInStore if absent."""

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if there is none."""

    def delete_all(self, keys: Iterable[str]) -> None:
        """Remove many objects with few requests; those that are not there do not matter."""

    def read_tagged(self, key: str) -> tuple[bytes, str] | None:
        """The object's bytes and a token for `swap`; None if there is none."""

    def swap(self, key: str, data: bytes, content_type: str, token: str | None) -> bool:
        """Put the object if it is still what `token` names (None: absent); False if it is not."""

    def fetch_file(self, key: str, folder: Path) -> Path:
        """A local file with the object's bytes, for what is too large for memory; never change it.

        It is the object itself where that is a file, else a copy in the folder. NotInStore if there
        is no object.
        """

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Write the object from a local file, which stays; it is never in memory as a whole."""

    def copy(self, key: str, target: str) -> None:
        """Put the object under another key too, without its bytes passing through this process.

        NotInStore if there is no object.
        """

    def locate(self, key: str) -> str:
        """The object's full address, for people and tables."""

    def bucket_and_key(self, key: str) -> tuple[str, str] | None:
        """Bucket and full key, for services that read from S3; None if the store is a folder."""

    def check_writable(self) -> None:
        """Write, read and remove a small object; UsageError if that cannot be done."""
