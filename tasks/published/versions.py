"""Published versions: which are kept, going back to one of them, making room."""

from collections.abc import Sequence
from datetime import UTC, datetime

from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.published.manifests import write_manifests
from image_tags.tasks.published.pointer import (
    FILES,
    Pointer,
    Version,
    find_tables,
    find_versions,
    look_at_pointer,
    swap_pointer,
)


def list_versions(store: Store) -> list[Version]:
    """The versions that are kept, the latest first; also where the pointer is damaged."""
    reading = look_at_pointer(store)
    if reading.damage:
        return find_versions(store)
    return reading.pointer.history if reading.pointer else []


def roll_back(store: Store, version: str) -> Pointer:
    """Point readers back (or forward again) to a version that is kept; its tables are not touched.

    Raises:
        UsageError: there is no such version.
        PublishedMeanwhile: a run published at the same moment.
    """
    history = list_versions(store)
    kept = {one.version: one for one in history}
    if version not in kept:
        known = f"kept are {', '.join(kept)}" if kept else "nothing has been published yet"
        raise UsageError(
            f"There is no version {version!r} in the store {store.address!r}: {known}."
        )
    token = look_at_pointer(store).token
    back = Pointer(version, kept[version].published, find_tables(store, version), history)
    swap_pointer(store, back, token)
    write_manifests(store)
    return back


def add_version(
    history: Sequence[Version], version: str, tables: dict[str, str], keep: int
) -> tuple[Pointer, list[Version]]:
    """The pointer after a version is published, and the versions beyond those to keep."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    history = [Version(version, now), *(one for one in history if one.version != version)]
    return Pointer(version, now, tables, history[:keep]), history[keep:]


def remove_versions(store: Store, gone: Sequence[Version]) -> None:
    """Delete the files of versions that no pointer names any more."""
    for one in gone:
        for key in list(store.keys(FILES.format(version=one.version, name=""))):
            store.delete(key)
