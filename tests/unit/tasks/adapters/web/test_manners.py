"""What a site asks of us, and our User-Agent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.web.manners import find_opt_out, make_user_agent, parse_retry_after

NOON = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("headers", "directive"),
    [
        ([], None),
        (["noai"], "noai"),
        (["NoImageAI"], "noimageai"),
        (["noindex, nofollow"], "noindex"),
        (["nofollow", "noai"], "noai"),
        (["none"], "none"),
        (["all"], None),
        (["noarchive, nosnippet"], None),
        (["otherbot: noindex"], None),
        (["otherbot: noindex, nofollow"], None),
        (["otherbot: nofollow, image-tags: noai"], "noai"),
        (["image-tags: noindex"], "noindex"),
        (["Image-Tags : noai"], "noai"),
        (["*: noai"], "noai"),
        (["otherbot: noai", "noindex"], "noindex"),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST, noai"], "noai"),
        (["nofollow; noindex"], "noindex"),
        (["max-image-preview:large, noindex"], "noindex"),
        ([",,:;,"], None),
    ],
)
def test_opt_outs(headers, directive):
    assert find_opt_out(headers) == directive


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Tue, 99 Nov 2023 22:14:20 GMT", None),
        ("٣", None),
    ],
)
def test_waiting_times(header, seconds):
    assert parse_retry_after(header, lambda: NOON) == seconds


@given(st.text())
def test_any_waiting_time_is_a_number_or_nothing(header):
    seconds = parse_retry_after(header, lambda: NOON)
    assert seconds is None or 0 <= seconds < float("inf")


@given(st.lists(st.text()))
def test_any_opt_out_is_read(headers):
    assert find_opt_out(headers) in (None, "noai", "noimageai", "noindex", "noimageindex", "none")


def test_who_we_are():
    assert make_user_agent(None).startswith("image-tags/")
    assert make_user_agent("https://example.com/bot").endswith(" (+https://example.com/bot)")
    assert "\n" not in make_user_agent("a\r\nX-Evil: (1)")
    assert make_user_agent("ä").isascii()
