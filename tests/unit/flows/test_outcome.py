"""What a run says at its end: how it ended first, then what to do."""

import logging
import pickle
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml
from prefect.states import get_state_exception

from image_tags.flows.outcome import OutcomeTag, RunFailed, conclude_run, report_failures
from image_tags.tasks.contracts.errors import OverBudget, StopRun, UsageError
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.plan.work import OperationPlan, Plan, check_budget

SETTINGS = Settings(source="/data/feed.csv", store="/data/store", max_cost=0.01)
SHORT = 64
"""Characters of a state's message that the flow run's page shows before one asks for more."""


@pytest.fixture
def summary():
    return {
        "version": "v1",
        "run": "r1",
        "store": "/data/store",
        "statuses": {"tagged": 7, "rejected": 1, "pending": 3, "no_link": 0},
        "reasons": {"server_error": 2, "not_found": 1, "throttled": 1},
        "checks": {"critical": 0, "warning": 0},
        "links": 11,
        "changes": {"since": None, "links_newly_pending": 3},
        "nothing_new": False,
    }


@pytest.fixture
def logged(monkeypatch, caplog):
    """What was logged as an error."""
    monkeypatch.setattr("image_tags.flows.outcome.get_run_logger", lambda: logging.getLogger("run"))
    return caplog


@pytest.fixture
def tagged(monkeypatch):
    """The tags that the flow run has of ours; it has one of a person too."""
    tags = {"nightly", "published"}

    def replace(old, new):
        tags.difference_update(old)
        tags.update(new)

    monkeypatch.setattr("image_tags.flows.outcome.replace_tags", replace)
    return tags


@pytest.fixture
def shown(monkeypatch, logged, tagged):
    """What was left on the page, and the tags of the flow run."""
    pages = []
    monkeypatch.setattr(
        "image_tags.flows.outcome.show_ending", lambda ending, page: pages.append((ending, page))
    )
    return pages


def test_what_is_pending_stands_first_with_the_ways_to_do_it(summary):
    outcome = conclude_run(SETTINGS, summary, [], None, None)
    assert (outcome.tag, outcome.exit_code) == (OutcomeTag.PENDING, 1)
    assert (outcome.final_state().type.value, outcome.final_state().name) == ("FAILED", "Failed")
    assert outcome.message[:SHORT].startswith("3 links are pending (2 server_error, 1 throttled)")
    assert "everything else is published as version v1." in outcome.ending.headline
    assert "Retry this flow run (prefect flow-run retry " in outcome.message
    assert outcome.message.endswith(
        "image-tags run /data/feed.csv --store /data/store --max-cost 0.01"
    )


@pytest.mark.parametrize(("new", "share", "code"), [(0, 0, 0), (1, 0, 1), (1, 0.1, 0), (2, 0.1, 1)])
def test_a_run_fails_by_what_is_newly_pending(summary, new, share, code):
    """Three links are pending in all; those that were pending in the last version do not count."""
    summary["changes"]["links_newly_pending"] = new
    settings = SETTINGS.model_copy(update={"fail_pending_share": share})
    outcome = conclude_run(settings, summary, [], None, None)
    assert outcome.exit_code == code
    assert "3 links are pending (2 server_error, 1 throttled)" in outcome.ending.headline
    if code == 0:
        assert outcome.tag is OutcomeTag.PUBLISHED
        assert outcome.ending.headline.startswith("Published version v1; 3 links")


def test_over_budget_the_command_pays_for_all_of_it(summary):
    stopped = OverBudget("The 60 calls left would cost about 0.06 USD: nothing was paid.", 0.0581)
    outcome = conclude_run(SETTINGS, summary, [], stopped, None)
    assert outcome.ending.headline.startswith("Not published. The 60 calls left")
    assert "Retry" not in outcome.message, "a retry would stop at the same limit"
    assert outcome.ending.command.endswith("--max-cost 0.06")
    assert outcome.tag is OutcomeTag.OVER_BUDGET


def test_over_budget_is_what_its_automation_waits_for(summary):
    file = Path(__file__).parents[3] / "deploy/automations/over-budget.yaml"
    pattern = yaml.safe_load(file.read_text())["trigger"]["match"]["prefect.state-message"]
    with pytest.raises(OverBudget) as stopped:
        check_budget(Plan(20, {"detect_labels": OperationPlan(20, 0, 0, 20, 0.02)}, 0.02, {}), 0.01)
    assert fnmatchcase(conclude_run(SETTINGS, summary, [], stopped.value, None).message, pattern)
    other = StopRun("There is no bucket.")
    assert not fnmatchcase(conclude_run(SETTINGS, summary, [], other, None).message, pattern)


def test_over_budget_survives_the_way_to_another_process():
    back = pickle.loads(pickle.dumps(OverBudget("too much", 1.5)))
    assert (str(back), back.cost_usd) == ("too much", 1.5)


def test_what_stops_a_run_is_fixed_first(summary):
    outcome = conclude_run(SETTINGS, summary, [], StopRun("No AWS credentials were found."), None)
    assert outcome.ending.headline == "Not published. No AWS credentials were found."
    assert outcome.ending.advice.startswith(
        "3 links are pending. Once that is fixed, retry this flow run"
    )


def test_a_critical_check_is_named_and_where_to_look(summary):
    summary["checks"]["critical"] = 1
    finding = {
        "table": "images",
        "description": "Keys are unique.",
        "detail": "2 rows",
        "severity": "critical",
        "success": False,
    }
    outcome = conclude_run(
        SETTINGS, summary, [finding, {**finding, "success": True, "description": "x"}], None, None
    )
    says = "Not published: a critical check failed. images: Keys are unique. Seen: 2 rows."
    assert outcome.ending.headline == says
    assert "/data/store/runs/r1/" in outcome.ending.advice


def test_another_run_was_faster(summary):
    outcome = conclude_run(SETTINGS, summary, [], None, "v2")
    assert outcome.ending.headline == "Not published: version v2 was published in the meantime."
    assert outcome.exit_code == 1


@pytest.mark.parametrize(
    ("warnings", "tag", "ends"),
    [(0, OutcomeTag.PUBLISHED, "v1."), (1, OutcomeTag.FLAGGED, "with 1 warning.")],
)
def test_a_good_end_needs_nothing_and_has_the_standard_name(summary, warnings, tag, ends):
    summary["statuses"]["pending"] = summary["changes"]["links_newly_pending"] = 0
    summary["checks"]["warning"] = warnings
    outcome = conclude_run(SETTINGS, summary, [], None, None)
    assert (outcome.tag, outcome.exit_code, outcome.ending.command) == (tag, 0, "")
    assert outcome.ending.headline.endswith(ends)
    assert outcome.final_state().name == "Completed"


def test_a_run_that_breaks_off_says_why_on_its_page(shown, logged, tagged):
    error = UsageError("There is no file '/data/feed.csv'.")

    @report_failures
    def broken(settings):
        raise error

    state = broken(SETTINGS)
    assert state.message.startswith(
        "Not published. There is no file '/data/feed.csv'. Once that is fixed, retry"
    )
    assert state.data is error
    ((ending, page),) = shown
    assert ending.message == state.message
    assert "image-tags run /data/feed.csv" in page
    assert logged.messages == [ending.headline]
    assert tagged == {"nightly", "not-published"}


def test_what_nobody_foresaw_is_raised_again(shown):
    @report_failures
    def broken(settings):
        raise ZeroDivisionError("\x1b[31mdivision")

    with pytest.raises(ZeroDivisionError):
        broken(SETTINGS)
    ((ending, _),) = shown
    assert ending.headline == "Not published. ZeroDivisionError: \ufffd[31mdivision."


@pytest.mark.parametrize("pending", [0, 3])
def test_the_last_line_of_a_failed_run_s_log_is_its_reason(summary, logged, tagged, pending):
    summary["statuses"]["pending"] = summary["changes"]["links_newly_pending"] = pending
    outcome = conclude_run(SETTINGS, summary, [], None, None)
    report_failures(lambda settings: outcome.final_state())(SETTINGS)
    assert logged.messages == [outcome.ending.headline] * bool(pending)
    assert tagged == {"nightly", str(outcome.tag)}, "the tag of an earlier try is gone"


def test_a_failed_run_ends_with_an_exception_that_says_why_and_leaves_no_traceback_in_its_log(
    summary,
):
    outcome = conclude_run(SETTINGS, summary, [], None, None)
    error = get_state_exception(outcome.final_state(), _sync=True)
    assert isinstance(error, RunFailed)
    assert (str(error), error.outcome) == (outcome.ending.headline, outcome)
    assert pickle.loads(pickle.dumps(error)).outcome == outcome
    logger = logging.getLogger("prefect.flow_runs")
    for raised, kept in ((error, False), (ZeroDivisionError(), True)):
        record = logger.makeRecord(
            logger.name, logging.ERROR, "", 0, "exited", (), (type(raised), raised, None)
        )
        assert bool(logger.filter(record)) is kept
