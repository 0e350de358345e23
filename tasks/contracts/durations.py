"""Durations as people write them: `30 days`, `20 h`, or a number of seconds."""

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

UNITS = {"s": 1, "min": 60, "h": 3600, "day": 86400, "week": 604800}
"""Seconds of each unit; a month and a year have no fixed length."""

SPELLINGS = {
    "second": "s",
    "sec": "s",
    "minute": "min",
    "m": "min",
    "hour": "h",
    "d": "day",
    "w": "week",
}

_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")


def parse_duration(value: object) -> object:
    """Seconds from text such as `30 days` or `90`; anything that is not text is left as it is.

    Raises:
        ValueError: the text is no duration.

    """
    if not isinstance(value, str):
        return value
    found = _FORM.fullmatch(value)
    name = found[2].lower() if found else ""
    name = name[:-1] if len(name) > 1 and name.endswith("s") else name
    unit = UNITS.get(SPELLINGS.get(name, name) or "s")
    if found is None or unit is None:
        raise ValueError("write seconds, or a number with s, min, h, days or weeks")
    return float(found[1]) * unit


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    # Prefect checks the parameters of deployments against the schema before it validates them.
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
]
"""A setting in seconds that also takes a number with a unit."""
