import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_tags.tasks.adapters.segments.group_commit import SLOW, CommitFailures, GroupCommit
from image_tags.tasks.contracts.errors import StopRun


def test_entries_that_arrive_during_a_commit_become_one_group():
    groups, at_work, go_on = [], threading.Event(), threading.Event()

    def commit(rows):
        groups.append([row["n"] for row in rows])
        at_work.set()
        assert go_on.wait(60)

    commits = GroupCommit(commit, 0.0)
    first = commits.add({"n": 0})
    assert at_work.wait(60)
    others = [commits.add({"n": n}) for n in (1, 2, 3)]
    assert not first.done()
    assert not any(other.done() for other in others)
    go_on.set()
    for future in [first, *others]:
        future.result(60)
    assert groups == [[0], [1, 2, 3]]
    commits.close()


def test_the_first_is_committed_at_once_and_the_next_only_after_the_interval():
    groups = []
    commits = GroupCommit(lambda rows: groups.append(len(rows)), 3600.0)
    commits.add({}).result(60)
    others = [commits.add({}) for _ in range(3)]
    assert groups == [1]
    assert not any(other.done() for other in others)
    commits.close()
    assert groups == [1, 3], "closing does not wait for the interval"
    assert all(other.done() for other in others)


def test_more_can_be_added_after_closing():
    groups = []
    commits = GroupCommit(lambda rows: groups.append(len(rows)), 0.0)
    commits.close()
    commits.add({}).result(60)
    commits.close()
    commits.close()
    assert groups == [1]


def test_without_an_interval_each_entry_is_committed_by_whoever_adds_it():
    threads = []
    commits = GroupCommit(lambda rows: threads.append(threading.current_thread()), None)
    assert commits.add({}).done()
    assert threads == [threading.current_thread()]


class Outage:
    """A commit that does not end until it may, and then may fail."""

    def __init__(self):
        self.now, self.error = 0.0, None
        self.begun, self.over = threading.Event(), threading.Event()
        self.commits = GroupCommit(self.commit, 0.0, clock=lambda: self.now)

    def commit(self, _):
        self.begun.set()
        assert self.over.wait(60)
        if self.error:
            raise self.error


def test_who_pays_waits_through_an_outage_and_not_for_a_quick_commit():
    outage = Outage()
    outage.commits.wait_for_outage()
    outage.commits.add({})
    assert outage.begun.wait(60)
    outage.commits.wait_for_outage()
    outage.now = SLOW
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(outage.commits.wait_for_outage)
        with pytest.raises(TimeoutError):
            waiting.result(0.05)
        outage.over.set()
        assert waiting.result(60) is None
    outage.commits.close()


def test_after_an_outage_that_did_not_end_nobody_goes_on_paying():
    outage = Outage()
    outage.error = StopRun("away")
    outage.over.set()
    with pytest.raises(StopRun, match="away"):
        outage.commits.add({}).result(60)
    with pytest.raises(StopRun, match="away"):
        outage.commits.wait_for_outage()
    outage.error = None
    outage.commits.add({}).result(60)
    outage.commits.wait_for_outage()
    outage.commits.close()


def test_nobody_pays_while_another_log_of_the_same_store_cannot_save():
    failures, outage = CommitFailures(), Outage()
    outage.over.set()
    outage.commits = GroupCommit(outage.commit, 0.0, name="labels", failures=failures)
    other = GroupCommit(lambda _: None, 0.0, name="text", failures=failures)
    outage.error = StopRun("full")
    with pytest.raises(StopRun, match="full"):
        outage.commits.add({}).result(60)
    other.add({}).result(60)
    with pytest.raises(StopRun, match="full"):
        other.wait_for_outage()
    outage.error = None
    outage.commits.add({}).result(60)
    other.wait_for_outage()
    for commits in (outage.commits, other):
        commits.close()
