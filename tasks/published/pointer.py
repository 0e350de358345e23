"""The pointer: `published/current.json` says which version readers see.

It is swapped last and atomically.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from image_tags.tasks.adapters.store.json_records import (
    OBJECT,
    DamagedRecord,
    dump_record,
    first_problem,
    load_record,
)
from image_tags.tasks.adapters.store.store import JSON, Store
from image_tags.tasks.contracts.errors import StopRun

CURRENT = "published/current.json"
"""The pointer: readers start here, and it is swapped last."""

FILES = "published/{version}/{name}"


class PublishedMeanwhile(StopRun):
    """Another run published first; the pointer is as that run left it.

    Attributes:
        winner: the version that readers see.
    """

    def __init__(self, winner: str) -> None:
        super().__init__(
            f"Another run published version {winner} in the meantime, which stays the current one. "
            "Run again to publish on top of it; nothing that was fetched or analysed is lost."
        )
        self.winner = winner


@dataclass(frozen=True)
class Version:
    """One published set of tables: its name, and when it was published (ISO 8601, UTC)."""

    version: str
    published: str


@dataclass(frozen=True)
class Pointer:
    """The contents of `published/current.json`.

    Attributes:
        version: the version that readers see.
        published: when that version was published.
        tables: where its tables lie in the store, by name.
        history: all versions that are kept, the latest first; the pointer may have been set back to
            any of them.
    """

    version: str
    published: str
    tables: dict[str, str]
    history: list[Version] = field(default_factory=list)

    def as_bytes(self) -> bytes:
        """As JSON that people can read."""
        return dump_record(_POINTER, self)


class DamagedPointer(StopRun):
    """`published/current.json` is not a pointer; readers see nothing until it is replaced."""

    def __init__(self, store: Store, problem: str) -> None:
        kept = ", ".join(one.version for one in find_versions(store)) or "none is left"
        super().__init__(
            f"{store.locate(CURRENT)} is damaged ({problem}): set it with `image-tags rollback "
            f"VERSION` (kept versions: {kept}), or run again, which publishes a new version."
        )


class PointerReading(NamedTuple):
    """What was found at the pointer's key.

    Attributes:
        pointer: None if nothing was published yet, or what is there is damaged.
        token: to swap it by; None if there is nothing.
        damage: what is wrong with it; None if it reads well.
    """

    pointer: Pointer | None
    token: str | None
    damage: DamagedPointer | None


def look_at_pointer(store: Store) -> PointerReading:
    """Read the pointer in any state, for callers that can go on without it."""
    found = store.read_tagged(CURRENT)
    if found is None:
        return PointerReading(None, None, None)
    try:
        pointer = _POINTER.validate_json(found[0])
        _check_places(pointer)
    except ValidationError as error:
        problem = "it is empty" if not found[0].strip() else first_problem(error)
        return PointerReading(None, found[1], DamagedPointer(store, problem))
    except ValueError as error:
        return PointerReading(None, found[1], DamagedPointer(store, str(error)))
    return PointerReading(pointer, found[1], None)


def read_pointer(store: Store) -> tuple[Pointer | None, str | None]:
    """The pointer and the token to swap it by; both None if nothing was published yet.

    Raises:
        DamagedPointer: it cannot be read as a pointer.
    """
    reading = look_at_pointer(store)
    if reading.damage:
        raise reading.damage
    return reading.pointer, reading.token


def find_versions(store: Store) -> list[Version]:
    """The versions whose summary is in the store, the latest first, independent of the pointer."""
    found = {}
    for key in store.keys("published/"):
        version, _, name = key.removeprefix("published/").partition("/")
        if name == "summary.json" and _PLAIN.fullmatch(version):
            try:
                found[version] = str((load_record(store, key, OBJECT) or {})["finished"])
            except (DamagedRecord, KeyError):
                found[version] = ""
    ordered = sorted(found.items(), key=lambda one: (one[1], one[0]), reverse=True)
    return [Version(version, published) for version, published in ordered]


def swap_pointer(store: Store, pointer: Pointer, token: str | None) -> None:
    """Make readers see another version, if the pointer is still the one that the token names.

    Raises:
        PublishedMeanwhile: it is not.
    """
    if not store.swap(CURRENT, pointer.as_bytes(), JSON, token):
        now = look_at_pointer(store).pointer
        raise PublishedMeanwhile(now.version if now else "none")


def find_tables(store: Store, version: str) -> dict[str, str]:
    """Where a version's tables lie in the store, by name."""
    prefix = FILES.format(version=version, name="")
    names = (key.removeprefix(prefix) for key in store.keys(prefix))
    return {
        name.removesuffix(".parquet"): prefix + name for name in names if name.endswith(".parquet")
    }


_POINTER = TypeAdapter(Pointer)
_PLAIN = re.compile(r"[A-Za-z0-9][\w.\-]*")
"""Names of versions: none of them can lead out of `published/`."""


def _check_places(pointer: Pointer) -> None:
    names = [pointer.version, *(one.version for one in pointer.history)]
    if not all(map(_PLAIN.fullmatch, names)):
        raise ValueError("it names a version that no run can have made")
    prefix = FILES.format(version=pointer.version, name="")
    outside = [key for key in pointer.tables.values() if not key.startswith(prefix) or ".." in key]
    if outside:
        raise ValueError(f"it names a file outside of its version: {outside[0]!r}")
