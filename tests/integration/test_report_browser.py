"""The report in a real browser: it asks for nothing, anyone can use it, its search, filter and
boxes work.
"""

import numpy as np
import pytest

from image_tags.tasks.report.page import render_report
from tests.support.browser import open_browser, opened
from tests.support.made_run import (
    HOSTILE,
    hostile_run,
    image_id_of,
    made_effects,
    made_run,
    report_input,
)

PHONE, DESKTOP = 390, 1280

LIKES = np.round(np.random.default_rng(1).lognormal(4, 1.5, 60))

WITHOUT_THUMBNAIL = range(30, 60)


def few_thumbnails():
    """60 pictures, half of which cannot be read."""
    view = made_run(60)
    unread = {image_id_of(n) for n in WITHOUT_THUMBNAIL}
    return made_run(
        60,
        tables={"tag_effects": made_effects()},
        previous=dict(made_run(20).summary),
        methods="# Methods\n\nEach distinct image was analysed once.",
        metrics={"likes": LIKES, "comments": LIKES / 10},
        thumbnail=lambda image_id: None if image_id in unread else view.thumbnail(image_id),
    )


def only_rejected():
    link = {
        "position": 0,
        "url": "https://a.example/gone.jpg",
        "status": "rejected",
        "reason": "not_found",
        "detail": "404",
    }
    return report_input([{**link, "row": row} for row in range(3)], [])


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Addresses of reports on disk, by name."""
    folder = tmp_path_factory.mktemp("reports")
    views = {"full": few_thumbnails(), "rejected": only_rejected(), "empty": report_input([], [])}
    views |= {f"hostile {n}": hostile_run(text) for n, text in enumerate(HOSTILE[:3])}
    for name, view in views.items():
        (folder / f"{name}.html").write_text(render_report(view), "utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in views}


@pytest.fixture
def full(browser, reports):
    with opened(browser, reports["full"], DESKTOP) as seen:
        yield seen.page


def shows_boxes(card):
    return card.locator(".boxes").evaluate("boxes => getComputedStyle(boxes).opacity") == "1"


def visible_captions(page):
    return [card.inner_text().lower() for card in page.locator(".card:visible .caption").all()]


@pytest.mark.parametrize(
    ("name", "width", "dark"),
    [
        ("full", DESKTOP, False),
        ("full", DESKTOP, True),
        ("full", PHONE, False),
        ("full", PHONE, True),
        ("rejected", PHONE, True),
        ("empty", DESKTOP, False),
        ("hostile 0", PHONE, False),
    ],
)
def test_it_asks_for_nothing_complains_of_nothing_and_keeps_no_one_out(
    browser, reports, name, width, dark
):
    with opened(browser, reports[name], width, dark) as seen:
        seen.page.evaluate(
            "for (const one of document.querySelectorAll('details')) one.open = true"
        )
        seen.page.evaluate("document.getElementById('boxes')?.click()")
        assert seen.violations() == []
        assert [one for one in seen.requests if not one.startswith("data:")] == [reports[name]]
        assert seen.complaints == []
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_fits_the_narrowest_phone(browser, reports):
    with opened(browser, reports["full"], 320) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("number", range(3))
def test_hostile_text_runs_nothing(browser, reports, number):
    with opened(browser, reports[f"hostile {number}"]) as seen:
        seen.page.fill("#find", "label")
        assert seen.page.evaluate("typeof window.pwned") == "undefined"
        assert seen.page.evaluate("document.scripts.length") == 2
        assert (seen.complaints, seen.page.locator(".card:visible").count()) == ([], 4)


def test_light_and_dark_follow_the_reader(browser, reports):
    colours = set()
    for dark in (False, True):
        with opened(browser, reports["full"], dark=dark) as seen:
            colours.add(seen.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2


def test_search_finds_every_word_whatever_its_case_and_accents(full):
    assert full.locator(".card:visible").count() == 30
    full.fill("#find", "CÓFFEE sale")
    found = visible_captions(full)
    assert found
    assert all("coffee" in caption and "sale" in caption for caption in found)
    listed = full.locator("#other-rows tr").count()
    assert full.inner_text("#found").startswith(f"{len(found) + listed} of 60 pictures match")
    full.fill("#find", "no such thing")
    assert (visible_captions(full), full.inner_text("#found")) == ([], "0 of 60 pictures match")
    full.fill("#find", "")
    assert full.locator(".card:visible").count() == 30


def test_search_also_finds_pictures_without_a_thumbnail(full):
    assert not full.locator("#others").is_visible()
    full.fill("#find", "00031.jpg")
    assert full.locator(".card:visible").count() == 0
    assert full.locator("#other-rows tr").count() == 1
    assert "00031.jpg" in full.inner_text("#other-rows")
    assert full.inner_text("#found") == "1 of 60 pictures match, 1 of them without a thumbnail"


def test_filters_narrow_the_gallery_alone_and_with_a_search(full):
    full.select_option("#kind", "celebrity")
    people = [n for n in range(60) if n % 9 == 0]
    assert full.locator(".card:visible").count() == len(
        [n for n in people if n not in WITHOUT_THUMBNAIL]
    )
    assert full.locator("#other-rows tr").count() == len(
        [n for n in people if n in WITHOUT_THUMBNAIL]
    )
    full.fill("#find", "hopper")
    assert all("grace hopper" in caption for caption in visible_captions(full))
    full.fill("#find", "")
    full.select_option("#kind", "shared")
    assert full.locator(".card:visible").count() == 1


def test_a_name_in_a_list_leads_to_its_pictures_and_an_example_to_its_card(full):
    full.click("#tops .ranking a[data-find='Grace Hopper']")
    assert full.input_value("#find") == "Grace Hopper"
    assert all("grace hopper" in caption for caption in visible_captions(full))
    full.click("#tops .examples a >> nth=-1")
    assert full.input_value("#find") == ""
    assert full.locator(".card:target").is_visible()


def test_boxes_appear_under_the_pointer_and_by_the_keyboard_and_go_again(full):
    card, other = full.locator(".card").nth(0), full.locator(".card").nth(1)
    assert not shows_boxes(card)
    card.locator(".picture").hover()
    assert shows_boxes(card)
    other.locator(".picture").hover()
    assert not shows_boxes(card)
    full.mouse.move(0, 0)
    other.locator(".picture").evaluate("picture => picture.focus({focusVisible: true})")
    assert shows_boxes(other)
    full.keyboard.press("Enter")
    full.keyboard.press("Tab")
    assert other.locator(".picture").get_attribute("aria-pressed") == "true"
    assert shows_boxes(other)
    assert not shows_boxes(card)
    full.check("#boxes")
    assert shows_boxes(card)


def test_a_tap_shows_the_boxes_and_another_hides_them(browser, reports):
    with opened(browser, reports["full"], PHONE) as seen:
        card = seen.page.locator(".card").nth(0)
        card.locator(".picture").tap()
        assert shows_boxes(card)
        card.locator(".picture").tap()
        assert not shows_boxes(card)


def test_a_box_lies_where_the_table_says_it_does(browser, tmp_path):
    place = {"left": 0.25, "top": 0.5, "width": 0.5, "height": 0.25}
    tag = {
        "image_id": image_id_of(1),
        "kind": "label",
        "rank": 1,
        "name": "Cat",
        "confidence": 99.0,
        "instances": 1,
        **place,
    }
    link = {
        "row": 0,
        "position": 0,
        "url": "https://a.example/1",
        "image_id": image_id_of(1),
        "status": "tagged",
    }
    (tmp_path / "report.html").write_text(render_report(report_input([link], [tag])), "utf-8")
    with opened(browser, (tmp_path / "report.html").as_uri(), DESKTOP) as seen:
        picture = seen.page.locator(".picture img")
        box = seen.page.locator(".boxes rect").nth(0).bounding_box()
        frame = picture.bounding_box()
        # The picture is fitted into its frame, as large as it goes, in the middle.
        wide, high = picture.evaluate("image => [image.naturalWidth, image.naturalHeight]")
        scale = min(frame["width"] / wide, frame["height"] / high)
        left = frame["x"] + (frame["width"] - wide * scale) / 2
        top = frame["y"] + (frame["height"] - high * scale) / 2
        assert box["x"] == pytest.approx(left + 0.25 * wide * scale, abs=3)
        assert box["y"] == pytest.approx(top + 0.5 * high * scale, abs=3)
        assert box["width"] == pytest.approx(0.5 * wide * scale, abs=5)
        assert box["height"] == pytest.approx(0.25 * high * scale, abs=5)


def test_it_can_be_read_without_scripts(browser, reports):
    with opened(browser, reports["full"], scripts=False) as seen:
        assert seen.page.locator(".card:visible").count() == 30
        assert not seen.page.locator(".controls").is_visible()
        seen.page.locator(".picture").nth(0).hover()
        assert seen.page.locator(".boxes").nth(0).is_visible()


def test_a_wide_table_scrolls_in_its_own_frame_and_shows_that_it_does(browser, reports):
    for width in (480, DESKTOP):
        with opened(browser, reports["full"], width) as seen:
            seen.page.click("#effects summary >> nth=0")
            frame = seen.page.locator("#effects .scroll").first
            wide = frame.evaluate("one => [one.scrollWidth, one.clientWidth]")
            assert wide[0] > wide[1]
            assert frame.evaluate("one => getComputedStyle(one).backgroundImage") != "none"
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_search_finds_every_picture_of_a_large_version(browser, tmp_path):
    view = made_run(3_000, thumbnail=lambda _: None)
    (tmp_path / "report.html").write_text(render_report(view), "utf-8")
    with opened(browser, (tmp_path / "report.html").as_uri()) as seen:
        seen.page.fill("#find", "02999.jpg")
        seen.page.wait_for_function("document.querySelectorAll('#other-rows tr').length == 1")
        assert seen.page.inner_text("#found").startswith("1 of 3,000 pictures match")
        assert seen.complaints == []


def test_the_methods_can_be_read(full):
    full.click("#methods summary")
    assert "# Methods" in full.inner_text("#methods pre")
