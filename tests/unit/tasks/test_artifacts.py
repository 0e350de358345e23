"""What the engineer sees on a flow run's page."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tasks.artifacts import EXAMPLES, PENDING_SHOWN, addresses, check_rows, cost_rows, funnel, pending, reason_rows
from tasks.contracts.tables import IMAGES, schema_of

SUMMARY = {
    "source": "t.csv",
    "rows": 4,
    "links": 3,
    "images": 1,
    "statuses": {"tagged": 1, "rejected": 1, "pending": 1, "no_link": 1},
    "remarks": ["<b>bold</b>"],
    "calls": {"detect_text": {"billed": 1, "reused": 2, "failed": 3}},
    "cost_usd": 0.001,
    "store": "/s",
    "run": "r",
    "version": "v",
    "published": True,
    "tables": {"images": 4},
}


def images_of(*rows):
    numbered = [{"row": n, "position": 0, **row} for n, row in enumerate(rows)]
    return pa.Table.from_pylist(numbered, schema=schema_of(IMAGES))


def waiting(n, url="http://a.example/x"):
    return [{"url": f"{url}{i}", "status": "pending", "reason": "timeout", "detail": "slow"} for i in range(n)]


def test_the_funnel_goes_from_rows_to_tagged_links():
    text = funnel(SUMMARY, images_of({"image_id": "1", "status": "tagged"}, {"status": "no_link"}))
    assert "| links in them | 3 |" in text
    assert "| links with a picture in the store | 1 |" in text
    assert "&lt;b&gt;" in text
    assert "<b>" not in text


def test_reasons_come_with_counts_meaning_and_a_few_examples():
    dead = {"url": "http://a.example/dead", "status": "rejected", "reason": "not_found", "detail": "404"}
    rows = reason_rows(images_of(dead, *waiting(EXAMPLES + 2)))
    assert [(row["reason"], row["status"], row["links"]) for row in rows] == [
        ("timeout", "pending", EXAMPLES + 2),
        ("not_found", "rejected", 1),
    ]
    assert sum(name.startswith("example") for name in rows[0]) == EXAMPLES
    assert "http://a.example/dead - 404" in rows[1].values()


def test_what_is_pending_comes_with_the_command_that_does_it():
    text = pending(images_of(*waiting(PENDING_SHOWN + 5)), "image-tags run t.csv")
    assert "image-tags run t.csv" in text
    assert f"{PENDING_SHOWN + 5} links are pending" in text
    assert "and 5 more" in text
    assert pending(images_of(), "x") == "Nothing is pending."


@given(st.text(max_size=300))
def test_no_text_from_outside_becomes_markup(url):
    text = pending(images_of(*waiting(1, url)), "x")
    row = text.splitlines()[-1]
    assert text.splitlines()[-2] == "|---|---|---|"
    assert row.count("|") == 4
    assert not set("<`*[]()!\\") & set(row)


def test_failed_checks_come_first_and_costs_add_up():
    one = {"table": "images", "says": "Keys are unique.", "detail": "ok"}
    findings = [
        {**one, "success": True, "severity": "critical"},
        {**one, "success": False, "severity": "warning"},
        {**one, "success": False, "severity": "critical"},
    ]
    assert [(row["result"], row["severity"]) for row in check_rows(findings)] == [
        ("NOT MET", "critical"),
        ("NOT MET", "warning"),
        ("met", "critical"),
    ]
    plan = {"operations": {"detect_text": {"calls": 4, "cost_usd": 0.004}}}
    rows = cost_rows(SUMMARY, plan)
    assert rows[0]["planned calls"] == 4
    assert rows[-1] == {
        "operation": "all",
        "planned calls": 4,
        "billed": 1,
        "reused": 2,
        "failed": 3,
        "planned USD": 0.004,
        "USD": 0.001,
    }
    assert cost_rows(SUMMARY, None)[0]["planned calls"] == 0


def test_the_addresses_say_where_to_look():
    assert "`/s/published/v`" in addresses(SUMMARY)
    assert "`/s/runs/r`" in addresses({**SUMMARY, "published": False})
