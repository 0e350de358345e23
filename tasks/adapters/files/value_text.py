"""A value as text, wherever a column of text holds what is none: one way for every source."""

import base64
import json
from contextlib import suppress
from typing import Any


def value_text(value: Any) -> str | None:
    """Text as it is, bytes in base64, lists, objects and truth values as JSON; None for None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, bool | list | tuple | dict):
        # Keys that are not text, or a list that contains itself, are no JSON.
        with suppress(TypeError, ValueError, RecursionError):
            return json.dumps(value, ensure_ascii=False, default=value_text)
    return str(value)
