"""What is known of each link, in the store: one small record a distinct URL, written the moment it
is known.
"""

import hashlib
import json
from typing import Any

from image_tags.tasks.adapters.store.store import JSON, NotInStore, Store
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Fetched, JsonObject, Picture
from image_tags.tasks.contracts.settings import FetchSettings

SCHEMA = 1
"""Records of another schema count as unknown."""

_ADDRESS = ("allow_private_addresses", "extra_ports")
_MANNERS = ("respect_opt_outs", "respect_robots_txt")

_RESTS_ON: dict[Reason | None, tuple[str, ...]] = {
    None: _ADDRESS + _MANNERS,
    Reason.UNSAFE_ADDRESS: _ADDRESS,
    Reason.OPTED_OUT: _MANNERS,
    Reason.TOO_LARGE: ("max_bytes", "max_pixels", "max_frames"),
    Reason.DECOMPRESSION_BOMB: ("max_bytes", "max_pixels"),
    Reason.TOO_MANY_REDIRECTS: ("max_redirects",),
}


def key_of(url: str) -> str:
    """Where the record of a link lies in the store."""
    digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
    return f"links/{digest[:2]}/{digest}.json"


def rests_on(reason: Reason | None, settings: FetchSettings) -> JsonObject:
    """The settings without which this outcome might be another, with their values."""
    return {name: getattr(settings, name) for name in _RESTS_ON.get(reason, ())}


def remember(store: Store, fetched: Fetched, settings: FetchSettings) -> None:
    """Write down what became of a link."""
    picture = vars(fetched.picture) if fetched.picture else None
    record = {
        "schema": SCHEMA,
        "rests_on": rests_on(fetched.reason, settings),
        **vars(fetched),
        "picture": picture,
    }
    store.write(
        key_of(fetched.url), json.dumps(record, ensure_ascii=True).encode(), JSON, durable=False
    )


def recall(store: Store, url: str, settings: FetchSettings) -> tuple[Fetched, bool] | None:
    """What is known of a link, and whether it was found under the same settings; None if nothing,
    or nothing readable.
    """
    try:
        record = json.loads(store.read(key_of(url)))
        fetched = _read(record)
        if fetched.url != url or record["schema"] != SCHEMA:
            return None
        now = json.loads(json.dumps(rests_on(fetched.reason, settings)))
        return fetched, record["rests_on"] == now
    except (NotInStore, ValueError, KeyError, TypeError, AttributeError):
        return None


def _read(record: dict[str, Any]) -> Fetched:
    picture = record["picture"]
    reason = record["reason"]
    return Fetched(
        url=str(record["url"]),
        picture=Picture(**picture) if picture is not None else None,
        format=record["format"],
        bytes=record["bytes"],
        reason=Reason[reason.upper()] if reason is not None else None,
        detail=record["detail"],
        etag=record["etag"],
        last_modified=record["last_modified"],
        time=float(record["time"]),
    )
