"""A run's name and its small files."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Failure
from image_tags.tasks.execution.resources import answers_since
from image_tags.tasks.execution.run_folder import (
    delete_failures,
    first_start,
    load_failures,
    name_of_run,
    save_failures,
)

ZONES = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))


@given(st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=ZONES), st.uuids())
def test_a_runs_name_says_when_it_began(created, flow_run_id):
    name = name_of_run(created, flow_run_id)
    assert first_start(name) == created.astimezone(UTC).replace(microsecond=0)
    assert UUID(int=0) == flow_run_id or name.rpartition("-")[2] in str(flow_run_id)


def test_what_has_no_such_name_begins_now():
    before = datetime.now(UTC)
    assert before <= first_start("plan") <= datetime.now(UTC)


def test_answers_age_by_the_beginning_of_the_run():
    assert answers_since("20261123T000000Z-abc", None) is None
    assert answers_since("20261123T000000Z-abc", 86400) == datetime(2026, 11, 22, tzinfo=UTC)


def test_a_second_try_forgets_what_the_first_could_not_do(tmp_path):
    store = FolderStore(str(tmp_path))
    save_failures(
        store, "r", "detect_labels-1", [Failure("a", "detect_labels", Reason.THROTTLED, "busy")]
    )
    save_failures(
        store, "other", "detect_labels-1", [Failure("b", "detect_labels", Reason.THROTTLED, "busy")]
    )
    delete_failures(store, "r")
    assert load_failures(store, "r") == []
    assert len(load_failures(store, "other")) == 1
