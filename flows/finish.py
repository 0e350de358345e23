"""How a run ends: the final state, its message, and what the terminal says."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.objects import State
from prefect.runtime import deployment, flow_run
from prefect.states import Completed, Failed

from flows.options import option_name
from flows.parameters import in_order
from tasks.contracts.errors import StopRun
from tasks.contracts.reasons import REASONS, Status
from tasks.contracts.records import JsonObject
from tasks.contracts.settings import Settings
from tasks.summary import sentences

ENTRYPOINT = "flows.image_tags.image_tags"
"""Where Prefect finds the flow, wherever the package is installed."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to: `summary.json`, one sentence for the flow run's page, and the command line's exit code."""

    summary: JsonObject
    name: str
    message: str
    exit_code: int

    @property
    def lines(self) -> list[str]:
        """The closing summary on the screen."""
        return [*sentences(self.summary), self.message]

    def state(self) -> State[Any]:
        """The flow run's final state."""
        if self.exit_code:
            return Failed(message=self.message, data=self)
        return Completed(name=self.name, message=self.message, data=self)


def conclude(
    settings: Settings, summary: JsonObject, findings: Sequence[JsonObject], stopped: StopRun | None, lost_to: str | None
) -> Outcome:
    """Say how the run ended.

    Args:
        settings: for the command that runs it again.
        summary: `summary.json`.
        findings: what the gate found.
        stopped: why nothing could go on, if so.
        lost_to: the version that another run published meanwhile, if so.

    """
    pending = summary["statuses"]["pending"]
    left = f"{pending:,} link{'s are' if pending != 1 else ' is'} pending"
    again = (
        f"Retry this flow run ({retry_command()}), or run it again; only what is missing is done: {rerun_command(settings)}"
    )
    if stopped:
        return Outcome(summary, "Failed", f"Not published. {stopped} {left}. {again}", 1)
    if summary["checks"]["critical"]:
        broken = "; ".join(f"{f['table']}: {f['says']} {f['detail']}" for f in findings if _critical(f))
        kept = f"What was made is kept in {summary['store']}/runs/{summary['run']}/."
        return Outcome(summary, "Failed", f"Not published: a critical check failed. {broken} {kept}", 1)
    if lost_to:
        return Outcome(summary, "Failed", f"Not published: version {lost_to} was published meanwhile. {again}", 1)
    version = f"Published version {summary['version']}"
    if pending:
        reasons = ", ".join(
            f"{n} {code}" for code, n in summary["reasons"].items() if REASONS[code].status is Status.PENDING
        )
        return Outcome(summary, "Failed", f"{version}, but {left} ({reasons}). {again}", 1)
    if summary["checks"]["warning"]:
        return Outcome(summary, "Flagged", f"{version} with {summary['checks']['warning']} warnings: see the checks.", 0)
    return Outcome(summary, "Published", f"{version}.", 0)


def retry_command() -> str:
    """The command that does what the button Retry does; without a deployment it does the run's work itself."""
    entrypoint = "" if deployment.id else f" --entrypoint {ENTRYPOINT}"
    return f"prefect flow-run retry {flow_run.id}{entrypoint}"


def rerun_command(settings: Settings) -> str:
    """The command that does the same run again; settings that have their default are left out."""
    words = ["image-tags", "run", settings.source]
    for name, field in in_order().items():
        value = getattr(settings, name)
        if name == "source" or value == field.get_default():
            continue
        if isinstance(value, bool):
            words.append(option_name(name) if value else option_name(f"no_{name}"))
        elif name == "metric":
            words += [word for column in value for word in (option_name(name), column)]
        else:
            words += [option_name(name), ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    return shlex.join(words)


def _critical(finding: JsonObject) -> bool:
    return finding["severity"] == "critical" and not finding["success"]
