"""One entry of the ledger, and the columns in which it is kept."""

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from image_tags.tasks.contracts.reasons import REASONS, Reason
from image_tags.tasks.contracts.records import JsonObject

SCHEMA = pa.schema(
    {
        "image_id": pa.string(),
        "response": pa.string(),
        "refusal": pa.struct({"reason": pa.string(), "detail": pa.string()}),
        "model_version": pa.string(),
        "remark": pa.string(),
        "answered": pa.timestamp("us", "UTC"),
        "run": pa.string(),
    }
)
"""Columns of a segment; docs/ledger.md describes them. Either `response` or `refusal` is null."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refusal:
    """The analyzer will not answer for this image."""

    reason: Reason
    detail: str


@dataclass(frozen=True)
class Entry:
    """An analyzer's answer for one image: either a response or a refusal.

    Attributes:
        image_id: the image.
        model_version: as the response names it; None where it does not.
        answered: when the answer came.
        run: the run that asked.
        remark: what was done to the picture to make it fit, if anything.
        response: in Rekognition's response shape.
        refusal: why there is no response and will not be.

    """

    image_id: str
    model_version: str | None
    answered: datetime
    run: str
    remark: str | None
    response: JsonObject | None = None
    refusal: Refusal | None = None

    def to_row(self) -> dict[str, Any]:
        """The values by column."""
        refusal, response = self.refusal, self.response
        return {
            "image_id": self.image_id,
            "response": None if response is None else dump_response(response),
            "refusal": refusal and {"reason": str(refusal.reason), "detail": refusal.detail},
            "model_version": self.model_version,
            "remark": self.remark,
            "answered": self.answered,
            "run": self.run,
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Entry | None":
        """What `to_row` gave; None, with a warning, for what says nothing of its image."""
        try:
            response = None if row["response"] is None else json.loads(row["response"])
            refusal = row["refusal"] and Refusal(
                REASONS[row["refusal"]["reason"]], str(row["refusal"]["detail"])
            )
            if not isinstance(response, dict) and not refusal:
                raise ValueError("neither a response nor a refusal")
        except (ValueError, KeyError) as error:
            log.warning("The answer for %s cannot be read: %s", row["image_id"], error)
            return None
        return cls(**row | {"response": response, "refusal": refusal})


def dump_response(response: JsonObject) -> str:
    """A response as it is kept."""
    return json.dumps(response, ensure_ascii=False, separators=(",", ":"))
