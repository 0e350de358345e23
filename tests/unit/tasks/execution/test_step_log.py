"""The log of a run: one line per step, and each problem once."""

import logging

import pytest

from image_tags.tasks.contracts.errors import BatchFailed, StopRun
from image_tags.tasks.contracts.records import BatchDone
from image_tags.tasks.execution.step_log import log_step


@pytest.fixture
def lines(monkeypatch, caplog):
    monkeypatch.setattr(
        "image_tags.tasks.execution.step_log.get_run_logger", lambda: logging.getLogger("run")
    )
    caplog.set_level(logging.INFO)
    return caplog


def test_a_step_is_one_line_over_all_of_its_batches(lines):
    done = [BatchDone("ingest", 25, {"stored": 20, "not_found": 5, "timeout": 0})] * 2
    failed = [BatchFailed("10 left", {"stored": 15, "server_error": 10})]
    log_step("ingest_images", 75, 12.0, done, failed)
    assert lines.messages == [
        "ingest_images: 75 items in 12.0 s: 55 stored, 10 not_found, 10 server_error; "
        "1 of 3 task runs failed."
    ]


def test_dead_hosts_are_one_warning(lines):
    batches = [
        BatchDone("ingest", 25, {"connection_failed": 2}, {f"h{n}.example": 2}) for n in range(50)
    ]
    log_step("ingest_images", 1250, 60.0, batches, [])
    (line,) = [one for one in lines.records if one.levelno >= logging.WARNING]
    assert line.getMessage().startswith(
        "100 links to 50 hosts that cannot be reached left pending: h0.example, "
    )
    assert line.getMessage().endswith(" and 45 more.")


def emitted(logger, error, message="Task run failed with exception: %r", **extra):
    """Whether the logger of task runs would emit a record with this error."""
    info = (type(error), error, None) if error else None
    record = logger.makeRecord(
        logger.name, logging.ERROR, "", 0, message, (error,), info, "", extra
    )
    return bool(logger.filter(record)), record


def test_what_stops_the_run_is_reported_once_and_without_a_traceback():
    logger = logging.getLogger("prefect.task_runs")
    denied = "s3:PutObject is denied, said in this test only"
    shown, record = emitted(logger, StopRun(denied))
    assert shown
    assert record.exc_info is None
    assert not any(emitted(logger, StopRun(denied))[0] for _ in range(180))
    assert emitted(logger, StopRun("another one, said in this test only"))[0]
    assert emitted(logger, ZeroDivisionError())[1].exc_info, "nobody expected this one"


def test_a_batch_needs_no_line_about_its_state_and_a_step_does():
    logger = logging.getLogger("prefect.task_runs")
    message = "Finished in state %r"
    assert not emitted(logger, None, message, task_name="ingest_images")[0]
    assert emitted(logger, None, message, task_name="read_source")[0]
