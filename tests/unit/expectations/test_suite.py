"""Suites are read strictly: a rule that is silently skipped is no rule."""

import json
from importlib.resources import files

import pytest

from image_tags.expectations import suite
from image_tags.expectations.suite import BrokenSuite, read_suite
from image_tags.tasks.check.gate import check_opened, list_parameters
from tests.support.staged import Staged

GOOD = {
    "type": "expect_column_values_to_not_be_null",
    "kwargs": {"column": "row"},
    "severity": "critical",
    "description": "Each row has a number.",
}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"type": "expect_the_best"}, "unknown expectation 'expect_the_best'"),
        ({"severity": "catastrophic"}, "unknown severity 'catastrophic'"),
        ({"severity": "info"}, "unknown severity 'info'"),
        ({"kwargs": {"column": "colour"}}, "unknown column 'colour'"),
        (
            {
                "type": "expect_compound_columns_to_be_unique",
                "kwargs": {"column_list": ["row", "colour"]},
            },
            "unknown column 'colour'",
        ),
        (
            {
                "kwargs": {
                    "column": "row",
                    "row_condition": {
                        "type": "nullity",
                        "column": {"name": "colour"},
                        "is_null": True,
                    },
                }
            },
            "unknown column 'colour'",
        ),
        (
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "row", "value_set": {"$PARAMETER": "moods"}},
            },
            "unknown parameter 'moods'",
        ),
        ({"kwargs": {"column": "row", "colour": "red"}}, "what it does not take"),
        ({"kwargs": {}}, "what it does not take"),
        ({"description": ""}, "does not say in a sentence"),
        ({"description": None}, "does not say in a sentence"),
        ({"weight": 3}, "not made of"),
        ({"kwargs": None}, "not made of"),
    ],
)
def test_a_suite_that_names_something_unknown_fails_loudly(changes, says):
    text = json.dumps({"name": "images", "expectations": [GOOD, {**GOOD, **changes}]})
    with pytest.raises(BrokenSuite, match=says):
        read_suite("images", text, ["row", "url"], list_parameters(Staged(rows=1).context))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"name": "images"}',
        '{"name": "images", "expectations": []}',
        '{"name": "tagged", "expectations": [1]}',
    ],
)
def test_a_suite_that_is_none_fails_loudly(text):
    with pytest.raises(BrokenSuite, match=r"The suite of images cannot be read"):
        read_suite("images", text, ["row"], [])


def test_a_good_suite_is_read_whole():
    text = json.dumps(
        {"name": "images", "expectations": [GOOD, {**GOOD, "description": "Really."}]}
    )
    assert len(read_suite("images", text, ["row"], []).expectations) == 2


@pytest.mark.parametrize("changes", [{"other_table": "moods"}, {"other_column": "colour"}])
def test_an_unknown_column_of_another_table_blocks(changes, monkeypatch):
    kwargs = {"column": "image_id", "other_table": "images", "other_column": "image_id"} | changes
    entry = {
        **GOOD,
        "type": "expect_column_values_to_exist_in",
        "kwargs": kwargs,
        "severity": "warning",
    }
    text = json.dumps({"name": "tags_long", "expectations": [entry]})
    monkeypatch.setattr(
        "image_tags.tasks.check.gate.load_suite",
        lambda *given: suite.read_suite(given[0], text, *given[1:]),
    )
    staged = Staged(rows=3)
    (found,) = check_opened(staged.table_files, staged.context, ["tags_long"]).findings
    assert (found.success, found.blocks, found.exception) == (False, True, True)


@pytest.mark.parametrize("status", ["pendng", "Pending", ""])
def test_an_unknown_status_fails_loudly(status):
    entry = {
        **GOOD,
        "type": "expect_share_of_status_to_be_between",
        "kwargs": {"status": status, "max_value": 0.1},
    }
    with pytest.raises(BrokenSuite, match="what it does not take"):
        read_suite("images", json.dumps({"name": "images", "expectations": [entry]}), ["row"], [])


def test_findings_come_in_the_order_of_the_suite():
    staged = Staged(rows=3)
    names = [
        one["description"]
        for one in json.loads(
            (files("image_tags.expectations") / "tags_long.json").read_text("utf-8")
        )["expectations"]
    ]
    assert [
        one.description
        for one in check_opened(staged.table_files, staged.context, ["tags_long"]).findings
    ] == names
