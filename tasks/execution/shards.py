"""Dividing a step among shards: flow runs of a deployment, on the machines of its work pool.

A shard works under the name of the run: its results, fetched records, failures and answers are
stored where the run itself would have put them. Its parameters are the settings and a number; its
batches are in the run's folder.
"""

import time
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect import Task
from prefect.client.schemas.objects import State, StateType
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Crashed

from image_tags.tasks.adapters import progress
from image_tags.tasks.adapters.orchestration import shard_runs
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.batches import Batch
from image_tags.tasks.execution.live_progress import show_live_progress
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import run_key
from image_tags.tasks.execution.shard_batches import read_sign_of_life, save_share, shares_of
from image_tags.tasks.execution.task_runners import divide_settings

POLL = 2.0
"""Seconds between two requests for the states of the shards."""

STOPPED = "Stopped"
"""The state of a shard that had to stop; its message is the sentence for the whole run."""

AT_WORK = frozenset({StateType.RUNNING, StateType.CANCELLING})


@dataclass(frozen=True)
class Shard:
    """A shard that was started.

    Attributes:
        name: of its flow run.
        task_run_id: the task run that represents it in the run itself.
        sizes: the items of each of its batches by the key of their result.

    """

    name: str
    task_run_id: UUID | None
    sizes: dict[str, int]


class Watch:
    """Notices what has not changed for long, by this process's own clock.

    The clocks of two machines are never compared.

    Args:
        patience: seconds.
        clock: monotonic, in seconds.

    """

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.patience = patience
        self._clock = clock
        self._seen: dict[Hashable, tuple[Hashable, float]] = {}

    def unchanged_for_long(self, subject: Hashable, sign: Hashable) -> bool:
        """Whether the subject has had this same sign at every call for `patience` seconds."""
        now = self._clock()
        if subject not in self._seen or self._seen[subject][0] != sign:
            self._seen[subject] = sign, now
        return now - self._seen[subject][1] >= self.patience


def run_shards(step: Task[..., Any], batches: Sequence[Batch[Any]], resources: RunResources) -> int:
    """Start shards for the batches and wait for all; a failed one does not stop the others.

    Returns:
        How many shards failed; their unfinished items are pending.

    Raises:
        StopRun: one of them had to stop, no worker starts them, or the server does not answer.

    """
    # Shards that an earlier attempt of this flow run left running would do the same work twice.
    shard_runs.cancel_shards(shard_runs.find_unfinished(str(flow_run.id)))
    total = sum(len(batch.items) for batch in batches)
    left: dict[UUID, Shard] = {}
    with progress.track_step(step.name, total):
        try:
            left.update(_start_shards(step, batches, resources))
            live = show_live_progress(step.name, total, next(iter(left.values())).task_run_id)

            def on_done(items: int) -> None:
                live.count_items(items, None)
                progress.advance_step(step.name, items)

            failed = _wait_for_shards(left, resources, on_done)
            live.finish([(total, None)])
            return failed
        finally:
            shard_runs.cancel_shards(left)


def settings_per_shard(settings: Settings, of: int) -> Settings:
    """The settings of each shard: its share of every rate.

    The budget was checked for all of them by the run itself.
    """
    return divide_settings(settings, of).model_copy(
        update={"shards": 1, "max_cost": None, "price_list": None}
    )


def _start_shards(
    step: Task[..., Any], batches: Sequence[Batch[Any]], resources: RunResources
) -> Iterator[tuple[UUID, Shard]]:
    store, run, settings = resources.store, resources.run, resources.settings
    shares = shares_of(batches, settings.shards)
    own = settings_per_shard(settings, len(shares)).model_dump(mode="json")
    for number, share in enumerate(shares, 1):
        save_share(store, run, step.name, number, len(shares), share)
        name = f"{step.name}: shard {number} of {len(shares)}"
        given = {
            "run": run,
            "step": step.name,
            "number": number,
            "of": len(shares),
            "settings": own,
        }
        made = shard_runs.start_shard(settings.shard_deployment, name, given)
        sizes = {_result_key(step, batch, resources): len(batch.items) for batch in share}
        yield made.id, Shard(name, made.parent_task_run_id, sizes)


def _wait_for_shards(
    left: dict[UUID, Shard], resources: RunResources, on_done: Callable[[int], None]
) -> int:
    """Take each shard out of `left` when it ends or is lost; returns how many failed."""
    store, run, settings = resources.store, resources.run, resources.settings
    watch, logger = Watch(settings.shard_wait), get_run_logger()
    shards, failed, counted = dict(left), 0, 0
    while left:
        states = _read_states(left, watch)
        signs = {one: _read_sign(store, run, one, states.get(one)) for one in left}
        for one, sign in signs.items():
            state = states.get(one)
            if state and not state.is_final():
                if state.type not in AT_WORK or not watch.unchanged_for_long(one, sign):
                    continue
                state = Crashed(
                    message=f"No sign of life for {watch.patience:.0f} s: "
                    "its worker or machine is gone."
                )
                shard_runs.force_state(one, state)
            shard = left.pop(one)
            if state and state.name == STOPPED:
                raise StopRun(state.message or STOPPED)
            if not state or not state.is_completed():
                failed += 1
                message = f"{state.name}. {state.message or ''}" if state else "It was deleted."
                logger.warning("%s: %s", shard.name, message)
        done = _count_done(shards, left, set(store.keys(run_key(run, "results/"))))
        on_done(done - counted)
        counted = done
        if watch.unchanged_for_long("all", tuple(signs.items())):
            pool = shard_runs.find_work_pool(settings.shard_deployment)
            raise StopRun(
                f"No worker started a shard within {watch.patience:.0f} s: start a worker on a "
                f"machine with access to the store (prefect worker start --pool {pool}), or one "
                "more if all are busy, and run the same command again."
            )
        if left:
            time.sleep(POLL)
    return failed


def _read_states(shards: Collection[UUID], watch: Watch) -> dict[UUID, State[Any]]:
    """The shards' states; waits out an outage of the server that is not too long."""
    while (states := shard_runs.read_states(shards)) is None:
        if watch.unchanged_for_long("server", "gone"):
            raise StopRun(
                f"Prefect's server has not answered for {watch.patience:.0f} s: "
                "run the same command again once it does."
            )
        time.sleep(POLL)
    watch.unchanged_for_long("server", "back")
    return states


def _read_sign(store: Store, run: str, flow_run_id: UUID, state: State[Any] | None) -> Hashable:
    """A value that changes while a shard is alive."""
    if state and state.type in AT_WORK:
        return state.type, read_sign_of_life(store, run, flow_run_id)
    return state and state.type


def _count_done(shards: dict[UUID, Shard], left: Collection[UUID], results: Collection[str]) -> int:
    """Items of all batches that have a result, or whose shard has ended."""
    return sum(
        size
        for one, shard in shards.items()
        for key, size in shard.sizes.items()
        if one not in left or key in results
    )


def _result_key(step: Task[..., Any], batch: Batch[Any], resources: RunResources) -> str:
    """The key of a batch's result, whichever process produces it."""
    assert step.cache_key_fn is not None  # noqa: S101 - every mapped task has one
    return str(step.cache_key_fn(None, {"resources": resources, "batch": batch}))  # type: ignore[arg-type]
