"""Text that is shown: cut, visible, and clickable only where that is safe."""

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from image_tags.tasks.contracts import display as text
from tests.support.made_run import HOSTILE


@given(st.text(), st.integers(min_value=1, max_value=80))
@example("\u202eabc\u2066", 10)
@example("a\x00b\x85c\u2028d", 10)
@example("m<" * 500_000, 60)
def test_shown_text_is_short_on_one_line_and_has_nothing_invisible(raw, limit):
    seen = text.shown(raw, limit)
    assert len(seen) <= limit
    assert not [c for c in seen if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert not set(seen) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
    assert text.shown(seen, limit) == seen


@given(st.text(st.characters(categories=("L", "N", "P", "S")), max_size=40))
def test_shown_text_that_is_plain_and_short_stays_as_it_is(raw):
    assert text.shown(raw) == raw


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/x.jpg",
        "https://a.example:8443/p?id=5&size=large#top",
        "https://bücher.example/größe.png",
        "https://[::1]/a",
    ],
)
def test_a_plain_link_can_be_clicked_as_it_stands(url):
    assert text.href(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://a.example/x",
        "//a.example/x",
        "http:///x",
        "http://[broken/x",
        "https://a.example/a b",
        'https://a.example/"onclick="x',
        "https://a.example/\u202egpj.exe",
        "https://a.example/\n",
        "https://user:password@a.example/x.jpg",
        "https://a.example/x?X-Amz-Signature=abc",
        "https://a.example/x?sig=abc",
        "https://a.example/x?access_token=abc",
        "https://a.example/" + "x" * 2000,
        *HOSTILE,
    ],
)
def test_a_link_that_is_none_or_holds_a_secret_cannot_be_clicked(url):
    assert text.href(url) is None


def test_a_link_is_shown_without_login_and_query_and_with_its_middle_cut():
    assert (
        text.link_text("https://user:secret@a.example/x.jpg?token=secret") == "…@a.example/x.jpg?…"
    )
    seen = text.link_text("https://a.example/" + "directory/" * 50 + "picture.jpg", 60)
    assert len(seen) <= 60
    assert seen.startswith("a.example/directory/")
    assert seen.endswith("picture.jpg")


SIGNED = "https://b.s3.example/p/1.jpg?width=640&X-Amz-Credential=AK{0}&X-Amz-Signature={0}&v=2"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (
            SIGNED.format("5ec2e7"),
            "https://b.s3.example/p/1.jpg?width=640&X-Amz-Credential=…&X-Amz-Signature=…&v=2",
        ),
        ("see https://a.example/x?sig=5ec2e7%3D, or", "see https://a.example/x?sig=… or"),
        ('{"u": "http://a.example/?a=1&amp;token=5ec2e7"}', None),
        ("[Photo(url='https://a.example/x?size=1&access_token=5ec2e7')]", None),
        ("http://a.example/?next=http%3A%2F%2Fb.example%2F%3Ftoken%3D5ec2e7", None),
        ("https://me:5ec2e7@a.example/x.jpg and //b", "https://…@a.example/x.jpg and //b"),
        ("Max retries exceeded with url: /x?Signature=5ec2e7 (Caused by x)", None),
        ("width=640&height=480, key=5, a@b.example", "width=640&height=480, key=5, a@b.example"),
        ("https://a.example/x?keyword=cat", "https://a.example/x?keyword=cat"),
    ],
)
def test_secrets_of_links_in_any_text_are_not_shown(raw, says):
    for seen in (text.shown(raw), text.redact(raw)):
        assert "5ec2e7" not in seen
        assert says is None or seen == says


@pytest.mark.parametrize("part", ["?sign", "&a=", "http://", "?token=", ";;sig=", "%3Ftoken"])
def test_redacting_takes_linear_time(part):
    begun = time.process_time()
    text.redact(part * (1_000_000 // len(part)))
    assert time.process_time() - begun < 10


@given(st.text(min_size=1))
@example("feed_2026-11 *1*.csv")
@example("`")
@example("``a` <b>")
@example("a\\`")
def test_code_in_markdown_shows_the_text_itself(raw):
    (line,) = MarkdownIt().parseInline(text.code(raw))
    found = [(token.type, token.content) for token in line.children]
    assert found == ([("code_inline", text.shown(raw))] if text.shown(raw) else [])


def test_plain_text_as_code_needs_no_escape():
    assert text.code("/data/tweets_2026-11.csv") == "`/data/tweets_2026-11.csv`"


@pytest.mark.parametrize(
    ("part", "whole", "says"),
    [
        (0, 0, text.DASH),
        (0, 7, "0%"),
        (7, 7, "100%"),
        (1, 3, "33.3%"),
        (1, 100_000, "<0.1%"),
        (99_999, 100_000, ">99.9%"),
    ],
)
def test_a_share_never_says_nothing_or_all_when_it_is_neither(part, whole, says):
    assert text.percent(part, whole) == says


@pytest.mark.parametrize(
    ("function", "value", "says"),
    [
        (text.number, None, text.DASH),
        (text.number, float("nan"), text.DASH),
        (text.number, 1234567, "1,234,567"),
        (text.amount, None, text.DASH),
        (text.amount, 0.00123456, "0.001235"),
        (text.amount, 3, "3"),
        (text.amount, -12.5, "-12.5"),
        (text.amount, 12345.6, "12,346"),
        (text.amount, 1_234_567, "1,234,567"),
        (text.money, None, text.DASH),
        (text.money, 0, "$0.00"),
        (text.money, 0.022, "$0.022"),
        (text.money, 1234.5, "$1,234.50"),
        (text.duration, 3.14, "3.1 s"),
        (text.duration, 59.97, "1 min 00 s"),
        (text.duration, 151, "2 min 31 s"),
        (text.duration, 7505, "2 h 05 min"),
        (text.moment, "2026-11-23T14:02:31+00:00", "23 November 2026, 14:02 UTC"),
        (text.moment, "yesterday", "yesterday"),
        (text.moment, None, text.DASH),
    ],
)
def test_numbers_money_and_times_are_for_people(function, value, says):
    assert function(value) == says
