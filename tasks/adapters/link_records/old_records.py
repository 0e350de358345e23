"""Converting link records of format 1: one JSON object per link, `links/<aa>/<sha256>.json`."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from image_tags.tasks.adapters.link_records.link_log import PREFIX, LinkLog
from image_tags.tasks.adapters.link_records.record import LinkRecord
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.reasons import REASONS, Status
from image_tags.tasks.contracts.records import Fetched, Picture

_KEY = re.compile(rf"{PREFIX}/[0-9a-f]{{2}}/[0-9a-f]{{64}}\.json")
_THREADS = 32
_PART = 10_000


def convert_link_records(store: Store) -> int:
    """Turn a store's old link records into segments, remove them, and return how many there were.

    Interrupted, it can be run again: records are removed only once they are durable as segments.
    """
    converted = 0
    old = (key for key in store.keys(f"{PREFIX}/") if _KEY.fullmatch(key))
    for keys in _divide(old):
        log = LinkLog(store)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="convert") as pool:
            for record in pool.map(lambda key: _read_record(store, key), keys):
                if record:
                    log.add(record)
        log.flush()
        log.close()
        store.delete_all(keys)
        converted += len(keys)
    return converted


def _divide(keys: Iterator[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for key in keys:
        part.append(key)
        if len(part) == _PART:
            yield part
            part = []
    if part:
        yield part


def _read_record(store: Store, key: str) -> LinkRecord | None:
    """The record under a key; None if it cannot be read, which costs a request for its link."""
    try:
        members = json.loads(store.read(key))
        picture, reason = members["picture"], members["reason"]
        outcome = Fetched(
            url=str(members["url"]),
            picture=Picture(**picture) if picture is not None else None,
            format=members["format"],
            bytes=members["bytes"],
            reason=REASONS[reason] if reason is not None else None,
            detail=members["detail"],
            etag=members["etag"],
            last_modified=members["last_modified"],
            time=float(members["time"]),
        )
        settings = json.dumps(members["rests_on"])
    except (NotInStore, ValueError, KeyError, TypeError, AttributeError):
        return None
    if outcome.reason and outcome.reason.status is Status.PENDING:
        return None
    if outcome.reason is None and outcome.picture is None:
        return None
    return LinkRecord(outcome, settings, remark=None if outcome.reason else outcome.detail)
