"""A flow run's page in a real browser: it explains a run that failed, and its button Retry does
exactly what is missing.
"""

import pytest
from playwright.sync_api import expect

from tests.support.broken_feed import DOWN, HOSTILE, OPERATIONS, PICTURES, BrokenFeed
from tests.support.browser import open_browser
from tests.support.flow_run_page import FlowRunPage
from tests.support.prefect_client import ask, ended, flow_run, start
from tests.support.rekognition_endpoint import RekognitionEndpoint

MISSING = len(OPERATIONS) * len(DOWN) + 1
"""Calls about two pictures that could not be fetched, and the text of a third."""
ENDED = "3 links are pending (2 server_error, 1 throttled)"
OTHERS = {"links-pending", "links-not-tagged", "checks-of-the-tables", "calls-and-cost"}
PROGRESS = {"progress-of-ingest", "progress-of-analysis"}


@pytest.fixture(scope="module")
def feed(tmp_path_factory):
    with RekognitionEndpoint().running() as endpoint:
        made = BrokenFeed(tmp_path_factory.mktemp("page"), endpoint)
        yield made
        made.site.close()


@pytest.fixture(scope="module")
def failed(feed, prefect_server):
    """A run that ended Failed with pending links; its worker waits for more."""
    with feed.deployed(prefect_server, "page") as deployment:
        run_id = start(prefect_server, deployment, feed.parameters)
        assert ended(prefect_server, run_id)["state_type"] == "FAILED"
        yield run_id


@pytest.fixture(scope="module")
def page(failed, prefect_server):
    with open_browser() as browser:
        yield FlowRunPage(browser, prefect_server, failed)


def artifacts(server, run_id):
    """The flow run's artifacts by key; a key that is there twice is a failure."""
    found = ask(server, "artifacts/filter", artifacts={"flow_run_id": {"any_": [run_id]}})
    keyed = [one for one in found if one["key"]]
    assert len({one["key"] for one in keyed}) == len(keyed)
    return {one["key"]: one for one in keyed}


def test_the_head_and_the_details_say_what_run_it_is_and_how_it_ended(page):
    page.expect_state("Failed")
    expect(page.head).to_contain_text("tweets 20")
    expect(page.head).to_contain_text("left-pending")
    details = page.tab("Details")
    expect(details).to_contain_text(ENDED)
    for tag in ("rekognition", *OPERATIONS):
        expect(details).to_contain_text(tag)


def test_task_runs_have_names_by_which_they_are_found(page):
    runs = page.tab("Task Runs")
    page.page.get_by_placeholder("Search by run name").fill("detect_text 1")
    expect(runs).to_contain_text("detect_text 1")


def test_the_log_has_one_line_per_step_and_no_traceback(page):
    logs = page.tab("Logs")
    expect(logs).to_contain_text("ingest_images: 15 items in")
    expect(logs).to_contain_text("analyze_images: 20 items in")
    expect(logs).not_to_contain_text("3 links: 3 stored")
    expect(logs).not_to_contain_text("Traceback")


def test_the_first_artifact_says_how_the_run_ended_and_what_to_do(
    page, feed, failed, prefect_server
):
    assert set(artifacts(prefect_server, failed)) == {"how-the-run-ended"} | OTHERS | PROGRESS
    cards = page.tab("Artifacts").locator(".artifact-card")
    expect(cards.first).to_contain_text("how-the-run-ended")
    expect(cards.first).to_contain_text(ENDED)
    shown = page.artifact("how-the-run-ended")
    expect(shown).to_contain_text("Retry this flow run")
    expect(shown.locator("pre").first).to_contain_text(f"image-tags run {feed.folder}/tweets.csv")
    expect(shown).to_contain_text("What is new")
    expect(shown).to_contain_text("settings that are not the default")
    expect(shown).to_contain_text("links tagged")
    expect(shown).to_contain_text("detect_text: Throttled (ThrottlingException")


def test_hostile_text_is_shown_as_it_is_and_does_nothing(page):
    page.open()
    shown = page.artifact("links-not-tagged")
    expect(shown).to_contain_text(HOSTILE)
    assert shown.locator("img, script, a, code, [class*=--em], [class*=--del]").count() == 0
    assert page.page.evaluate("typeof window.pwned") == "undefined"


def test_retry_on_the_page_completes_the_same_run_with_exactly_the_missing_calls(
    page, feed, failed, prefect_server
):
    before = feed.endpoint.billed
    assert before == len(OPERATIONS) * PICTURES - MISSING
    feed.mend()
    page.open()
    name = flow_run(prefect_server, failed)["name"]
    page.retry()
    page.expect_state("Completed")
    expect(page.head).to_contain_text(name)
    assert feed.endpoint.billed - before == MISSING
    assert flow_run(prefect_server, failed)["run_count"] == 2
    left = artifacts(prefect_server, failed)
    assert set(left) == {"how-the-run-ended"} | OTHERS - {"links-pending"} | PROGRESS
    expect(page.tab("Artifacts").locator(".artifact-card").first).to_contain_text(
        "Published version"
    )
