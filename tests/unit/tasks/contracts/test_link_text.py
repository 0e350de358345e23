"""Links as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.contracts.link_text import is_link, link_spellings, undo_entities

A = "http://a.example/1.jpg"


@pytest.mark.parametrize(
    ("link", "spellings"),
    [
        (A, [A]),
        (f"{A}?w=640&amp;s=x", [f"{A}?w=640&amp;s=x", f"{A}?w=640&s=x"]),
        (f"{A}?w=1&amp;amp;s=x", [f"{A}?w=1&amp;amp;s=x", f"{A}?w=1&s=x"]),
        (f"{A}?w=1&#38;s=&#x41;", [f"{A}?w=1&#38;s=&#x41;", f"{A}?w=1&s=A"]),
        (f"{A}?a=1&copy=2&lt=3", [f"{A}?a=1&copy=2&lt=3"]),
        ("//a.example/1.jpg", ["https://a.example/1.jpg", A]),
        ("www.a.example/x", ["https://www.a.example/x", "http://www.a.example/x"]),
        ("i.imgur.com/x.png", ["https://i.imgur.com/x.png", "http://i.imgur.com/x.png"]),
        ("http://😀.example/x", ["http://xn--e28h.example/x"]),
        ("http://i❤️.example:8080/x", ["http://xn--i-7iq.example:8080/x"]),
        ("http://bücher.example/ü", ["http://xn--bcher-kva.example/ü"]),
        ("http://my_shop.a.example/x", ["http://my_shop.a.example/x"]),
        ("http://my_bücher.example/x", ["http://xn--my_bcher-95a.example/x"]),
        ("data:image/png;base64,AA&amp;", ["data:image/png;base64,AA&amp;"]),
        ("ftp://a.example/x&amp;y", ["ftp://a.example/x&amp;y"]),
        ("cat.jpg", ["cat.jpg"]),
    ],
)
def test_addresses_that_a_link_may_stand_for(link, spellings):
    assert link_spellings(link) == spellings


@given(st.text())
def test_any_text_has_spellings_and_the_first_of_an_ascii_address_is_itself(text):
    assert link_spellings(text)
    address = f"http://a.example/{text}"
    assert link_spellings(address)[0] == address


@given(st.text(st.characters(exclude_characters="&")))
def test_text_without_an_entity_stays(text):
    assert undo_entities(text) == text


@pytest.mark.parametrize(
    ("text", "link"),
    [
        (A, True),
        ("//a.example/x", True),
        ("www.a.example", True),
        ("data:image/png;base64,", True),
        ("i.imgur.com/x.png", True),
        ("ftp://a.example/", False),
        ("cat", False),
        ("a/b.jpg", False),
        ("// a comment", False),
        ("www.", False),
        ("1.5/2.jpg", False),
    ],
)
def test_what_begins_as_a_link(text, link):
    assert is_link(text) is link
