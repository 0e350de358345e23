"""Reading ledgers of stores in format 1: `responses/<operation>-<fingerprint>/<aa>/<sha256>.json`.

Each of those objects was one answer: a JSON object with `image_id`, `operation`, `analyzer`,
`settings`, `model_version`, `time`, `run`, `remark` and either `response` or `refusal`.
"""

import json
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Any

from image_tags.tasks.adapters.ledger.entry import SCHEMA, dump_response
from image_tags.tasks.adapters.segments import SegmentLog
from image_tags.tasks.adapters.store.store import JSON, NotInStore, Store

THREADS = 32
"""Objects that are read at the same time."""
PART = 2_000
"""Answers that become one segment."""

_KEY = re.compile(r"(?P<ledger>responses/[^/]+)/[0-9a-f]{2}/(?P<image_id>[0-9a-f]{64})\.json")

log = logging.getLogger(__name__)


def convert_entries(store: Store) -> int:
    """Turn a store's old answers into segments, remove them, and return how many there were.

    Interrupted, it can be run again: answers are removed only once they are durable in a segment,
    and one that is converted twice counts once. What cannot be read is moved to `damaged/`.
    """
    converted = 0
    old = [key for key in store.keys("responses/") if not key.endswith(".parquet")]
    for ledger, of_ledger in groupby(old, key=lambda key: "/".join(key.split("/")[:2])):
        for keys in _divide(of_ledger):
            converted += _convert_part(store, ledger, keys)
        _open_log(store, ledger, {}).merge()
    return converted


def _convert_part(store: Store, ledger: str, keys: list[str]) -> int:
    with ThreadPoolExecutor(THREADS, thread_name_prefix="convert") as pool:
        found = dict(zip(keys, pool.map(lambda key: _read_old(store, key), keys), strict=True))
    entries = [entry for entry in found.values() if entry is not None]
    if entries:
        about = {name: entries[0].get(name) for name in ("operation", "settings")}
        _open_log(store, ledger, about).add_together([_to_row(entry) for entry in entries])
    for key in (key for key, entry in found.items() if entry is None):
        _set_aside(store, key)
    store.delete_all(keys)
    return len(entries)


def _open_log(store: Store, ledger: str, metadata: dict[str, Any]) -> SegmentLog:
    return SegmentLog(store, ledger, SCHEMA, key="image_id", time="answered", metadata=metadata)


def _divide(keys: Iterator[str]) -> Iterator[list[str]]:
    while part := list(islice(keys, PART)):
        yield part


def _read_old(store: Store, key: str) -> dict[str, Any] | None:
    """An old answer; None if the object is none."""
    named = _KEY.fullmatch(key)
    try:
        entry = json.loads(store.read(key))
        response, refusal = entry.get("response"), entry.get("refusal")
        is_answer = isinstance(response, dict) or {"reason", "detail"} <= set(refusal or ())
        return entry if named and entry["image_id"] == named["image_id"] and is_answer else None
    except (NotInStore, ValueError, KeyError, TypeError, AttributeError):
        return None


def _to_row(entry: dict[str, Any]) -> dict[str, Any]:
    response, refusal = entry.get("response"), entry.get("refusal")
    return {
        "image_id": entry["image_id"],
        "response": dump_response(response) if isinstance(response, dict) else None,
        "refusal": {name: str(refusal[name]) for name in ("reason", "detail")} if refusal else None,
        "model_version": entry.get("model_version"),
        "remark": entry.get("remark"),
        "answered": _parse_time(entry.get("time")),
        "run": entry.get("run"),
    }


def _parse_time(text: object) -> datetime:
    """When the answer came; long ago if that cannot be read."""
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _set_aside(store: Store, key: str) -> None:
    log.warning("%s is no answer; it was moved to %s", key, store.locate(f"damaged/{key}"))
    try:
        store.write(f"damaged/{key}", store.read(key), JSON)
    except NotInStore:
        return
