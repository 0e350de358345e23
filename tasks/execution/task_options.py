"""How tasks are timed, cached and retried, and how they fail."""

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.tasks import Task

from image_tags.tasks.contracts.display import counted, link_address, shown
from image_tags.tasks.contracts.errors import BatchFailed, StopRun
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.settings import Group
from image_tags.tasks.execution.batches import batch_key
from image_tags.tasks.execution.resources import RunResources

P = ParamSpec("P")
R = TypeVar("R")

NAMED = 20
"""Links or images that the message of a failed batch lists."""


def timed(
    step: Callable[Concatenate[RunResources, P], R],
) -> Callable[Concatenate[RunResources, P], R]:
    """Measure a step by the clock of the run that it works for."""

    @functools.wraps(step)
    def measured(resources: RunResources, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with resources.clock.measure(step.__name__):
            return step(resources, *args, **kwargs)

    return measured


def cache_key_of(task: str, group: type[Group]) -> Callable[[TaskRunContext, dict[str, Any]], str]:
    """A cache key function: the task, the settings its outcome depends on, the batch's ids."""

    def make_key(_: TaskRunContext, parameters: dict[str, Any]) -> str:
        resources: RunResources = parameters["resources"]
        settings = resources.settings.only(group).outcome_json()
        return batch_key(
            task,
            resources.run,
            hashlib.sha256(settings.encode()).hexdigest()[:16],
            parameters["batch"],
        )

    return make_key


def may_succeed_later(_: "Task[..., Any]", __: TaskRun, state: State[Any]) -> bool:
    """Retry a failed batch, unless a person has to fix something first."""
    try:
        state.result()
    except StopRun:
        return False
    except Exception:  # noqa: BLE001 - any other failure may be transient; what succeeded is saved
        return True
    return False


def make_batch_error(
    left: Sequence[tuple[str, Reason, str]],
    noun: str,
    outcomes: Mapping[str, int] | None = None,
    unreachable: Mapping[str, int] | None = None,
) -> BatchFailed:
    """The error of a batch with pending items: how many, why, and which."""
    reasons = ", ".join(
        f"{n:,} {reason}" for reason, n in Counter(reason for _, reason, _ in left).most_common()
    )
    named = "\n".join(
        f"- {link_address(name)}: {reason}: {shown(detail)}"
        for name, reason, detail in left[:NAMED]
    )
    more = f"\n... and {len(left) - NAMED:,} more" if len(left) > NAMED else ""
    head = f"{counted(len(left), noun)} left pending ({reasons}); everything else is saved."
    return BatchFailed(f"{head}\n{named}{more}", outcomes, unreachable)
