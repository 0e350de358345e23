"""The numbers that the report states are those of the tables."""

from image_tags.tasks.report import facts, tops
from tests.support.made_run import link, made_run, report_input


def tag(image, name, kind="label", confidence=90.0, **more):
    return {
        "image_id": image,
        "kind": kind,
        "rank": 1,
        "name": name,
        "confidence": confidence,
        **more,
    }


def test_the_funnel_counts_rows_links_pictures_images_and_tagged_images_with_what_was_lost():
    view = report_input(
        [
            link(0, "a"),
            link(1, "a"),
            link(2, "b", "pending", "throttled"),
            link(3, None, "rejected", "not_found"),
            {"row": 4, "status": "no_link"},
        ],
        [],
    )
    assert [(stage.n, stage.lost) for stage in facts.count_stages(view)] == [
        (5, ""),
        (4, "1 row without"),
        (3, "1 without"),
        (2, "1 repeat"),
        (1, "1 not tagged"),
    ]


def test_changes_stand_beside_the_last_version_and_what_neither_has_is_left_out():
    view = made_run(4, previous={"rows": 2, "statuses": {"tagged": 10}})
    changed = {change.name: (change.before, change.now) for change in facts.list_changes(view)}
    assert changed["Rows"] == (2, view.summary["rows"])
    assert changed["Links tagged"] == (10, view.summary["statuses"]["tagged"])
    assert changed["Tags"] == (0, view.summary["tables"]["tags_long"])
    assert facts.list_changes(made_run(4)) == []


def test_names_that_came_to_the_most_frequent_or_went_are_told():
    summary = {"top_labels": [["Cat", 3], ["Dog", 2]], "people": []}
    view = made_run(
        1, summary=summary, previous={"top_labels": [["Cat", 9], ["Ant", 1]], "people": []}
    )
    assert facts.list_turnover(view) == [facts.Turnover("labels", ["Dog"], ["Ant"])]
    assert facts.list_turnover(made_run(1, summary=summary)) == []


def test_calls_carry_the_cost_of_the_plan_if_there_is_one():
    planned = made_run(1, plan={"operations": {"detect_labels": {"cost_usd": 0.5}}})
    assert {call.operation: call.cost for call in facts.list_calls(planned)} == {
        "detect_labels": 0.5,
        "detect_text": None,
    }


def test_top_names_count_images_not_tags_and_show_the_surest_first():
    long = [
        tag("a", "Cat", confidence=60.0),
        tag("b", "Cat", confidence=99.0),
        tag("b", "Cat", confidence=50.0),
        tag("c", "Dog"),
        tag("d", "Ant"),
        tag("a", "Cat", kind="word"),
    ]
    found = tops.find_top_names(report_input([], long), "label", 2)
    assert [(top.name, top.images, top.examples) for top in found] == [
        ("Cat", 2, ["b", "a"]),
        ("Ant", 1, ["d"]),
    ]


def test_removed_tags_are_counted_by_rule_with_the_names_hit_most():
    dropped = [
        tag("a", name, rule=rule)
        for name, rule in (("X", "r1"), ("Y", "r1"), ("Y", "r1"), ("Z", "r2"))
    ]
    found = tops.list_removed(report_input([], [], dropped))
    assert [(one.rule, one.tags, one.names) for one in found] == [
        ("r1", 3, ["Y", "X"]),
        ("r2", 1, ["Z"]),
    ]


def test_a_picture_behind_several_links_is_shown_one_behind_two_is_not():
    links = [link(row, "a") for row in range(3)] + [link(3, "b"), link(4, "b")]
    assert [
        (one.image_id, one.links, len(one.urls))
        for one in tops.find_shared_pictures(report_input(links, []))
    ] == [("a", 3, 3)]


def test_an_empty_run_has_no_facts_and_no_errors():
    view = report_input([], [])
    assert [stage.n for stage in facts.count_stages(view)] == [0, 0, 0, 0, 0]
    assert (
        tops.find_top_names(view, "label", 5)
        == tops.list_removed(view)
        == tops.find_shared_pictures(view)
        == []
    )
