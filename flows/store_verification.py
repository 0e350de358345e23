"""Read everything in a store and name what is damaged; on request, repair what can be repaired.

Repairing removes only what can be fetched or requested again: a damaged picture (its link is
fetched again at once), a damaged segment's file (set aside under `damaged/`, never deleted),
derived data. A readable answer that was paid for is never touched.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

from PIL import Image

from image_tags.flows.picture_repair import fetch_pictures_again
from image_tags.tasks.adapters.files.errors import DamagedTable
from image_tags.tasks.adapters.files.tables import parquet_table
from image_tags.tasks.adapters.pictures.checksum import has_wrong_checksum
from image_tags.tasks.adapters.pictures.verify import verify_picture
from image_tags.tasks.adapters.segments.names import parse_name
from image_tags.tasks.adapters.segments.parquet_segments import DamagedSegment, check_segment
from image_tags.tasks.adapters.store.store import PARQUET, NotInStore, Store
from image_tags.tasks.contracts.errors import LinkError
from image_tags.tasks.contracts.settings import FetchSettings
from image_tags.tasks.published.pointer import find_versions, look_at_pointer

SEGMENTS = ("responses/", "links/")
"""Where segments are kept."""
DERIVED = "derived/"
"""What can be made again from the responses."""


@dataclass(frozen=True)
class Damage:
    """One damaged object.

    Attributes:
        key: of the object in the store.
        problem: what is wrong with it.
        remedy: what to do, or what was done about it.
    """

    key: str
    problem: str
    remedy: str


def verify_store(
    store: Store, *, repair: bool = False, fetching: FetchSettings | None = None
) -> Iterator[Damage]:
    """Read every picture, segment and published version.

    Args:
        store: to be read in full; on S3 this transfers all of it.
        repair: remove or set aside what is damaged, where it can be fetched or requested again.
        fetching: how damaged pictures are fetched again.

    Yields:
        What is damaged, in the order of the keys of each kind.

    """
    yield from _verify_pictures(store, repair, fetching or FetchSettings())
    for prefix in (*SEGMENTS, DERIVED):
        yield from _verify_segments(store, prefix, repair)
    yield from _verify_versions(store)


def _verify_pictures(store: Store, repair: bool, fetching: FetchSettings) -> Iterator[Damage]:
    damaged: dict[str, str] = {}
    for key in list(store.keys("images/")):
        problem = find_picture_problem(PurePosixPath(key).stem, store.read(key))
        if problem is None:
            continue
        if repair:
            damaged[key] = problem
        else:
            yield Damage(key, problem, "`--repair` fetches it again.")
    if not damaged:
        return
    for key in damaged:
        store.delete(key)
    image_ids = {key: PurePosixPath(key).stem for key in damaged}
    remedies = fetch_pictures_again(store, set(image_ids.values()), fetching)
    for key, problem in damaged.items():
        yield Damage(key, problem, remedies[image_ids[key]])


def find_picture_problem(image_id: str, data: bytes) -> str | None:
    """What is wrong with a stored picture; None if it is whole.

    A picture that was kept as it came has its own hash as name. One that was converted has not, so
    it is decoded in full, and the checksum of every chunk of a PNG, or of the whole JPEG, is
    compared. Only in a JPEG that an earlier version converted, a changed byte that still decodes
    goes unnoticed: it has no checksum.
    """
    if not data:
        return "The picture is empty."
    if hashlib.sha256(data).hexdigest() == image_id:
        return None
    if has_wrong_checksum(data):
        return "The picture is not as it was stored."
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG")) as picture:
            picture.verify()
        verify_picture(data, FetchSettings())
    except (OSError, SyntaxError, ValueError) as error:
        return f"The picture cannot be decoded ({error})."
    except LinkError as error:
        return f"The picture cannot be decoded ({error.detail})."
    return None


def _verify_segments(store: Store, prefix: str, repair: bool) -> Iterator[Damage]:
    for key in list(store.keys(prefix)):
        if parse_name(PurePosixPath(key).name) is None:
            continue
        try:
            data = store.read(key)
        except NotInStore:
            continue  # merged meanwhile
        try:
            check_segment(data)
        except DamagedSegment as error:
            remedy = "`--repair` sets it aside; its entries are requested again."
            if repair:
                store.write(f"damaged/{key}", data, PARQUET)
                store.delete(key)
                remedy = f"Set aside as damaged/{key}; its entries are requested again."
            yield Damage(key, f"The segment cannot be read ({error}).", remedy)


def _verify_versions(store: Store) -> Iterator[Damage]:
    reading = look_at_pointer(store)
    if reading.damage:
        yield Damage("published/current.json", str(reading.damage), "")
    for version in find_versions(store):
        for key in store.keys(f"published/{version.version}/"):
            if not key.endswith(".parquet"):
                continue
            try:
                parquet_table(store.read(key))
            except DamagedTable:
                remedy = (
                    "Read or roll back to another version (`image-tags versions`), or run again."
                )
                yield Damage(key, "The table cannot be read: it is no whole Parquet file.", remedy)
