"""One entry of the ledger, and how it is written."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from image_tags.tasks.contracts.errors import ImageTagsError
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import JsonObject

_REASONS = {reason.value: reason for reason in Reason}


class Unreadable(ImageTagsError):
    """The bytes are no entry of this image."""


@dataclass(frozen=True)
class Refusal:
    """The analyzer's final no to one image."""

    reason: Reason
    detail: str


@dataclass(frozen=True)
class Entry:
    """What an analyzer said of one image; either `response` or `refusal` is there.

    Attributes:
        image_id: the image.
        operation: what was asked.
        analyzer: who answered.
        settings: everything the answer depends on besides the picture.
        model_version: as the response names it; None where it does not.
        time: when the answer came, ISO 8601, UTC.
        run: the run that asked.
        remark: what was done to the picture to make it fit, if anything.
        response: in Rekognition's response shape.
        refusal: the analyzer's final no.

    """

    image_id: str
    operation: str
    analyzer: str
    settings: JsonObject
    model_version: str | None
    time: str
    run: str
    remark: str | None
    response: JsonObject | None = None
    refusal: Refusal | None = None

    @property
    def moment(self) -> datetime:
        """When the answer came; long ago if that cannot be read."""
        try:
            moment = datetime.fromisoformat(self.time)
        except ValueError:
            return datetime.min.replace(tzinfo=UTC)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def dump(self) -> bytes:
        """As it lies in the store."""
        members = asdict(self)
        members.pop("response" if self.response is None else "refusal")
        return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, data: bytes, image_id: str) -> "Entry":
        """Read what `dump` wrote for this image; Unreadable for anything else."""
        try:
            members = json.loads(data)
            said, no = members.get("response"), members.get("refusal")
            entry = cls(
                image_id=members["image_id"],
                operation=members["operation"],
                analyzer=members["analyzer"],
                settings=members["settings"],
                model_version=members.get("model_version"),
                time=members["time"],
                run=members["run"],
                remark=members.get("remark"),
                response=said,
                refusal=Refusal(_REASONS[no["reason"]], no["detail"]) if no else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable(f"{type(error).__name__}: {error}") from None
        if entry.image_id != image_id or not (isinstance(said, dict) or entry.refusal):
            raise Unreadable("it says nothing of this image")
        return entry
