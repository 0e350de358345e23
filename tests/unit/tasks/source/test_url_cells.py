"""Links in a cell."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.source.url_cells import is_attempt, links_in, looks_like_links

A, B = "https://a.example/1.jpg", "http://b.example/w_2,h_3/2.png"
LINKS = st.from_regex(
    r"https?://[a-z0-9.-]{1,20}(/[A-Za-z0-9._~,|=&%-]{0,20}[A-Za-z0-9])?", fullmatch=True
)


@pytest.mark.parametrize(
    ("cell", "links"),
    [
        (A, [A]),
        (f"{A} {B}", [A, B]),
        (f"{A},{B}", [A, B]),
        (f"{A}, {B}", [A, B]),
        (f"{A}|{B}", [A, B]),
        (f"{A} | {B}\n", [A, B]),
        (f'["{A}", "{B}"]', [A, B]),
        (f"['{A}', '{B}']", [A, B]),
        (f"('{A}',)", [A]),
        ([A, None, B], [A, B]),
        (f"{A} {B}".encode(), [A, B]),
        ([A.encode(), b"\xff"], [A, "\\xff"]),
        (f'["{A} {B}"]', [A, B]),
        ("HTTPS://A.example/x.jpg", ["HTTPS://A.example/x.jpg"]),
        ("no link here", ["no", "link", "here"]),
        ("ftp://a.example/x.jpg", ["ftp://a.example/x.jpg"]),
        ("['broken", ["['broken"]),
        ({"url": A}, [json.dumps({"url": A})]),
        (42, ["42"]),
    ],
)
def test_links_in_a_cell(cell, links):
    assert links_in(cell) == links


@pytest.mark.parametrize(
    "cell", [None, "", "  ", "nan", "None", "[]", float("nan"), [], [None], ", |"]
)
def test_cells_without_a_link(cell):
    assert links_in(cell) == []


@given(st.lists(LINKS, min_size=1, max_size=5), st.sampled_from([" ", ", ", " | ", "\n", ","]))
def test_joined_links_come_apart_again(links, separator):
    assert links_in(separator.join(links)) == links


@given(st.lists(LINKS, max_size=5))
def test_written_lists_come_apart_again(links):
    assert links_in(json.dumps(links)) == links
    assert links_in(repr(links)) == links


@given(st.text())
def test_any_text_gives_links_without_blanks_and_loses_no_letter(text):
    links = links_in(text)
    assert all(link and not any(sign in link for sign in " \t\n") for link in links)
    if links and not text.strip().startswith(("[", "(")):
        kept = "".join(links)
        assert all(
            letter in kept for letter in text if letter.isalnum() and letter not in "nanoeulta"
        )


@pytest.mark.parametrize(
    "cell", ["[" * 5000 + "]" * 5000, "(" * 100_000 + ")", "x" * 1_000_000, "[1, 2"]
)
def test_hostile_cells_end(cell):
    assert isinstance(links_in(cell), list)


def test_what_looks_like_links():
    assert looks_like_links(f"{A} {B}")
    assert not looks_like_links(f"see {A}")
    assert not looks_like_links("")


@pytest.mark.parametrize(
    ("text", "attempt"),
    [(A, True), ("ftp://x", True), ("www.a.example", True), ("//a/b", True), ("cat", False)],
)
def test_what_was_meant_as_a_link(text, attempt):
    assert is_attempt(text) is attempt
