"""Reading members of a response that may be missing, null, or impossible to store in tables."""

import math
import re
from functools import lru_cache
from typing import Any

import orjson

from image_tags.tasks.contracts.records import JsonObject

Box = dict[str, float]
"""`left`, `top`, `width`, `height` as shares of the image's sides."""


def box_of(holder: JsonObject) -> Box | None:
    """The member BoundingBox; None unless all four of its numbers are there."""
    box = as_object(holder, "BoundingBox")
    sides = {side: box.get(side.capitalize()) for side in ("left", "top", "width", "height")}
    given = {side: float(value) for side, value in sides.items() if value is not None}
    return given if len(given) == len(sides) else None


def clip_box(box: Box) -> Box:
    """The part of a box inside the image: boxes from the service may extend beyond its edges."""
    left, width = _clip_span(box["left"], box["width"])
    top, height = _clip_span(box["top"], box["height"])
    return {"left": left, "top": top, "width": width, "height": height}


def _clip_span(start: float, length: float) -> tuple[float, float]:
    if start >= 0 and length >= 0 and start + length <= 1:
        return start, length  # unchanged to the last bit
    inside = _clip_share(start)
    return inside, max(0.0, _clip_share(start + length) - inside)


def _clip_share(share: float) -> float:
    return min(1.0, max(0.0, share))


def as_list(holder: JsonObject, member: str) -> list[JsonObject]:
    """A member that is a list; empty if it is missing or null."""
    return holder.get(member) or []


def as_object(holder: JsonObject, member: str) -> JsonObject:
    """A member that is an object; empty if it is missing or null."""
    return holder.get(member) or {}


def names_of(holder: JsonObject, member: str) -> list[str]:
    """The names in a list of objects such as Parents, in order."""
    return [item["Name"] for item in as_list(holder, member) if item.get("Name")]


def other_members(item: JsonObject, *known: str) -> JsonObject:
    """The members other than `known`, by their names in snake_case."""
    return {to_snake_case(member): value for member, value in item.items() if member not in known}


@lru_cache(maxsize=1024)  # a few names, for each of millions of tags
def to_snake_case(member: str) -> str:
    """`FaceOccluded` -> `face_occluded`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", member).lower()


def make_storable(value: Any) -> Any:
    """The value without what JSON or Arrow cannot store.

    That is nulls in lists, NaN, infinities and lone surrogates.
    """
    return value if _is_storable(value) else _clean_value(value)


def _is_storable(value: Any) -> bool:
    """Whether there is surely nothing to remove: mostly so, and six times faster to find out."""
    try:
        # Not-a-number and infinities come out as null; lone surrogates raise.
        return b"null" not in orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False


def _clean_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {_clean_value(key): _clean_value(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clean_value(inner) for inner in value if inner is not None]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
