"""The page as a whole: it renders for every run, stays small, says the same for the same input and
trusts no text.
"""

import base64
import dataclasses
import gzip
import json
import re
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pyarrow as pa
import pytest
from markupsafe import escape
from PIL import Image

from image_tags.tasks.report.gallery import list_pictures, make_gallery
from image_tags.tasks.report.page import render_report
from image_tags.tasks.report.pictures import make_thumbnails
from tests.support.made_run import (
    HOSTILE,
    hostile_run,
    image_id_of,
    made_effects,
    made_run,
    report_input,
)

LIMIT = 5_000_000


class Outline(HTMLParser):
    """Every element with the names of its attributes, the links, and the text of the scripts."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.links, self.scripts, self.sources = set(), [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.add((tag, tuple(sorted(name for name, _ in attrs))))
        self.links += [value for name, value in attrs if name == "href"]
        self.sources += [value for name, value in attrs if name == "src"]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def harmless():
    """The outline of a run with a plain word in every place."""
    return Outline(render_report(hostile_run("plain")))


def rich_run(n=12):
    previous = dict(made_run(5).summary)
    return made_run(n, tables={"tag_effects": made_effects()}, previous=previous)


def test_the_same_input_gives_the_same_bytes():
    assert render_report(rich_run()) == render_report(rich_run())


def test_the_page_requests_nothing_and_has_no_style_or_handler_attribute():
    html = render_report(rich_run())
    outline = Outline(html)
    assert all(source.startswith("data:image/webp;base64,") for source in outline.sources)
    assert "default-src 'none'" in html
    assert "unsafe-inline" not in html
    names = {name for _, attributes in outline.elements for name in attributes}
    assert not {
        name for name in names if name == "style" or name.startswith("on") or name == "srcset"
    }
    assert "url(" not in html


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_in_every_place_adds_no_element_no_attribute_no_script_and_no_foreign_link(
    hostile, harmless
):
    outline = Outline(render_report(hostile_run(hostile)))
    assert outline.elements <= harmless.elements
    assert len(outline.scripts) == len(harmless.scripts) == 2
    assert outline.scripts[1] == harmless.scripts[1]
    assert isinstance(json.loads(gzip.decompress(base64.b64decode(outline.scripts[0]))), dict)
    assert all(link.startswith(("#", "https://host.example/")) for link in outline.links)


def test_hostile_text_is_there_to_be_read_in_every_table():
    html = render_report(hostile_run("<b>=1+1</b>"))
    assert html.count("&lt;b&gt;=1+1&lt;/b&gt;") > 60
    assert "<b>" not in html


def test_text_that_is_no_text_does_not_stop_the_report():
    html = render_report(
        made_run(
            1,
            summary={"source": "folder/\udcff.csv", "store": None, "seconds": None, "calls": None},
        )
    )
    assert "folder/\ufffd.csv" in html


@pytest.mark.parametrize("published", [True, False])
def test_an_empty_run_renders_and_says_so(published):
    view = report_input(
        [],
        [],
        summary={"published": published, "version": None, "seconds": {}, "calls": {}},
        findings=[],
    )
    html = render_report(view)
    for says in (
        "Nothing to tag",
        "No tag was found.",
        "This run has no picture.",
        "No check was made.",
        "No call was made.",
    ):
        assert says in html
    assert ("Not published" in html) is not published


def test_a_run_with_nothing_but_rejected_links_shows_every_reason():
    links = [
        {
            "row": n,
            "position": 0,
            "url": f"https://a.example/{n}",
            "status": "rejected",
            "reason": reason,
        }
        for n, reason in enumerate(("not_found", "too_small", "truncated"))
    ]
    html = render_report(report_input(links, []))
    assert "No picture behind 3 links" in html
    for reason in ("not_found", "too_small", "truncated"):
        assert f"<code>{reason}</code>" in html


def test_a_picture_that_is_stored_but_not_tagged_says_why():
    link = {"row": 0, "position": 0, "url": "https://a.example/1", "image_id": image_id_of(1)}
    html = render_report(report_input([{**link, "status": "pending", "reason": "throttled"}], []))
    assert "pending: throttled" in html
    assert "Nothing found" not in html
    assert "Nothing found" in render_report(report_input([{**link, "status": "tagged"}], []))


def test_pictures_that_cannot_be_read_are_listed_without_a_thumbnail():
    html = render_report(made_run(5, thumbnail=lambda _: None))
    assert "0 of 5 pictures are shown" in html
    assert "a search covers all of them" in html
    assert "<img" not in html


def test_ten_thousand_images_with_large_thumbnails_and_awkward_tags_stay_below_five_megabytes():
    view = made_run(10_000)
    long = view.tables["tags_long"]
    awkward = [f"{name} {at} " + "&<" * 30 for at, name in enumerate(long["name"].to_pylist())]
    noise = BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 300, 3), np.uint8)).save(
        noise, "JPEG"
    )
    tables = {
        **view.tables,
        "tags_long": long.set_column(long.column_names.index("name"), "name", pa.array(awkward)),
    }
    html = render_report(
        dataclasses.replace(view, tables=tables, thumbnail=lambda _: noise.getvalue())
    )
    assert len(html.encode()) < LIMIT
    assert html.count('class="card"') > 40
    assert "of 10,000 pictures are shown" in html


@pytest.mark.parametrize(
    "view",
    [made_run(40), hostile_run("plain"), hostile_run(HOSTILE[3])],
    ids=["made", "plain", "hostile"],
)
def test_a_card_takes_no_more_than_it_says(view):
    html = render_report(view)
    rendered = re.findall(r'<li class="card".*?</details>\s*</div>\s*</li>', html, re.DOTALL)
    pictures = list_pictures(view)
    thumbs = make_thumbnails(list(pictures["image_id"]), view.thumbnail)
    cards = make_gallery(view, pictures, thumbs).cards
    assert len(rendered) == len(cards) > 0
    for text, card in zip(rendered, cards, strict=True):
        assert len(text) - len(card.thumb.uri) <= card.size


def test_every_section_of_a_rich_run_is_there():
    html = render_report(rich_run(40))
    for heading in (
        "From rows to tags",
        "Checks",
        "What is missing, and why",
        "One picture behind many links",
        "What the pictures show",
        "How sure the analyzer was",
        "What cleaning removed",
        "Does the picture matter?",
        "Association, not cause",
        "Cost and time",
        "Since the last version",
        "The tables",
        "Gallery",
    ):
        assert heading in html
    assert "Published with warnings" in html


def test_the_methods_are_shown_whole():
    paragraph = " ".join(f"word{n} <b>" for n in range(400))
    page = render_report(made_run(3, methods=f"# Methods\n\n{paragraph}"))
    assert str(escape(paragraph)) in page


def test_the_report_links_to_the_methods_and_the_codebook_next_to_it():
    methods = "# Methods"
    assert {"methods.md", "codebook.csv"} <= set(
        Outline(render_report(made_run(3, methods=methods))).links
    )
    unpublished = made_run(3, methods=methods, summary={"published": False})
    assert not {"methods.md", "codebook.csv"} & set(Outline(render_report(unpublished)).links)


def test_the_numbers_name_other_tags_of_the_same_pictures():
    effects = made_effects().to_pylist()
    effects[4]["also"] = ["Mug", "<b>"]
    effects[5]["also"] = [f"Name {n}" for n in range(1_205)]
    table = pa.Table.from_pylist(effects, schema=made_effects().schema)
    page = render_report(made_run(12, tables={"tag_effects": table}))
    assert "same pictures: <bdi>Mug</bdi>, <bdi>&lt;b&gt;</bdi>" in page
    assert "<bdi>Name 4</bdi> and 1,200 more" in page
    assert "Name 5" not in page


def test_removed_lines_of_text_with_commas_can_be_told_apart():
    view = made_run(3)
    dropped = view.tables["tags_dropped"].slice(0, 2).to_pylist()
    lines = [
        {**tag, "rule": "words_not_lines", "kind": "line", "name": name}
        for tag, name in zip(dropped, ("One, two", "three, four:"), strict=True)
    ]
    page = render_report(report_input(view.tables["images"].to_pylist(), [], lines))
    assert "<li><bdi>One, two</bdi></li>" in page
    assert "<li><bdi>three, four:</bdi></li>" in page


def test_several_faces_of_a_picture_are_counted():
    face = {"image_id": image_id_of(1), "kind": "face", "name": "Face", "confidence": 99.0}
    link = {"row": 0, "position": 0, "url": "https://a.example/1", "image_id": image_id_of(1)}
    faces = [{**face, "rank": rank} for rank in range(1, 9)]
    page = render_report(report_input([{**link, "status": "tagged"}], faces))
    assert "<bdi>Face \u00d78</bdi></p>" in page
    assert "Face</bdi>, <bdi>Face" not in page


def test_the_headline_counts_links_and_pictures():
    # 12 pictures, one behind five links, and two links without one.
    (headline,) = re.findall("<h1>(.*?)</h1>", render_report(made_run(12)), re.DOTALL)
    assert headline == "16 of 18 links tagged, 12 of 12 pictures"
