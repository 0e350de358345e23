"""Which batches are run again by themselves, and what a failed one says."""

import logging

import pytest
from prefect.states import Failed

from image_tags.tasks.contracts.errors import BatchFailed, OverBudget, StopRun, UsageError
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.execution.task_options import NAMED, make_batch_error, may_succeed_later


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (BatchFailed("2 links left pending"), True),
        (OSError("the disk is full"), True),
        (StopRun("no credentials"), False),
        (OverBudget("too dear", 2.0), False),
    ],
)
def test_a_batch_is_run_again_unless_a_person_has_to_fix_something_first(error, again):
    assert may_succeed_later(None, None, Failed(data=error)) is again


def test_a_failed_batch_says_how_many_why_and_which():
    left = [(f"http://a.example/{n}", Reason.TIMEOUT, "slow") for n in range(NAMED)]
    left += [("http://a.example/x", Reason.SERVER_ERROR, "503")] * 2
    first, *named = str(make_batch_error(left, "link")).splitlines()
    reasons = f"{NAMED} timeout, 2 server_error"
    assert first == f"{NAMED + 2} links left pending ({reasons}); everything else is saved."
    assert named[0] == "- http://a.example/0: timeout: slow"
    assert named[-1] == "... and 2 more"


def test_it_shows_no_secret_of_a_link_and_nothing_that_turns_a_terminal_around():
    link = "https://user:pass@a.example/\x1b[2J\u202e.png?token=topsecret"
    text = str(make_batch_error([(link, Reason.TIMEOUT, "slow\r\n\x07")], "link"))
    assert (
        text.splitlines()[1] == "- https://…@a.example/\ufffd[2J\ufffd.png?…: timeout: slow \ufffd"
    )


@pytest.mark.parametrize(
    ("error", "traced"), [(UsageError("no such file"), False), (ZeroDivisionError(), True)]
)
def test_the_log_of_a_run_has_a_traceback_only_of_what_nobody_foresaw(error, traced):
    logger = logging.getLogger("prefect.task_runs")
    record = logger.makeRecord(
        logger.name, logging.ERROR, "", 0, "Task run failed", (), (type(error), error, None)
    )
    assert logger.filter(record)
    assert bool(record.exc_info) is traced
