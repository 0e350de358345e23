"""The small records that steps pass to each other: ids, keys and counts, never picture bytes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from image_tags.tasks.contracts.reasons import Reason, Status

JsonObject = dict[str, Any]


def picture_key(image_id: str, extension: str) -> str:
    """The key of an image in the store; `extension` is `jpg` or `png`."""
    return f"images/{image_id[:2]}/{image_id}.{extension}"


@dataclass(frozen=True)
class Link:
    """One image URL found in a row's cell: `row` and `position` are 0-based."""

    row: int
    position: int
    url: str


def distinct_urls(links: Iterable[Link]) -> list[str]:
    """Each URL once, in order of first appearance."""
    return list(dict.fromkeys(link.url for link in links))


@dataclass(frozen=True)
class Source:
    """A source that was read.

    Attributes:
        table: the whole table.
        url_column: the column with the links.
        guessed: whether that column was found by looking at the values.
        remarks: sentences on everything that was guessed, for the summary and the run's page.

    """

    table: pa.Table
    url_column: str
    guessed: bool
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceRead:
    """What was read: its table and links are in the run's folder.

    Attributes:
        rows: rows of the source.
        links: links in them.
        url_column: the column that holds them.
        guessed: whether that column was found by looking at the values.
        remarks: sentences on everything that was guessed about the source.

    """

    rows: int
    links: int
    url_column: str
    guessed: bool
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """One image in the store, as the analyzer sees it.

    Attributes:
        image_id: sha256 (hex) of the bytes as downloaded.
        key: where it is stored, `images/<aa>/<sha256>.<jpg|png>`.
        size: bytes of the stored object.
        width: px of the stored object as displayed: EXIF orientation is applied.
        height: px.

    """

    image_id: str
    key: str
    size: int
    width: int
    height: int


@dataclass(frozen=True)
class Fetched:
    """What became of one distinct URL. `picture` is None unless it ended as a picture in the store.

    Attributes:
        url: the link as written in the source.
        picture: the stored picture.
        format: the format as downloaded (`JPEG`, `WEBP`, ...), Pillow's name for it.
        bytes: size as downloaded.
        reason: why there is no picture; None when there is one.
        detail: in words; may also remark on a picture that was converted.
        etag: for a conditional request later.
        last_modified: likewise.
        time: when it was fetched or last confirmed, seconds since the epoch, UTC.

    """

    url: str
    picture: Picture | None = None
    format: str | None = None
    bytes: int | None = None
    reason: Reason | None = None
    detail: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    time: float = 0.0


def distinct_pictures(fetched: Iterable[Fetched]) -> list[Picture]:
    """Each image once, in order of first appearance."""
    return list({one.picture.image_id: one.picture for one in fetched if one.picture}.values())


@dataclass(frozen=True)
class Answer:
    """An analyzer's answer to one operation on one image.

    Attributes:
        response: in Rekognition's response shape, without ResponseMetadata.
        model_version: as the response names it; None where it does not.
        remark: what was done to the picture to make it fit (a re-encoding), if anything.

    """

    response: JsonObject
    model_version: str | None = None
    remark: str | None = None


@dataclass(frozen=True)
class Tag:
    """One row of `tags_long` but for the image and the analyzer. `details` is a JSON object."""

    kind: str
    rank: int
    name: str
    confidence: float
    left: float | None = None
    top: float | None = None
    width: float | None = None
    height: float | None = None
    instances: int | None = None
    parents: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    details: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class BatchDone:
    """What a mapped task run came to, in counts; it persists nothing else.

    Attributes:
        step: of the batch: `ingest`, or the operation.
        size: items of the batch.
        outcomes: items by outcome.
        unreachable: links left pending because their host cannot be reached, by host. They fail no
            task run. A result with such links is not kept, so that a retry tries them again.

    """

    step: str
    size: int
    outcomes: dict[str, int]
    unreachable: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """Why an operation has no answer for an image."""

    image_id: str
    operation: str
    reason: Reason
    detail: str


@dataclass(frozen=True)
class Verdict:
    """The status of one image after the analysis.

    Attributes:
        image_id: the image.
        status: tagged, rejected or pending.
        reason: None when it is tagged.
        detail: when it is tagged, what was done to the picture to make it fit, if anything.

    """

    image_id: str
    status: Status
    reason: Reason | None = None
    detail: str | None = None


@dataclass
class Calls:
    """One operation's account of a run.

    Attributes:
        billed: answers that this run paid for.
        reused: answers that were in the ledger.
        failed: images without an answer.

    """

    billed: int = 0
    reused: int = 0
    failed: int = 0
