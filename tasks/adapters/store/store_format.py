"""The format of a store, `store.json`: which layout its keys and files have."""

import json

from image_tags.tasks.adapters.store.store import JSON, NotInStore, Store
from image_tags.tasks.contracts.errors import UsageError

FORMAT = 2
"""1: one JSON object per answer and per link, and no `store.json`. 2: both as segments."""
KEY = "store.json"


def read_format(store: Store) -> int | None:
    """The format of a store; None for one that has nothing in it yet.

    Raises:
        UsageError: `store.json` cannot be read.

    """
    try:
        return int(json.loads(store.read(KEY))["format"])
    except NotInStore:
        return 1 if _has_objects_of_format_1(store) else None
    except (ValueError, KeyError, TypeError):
        raise UsageError(
            f'{store.locate(KEY)} is damaged: it should read {{"format": {FORMAT}}}.'
        ) from None


def check_format(store: Store) -> None:
    """Check that a store has this version's format; mark a new one.

    Raises:
        UsageError: it has another.

    """
    found = read_format(store)
    if found is None:
        mark_format(store)
    elif found < FORMAT:
        raise UsageError(
            f"The store {store.address!r} has format {found}, and this version of image-tags needs "
            f"format {FORMAT}: convert it once with `image-tags upgrade {store.address}`."
        )
    elif found > FORMAT:
        raise UsageError(
            f"The store {store.address!r} has format {found}, and this version of image-tags knows "
            f"format {FORMAT}: install a newer version (`image-tags upgrade {store.address}` "
            "converts older stores only)."
        )


def check_existing_format(store: Store) -> None:
    """Check that there is a store and that it has this version's format.

    Raises:
        UsageError: there is nothing in it, or it has another format.

    """
    if read_format(store) is None:
        raise UsageError(f"There is nothing in the store {store.address!r}.")
    check_format(store)


def mark_format(store: Store) -> None:
    """Write that a store has this version's format."""
    store.write(KEY, json.dumps({"format": FORMAT}).encode(), JSON)


def _has_objects_of_format_1(store: Store) -> bool:
    prefixes = ("responses/", "links/")
    return any(key.endswith(".json") for prefix in prefixes for key in store.keys(prefix))
