"""Values as text: one rule for CSV, JSON, DataFrames and files that are put together."""

import datetime
import json

import pytest

from image_tags.tasks.adapters.files.value_text import value_text

LOOP: list = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("a, b", "a, b"),
        (b"\x00\xff", "AP8="),
        (True, "true"),
        (7, "7"),
        (1.5, "1.5"),
        ([1, None, "ä"], '[1, null, "ä"]'),
        ({"a": {"b": b"\x00"}}, '{"a": {"b": "AA=="}}'),
        ([datetime.date(2026, 1, 2)], '["2026-01-02"]'),
        (datetime.time(1, 2), "01:02:00"),
        (LOOP, "[[...]]"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
    ],
)
def test_a_value_becomes_text(value, text):
    assert value_text(value) == text


def test_nested_text_is_json_that_gives_the_values_back():
    value = {"names": ["a", 'b"'], "n": 1.5, "none": None}
    assert json.loads(value_text(value)) == value
