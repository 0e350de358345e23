"""How a run ends: the final state, its message, and what the terminal says."""

import functools
import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run
from prefect.states import Completed, Failed

from image_tags.flows.cli_options import option_name
from image_tags.flows.flow_parameters import list_settings
from image_tags.flows.prefect_setup import say_once
from image_tags.tasks.contracts.display import counted, shown
from image_tags.tasks.contracts.errors import ImageTagsError, OverBudget, StopRun
from image_tags.tasks.contracts.reasons import REASONS, Status
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.explain.markdown import Ending
from image_tags.tasks.explain.step import show_ending
from image_tags.tasks.summary.step import summary_lines

ENTRYPOINT = "image_tags.flows.pipeline.image_tags"
"""Where Prefect finds the flow, wherever the package is installed."""

say_once()


@dataclass(frozen=True)
class Outcome:
    """What a run came to: `summary.json`, the state's name, what its page says, and the command
    line's exit code.
    """

    summary: JsonObject
    name: str
    ending: Ending
    exit_code: int

    @property
    def message(self) -> str:
        """One line for the flow run's state and the screen."""
        return self.ending.message

    @property
    def lines(self) -> list[str]:
        """The closing summary on the screen."""
        return [*summary_lines(self.summary), self.message]

    def state(self) -> State[Any]:
        """The flow run's final state."""
        if self.exit_code:
            return Failed(message=self.message, data=RunFailed(self))
        return Completed(name=self.name, message=self.message, data=self)


class RunFailed(ImageTagsError):
    """The outcome of a run that failed: Prefect asks for an exception there, and a worker's process
    ends with it.
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
    """Say how the run ended.

    Args:
        settings: for the command that runs it again.
        summary: `summary.json`.
        findings: what the gate found.
        stopped: why nothing could go on, if so.
        lost_to: the version that another run published meanwhile, if so.

    """
    refused = _explain_refusal(settings, summary, findings, stopped, lost_to)
    if refused:
        return Outcome(summary, "Failed", refused, 1)
    pending, version = summary["statuses"]["pending"], f"version {summary['version']}"
    if pending:
        reasons = ", ".join(
            f"{n} {code}"
            for code, n in summary["reasons"].items()
            if REASONS[code].status is Status.PENDING
        )
        # The page shows the beginning of it: what is missing stands there.
        headline = f"{_count_pending(pending)} ({reasons}); all else is published as {version}."
        return Outcome(
            summary, "Failed", Ending(headline, _advise_retry(), rerun_command(settings)), 1
        )
    warnings = summary["checks"]["warning"]
    if warnings:
        headline = f"Published {version} with {counted(warnings, 'warning')}."
        return Outcome(summary, "Flagged", Ending(headline, "See the checks that were not met."), 0)
    return Outcome(summary, "Published", Ending(f"Published {version}."), 0)


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
        return Ending(
            f"Not published. {stopped}", f"{left}To pay for all of it:", rerun_command(enough)
        )
    if stopped:
        return Ending(
            f"Not published. {stopped}", f"{left}When that is mended: {_advise_retry()}", again
        )
    if summary["checks"]["critical"]:
        broken = " ".join(
            f"{one['table']}: {one['says']} Seen: {one['detail']}."
            for one in findings
            if _is_critical(one)
        )
        kept = f"What was made is kept in {summary['store']}/runs/{summary['run']}/; readers see what they saw before."
        advice = f"{left}{kept} When the cause is mended:"
        return Ending(f"Not published: a critical check failed. {broken}", advice, again)
    if lost_to:
        return Ending(
            f"Not published: version {lost_to} was published meanwhile.", _advise_retry(), again
        )
    return None


def report_failures(
    flow_function: Callable[[Settings], State[Any]],
) -> Callable[[Settings], State[Any]]:
    """Let also a run that breaks off say why on its page; what was raised on purpose becomes its
    result.

    Prefect logs a state that a flow returned as information, whatever it is: those who look for
    errors find one here.
    """

    @functools.wraps(flow_function)
    def run(settings: Settings) -> State[Any]:
        try:
            state = flow_function(settings)
        except Exception as error:
            expected = isinstance(error, ImageTagsError)
            why = (
                str(error)
                if expected
                else f"The run broke off: {type(error).__name__}: {shown(str(error))}."
            )
            advice = (
                f"When that is mended, retry this flow run ({retry_command()}), or run it again:"
            )
            ending = Ending(f"Not published. {why}", advice, rerun_command(settings))
            show_ending(ending, ending.as_markdown())
            if not expected:
                raise
            get_run_logger().error(ending.headline)
            return Failed(message=ending.message, data=error)
        if isinstance(state.data, RunFailed):
            get_run_logger().error(str(state.data))
        return state

    return run


def retry_command() -> str:
    """The command that does what the button Retry does; without a deployment it does the run's work
    itself.
    """
    entrypoint = "" if deployment.id else f" --entrypoint {ENTRYPOINT}"
    return f"prefect flow-run retry {flow_run.id}{entrypoint}"


def rerun_command(settings: Settings) -> str:
    """The command that does the same run again; settings that have their default are left out."""
    words = ["image-tags", "run", settings.source]
    for name, field in list_settings().items():
        value = getattr(settings, name)
        if name == "source" or value == field.get_default():
            continue
        if isinstance(value, bool):
            words.append(option_name(name) if value else option_name(f"no_{name}"))
        elif name == "metric":
            words += [word for column in value for word in (option_name(name), column)]
        else:
            words += [
                option_name(name),
                ",".join(map(str, value)) if isinstance(value, tuple) else str(value),
            ]
    return shlex.join(words)


def _count_pending(pending: int) -> str:
    return f"{counted(pending, 'link')} {'is' if pending == 1 else 'are'} pending"


def _advise_retry() -> str:
    return (
        f"Retry this flow run ({retry_command()}), or run it again; only what is missing is done:"
    )


def _is_critical(finding: JsonObject) -> bool:
    return finding["severity"] == "critical" and not finding["success"]
