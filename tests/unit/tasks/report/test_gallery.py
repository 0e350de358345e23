"""The gallery: which pictures get a thumbnail, where boxes lie, what is said of the others."""

import base64
import gzip
import hashlib
import json
from collections import Counter
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from image_tags.tasks.report import pictures
from image_tags.tasks.report.boxes import place_boxes
from image_tags.tasks.report.cards import SIDE, make_card, read_source_cells
from image_tags.tasks.report.gallery import (
    list_pictures,
    make_gallery,
    pack_rows,
    pick_striking,
)
from tests.support.made_run import (
    HOSTILE,
    hostile_run,
    image_id_of,
    made_run,
    picture_of,
    report_input,
)

WHOLE = {"left": 0.25, "top": 0.5, "width": 0.5, "height": 0.25}
THUMB = pictures.Thumb(b"", 200, 100)


def tag(kind="label", name="Cat", instances=1, details=None, **place):
    return {
        "kind": kind,
        "rank": 1,
        "name": name,
        "instances": instances,
        "details": json.dumps(details or {}),
        **(WHOLE | place),
    }


def encoded(picture, form="JPEG", **options):
    data = BytesIO()
    picture.save(data, form, **options)
    return data.getvalue()


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=4), max_size=8),
    st.lists(st.integers(0, 60)),
    st.integers(0, 20),
)
def test_chosen_pictures_are_distinct_known_and_fair_to_every_group(groups, rest, limit):
    picked = pictures.choose_pictures(groups, rest, limit)
    known = {one for group in groups for one in group} | set(rest)
    assert max(Counter(picked).values(), default=0) <= 1
    assert set(picked) <= known
    assert len(picked) == min(limit, len(known))
    first = list(dict.fromkeys(group[0] for group in groups if group))
    assert picked[: len(first)] == first[:limit]


def test_a_thumbnail_is_small_upright_and_keeps_its_proportions():
    sideways = Image.Exif()
    sideways[0x0112] = 6
    thumb = pictures.make_thumbnail(
        encoded(Image.new("RGB", (800, 400), "red"), exif=sideways.tobytes()), 240
    )
    assert (thumb.width, thumb.height) == (120, 240)
    assert Image.open(BytesIO(thumb.data)).size == (120, 240)
    assert str(thumb.uri).startswith("data:image/webp;base64,")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_colour_mode_becomes_a_thumbnail(mode):
    picture = Image.new(mode, (300, 200))
    assert (
        pictures.make_thumbnail(encoded(picture, "JPEG" if mode == "CMYK" else "PNG"), 96).width
        == 96
    )


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"not a picture",
        encoded(Image.new("RGB", (300, 200)))[:300],
        b"GIF89a" + b"\0" * 99,
    ],
)
def test_what_cannot_be_read_has_no_thumbnail(data):
    assert pictures.make_thumbnail(data, 96) is None


def test_thumbnails_stay_below_the_budget_and_are_larger_when_there_are_few():
    noise = np.random.default_rng(1).integers(0, 255, (400, 400, 3), np.uint8)
    data = encoded(Image.fromarray(noise))
    ids = [str(n) for n in range(80)]
    made = pictures.make_thumbnails(ids, lambda _: data, budget=300_000)
    assert 0 < len(made) < 80
    assert sum(len(thumb.uri) for thumb in made.values()) <= 300_000
    assert list(made) == ids[: len(made)]
    assert {thumb.width for thumb in made.values()} == {pictures.SMALL}
    assert pictures.make_thumbnails(["a"], lambda _: data)["a"].width == pictures.LARGE
    assert pictures.make_thumbnails(["a", "b"], {"b": data}.get).keys() == {"b"}


def test_a_box_lies_on_the_drawing_area_as_on_the_picture():
    (box,) = place_boxes([tag()], 200, 100)
    assert (box.x, box.y, box.width, box.height, box.name) == (50, 50, 100, 25, "Cat")


def test_every_instance_of_a_label_has_a_box_and_a_broken_list_of_instances_leaves_the_first():
    places = [
        {"BoundingBox": {"Left": n / 10, "Top": 0.1, "Width": 0.05, "Height": 0.1}}
        for n in range(3)
    ]
    assert [
        box.x for box in place_boxes([tag(instances=3, details={"instances": places})], 200, 100)
    ] == [0, 20, 40]
    for broken in (
        [],
        None,
        [{}],
        [{"BoundingBox": None}],
        [{"BoundingBox": {"Left": 0.1, "Top": None}}],
    ):
        assert len(place_boxes([tag(instances=3, details={"instances": broken})], 200, 100)) == 1


def test_tags_of_one_place_share_a_box_with_both_names_and_faces_need_none():
    assert [box.name for box in place_boxes([tag(name="Person"), tag(name="Cat")], 200, 100)] == [
        "Person, Cat"
    ]
    assert [box.name for box in place_boxes([tag("face", "Face")], 200, 100)] == [""]


def test_names_of_boxes_that_overlap_are_written_one_below_the_other():
    person = tag(name="Person", left=0.3, width=0.1)
    tripod, cat = tag(name="Tripod", left=0.25), tag(name="Cat", left=0.8, width=0.1)
    boxes = {box.name: box for box in place_boxes([person, tripod, cat], 200, 100)}
    assert boxes["Person"].name_y == 62 == boxes["Cat"].name_y
    assert boxes["Tripod"].name_y == 74
    assert boxes["Tripod"].y == 50, "the box itself stays"


def test_a_name_is_within_the_picture_and_left_out_where_there_is_no_room():
    (low,) = place_boxes([tag(top=0.95, height=0.05)], 200, 100)
    assert low.name_y <= 100
    names = [box.name for box in place_boxes([tag(name=f"n{n}") | {"left": 0.25 + n / 1000}
                                              for n in range(12)], 200, 100)]  # fmt: skip
    assert [name for name in names if name] == [f"n{n}" for n in range(8)], "100 / 12 lines"
    assert len(names) == 12


def test_many_words_lose_their_names_and_lines_are_drawn_only_where_there_are_no_words():
    words = [tag("word", f"w{n}", None, left=n / 50) for n in range(20)]
    assert {box.name for box in place_boxes(words, 200, 100)} == {""}
    assert {box.name for box in place_boxes(words[:5], 200, 100)} == {"w0", "w1", "w2", "w3", "w4"}
    assert [
        box.kind for box in place_boxes([*words[:1], tag("line", "w0 w1", None)], 200, 100)
    ] == ["word"]
    assert [box.kind for box in place_boxes([tag("line", "w0 w1", None)], 200, 100)] == ["line"]


def test_a_card_lists_people_first_counts_what_it_leaves_out_and_shows_flags():
    view = made_run(10)
    tags = view.select_frame("tags_long", *view.tables["tags_long"].column_names)
    own = tags[tags["image_id"] == image_id_of(0)]
    card = make_card(list_pictures(view).iloc[0].to_dict(), own, THUMB, {})
    assert next(iter(card.tags)) == "celebrity"
    assert (card.width, card.height, card.more) == (SIDE, SIDE / 2, 0)
    many = make_card(
        list_pictures(view).iloc[0].to_dict(), tags.assign(image_id=image_id_of(0)), THUMB, {}
    )
    assert many.more == len(tags) - sum(map(len, many.tags.values())) > 0


def test_source_cells_are_those_of_the_first_row_that_leads_to_the_picture_without_the_link():
    view = hostile_run("plain")
    one, other = read_source_cells(view, [0, 3], ["https://host.example/plain", "plain"])
    assert one == {"plain": "plain", "likes": "['plain']"}
    assert other == {"likes": "['plain']"}
    assert read_source_cells(made_run(1), [0], ["x"]) == [{}]


def test_a_picture_is_named_by_its_first_row_and_counts_its_links():
    images = [
        {"row": row, "position": 0, "url": f"u{row}", "image_id": one, "status": "tagged"}
        for row, one in enumerate("bab")
    ]
    found = list_pictures(report_input(images, [])).to_dict("records")
    assert [(one["image_id"], one["row"], one["at"], one["links"]) for one in found] == [
        ("b", 0, 0, 2),
        ("a", 1, 1, 1),
    ]


def test_pictures_without_a_thumbnail_become_rows_that_a_search_can_find():
    view = made_run(30)
    thumb = pictures.make_thumbnail(picture_of("x"), 96)
    gallery = make_gallery(view, list_pictures(view), {image_id_of(4): thumb})
    data = unpack(gallery.rows)
    assert ([card.image_id for card in gallery.cards], gallery.listed, gallery.images) == (
        [image_id_of(4)],
        29,
        30,
    )
    assert len(data["rows"]) == 29
    row, link, kinds, names = data["rows"][0]
    long = view.tables["tags_long"].to_pylist()
    assert {data["names"][n] for n in names} == {
        tag["name"] for tag in long if tag["image_id"] == image_id_of(0)
    }
    assert (row, link, "celebrity" in kinds) == (
        0,
        "img0.example.org/photos/2026/00000.jpg?…",
        True,
    )


def unpack(packed):
    return json.loads(gzip.decompress(base64.b64decode(packed)))


@given(st.lists(st.text() | st.sampled_from(HOSTILE), max_size=5))
def test_packed_rows_come_back_whole_and_cannot_leave_their_element(names):
    rows = [[row, name, "label", [row]] for row, name in enumerate(names)]
    packed, kept = pack_rows(rows, names)
    assert kept == len(rows)
    assert unpack(packed) == {"names": names, "rows": rows}
    assert not set(packed) & set("<>&")


def test_rows_that_do_not_fit_are_left_out_from_the_end_and_counted(monkeypatch):
    monkeypatch.setattr("image_tags.tasks.report.gallery.ROWS_BUDGET", 8_000)
    rows = [[row, hashlib.sha256(str(row).encode()).hexdigest(), "", []] for row in range(500)]
    packed, kept = pack_rows(rows, [])
    assert 0 < kept < 500
    assert len(packed) <= 8_000
    assert unpack(packed)["rows"] == rows[:kept]


def test_the_head_shows_pictures_with_people_first_in_the_gallery_s_order():
    view = made_run(30)
    thumb = pictures.make_thumbnail(picture_of("x"), 96)
    cards = make_gallery(
        view, list_pictures(view), {image_id_of(n): thumb for n in range(30)}
    ).cards
    strip = pick_striking(cards, 6)
    assert {image_id_of(n) for n in (0, 9, 18, 27)} <= {card.image_id for card in strip}
    assert [cards.index(card) for card in strip] == sorted(cards.index(card) for card in strip)
    assert (len(strip), pick_striking([], 6)) == (6, [])
