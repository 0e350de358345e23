"""What a flow run's page says."""

import re
import shlex

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from image_tags.tasks.contracts.display import shown
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.tables import IMAGES, schema_of
from image_tags.tasks.execution.live_progress import describe_progress
from image_tags.tasks.explain.markdown import (
    EXAMPLES,
    PENDING_SHOWN,
    Ending,
    describe_conditions,
    describe_costs,
    describe_funnel,
    describe_news,
    describe_run,
    list_addresses,
    list_checks,
    list_pending,
    list_reasons,
)
from tests.support.made_run import HOSTILE
from tests.support.watched_tables import watch_tables

SUMMARY = {
    "source": "t.csv",
    "rows": 4,
    "links": 3,
    "images": 1,
    "statuses": {"tagged": 1, "rejected": 1, "pending": 1, "no_link": 1},
    "reasons": {"not_found": 1, "timeout": 1},
    "remarks": ["<b>bold</b>"],
    "calls": {
        "detect_text": {"billed": 1, "reused": 2, "failed": 3},
        "detect_faces": {"billed": 1, "reused": 0, "failed": 0},
    },
    "cost_usd": 0.002,
    "store": "/s",
    "run": "r",
    "version": "v",
    "published": True,
    "tables": {"images": 4},
    "changes": {
        "since": "v0",
        **dict.fromkeys(("rows_new", "images_new"), 20),
        **dict.fromkeys(("rows_gone", "links_new", "links_gone", "images_gone"), 0),
        **{"links_changed": 0, "links_newly_dead": 3, "links_newly_pending": 0},
    },
    "retries": {"fetch": 95, "detect_text": 1},
    "throttled": {"detect_text": 1},
    "slow_hosts": [{"host": "slow.example", "requests": 3, "seconds": 7.25}],
    "software": {"image_tags": "0.1", "prefect": "3.8", "python": "3.11"},
}
PLAN = {
    "operations": {
        "detect_text": {"calls": 4, "cost_usd": 0.004},
        "detect_faces": {"calls": 1, "cost_usd": 0.001},
    },
    "prices": {"date": "2026-10", "source": "a list"},
}
ENDING = Ending(
    "1 link is pending (1 timeout).",
    "Run it again:",
    "image-tags run t.csv --store /s --operations a,b",
)
FINDING = {
    "table": "images",
    "description": "Keys are unique.",
    "detail": "ok",
    "success": True,
    "severity": "critical",
}


def nowhere(key):
    """A store that no browser can look into."""


def images_of(*rows):
    numbered = [{"row": n, "position": 0, **row} for n, row in enumerate(rows)]
    return pa.Table.from_pylist(numbered, schema=schema_of(IMAGES))


def waiting(n, url="http://a.example/x", detail="slow"):
    return [
        {"url": f"{url}{i}", "status": "pending", "reason": "timeout", "detail": detail}
        for i in range(n)
    ]


def plain(markdown):
    """As a reader sees it."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown)


def test_the_page_begins_with_what_to_do():
    images = images_of({"image_id": "1", "status": "tagged"}, *waiting(1), {"status": "no_link"})
    failed = {
        **FINDING,
        "success": False,
        "severity": "warning",
        "description": "Few are pending.",
        "detail": "33%",
    }
    page = plain(describe_run(ENDING, SUMMARY, images, [FINDING, failed], PLAN, nowhere))
    advice, command, *rest = page.split("\n\n")
    assert advice == "Run it again:"
    assert command.startswith("```\nimage-tags run t.csv ")
    assert [part for part in rest if part.startswith("### ")] == [
        "### What is new",
        "### How it ran",
        "### From rows to tagged links",
        "### Why links are not tagged",
        "### Checks: 1 met, 1 not met",
        "### Calls and cost",
        "### Tables and report",
    ]
    assert "**warning**, images: Few are pending. Seen: 33%." in page
    assert "Keys are unique." not in page, "what was met is in an artifact of its own"


def test_the_command_is_whole_one_option_a_line():
    command = "image-tags run 'my feed.csv' --url-column 'a --b' --no-csv"
    text = Ending("It failed.", "Again:", command).as_markdown()
    block = text.partition("```\n")[2].partition("\n```")[0]
    assert block.count("\n") == 2
    assert shlex.split(block.replace("\\\n", "")) == shlex.split(command)
    assert "````\n" in Ending("x", "y", "run '```'").as_markdown()


def test_an_ending_without_advice_is_one_sentence():
    assert (Ending("Published.").message, Ending("Published.").as_markdown()) == ("Published.", "")


def test_what_is_new_is_counted_and_what_did_not_happen_is_left_out():
    assert describe_news(SUMMARY).splitlines()[2:] == [
        "- rows: +20, -0",
        "- images: +20, -0",
        "- 3 links newly dead",
    ]
    nothing = {"changes": {**dict.fromkeys(SUMMARY["changes"], 0), "since": "v0"}}
    assert describe_news(nothing) == "Since version `v0`: nothing new."
    assert "No earlier version" in describe_news({"changes": {"since": None}})


def test_retries_slow_hosts_settings_and_software_are_named():
    changed = {"fresh_for": 90.0, "operations": ("a", "b")}
    text = plain(describe_conditions(SUMMARY, changed, lambda key: f"https://console/{key}"))
    assert text.splitlines() == [
        "- requests tried again: 96 (95 fetch, 1 detect_text)",
        "- throttled: 1 (1 detect_text)",
        "- slow host slow.example: 3 slow requests of 7.2 s",
        "- settings that are not the default: `fresh_for=90.0`, `operations=a,b`",
        "- software: image-tags 0.1, Prefect 3.8, Python 3.11",
        "- report: `/s/published/v/report.html` ([open](https://console/published/v/report.html))",
    ]
    quiet = {**SUMMARY, "retries": {}, "throttled": {}, "slow_hosts": []}
    assert plain(describe_conditions(quiet, {}, nowhere)).splitlines()[:3] == [
        "- requests tried again: none",
        "- throttled: none",
        "- settings that are not the default: none",
    ]


def test_the_funnel_goes_from_rows_to_tagged_links():
    links = [{"image_id": "1", "status": "tagged"}, *waiting(2), {"status": "no_link"}]
    text = describe_funnel(SUMMARY, images_of(*links))
    assert "| links in them | 3 |" in text
    assert "| links with a picture in the store | 1 | 33.3% |" in text
    assert "\\<b\\>bold" in text


def test_reasons_come_with_counts_meaning_and_a_few_examples():
    dead = {
        "url": "http://a.example/dead",
        "status": "rejected",
        "reason": "not_found",
        "detail": "404",
    }
    lines = plain(list_reasons(images_of(dead, *waiting(EXAMPLES + 2)))).splitlines()
    assert lines[0].startswith(f"- **{EXAMPLES + 2} timeout** (pending): ")
    assert lines[EXAMPLES + 1].startswith("- **1 not_found** (rejected): ")
    assert lines[EXAMPLES + 2] == "    - http://a.example/dead: 404"
    assert len(lines) == EXAMPLES + 3
    assert list_reasons(images_of()) == "Every link is tagged."


def test_what_is_pending_comes_with_the_command_that_does_it():
    text = plain(list_pending(images_of(*waiting(PENDING_SHOWN + 5)), ENDING))
    assert "image-tags run t.csv \\\n  --store /s" in text
    assert "- timeout: http://a.example/x0: slow" in text
    assert "and 5 more" in text
    assert list_pending(images_of({"image_id": "1", "status": "tagged"}), ENDING) is None


def everywhere(text):
    """Markdown of each kind that shows text from outside."""
    images = images_of({"url": text, "status": "pending", "reason": "timeout", "detail": text})
    finding = {**FINDING, "detail": text, "success": False}
    slow = [{"host": text, "requests": 1, "seconds": 3.0}]
    ending, summary = Ending(text, text), {**SUMMARY, "remarks": [text], "slow_hosts": slow}
    return [
        *parts_of(images, finding, ending, summary),
        describe_run(ending, summary, images, [finding], PLAN, nowhere),
    ]


def parts_of(images, finding, ending, summary):
    return [
        list_reasons(images),
        list_pending(images, ending),
        list_checks([finding]),
        ending.as_markdown(),
        describe_funnel(summary, images),
    ]


def structure(markdown):
    """What a renderer makes of it, but for the text, the code and empty paragraphs."""
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(markdown)
    inside = [child.type for token in tokens for child in token.children or ()]
    return [token.type for token in tokens], [
        kind for kind in inside if kind not in ("text", "text_special")
    ]


@given(st.text(min_size=1, max_size=300).filter(lambda text: shown(text).strip()))
@example(
    "[click](javascript:alert(1)) | `code` | ![x](http://evil.example/x.png) ~~x~~ **y** __z__"
)
@example("\n# heading\n\n- list\n```\nfence\n| a | b |\n|---|---|")
@example(
    "\u202egnp.exe <a@evil.example> <http://evil.example> &lt;b&gt; <img src=x onerror=alert(1)> \\"
)
@example("1. one\n> quote\n    code")
def test_no_text_from_outside_becomes_markup(text):
    assert list(map(structure, everywhere(text))) == list(map(structure, everywhere("harmless")))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_short_and_turns_nothing_around(text):
    for seen in everywhere(text):
        assert len(seen) < 20_000
        assert not set(seen) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x00\x1b")


def test_a_link_shows_no_login_and_no_query():
    secret = "https://user:pass@a.example/x.png?X-Amz-Signature=topsecret"
    text = plain(
        list_pending(images_of({"url": secret, "status": "pending", "reason": "timeout"}), ENDING)
    )
    assert "https://…@a.example/x.png?…" in text
    assert "pass@" not in text
    assert "topsecret" not in text


def test_what_was_not_met_comes_first():
    findings = [
        FINDING,
        {**FINDING, "success": False, "severity": "warning"},
        {**FINDING, "success": False, "severity": "critical"},
    ]
    lines = [line for line in list_checks(findings).splitlines() if line]
    assert [line.partition(",")[0] for line in lines[:3]] == [
        "### Not met",
        "- **critical**",
        "- **warning**",
    ]
    assert lines[3] == "### Met"
    assert "Nothing." in list_checks([FINDING]).splitlines()


def test_costs_add_up_against_the_plan():
    lines = plain(describe_costs(SUMMARY, PLAN)).splitlines()
    assert lines[2] == "| detect_text | 4 | 1 | 2 | 3 | 0.0040 |"
    assert lines[4] == "| all | 5 | 2 | 2 | 3 | 0.0050 |"
    assert lines[-1] == "Cost of the calls made: **0.0020 USD** at prices of 2026-10 (a list)."
    assert "| detect_text | 0 | 1 | 2 | 3 | 0.0000 |" in plain(describe_costs(SUMMARY, None))


def test_after_a_retry_it_says_what_is_compared_with_what():
    retried = {**PLAN, "operations": {"detect_text": {"calls": 1, "cost_usd": 0.001}}}
    says = "Planned is what the last try found missing; made counts every try of this run."
    assert describe_costs(SUMMARY, retried).endswith(says)
    assert says not in describe_costs(SUMMARY, PLAN)


def test_the_addresses_say_where_to_look():
    assert "`/s/published/v/report.html`: the report\n" in list_addresses(SUMMARY, nowhere)
    assert "`/s/published/v/images.parquet`: 4 rows" in list_addresses(SUMMARY, nowhere)
    assert "`/s/runs/r/report.html`" in list_addresses({**SUMMARY, "published": False}, nowhere)
    on_the_web = list_addresses(SUMMARY, lambda key: f"https://console/{key}")
    assert (
        "`/s/published/v/report.html`: the report ([open](https://console/published/v/report.html))\n"
        in on_the_web
    )


def test_progress_says_how_far_how_fast_and_what_failed():
    assert (
        describe_progress("links", 50, 200, 10.0, 0, 0)
        == "50 of 200 links done in 10.0 s, 5.0/s, 30.0 s left"
    )
    assert describe_progress("calls", 200, 200, 10.0, 4, 20) == (
        "200 of 200 calls done in 10.0 s, 20.0/s; 20 reused from an earlier attempt; "
        "4 in batches that failed"
    )
    assert describe_progress("links", 0, 5, 0, 0, 0) == "0 of 5 links done in 0.0 s, 0.0/s"


def test_links_in_a_file_are_listed_alike_and_read_in_parts(tmp_path):
    codes = [Reason.NOT_FOUND, None, Reason.TIMEOUT, Reason.SERVER_ERROR, None, Reason.NOT_FOUND]
    rows = [
        {
            "row": n,
            "position": 0,
            "url": f"http://x/{n}.png",
            "reason": code,
            "status": code.status if code else Status.TAGGED,
            "detail": f"{n}",
        }
        for n in range(120)
        for code in [codes[n % len(codes)]]
    ]
    table = pa.Table.from_pylist(rows, schema=schema_of(IMAGES))
    file = watch_tables(tmp_path, {"images": table})["images"]
    ending = Ending("Some are pending.")
    assert list_reasons(file) == list_reasons(table)
    assert list_pending(file, ending) == list_pending(table, ending)
    assert "**40 not\\_found**" in list_reasons(file)
    assert list_reasons(file).count(r"x\/") == 3 * EXAMPLES
    # 40 are pending: every timeout and every server error, in the order of the table
    lines = list_pending(file, ending).splitlines()
    listed = [line.split(": ")[0] for line in lines if r"x\/" in line]
    assert listed == ["- timeout", "- server_error"] * 20
    assert file.whole == set()
