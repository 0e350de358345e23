"""What is known of a link: when it holds, and when a link is given up."""

import pytest

from image_tags.tasks.adapters.link_records.record import (
    LinkRecord,
    record_failure,
    record_outcome,
    settings_behind,
)
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Fetched, Picture
from image_tags.tasks.contracts.settings import FetchSettings

SETTINGS = FetchSettings(fresh_for=100, retry_rejected_after=1000)
URL = "https://example.com/a.jpg"
GOOD = Fetched(
    URL,
    Picture("ab" * 32, "images/ab/x.jpg", 10, 100, 90),
    "WEBP",
    12,
    detail="converted",
    etag='"1"',
    time=5.5,
)
DAY = 86400.0


@pytest.mark.parametrize(
    ("reason", "change", "same"),
    [
        (None, {"allow_private_addresses": True}, False),
        (None, {"max_bytes": 1}, True),
        (Reason.UNSAFE_ADDRESS, {"allow_private_addresses": True}, False),
        (Reason.UNSAFE_ADDRESS, {"extra_ports": (8080,)}, False),
        (Reason.UNSAFE_ADDRESS, {"max_bytes": 1}, True),
        (Reason.TOO_LARGE, {"max_bytes": 1}, False),
        (Reason.TOO_LARGE, {"max_frames": 1}, False),
        (Reason.DECOMPRESSION_BOMB, {"max_pixels": 1}, False),
        (Reason.TOO_MANY_REDIRECTS, {"max_redirects": 9}, False),
        (Reason.OPTED_OUT, {"respect_opt_outs": False}, False),
        (Reason.OPTED_OUT, {"respect_robots_txt": True}, False),
        (Reason.NOT_FOUND, {"max_bytes": 1, "allow_private_addresses": True}, True),
        (Reason.GIVEN_UP, {"give_up_after_runs": 5}, False),
        (Reason.GIVEN_UP, {"give_up_after": 5.0}, False),
    ],
)
def test_it_holds_only_under_the_settings_behind_it(reason, change, same):
    record = record_outcome(Fetched(URL, reason=reason) if reason else GOOD, SETTINGS)
    now = record.outcome.time
    assert record.is_settled(SETTINGS, now)
    assert record.is_settled(SETTINGS.model_copy(update=change), now) is same


@pytest.mark.parametrize(
    ("reason", "age", "settled"),
    [
        (None, 0, True),
        (None, 99, True),
        (None, 100, False),
        (None, -1, False),
        (Reason.NOT_FOUND, 999, True),
        (Reason.NOT_FOUND, 1000, False),
        (Reason.GIVEN_UP, 999, True),
        (Reason.GIVEN_UP, 1000, False),
        (Reason.TIMEOUT, 0, False),
    ],
)
def test_it_holds_for_as_long_as_the_settings_say(reason, age, settled):
    outcome = Fetched(URL, reason=reason, time=50.0) if reason else GOOD
    record = LinkRecord(outcome, settings_behind(reason, SETTINGS))
    assert record.is_settled(SETTINGS, outcome.time + age) is settled


def fail(before, day, run, reason=Reason.CONNECTION_FAILED, settings=SETTINGS, online=True):
    failed = Fetched(URL, reason=reason, detail="refused", time=day * DAY)
    return record_failure(before, failed, run, settings, online=online)


class TestGivingUp:
    def test_after_three_runs_over_two_days_with_the_last_cause(self):
        record = None
        for day, run, reason in [
            (10, "a", "connection_failed"),
            (11, "b", "connection_failed"),
            (12, "c", "given_up"),
        ]:
            record = fail(record, day, run)
            assert record.outcome.reason == reason
        assert record.outcome.detail == (
            "failed in 3 runs since 1970-01-11; connection_failed: refused"
        )

    @pytest.mark.parametrize(
        "failures",
        [
            [(10, "a"), (12, "b")],
            [(10, "a"), (10.5, "b"), (11.9, "c"), (11.9, "d")],
            [(10, "a"), (10, "a"), (15, "b"), (15, "b")],
        ],
        ids=["two runs", "under two days", "tries of one run count once"],
    )
    def test_not_sooner(self, failures):
        record = None
        for day, run in failures:
            record = fail(record, day, run)
        assert record.outcome.reason == "connection_failed"

    def test_a_site_that_asks_to_slow_down_is_not_given_up(self):
        record = None
        for day in range(20):
            record = fail(record, day, f"run {day}", Reason.RATE_LIMITED)
        assert record.outcome.reason == "rate_limited"

    def test_a_machine_that_is_offline_gives_nothing_up(self):
        record = None
        for day in range(20):
            record = fail(record, day, f"run {day}", online=False)
        assert (record.outcome.reason, record.attempts) == ("connection_failed", 0)
        assert record.first_failure is None

    @pytest.mark.parametrize("other", [{"online": False}, {"reason": Reason.RATE_LIMITED}])
    def test_what_does_not_count_is_not_the_failure_that_gives_up(self, other):
        record = None
        for day, run in [(10, "a"), (10.1, "b"), (10.2, "c")]:
            record = fail(record, day, run)
        assert fail(record, 15, "d", **other).outcome.reason != "given_up"
        assert fail(record, 15, "d").outcome.reason == "given_up"

    def test_a_link_that_was_given_up_is_given_up_again_at_the_next_failure(self):
        record = None
        for day, run in [(10, "a"), (11, "b"), (12, "c"), (50, "d")]:
            record = fail(record, day, run)
        assert record.outcome.reason == "given_up"
        assert record.attempts == 4

    def test_the_settings_decide(self):
        settings = FetchSettings(give_up_after_runs=1, give_up_after=0)
        assert fail(None, 1, "a", settings=settings).outcome.reason == "given_up"

    def test_what_is_known_of_the_picture_stays_known(self):
        record = record_outcome(GOOD, SETTINGS)
        for day, run in [(10, "a"), (11, "b"), (12, "c")]:
            record = fail(record, day, run)
            assert record.as_fetched.picture is None
            assert (record.outcome.picture, record.outcome.etag) == (GOOD.picture, GOOD.etag)
            assert record.remark == "converted"
