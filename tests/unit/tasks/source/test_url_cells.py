"""Links in a cell."""

import json
import re
import time
from dataclasses import make_dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image_tags.tasks.contracts.link_text import link_spellings
from image_tags.tasks.source.url_cells import (
    holds_links,
    links_in,
    looks_like_links,
    was_meant_as_link,
)

A, B = "https://a.example/1.jpg", "http://b.example/w_2,h_3/2.png"
DATA = "data:image/png;base64,iVBORw0KGgo="

# Hosts and paths that end in a letter or digit: what follows is punctuation of the text.
LINKS = st.from_regex(
    r"https?://[a-z0-9-][a-z0-9.-]{0,19}[a-z0-9](/([A-Za-z0-9._~,|;=&%()-]{0,20}[A-Za-z0-9])?)?",
    fullmatch=True,
).filter(lambda link: re.fullmatch(r"([^()]*\([^()]*\))*[^()]*", link) is not None)


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
        ("ftp://a.example/x.jpg", ["ftp://a.example/x.jpg"]),
        (42, []),
    ],
)
def test_links_in_a_cell(cell, links):
    assert links_in(cell) == links


@pytest.mark.parametrize(
    "cell",
    [
        f"['{A}' '{B}']",
        f"['{A}'\n '{B}']",
        f"array(['{A}', '{B}'], dtype=object)",
        f"array(['{A}',\n       '{B}'], dtype='<U26')",
        str(np.array([A, B])),
        repr(np.array([A, B], dtype=object)),
        f"[array(['{A}'], dtype=object), array(['{B}'], dtype=object)]",
        f"[{A}, {B}]",
        f"[{A},{B}]",
        f"{{{A},{B}}}",
        f'{{"{A}","{B}"}}',
        f"{A};{B}",
        f"{A}; {B}",
        f"'{A}','{B}'",
        f'"{A}";"{B}"',
        f"{A}\r\n{B}\r\n",
        f"{A}\t{B}",
        f"{A}\\n{B}",
        *(f"{A}{sign}{B}" for sign in "\uff0c\u060c\u3001\u30fb\u2014\u200b^~"),
        f"{A}{B}",
        f"{{{{{A}}},{{{B}}}}}",
        f"({A}),({B})",
        f"<{A}><{B}>",
        f"b'{A}' b'{B}'",
        f"({A}) ({B})",
        f'[\\"{A}\\",\\"{B}\\"]',
        json.dumps(json.dumps([A, B])),
        f"Index(['{A}', '{B}'], dtype='object', name='url')",
        {"0": A, "1": B},
        f'{{"1": "{A}", "2": "{B}"}}',
        np.array([A, B]),
        (A, B),
    ],
)
def test_each_link_of_a_list(cell):
    assert links_in(cell) == [A, B]
    assert looks_like_links(cell)


Photo = make_dataclass("Photo", ["previewUrl", "fullUrl"])
Video = make_dataclass("Video", ["thumbnailUrl", "variants"])
TWITTER = {
    "id": 1542657904481796104,
    "url": "https://t.co/x",
    "expanded_url": "https://twitter.com/u/status/1/photo/1",
    "display_url": "pic.twitter.com/x",
    "media_url": "http://pbs.example/1.jpg",
    "media_url_https": A,
    "sizes": {"large": {"w": 1, "h": 1}},
}


def test_nulls_in_an_array_are_no_part_of_a_link():
    assert links_in(f"{{{A},NULL,{B}}}") == links_in(f"{{NULL,{A},{B},NULL}}") == [A, B]


LARGE, SMALL = "https://a.example/1,full.jpg", "https://a.example/1,small.jpg?a=1&amp;b=2"


@pytest.mark.parametrize(
    "html",
    [
        f'<img src="{SMALL}" srcset="{SMALL} 320w, {LARGE} 1280w">',
        f"<img srcset='{SMALL}, {LARGE} 2x' src='{SMALL}' alt=x />",
        f'<picture><source srcset="{SMALL} 1x,\n {LARGE} 1.5x"><img src="{SMALL}"></picture>',
        f'<picture>\n<source srcset="{SMALL}" type="image/webp"/><img src="{LARGE}"></picture>',
        f'<img src="{DATA}" data-src="{LARGE}" class="lazy">',
        f'<IMG SRC={LARGE} DATA-SRCSET="">',
        f'<figure><img width="5" src="{LARGE}"></figure>',
    ],
)
def test_an_html_image_gives_its_largest_picture(html):
    assert links_in(html) == [LARGE]
    assert links_in(f"<p>{html} and <a href='{A}'>this</a> {html}</p>") == [LARGE, A, LARGE]


@pytest.mark.parametrize(
    ("text", "links"),
    [
        (f"{A}\u3067\u3059", [A]),
        (f"\u770b{A}\u5427", [A]),
        (f"\U0001f449{A}\U0001f448", [A]),
        ("https://a.example/wiki/\u65e5\u672c", ["https://a.example/wiki/\u65e5\u672c"]),
        ("https://a.example/\u65e5.jpg", ["https://a.example/\u65e5.jpg"]),
        (f"https://b.example/web/2020/{A}", [f"https://b.example/web/2020/{A}"]),
        (f"https://b.example/?url={A}", [f"https://b.example/?url={A}"]),
        ("http://b.example/~www.me/1.jpg", ["http://b.example/~www.me/1.jpg"]),
    ],
)
def test_text_without_blanks_around_a_picture_link(text, links):
    assert links_in(text) == links


@pytest.mark.parametrize(
    "svg",
    [
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"/>',
        "<html xmlns='http://www.w3.org/1999/xhtml'>",
    ],
)
def test_the_name_of_an_xml_namespace_is_no_link(svg):
    assert links_in(svg) == []
    assert links_in(f"{svg} {A}") == [A]
    raw = "data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg'><g/></svg>"
    assert links_in(f"{raw} {A}") == [raw, A]


OBJECTS = [
    Photo(f"{B}?small", A),
    Video(A, [Photo(B, B)]),
    TWITTER,
    {"type": "photo", "media_url_https": A},
    {"preview_url": B, "url": A, "meta": {"original": {"width": 5}}},
    {"urls": {"small": B, "full": A, "thumb": B}},
    {"source": {"url": A, "width": 5}, "resolutions": [{"url": B}, {"url": B}]},
    {"alt_sizes": [{"url": B}], "original_size": {"url": A}},
    {"url_t": B, "url_o": A, "title": 'it\'s "here" (really), [x] {y}'},
    {"Thumbnail_URL": B, "Image-URL": A, "caption": f"see {B}"},
    {"foo": A, "n": 5},
    {"page": "https://a.example/post", "pic": A},
    {"media": [{"media_url_https": A}], "urls": [{"url": B}]},
]


@pytest.mark.parametrize("value", OBJECTS, ids=lambda value: repr(value)[:40])
def test_an_object_gives_its_full_size_picture(value):
    assert links_in([value] if isinstance(value, dict) else repr(value)) == [A]
    assert links_in(repr([value])) == [A]
    assert links_in(repr([value, value])) == [A, A]
    if isinstance(value, dict):
        assert links_in(value) == links_in(json.dumps(value)) == [A]
        assert links_in(json.dumps([value, value])) == [A, A]


def test_objects_inside_a_larger_object_give_one_link_each():
    post = {"id": 4, "text": f"look {A}", "extended_entities": {"media": [TWITTER, {"url": B}]}}
    assert links_in(post) == [A, B]
    assert links_in({"photos": {"1": {"url": A}, "2": {"url": B}}}) == [A, B]
    assert links_in({"id": 5, "text": "no picture"}) == []
    assert links_in([("small", B), ("large", A)]) == [A], "as Arrow gives a map"


@pytest.mark.parametrize(
    ("cell", "link"),
    [
        (f"{A}?width=640&amp;s=x", f"{A}?width=640&s=x"),
        (f"{A}?width=640\\u0026s=x", f"{A}?width=640&s=x"),
        ("http:\\/\\/a.example\\/1.jpg", "http://a.example/1.jpg"),
        ("http:&#x2F;&#x2F;a.example&#47;1.jpg", "http://a.example/1.jpg"),
        ("http&colon;&sol;&sol;a.example/1.jpg", "http://a.example/1.jpg"),
        (f'"{A.replace("/", chr(92) + "/")}"', A),
        ("http:\\\\a.example\\x\\1.jpg", "http://a.example/x/1.jpg"),
    ],
)
def test_entities_and_escapes_are_undone(cell, link):
    (found,) = links_in(cell)
    assert link_spellings(found)[-1] == link


@pytest.mark.parametrize(
    ("cell", "links"),
    [
        ("http://a.example/up/My Photo 1.jpg", ["http://a.example/up/My%20Photo%201.jpg"]),
        ("http://a.example/My Photo.JPG?x=1", ["http://a.example/My%20Photo.JPG?x=1"]),
        (["http://a.example/My Photo.png"], ["http://a.example/My%20Photo.png"]),
        ("'http://a.example/My Photo.png'", ["http://a.example/My%20Photo.png"]),
        (
            f"http://a.example/a b.jpg, http://a.example/c d.jpg {A}",
            ["http://a.example/a%20b.jpg", "http://a.example/c%20d.jpg", A],
        ),
        (f"{A} and cat.jpg", [A]),
        ("http://a.example/x and cat.jpg is nice", ["http://a.example/x"]),
        ("http://a.example cat.jpg", ["http://a.example"]),
        ("http://a.example/x a caption", ["http://a.example/x"]),
        (f"http://a.example/x {A}", ["http://a.example/x", A]),
    ],
)
def test_blanks_in_a_picture_link(cell, links):
    assert links_in(cell) == links


WRAPPINGS = [
    *(
        "\u200b{}\u200b",
        "\ufeff{}",
        "\u202a{}\u202c",
        "\u2066{}\u2069",
        "\u200e{}\u200f",
        "\u2060{}",
    ),
    *("\u201c{}\u201d", "\u2018{}\u2019", "\u201e{}\u201c", "\u00ab{}\u00bb", "\u300c{}\u300d"),
    *("<{}>", "![x]({})", "[x]({})", '[x]({} "title")', "[![x]({})](x)", "{}.", "{})", "({})"),
    *(
        "{},",
        "{};",
        "{}:",
        "{}!",
        "{}?",
        "{}...",
        "({}).",
        "'{}'",
        '"{}"',
        "`{}`",
        "*{}*",
        "**{}**",
    ),
    *(
        "_{}_",
        "[{}]",
        "{{{}}}",
        " {} ",
        "\u00a0{}\u00a0",
        "\u3000{}",
        "\t{}\n",
        "{}\u3002",
        "url: {}",
    ),
    *('<img src="{}">', "<img src='{}'/>", "<a href='{}'>x</a>", "url({})", "url('{}')", "URL={}"),
    *("&lt;{}&gt;", "&quot;{}&quot;", "\uff08{}\uff09", "\u770b{}\u3002\u597d", "b'{}'", "{}\\n"),
    *("{}\u061f", "{}\u060c x", "{}\u0964", "{}\u2026", "{}\uff0e", "\u2039{}\u203a", "{}\u1362"),
    *("\u00ad{}", "{}\u200d", "pic:{}", "\u2014{}", '\\"{}\\"', "~{}~", "> {}", "- {}", "1. {}"),
]


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@given(link=LINKS)
@settings(max_examples=10)
def test_whatever_wraps_a_link_the_link_comes_back(wrapping, link):
    assert links_in(wrapping.replace("{}", link)) == [link]
    for tricky in (A, B, DATA, "http://a.example/Foo_(bar)", "http://[::1]:80/x?y=[1]&z='q"):
        assert links_in(wrapping.replace("{}", tricky)) == [tricky]


@given(
    st.lists(st.tuples(LINKS, st.sampled_from(["{}", *WRAPPINGS])), min_size=1, max_size=5),
    st.sampled_from([" ", "\n", " , ", " | ", " ; ", " and ", "\r\n", "\u3000", " \u200b"]),
)
def test_wrapped_links_in_a_row_come_back(items, separator):
    wrapped = [wrapping.replace("{}", link) for link, wrapping in items]
    assert links_in(separator.join(["see", *wrapped])) == [link for link, _ in items]


@given(
    st.lists(LINKS, min_size=1, max_size=5),
    st.sampled_from([" ", ", ", " | ", "\n", ",", "|", ";", "; ", "\t", "\uff0c", "\u200b"]),
)
def test_joined_links_come_apart_again(links, separator):
    assert links_in(separator.join(links)) == links


@given(st.lists(LINKS | st.just(DATA), max_size=5))
def test_written_lists_come_apart_again(links):
    assert links_in(json.dumps(links)) == links
    assert links_in(repr(links)) == links
    assert links_in(tuple(links)) == links
    assert links_in("\n".join(map(repr, links))) == links
    if links:
        assert links_in(str(np.array(links, dtype=object))) == links
        assert links_in(f"{{{','.join(links)}}}") == links


NO_LINK = st.text(st.characters(exclude_characters=":/\\.")) | st.text("ahtps:. ()[]{}'\"<>,;|")


@given(NO_LINK)
def test_text_without_a_link_gives_none(text):
    assert [link for link in links_in(text) if not was_meant_as_link(link)] == []
    assert not holds_links(text)


@given(st.text() | st.text("htps:/w.aA1,;|()[]{}<>'\"=&\\ \n"), st.text())
def test_any_text_is_read_and_links_have_no_blanks(text, more):
    for cell in (text, [text, more], {text: more}, f"{text} {A} {more}"):
        links = links_in(cell)
        assert all(link for link in links)
        assert all(link[:4].lower() != "http" or " " not in link for link in links)


@given(st.recursive(st.text() | st.none() | st.integers() | st.floats(), st.lists, max_leaves=8))
def test_any_value_as_text_is_read_like_the_value(value):
    assert links_in([A, value, B])[0] == A
    assert links_in(json.dumps([A, value, B])) == links_in([A, value, B])


@pytest.mark.parametrize(
    "cell",
    [
        None,
        "",
        "  ",
        "nan",
        "None",
        "[]",
        float("nan"),
        [],
        [None],
        ", |",
        "no link here",
        "cat",
        "['broken",
        "not a url",
        "12:30",
        "note: done",
        "a//b",
        "see http:// and www.",
        "n/a",
        {},
        "// a comment",
        "{}",
        "array([], dtype=object)",
        "<Photo at 0x7f>",
        "1.5/2",
        "\u200b",
        "\\N",
        5.0,
    ],
)
def test_cells_without_a_link(cell):
    assert links_in(cell) == []
    assert not looks_like_links(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "cat.jpg",
        "/p/cat.jpg",
        "C:\\me\\my.png",
        "htp:/a.example/1.jpg",
        "https//a.example/1.jpg",
        "ftp://a.example/x.jpg",
        "file:///c/x.jpg",
        "a.example/page",
        "http://",
        "s3://bucket/key",
    ],
)
def test_what_was_meant_as_a_link_comes_back_whole(cell):
    assert links_in(cell) == [cell]
    assert not holds_links(cell)


@pytest.mark.parametrize(
    "link",
    [
        *["//a.example/1.jpg", "www.a.example/1.jpg", "http://😀.example/1.jpg", "//[::1]/x"][:3],
        "http://my_shop.a.example/1.jpg",
        DATA,
        "i.imgur.com/x.png",
        "http://bücher.example/ü.jpg",
    ],
)
def test_what_a_browser_would_open(link):
    assert links_in(link) == [link]
    assert looks_like_links(link)
    assert links_in(f"{link}, {link}") == links_in([link, link]) == [link, link]


def test_prose_gives_the_links_in_it():
    text = f"Look at this {A} and (see {B}). Not at www. or http: or cat.jpg!"
    assert links_in(text) == [A, B]
    assert holds_links(text)
    assert not looks_like_links(text)


HOSTILE = {
    "brackets": "[" * 500_000 + "]" * 500_000,
    "parentheses": "(" * 100_000 + ")",
    "letters": "x" * 1_000_000,
    "cut": "[1, 2",
    "commas": A + "," * 1_000_000,
    "closing": A + ")" * 1_000_000,
    "quotes": "'" * 300_000,
    "escapes": '"' + '\\"' * 300_000,
    "colons": "a:" * 300_000,
    "slashes": "//a.a " * 100_000,
    "schemes": "a://" * 300_000,
    "dots": "www." * 300_000,
    "endings": "h.aa/" + ".jpg?" * 200_000 + " ",
    "calls": "Photo(" * 200_000,
    "keys": "a=" * 300_000,
    "blanks": "http://x/a b.jp " * 60_000,
    "invisible": "\u200b" * 1_000_000,
    "entities": A + "&amp;" * 200_000,
    "markdown": "![x](" * 200_000,
    "images": "<img src=http://x srcset='" * 40_000,
    "sizes": "<img srcset='" + "http://x/a,b 1w, " * 60_000 + "'>",
    "pictures": "<picture><source srcset=a>" * 40_000,
    "tildes": A + "~" * 1_000_000,
    "wide": (A + "\u3067") * 40_000,
    "namespaces": "xmlns='" * 140_000,
    "objects": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "texts": json.dumps(json.dumps(json.dumps('"\\' * 10_000))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_cells_take_linear_time(name):
    cell = HOSTILE[name]
    begun = time.process_time()
    links_in(cell)
    assert time.process_time() - begun < 10, "measured: at most 2 s for 1,000,000 characters"


def test_a_cell_of_twenty_thousand_links():
    links = [f"{A}?{n}" for n in range(20_000)]
    for cell in (links, ",".join(links), " ".join(links), json.dumps(links), str(links)):
        assert links_in(cell) == links


def test_what_looks_like_links():
    assert looks_like_links(f"{A} {B}")
    assert not looks_like_links(f"see {A}")
    assert not looks_like_links("")
    assert not looks_like_links("ftp://a.example/x.jpg")


@pytest.mark.parametrize(
    ("text", "meant"),
    [(A, True), ("ftp://x", True), ("www.a.example", True), ("//a/b", True), ("cat", False)],
)
def test_what_was_meant_as_a_link(text, meant):
    assert was_meant_as_link(text) is meant
