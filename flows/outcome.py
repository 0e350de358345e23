"""How a run ends: the final state, its message and tag, and what the terminal says."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed

from image_tags.flows.deployed import end_in_order
from image_tags.flows.prefect_setup import log_errors_once
from image_tags.flows.rerun import advise_retry, rerun_command
from image_tags.tasks.adapters.orchestration.flow_runs import replace_tags
from image_tags.tasks.contracts.display import counted, shown
from image_tags.tasks.contracts.errors import ImageTagsError, OverBudget, StopRun, StoreBusy
from image_tags.tasks.contracts.reasons import REASONS, Status
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.explain.markdown import Ending
from image_tags.tasks.explain.step import show_ending
from image_tags.tasks.summary.step import summary_lines

log_errors_once()


class OutcomeTag(StrEnum):
    """What came of a run. It is a tag of the flow run, never the name of its state.

    Prefect's pages, filters and automations go by the standard names of states: a run that ended as
    `Published` was missing from the filter "Completed" and from its deployment's page.
    """

    PUBLISHED = "published"
    FLAGGED = "flagged"
    NOTHING_NEW = "nothing-new"
    PENDING = "left-pending"
    OVER_BUDGET = "over-budget"
    NOT_PUBLISHED = "not-published"
    YIELDED = "yielded"


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        summary: `summary.json`.
        tag: what the flow run is tagged with.
        ending: its message, and what its page starts with.
        exit_code: of the command line; a run with another than 0 is Failed.

    """

    summary: JsonObject
    tag: OutcomeTag
    ending: Ending
    exit_code: int

    @property
    def message(self) -> str:
        """The state's message, which is also the last line on the screen."""
        return self.ending.message

    @property
    def lines(self) -> list[str]:
        """The closing summary on the screen; the reason of a failure is its first and last line."""
        reason = [self.ending.headline] if self.exit_code else []
        return [*reason, *summary_lines(self.summary), self.message]

    def final_state(self) -> State[Any]:
        """The flow run's final state, under one of Prefect's standard names."""
        if self.exit_code:
            return Failed(message=self.message, data=RunFailed(self))
        return Completed(message=self.message, data=self)


class RunFailed(ImageTagsError):
    """The outcome of a run that failed.

    Prefect expects an exception as the result of a Failed state, and a worker's process ends with
    it.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome

    def __str__(self) -> str:
        return self.outcome.ending.headline


def conclude_run(
    settings: Settings,
    summary: JsonObject,
    findings: Sequence[JsonObject],
    stopped: StopRun | None,
    lost_to: str | None,
) -> Outcome:
    """Decide how the run ended.

    Args:
        settings: for the command that runs it again.
        summary: `summary.json`.
        findings: of the gate.
        stopped: why the run could not continue, if so.
        lost_to: the version that another run published in the meantime, if so.

    """
    refused = _explain_refusal(settings, summary, findings, stopped, lost_to)
    if refused:
        over_budget = isinstance(stopped, OverBudget)
        tag = OutcomeTag.OVER_BUDGET if over_budget else OutcomeTag.NOT_PUBLISHED
        return Outcome(summary, tag, refused, 1)
    pending, version = summary["statuses"]["pending"], f"version {summary['version']}"
    if summary["changes"]["links_newly_pending"] > settings.fail_pending_share * summary["links"]:
        # The page shows only the start of the message, so it starts with what is missing.
        missing = f"{_count_pending(pending)} ({_list_pending_reasons(summary)})"
        headline = f"{missing}; everything else is published as {version}."
        ending = Ending(headline, advise_retry(), rerun_command(settings))
        return Outcome(summary, OutcomeTag.PENDING, ending, 1)
    waiting = f"; {_count_pending(pending)} ({_list_pending_reasons(summary)})" if pending else ""
    if summary["nothing_new"]:
        headline = f"Nothing new: {version} has the same tables and stays the current one{waiting}."
        return Outcome(summary, OutcomeTag.NOTHING_NEW, Ending(headline), 0)
    warnings = summary["checks"]["warning"]
    if warnings:
        headline = f"Published {version} with {counted(warnings, 'warning')}{waiting}."
        ending = Ending(headline, "See the checks that were not met.")
        return Outcome(summary, OutcomeTag.FLAGGED, ending, 0)
    return Outcome(summary, OutcomeTag.PUBLISHED, Ending(f"Published {version}{waiting}."), 0)


def _explain_refusal(
    settings: Settings,
    summary: JsonObject,
    findings: Sequence[JsonObject],
    stopped: StopRun | None,
    lost_to: str | None,
) -> Ending | None:
    """Why nothing was published and what to do; None if it was."""
    pending, again = summary["statuses"]["pending"], rerun_command(settings)
    left = f"{_count_pending(pending)}. " if pending else ""
    if isinstance(stopped, OverBudget):
        enough = settings.model_copy(update={"max_cost": math.ceil(stopped.cost_usd * 100) / 100})
        headline = f"Not published. {stopped}"
        return Ending(headline, f"{left}To pay for all of it:", rerun_command(enough))
    if stopped:
        advice = left + advise_retry("Once that is fixed, retry")
        return Ending(f"Not published. {stopped}", advice, again)
    if summary["checks"]["critical"]:
        failed = " ".join(
            f"{one['table']}: {one['description']} Seen: {one['detail']}."
            for one in findings
            if _is_critical(one)
        )
        staged = f"{summary['store']}/runs/{summary['run']}/"
        kept = f"The staged tables are in {staged}; readers still see the last version."
        advice = f"{left}{kept} Once the cause is fixed:"
        return Ending(f"Not published: a critical check failed. {failed}", advice, again)
    if lost_to:
        headline = f"Not published: version {lost_to} was published in the meantime."
        return Ending(headline, advise_retry(), again)
    return None


def report_failures(
    flow_function: Callable[[Settings], State[Any]],
) -> Callable[[Settings], State[Any]]:
    """Make every run that fails give its reason: on its page and as the last line of its log.

    An error that was raised on purpose becomes the run's result; any other is raised again. Prefect
    logs a state that a flow returns at level info, even Failed, so the reason is logged here as an
    error.
    """

    @functools.wraps(flow_function)
    def run(settings: Settings) -> State[Any]:
        with end_in_order():
            return run_and_report(settings)

    def run_and_report(settings: Settings) -> State[Any]:
        try:
            state = flow_function(settings)
        except StoreBusy as error:
            show_ending(Ending(str(error)), "")
            tag_outcome(OutcomeTag.YIELDED)
            return Cancelled(message=str(error), data=error)
        except Exception as error:
            expected = isinstance(error, ImageTagsError)
            reason = str(error) if expected else f"{type(error).__name__}: {shown(str(error))}."
            advice = advise_retry("Once that is fixed, retry")
            ending = Ending(f"Not published. {reason}", advice, rerun_command(settings))
            show_ending(ending, ending.as_markdown())
            tag_outcome(OutcomeTag.NOT_PUBLISHED)
            if not expected:
                raise
            get_run_logger().error(ending.headline)
            return Failed(message=ending.message, data=error)
        if isinstance(state.data, RunFailed):
            get_run_logger().error(str(state.data))
            tag_outcome(state.data.outcome.tag)
        elif isinstance(state.data, Outcome):
            tag_outcome(state.data.tag)
        return state

    return run


def tag_outcome(tag: OutcomeTag) -> None:
    """Tag the flow run with what came of it, instead of what came of an earlier try."""
    replace_tags({str(one) for one in OutcomeTag}, {str(tag)})


def _list_pending_reasons(summary: JsonObject) -> str:
    return ", ".join(
        f"{n} {code}"
        for code, n in summary["reasons"].items()
        if REASONS[code].status is Status.PENDING
    )


def _count_pending(pending: int) -> str:
    return f"{counted(pending, 'link')} {'is' if pending == 1 else 'are'} pending"


def _is_critical(finding: JsonObject) -> bool:
    return finding["severity"] == "critical" and not finding["success"]
