"""Which column holds the links."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.source.url_column import choose_url_column, find_url_column, picture_likeness

URL = "http://a.example/1.jpg"
PAGE = "http://a.example/post/1"


def test_the_column_is_found_by_its_values():
    table = pa.table(
        {"id": [1, 2], "text": ["see http://x.example now", "hi"], "media": [None, f"{URL} {URL}"]}
    )
    assert find_url_column(table, None) == "media"


def test_the_column_asked_for_wins():
    table = pa.table({"a": [URL], "b": [URL]})
    assert find_url_column(table, "b") == "b"


def test_a_column_that_is_not_there():
    table = pa.table({"text": ["just words", "more"], "url": [URL, URL]})
    with pytest.raises(UsageError, match="no column 'nope'"):
        find_url_column(table, "nope")


@pytest.mark.parametrize(
    "cells",
    [[None, None], ["", "n/a"], ["removed", "removed"], [0, 0], ["a.jpg", "b.jpg"], ["a", None]],
    ids=str,
)
def test_a_column_without_links_is_taken_and_the_remark_names_others(cells):
    wanted = "photo"
    table = pa.table({wanted: cells, "url": [URL, URL]})
    column = choose_url_column(table, wanted)
    assert column.name == wanted
    assert column.remarks == (
        f"No row has a link in the column {wanted!r}. There are links in 'url'.",
    )


@pytest.mark.parametrize("cells", [["just words", "more"], [1, 2], [[1], [2, 3]]], ids=str)
def test_a_column_of_other_values_is_the_wrong_one(cells):
    table = pa.table({"wanted": cells, "other": ["a", "b"], "url": [URL, URL]})
    sentence = "no links in the column 'wanted'; there are some in 'url'.*--url-column"
    with pytest.raises(UsageError, match=sentence):
        choose_url_column(table, "wanted")
    # Where no other column looks like pictures, nobody can tell.
    pages = choose_url_column(table.set_column(2, "url", [[PAGE, PAGE]]), "wanted")
    assert pages.remarks == ("No row has a link in the column 'wanted'. There are links in 'url'.",)
    assert choose_url_column(table.drop_columns("url"), "wanted").remarks


def test_no_column_with_links():
    with pytest.raises(UsageError, match="--url-column"):
        find_url_column(pa.table({"a": ["x"], "b": [1]}), None)


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"URL": [PAGE], "Link": [PAGE], "Photo": [URL]}, "Photo"),
        ({"URL": [PAGE], "Link": [f"{PAGE}2"], "Photo": [f"{PAGE}3"]}, "Photo"),
        ({"url": ["https://twitter.com/u/status/1"], "x": ["https://pbs.twimg.com/media/A"]}, "x"),
        ({"a": [URL], "permalink": [PAGE]}, "a"),
        ({"thumbnail_url": [URL], "image_url": [f"{URL}?"]}, "image_url"),
        ({"imageUrl": ["http://a.example/x"], "postUrl": ["http://a.example/y"]}, "imageUrl"),
        ({"a": ["http://a.example/"], "b": ["http://a.example/x?format=jpg&name=large"]}, "b"),
        ({"a": [URL, URL], "b": [URL, URL]}, "a"),  # the same links: it makes no difference
        ({"a": ["http://a.example/x"], "b": ["http://a.example/images/x"]}, "b"),
        ({"a": [{"url": PAGE}], "media": [[{"media_url_https": URL, "url": PAGE}]]}, "media"),
        ({"text": [f"see {URL}", "none"], "n": ["x", "y"]}, "text"),
        ({"text": [f"see {PAGE}"] * 9 + [PAGE], "link": [URL] * 10}, "link"),
        ({"photo": ["", ""], "text": ["a", "b"]}, "photo"),
        ({"a": ["x"], "href": [None]}, "href"),
    ],
)
def test_of_several_columns_the_one_most_like_pictures(columns, name):
    assert find_url_column(pa.table(columns), None) == name


def test_the_choice_is_told_with_the_other_candidates():
    (remark,) = choose_url_column(pa.table({"URL": [PAGE], "Photo": [URL]}), None).remarks
    assert remark == (
        "Links were taken from the column 'Photo', found by looking at the values; "
        "there are links in 'URL' too (--url-column)."
    )


@pytest.mark.parametrize(
    "columns",
    [{"a": [URL], "b": [f"{URL}?2"]}, {"photo_1": [URL], "photo_2": [f"{URL}?2"], "page": [PAGE]}],
)
def test_where_it_is_not_clear_the_candidates_are_named(columns):
    first, second = list(columns)[:2]
    with pytest.raises(
        UsageError, match=f"not clear.*'{first}', '{second}'. Name one with --url-c"
    ):
        find_url_column(pa.table(columns), None)


@given(st.text())
def test_any_link_has_a_likeness(text):
    for link in (text, f"http://{text}", f"https://a.example/{text}", f"//{text}"):
        assert 0 <= picture_likeness(link) <= 1
