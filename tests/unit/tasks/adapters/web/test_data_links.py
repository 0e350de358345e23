"""Pictures inside a link."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.web import Web
from image_tags.tasks.adapters.web.data_links import decode_data_link, is_data_link
from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.settings import FetchSettings

TEXT = base64.b64encode(b"\xff\xfepicture?").decode()


@given(st.binary(max_size=200))
def test_any_bytes_come_back_however_they_are_written(data):
    text = base64.b64encode(data).decode()
    folded = "\n ".join(text[at : at + 7] for at in range(0, len(text), 7))
    for link in (
        f"data:image/png;base64,{text}",
        f"DATA:image/png;charset=utf-8;BASE64,{text.rstrip('=')}",
        f"data:;base64,{base64.urlsafe_b64encode(data).decode()}",
        f"data:image/png;base64,{quote(text)}",
        f"data:image/png;base64,{folded}",
        f"data:image/svg+xml,{quote(data)}",
    ):
        assert is_data_link(link)
        assert decode_data_link(link, 200) == data


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("data:", "invalid_url"),
        ("data:image/png;base64", "invalid_url"),
        ("data:image/png;base64,%%%", "invalid_url"),
        ("data:image/png;base64,A", "invalid_url"),
        (f"data:image/png;base64,{'A' * 40}", "too_large"),
        ("data:image/png;base64," + "A" * 10_000_000, "too_large"),
    ],
)
def test_what_cannot_be_decoded_has_a_reason(link, reason):
    with pytest.raises(Rejected) as caught:
        decode_data_link(link, 20)
    assert caught.value.reason == reason


@given(st.text(max_size=60))
def test_any_text_gives_bytes_or_a_reason(text):
    try:
        assert isinstance(decode_data_link(f"data:{text}", 1000), bytes)
    except Rejected as error:
        assert str(error.reason) in ("invalid_url", "too_large")  # noqa: PT017 - either may come


def test_the_web_client_needs_no_request_for_it():
    with Web(FetchSettings()) as web:
        assert web.fetch(f"data:image/jpeg;base64,{TEXT}").body == b"\xff\xfepicture?"
