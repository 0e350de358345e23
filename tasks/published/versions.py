"""Published versions: which are kept, going back to one of them, making room."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.published.manifests import write_manifests
from image_tags.tasks.published.pointer import (
    FILES,
    Pointer,
    Version,
    find_tables,
    read_pointer,
    swap_pointer,
)


def list_versions(store: Store) -> list[Version]:
    """The versions that are kept, the latest first."""
    pointer, _ = read_pointer(store)
    return pointer.history if pointer else []


def roll_back(store: Store, version: str) -> Pointer:
    """Point readers back (or forward again) to a version that is kept; its tables are not touched.

    Raises:
        UsageError: there is no such version.
        PublishedMeanwhile: a run published at the same moment.
    """
    pointer, token = read_pointer(store)
    kept = {one.version: one for one in pointer.history} if pointer else {}
    if pointer is None or version not in kept:
        known = f"kept are {', '.join(kept)}" if kept else "nothing was published yet"
        raise UsageError(
            f"There is no version {version!r} in the store {store.address!r}: {known}."
        )
    back = Pointer(version, kept[version].published, find_tables(store, version), pointer.history)
    swap_pointer(store, back, token)
    write_manifests(store)
    return back


def add_version(
    pointer: Pointer | None, version: str, tables: dict[str, str], keep: int
) -> tuple[Pointer, list[Version]]:
    """The pointer after a version is published, and the versions that are then one too many."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    history = [Version(version, now), *(pointer.history if pointer else [])]
    return Pointer(version, now, tables, history[:keep]), history[keep:]


def remove_versions(store: Store, gone: Sequence[Version]) -> None:
    """Delete the files of versions that no pointer names any more."""
    for one in gone:
        for key in list(store.keys(FILES.format(version=one.version, name=""))):
            store.delete(key)


def load_profile(store: Store, pointer: Pointer | None) -> JsonObject | None:
    """The profile of the version that readers see; None if there is none."""
    if pointer is None:
        return None
    try:
        profile: JsonObject = json.loads(
            store.read(FILES.format(version=pointer.version, name="profile.json"))
        )
    except NotInStore:
        return None
    return profile
