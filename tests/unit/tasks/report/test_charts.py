"""Charts draw whatever they are given, and bring nothing into the page but shapes and text."""

import itertools
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from image_tags.tasks.contracts.display import shown
from image_tags.tasks.report import charts, effect_charts
from image_tags.tasks.report.facts import Stage, count_stages
from tests.support.made_run import HOSTILE, made_effects, report_input

ALLOWED = {"svg", "g", "path", "rect", "line", "text"}


def drawn(figure):
    """The chart as a tree; what is no XML fails here."""
    return ET.fromstring(re.sub(r"[\x00-\x08]", "", str(figure)))


def texts(figure):
    return [element.text or "" for element in drawn(figure).iter() if element.tag.endswith("}text")]


@settings(max_examples=12)
@given(
    st.text(min_size=1, max_size=60) | st.text(st.sampled_from("😀👩‍🚀🇺🇳é한ا\u0301W"), min_size=20)
)
@example(HOSTILE[6])
@example("😀" * 80)
def test_any_name_can_be_drawn_and_is_text_only(name):
    effects = [{**effect, "name": name} for effect in made_effects().slice(0, 2).to_pylist()]
    for figure in (effect_charts.draw_effects(name, effects), charts.draw_seconds({name: 1.0})):
        elements = {element.tag.rpartition("}")[2] for element in drawn(figure).iter()}
        assert elements <= ALLOWED | {"figure"}


def test_no_chart_has_a_style_attribute_or_an_identifier_that_another_could_share():
    confidences = np.array([1.0, 50.0, 99.0])
    figures = [
        charts.draw_funnel([Stage("Rows", 5, ""), Stage("Links", 3, "2 lost")]),
        charts.draw_confidence("label", confidences, confidences),
        charts.draw_seconds({"read": 0.0, "analyze": 12.5}),
        effect_charts.draw_effects("likes", made_effects().to_pylist()[:14]),
    ]
    for figure in figures:
        names = {name for element in drawn(figure).iter() for name in element.attrib}
        assert not names & {"style", "id", "clip-path", "href"}
        colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', figure))
        assert {
            colour
            for colour in colours
            if colour not in ("none", "transparent") and not colour.startswith("var(--")
        } <= set()


def test_an_effect_without_an_interval_is_drawn_without_one():
    effects = [
        {**effect, "low": float("nan"), "high": float("nan")}
        for effect in made_effects().slice(0, 3).to_pylist()
    ]
    said = texts(effect_charts.draw_effects("likes", effects))
    assert {"has text", "has celebrity", "Person"} <= set(said)


def test_the_funnel_says_every_number_and_loss():
    said = texts(charts.draw_funnel([Stage("Rows", 1200, ""), Stage("Links", 0, "1,200 lost")]))
    assert {"Rows: 1,200", "Links: 0", "1,200 lost"} <= set(said)


def test_a_million_links_have_room_in_the_funnel():
    rows = 9_876_543
    links = [
        {"row": 0, "position": 0, "status": "no_link"},
        {"row": 1, "position": 0, "status": "rejected", "reason": "not_found", "url": "a"},
    ]
    stages = count_stages(report_input(links, [], summary={"rows": rows, "links": rows}))
    for stage in (replace(stage, n=rows) for stage in stages):
        # As wide as letters are in DejaVu Sans, of the fonts in use the widest.
        lost = re.sub("[0-9,]+", "987,654", stage.lost)
        assert 7 * len(f"{stage.name}: {stage.n:,}") + 6.7 * len(lost) + 10 <= charts.WIDTH


@pytest.mark.parametrize(("kept", "dropped"), [([100.0], []), ([], [0.0]), ([-1.0, 101.0], [50.0])])
def test_confidences_at_the_ends_are_counted(kept, dropped):
    figure = charts.draw_confidence("word", np.array(kept), np.array(dropped))
    assert str(figure).count('aria-roledescription="bar"') == len({*kept, *dropped})


def test_tags_whose_shortened_names_agree_stay_apart():
    long_name = "Personal protective equipment, "
    effects = [
        {**effect, "name": long_name + end}
        for effect, end in zip(
            made_effects().slice(2, 2).to_pylist(), ("gloves", "mask"), strict=True
        )
    ]
    figure = effect_charts.draw_effects("likes", effects)
    assert len([text for text in texts(figure) if text.startswith("Personal")]) == 2
    names = effect_charts.distinguish_names([long_name + end for end in ("a", "b")] + ["c"])
    assert len(set(names)) == 3
    assert names[2] == "c"


def test_names_that_differ_at_the_end_show_it_and_every_long_name_its_kind():
    """A number after equal beginnings would not say which is which."""
    effects = [
        {**effect, "kind": kind, "name": name}
        for effect, (kind, name) in zip(
            made_effects().slice(2, 3).to_pylist(),
            [
                ("label", "Astronaut in front of a space shuttle"),
                ("label", "Astronaut in front of a space station"),
                ("line", "make america great again"),
            ],
            strict=True,
        )
    ]
    seen = texts(effect_charts.draw_effects("likes", effects))
    for ending in ("shuttle", "station", "(line)"):
        assert [text for text in seen if text.endswith(ending)], seen


@pytest.mark.parametrize("values", [np.linspace(0, 0.006, 99), np.linspace(0, 6e9, 99)])
def test_numbers_below_a_distribution_do_not_touch(values):
    figure = drawn(effect_charts.draw_distribution("rate", values))
    axis = next(one for one in figure.iter() if one.get("class") == "mark-text role-axis-label")
    spans = []
    for label in axis:
        place = float(re.findall(r"[\d.]+", label.get("transform"))[0])
        left = {"start": 0, "middle": 0.5, "end": 1}[label.get("text-anchor")]
        width = 7.5 * len(label.text)
        spans.append((place - left * width, place + (1 - left) * width))
    assert len(spans) > 1
    assert all(one[1] + 5 < other[0] for one, other in itertools.pairwise(sorted(spans)))


def test_a_distribution_of_small_numbers_is_described_with_them():
    figure = effect_charts.draw_distribution("rate", np.array([0.001, 0.002, 0.0045]))
    assert "from 0.001 to 0.0045, median 0.002" in figure


def test_the_ends_of_the_axis_of_effects_are_where_their_lines_are():
    figure = effect_charts.draw_effects("likes", made_effects().to_pylist()[:14])
    anchors = {
        element.text: element.get("text-anchor")
        for element in drawn(figure).iter()
        if element.text in ("0%", "100%")
    }
    assert anchors == {"0%": "middle", "100%": "middle"}


@given(st.lists(st.sampled_from(["a" * 40, "a" * 40 + "b", "a" * 21 + "\u2026", "c", "c (1)"])))
def test_every_bar_has_a_name_of_its_own_also_where_one_looks_like_a_number(names):
    shortest = shown("a" * 40, effect_charts.NAME_LIMIT - 4) + " (1)"
    found = effect_charts.distinguish_names([*names, "c", shortest])
    assert len(set(found)) == len(names) + 2
    assert max(map(len, found)) <= effect_charts.NAME_LIMIT


def test_axes_have_plain_numbers():
    few = charts.draw_confidence("label", np.array([50.0]), np.array([]))
    assert {"0", "1"} <= set(texts(few))
    values = np.round(np.random.default_rng(1).lognormal(5, 2, 500))
    drawn_texts = [
        *texts(few),
        *texts(effect_charts.draw_effects("likes", made_effects().to_pylist()[:14])),
        *texts(effect_charts.draw_distribution("likes", values)),
        *texts(effect_charts.draw_distribution("share", np.linspace(0, 0.004, 50))),
    ]
    assert {"0%", "50%", "100%", "1,000", "0.002"} <= set(drawn_texts)
    assert not [text for text in drawn_texts if re.fullmatch(r"[\u2212\-\d.,]+[kMGmµun]", text)]


@pytest.mark.parametrize(
    "values",
    [
        [5.0],
        [0.0] * 9,
        [-3.0, 4.0],
        [0.0, 1e9],
        [1e-6, 2e-6],
        list(range(1000)),
        [0.0] * 900 + [7],
        [1.5e18, 1.5e18 + 256],
        [1e16, 1e16 + 2],
        [0.0, 5e-324],
        [1e308, -1e308],
        [0.0, 1.7e308],
    ],
)
def test_any_metric_has_a_distribution(values):
    figure = effect_charts.draw_distribution("likes", np.array(values, dtype="float64"))
    assert 'aria-roledescription="bar"' in figure
