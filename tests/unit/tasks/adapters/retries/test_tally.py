"""Counts of what a run needed more than once."""

import pytest

from image_tags.tasks.adapters.retries.tally import HOSTS, SLOW, Tally, add_counts
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.tallies import load_effort, save_tally


def test_only_slow_requests_count_for_their_host_and_not_without_end():
    tally = Tally()
    tally.count_request("a", SLOW - 0.1)
    tally.count_request("b", SLOW)
    tally.count_request("b", 2 * SLOW)
    assert tally.as_counts() == {"slow_requests": {"b": 2}, "slow_seconds": {"b": 3 * SLOW}}
    for n in range(2 * HOSTS):
        tally.count_request(f"host-{n}", SLOW)
    tally.count_request("b", SLOW)
    counts = tally.as_counts()["slow_requests"]
    assert (len(counts), counts["b"]) == (HOSTS, 3)


def test_counts_of_several_processes_add_up():
    parts = [{"retries": {"fetch": 1}}, {"retries": {"fetch": 2, "detect_text": 1}}, {}]
    assert add_counts(parts) == {"retries": {"fetch": 3, "detect_text": 1}}


@pytest.fixture
def tries(tmp_path):
    """Two processes that worked on one run."""
    settings = Settings(source="x.csv", store=str(tmp_path))
    with RunResources("r", settings) as first, RunResources("r", settings) as second:
        yield first, second


def test_a_run_sums_the_counts_of_all_its_processes_and_tries(tmp_path, tries):
    first, _ = tries
    for resources in tries:
        resources.tally.count("retries", "fetch", 2)
        resources.tally.count("calls", "detect_text", 10)
        resources.tally.count("requests", "detect_text", 13)
        resources.tally.count("calls", "detect_labels", 1)
        resources.tally.count("requests", "detect_labels", 1)
        save_tally(resources)
    first.tally.count("throttled", "detect_text", 3)
    first.tally.count_request("slow.example", 4.0)
    first.tally.count_request("slow.example", 5.0)
    save_tally(first)
    effort = load_effort(FolderStore(str(tmp_path)), "r")
    assert effort.retries == {"fetch": 4, "detect_text": 6}
    assert effort.throttled == {"detect_text": 3}
    assert effort.slow_hosts == [{"host": "slow.example", "requests": 2, "seconds": 4.5}]


def test_a_run_without_trouble_writes_nothing(tmp_path, tries):
    save_tally(tries[0])
    store = FolderStore(str(tmp_path))
    assert not list(store.keys("runs/"))
    assert load_effort(store, "r").retries == {}
