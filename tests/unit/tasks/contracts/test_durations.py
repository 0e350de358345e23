"""Durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from image_tags.tasks.contracts.durations import SPELLINGS, UNITS, Duration

DURATION = TypeAdapter(Duration)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30 days", 30 * 86400),
        ("20h", 72_000),
        ("1 week", 604_800),
        ("2 Weeks", 1_209_600),
        ("5 min", 300),
        ("90", 90),
        ("1.5 hours", 5400),
        ("10 s", 10),
        (7.5, 7.5),
    ],
)
def test_what_people_write(text, seconds):
    assert DURATION.validate_python(text) == seconds


@given(st.integers(0, 10**6), st.sampled_from(sorted({*UNITS, *SPELLINGS})))
def test_every_unit_has_a_plural_and_needs_no_space(number, unit):
    assert DURATION.validate_python(f"{number} {unit}") == DURATION.validate_python(
        f"{number}{unit}s"
    )


@pytest.mark.parametrize("text", ["a week", "30 months", "-1 day", "1 day 2 h", "days", "", "nan"])
def test_anything_else_is_refused_with_what_to_write(text):
    with pytest.raises(ValidationError, match="write seconds, or a number with s, min, h, days"):
        DURATION.validate_python(text)
