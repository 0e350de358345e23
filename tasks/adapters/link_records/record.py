"""One link's record: what it led to, under which settings, and how often it has failed since."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from image_tags.tasks.contracts.reasons import REASONS, Reason, Status
from image_tags.tasks.contracts.records import Fetched, Picture
from image_tags.tasks.contracts.settings import FetchSettings

_MOMENT = pa.timestamp("us", tz="UTC")

SCHEMA = pa.schema(
    {
        "url": pa.string(),
        "recorded": _MOMENT,
        "reason": pa.string(),
        "detail": pa.string(),
        "image_id": pa.string(),
        "object": pa.string(),
        "size": pa.int64(),
        "width": pa.int32(),
        "height": pa.int32(),
        "format": pa.string(),
        "bytes": pa.int64(),
        "etag": pa.string(),
        "last_modified": pa.string(),
        "checked": _MOMENT,
        "attempts": pa.int32(),
        "first_failure": _MOMENT,
        "run": pa.string(),
        "remark": pa.string(),
        "settings": pa.string(),
    }
)
"""Columns of a segment of link records. `object` is the picture's key in the store."""

_ADDRESS = ("allow_private_addresses", "extra_ports")
_MANNERS = ("respect_opt_outs", "respect_robots_txt")

_SETTINGS_BEHIND: dict[Reason | None, tuple[str, ...]] = {
    None: _ADDRESS + _MANNERS,
    Reason.UNSAFE_ADDRESS: _ADDRESS,
    Reason.OPTED_OUT: _MANNERS,
    Reason.TOO_LARGE: ("max_bytes", "max_pixels", "max_frames"),
    Reason.DECOMPRESSION_BOMB: ("max_bytes", "max_pixels"),
    Reason.TOO_MANY_REDIRECTS: ("max_redirects",),
    Reason.GIVEN_UP: ("give_up_after_runs", "give_up_after"),
}


@dataclass(frozen=True)
class LinkRecord:
    """What is known of one link.

    Attributes:
        outcome: what it led to when it was last asked; a picture that it led to before stays there
            while the link fails, for a conditional request.
        settings: the settings without which the outcome might be another, as JSON.
        attempts: runs in a row in which it failed with a reason that may pass, as far as they count
            (see `record_failure`).
        first_failure: when the first of them failed, seconds since the epoch.
        run: the last of them.
        remark: what was changed about the picture, also while the link fails.

    """

    outcome: Fetched
    settings: str
    attempts: int = 0
    first_failure: float | None = None
    run: str | None = None
    remark: str | None = None

    @property
    def as_fetched(self) -> Fetched:
        """The outcome as a run reports it: without a picture unless the link leads to one now."""
        if self.outcome.reason is None:
            return self.outcome
        return Fetched(
            self.outcome.url,
            reason=self.outcome.reason,
            detail=self.outcome.detail,
            time=self.outcome.time,
        )

    def is_settled(self, settings: FetchSettings, now: float) -> bool:
        """Whether the link need not be asked now. A record from the future is not trusted."""
        reason = self.outcome.reason
        if reason and reason.status is Status.PENDING:
            return False
        limit = settings.fresh_for if reason is None else settings.retry_rejected_after
        same_settings = self.settings == settings_behind(reason, settings)
        return same_settings and 0 <= now - self.outcome.time < limit


def settings_behind(reason: Reason | None, settings: FetchSettings) -> str:
    """The settings without which an outcome might be another, with their values, as JSON."""
    names = _SETTINGS_BEHIND.get(reason, ())
    return json.dumps({name: getattr(settings, name) for name in names})


def record_outcome(outcome: Fetched, settings: FetchSettings) -> LinkRecord:
    """The record of a link that led to a picture or was rejected."""
    remark = None if outcome.reason else outcome.detail
    return LinkRecord(outcome, settings_behind(outcome.reason, settings), remark=remark)


def record_failure(
    before: LinkRecord | None,
    failed: Fetched,
    run: str,
    settings: FetchSettings,
    *,
    online: bool = True,
) -> LinkRecord:
    """The record of a link that failed with a reason that may pass.

    Once it has failed in `give_up_after_runs` runs over at least `give_up_after` seconds, it is
    given up: rejected, with the last cause in the detail. A site that asks to slow down is there,
    and a machine that is not `online` proves nothing, so such failures do not count.
    """
    attempts = before.attempts if before else 0
    first_failure = before.first_failure if before else None
    last_run = before.run if before else None
    if online and failed.reason is not Reason.RATE_LIMITED:
        attempts += last_run != run
        last_run = run
        first_failure = failed.time if first_failure is None else first_failure
        lasted = failed.time - first_failure
        if attempts >= settings.give_up_after_runs and lasted >= settings.give_up_after:
            since = datetime.fromtimestamp(first_failure, UTC)
            detail = f"failed in {attempts:,} runs since {since:%Y-%m-%d}; {failed.reason}: "
            failed = replace(failed, reason=Reason.GIVEN_UP, detail=detail + (failed.detail or ""))
    if before and before.outcome.picture:
        failed = replace(
            before.outcome, reason=failed.reason, detail=failed.detail, time=failed.time
        )
    behind = settings_behind(failed.reason, settings)
    remark = before.remark if before else None
    return LinkRecord(failed, behind, attempts, first_failure, last_run, remark)


def to_row(record: LinkRecord, recorded: datetime) -> dict[str, Any]:
    """A record as a row of a segment."""
    outcome = record.outcome
    picture = outcome.picture
    return {
        "url": outcome.url,
        "recorded": recorded,
        "reason": str(outcome.reason) if outcome.reason else None,
        # A server's words may hold half a surrogate pair, which no UTF-8 can.
        "detail": outcome.detail and outcome.detail.encode("utf-8", "replace").decode(),
        "image_id": picture.image_id if picture else None,
        "object": picture.key if picture else None,
        "size": picture.size if picture else None,
        "width": picture.width if picture else None,
        "height": picture.height if picture else None,
        "format": outcome.format,
        "bytes": outcome.bytes,
        "etag": outcome.etag,
        "last_modified": outcome.last_modified,
        "checked": _to_moment(outcome.time),
        "attempts": record.attempts,
        "first_failure": _to_moment(record.first_failure),
        "run": record.run,
        "remark": record.remark,
        "settings": record.settings,
    }


def read_rows(table: pa.Table) -> Iterator[LinkRecord]:
    """The records in a table of a segment's columns; a row that cannot be read is left out."""
    for row in table.to_pylist():
        picture = row["image_id"] and Picture(
            row["image_id"], row["object"], row["size"], row["width"], row["height"]
        )
        reason = REASONS.get(row["reason"] or "")
        if (reason is None) != (row["reason"] is None) or not (reason or picture):
            continue  # written by a later version
        outcome = Fetched(
            url=row["url"],
            picture=picture or None,
            format=row["format"],
            bytes=row["bytes"],
            reason=reason,
            detail=row["detail"],
            etag=row["etag"],
            last_modified=row["last_modified"],
            time=row["checked"].timestamp(),
        )
        first_failure = row["first_failure"] and row["first_failure"].timestamp()
        yield LinkRecord(
            outcome,
            row["settings"] or "",
            row["attempts"] or 0,
            first_failure,
            row["run"],
            row["remark"],
        )


def _to_moment(seconds: float | None) -> datetime | None:
    if seconds is None:
        return None
    latest = datetime.max.replace(tzinfo=UTC).timestamp() - 1
    return datetime.fromtimestamp(min(max(seconds, 0.0), latest), UTC)
