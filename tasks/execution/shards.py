"""Dividing a step among shards: flow runs of a deployment, on whatever machines its work pool has
workers.

A shard works under the name of the run: results, fetched records, failures and answers lie where
the run itself would have put them. It is handed the settings and a number, and finds its batches in
the run's folder.
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
from image_tags.tasks.execution.live_progress import live_progress
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import run_key
from image_tags.tasks.execution.shard_batches import save_share, shares_of, sign_of_life
from image_tags.tasks.execution.task_runners import divide_settings

POLL = 2.0
"""Seconds between two looks at the shards."""

STOPPED = "Stopped"
"""The state of a shard which found that nothing can go on; its message is the sentence for the
whole run.
"""

AT_WORK = frozenset({StateType.RUNNING, StateType.CANCELLING})


@dataclass(frozen=True)
class Shard:
    """A shard that was started.

    Attributes:
        name: its flow run's.
        task_run_id: what stands for it among the run's own task runs.
        sizes: the items of each of its batches by the key of their result.

    """

    name: str
    task_run_id: UUID | None
    sizes: dict[str, int]


class Watch:
    """What has not changed for long, by this process's own clock: clocks of two machines are never
    compared.

    Args:
        patience: seconds.
        clock: seconds, never turned back.

    """

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.patience = patience
        self._clock = clock
        self._seen: dict[Hashable, tuple[Hashable, float]] = {}

    def still(self, what: Hashable, sign: Hashable) -> bool:
        """Whether each look at something has shown this sign, for as long as one has patience."""
        now = self._clock()
        if what not in self._seen or self._seen[what][0] != sign:
            self._seen[what] = sign, now
        return now - self._seen[what][1] >= self.patience


def run_shards(step: Task[..., Any], batches: Sequence[Batch[Any]], resources: RunResources) -> int:
    """Have shards do the batches and wait for all of them; a failed one does not hold up the
    others.

    Returns:
        How many shards failed; what they left is pending.

    Raises:
        StopRun: one of them found that nothing can go on, no worker takes them up, or the server is
            gone.

    """
    # What an earlier try of this flow run left at work would do the same once more.
    shard_runs.cancel_shards(shard_runs.find_unfinished(str(flow_run.id)))
    total = sum(len(batch.items) for batch in batches)
    left: dict[UUID, Shard] = {}
    with progress.track_step(step.name, total):
        try:
            left.update(_started(step, batches, resources))
            live = live_progress(step.name, total, next(iter(left.values())).task_run_id)

            def on_done(items: int) -> None:
                live.add(items, None)
                progress.advance_step(step.name, items)

            failed = _wait_for(left, resources, on_done)
            live.end([(total, None)])
            return failed
        finally:
            shard_runs.cancel_shards(left)


def settings_of_each(settings: Settings, of: int) -> Settings:
    """What a shard works by: its share of every rate.

    What it costs was looked at for all, on the run's own machine.
    """
    return divide_settings(settings, of).model_copy(
        update={"shards": 1, "max_cost": None, "price_list": None}
    )


def _started(
    step: Task[..., Any], batches: Sequence[Batch[Any]], resources: RunResources
) -> Iterator[tuple[UUID, Shard]]:
    store, run, settings = resources.store, resources.run, resources.settings
    shares = shares_of(batches, settings.shards)
    own = settings_of_each(settings, len(shares)).model_dump(mode="json")
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


def _wait_for(
    left: dict[UUID, Shard], resources: RunResources, on_done: Callable[[int], None]
) -> int:
    """Take each shard out of `left` as it ends or is lost; how many of them failed."""
    store, run, settings = resources.store, resources.run, resources.settings
    watch, logger = Watch(settings.shard_wait), get_run_logger()
    shards, failed, counted = dict(left), 0, 0
    while left:
        states = _looked_at(left, watch)
        signs = {one: _sign(store, run, one, states.get(one)) for one in left}
        for one, sign in signs.items():
            state = states.get(one)
            if state and not state.is_final():
                if state.type not in AT_WORK or not watch.still(one, sign):
                    continue
                state = Crashed(
                    message=f"No sign of life for {watch.patience:.0f} s: its worker or machine is gone."
                )
                shard_runs.force_state(one, state)
            shard = left.pop(one)
            if state and state.name == STOPPED:
                raise StopRun(state.message or STOPPED)
            if not state or not state.is_completed():
                failed += 1
                said = f"{state.name}. {state.message or ''}" if state else "It was deleted."
                logger.warning("%s: %s", shard.name, said)
        done = _done(shards, left, set(store.keys(run_key(run, "results/"))))
        on_done(done - counted)
        counted = done
        if watch.still("all", tuple(signs.items())):
            pool = shard_runs.find_work_pool(settings.shard_deployment)
            raise StopRun(
                f"No worker took up a shard within {watch.patience:.0f} s: start one on a machine that sees the store "
                f"(prefect worker start --pool {pool}), or one more if all are busy, and run the same again."
            )
        if left:
            time.sleep(POLL)
    return failed


def _looked_at(shards: Collection[UUID], watch: Watch) -> dict[UUID, State[Any]]:
    """The shards' states, once the server says them; an outage shorter than one has patience
    changes nothing.
    """
    while (states := shard_runs.read_states(shards)) is None:
        if watch.still("server", "gone"):
            raise StopRun(
                f"Prefect's server has not answered for {watch.patience:.0f} s: run the same again once it does."
            )
        time.sleep(POLL)
    watch.still("server", "there")
    return states


def _sign(store: Store, run: str, flow_run_id: UUID, state: State[Any] | None) -> Hashable:
    """What changes while a shard lives."""
    if state and state.type in AT_WORK:
        return state.type, sign_of_life(store, run, flow_run_id)
    return state and state.type


def _done(shards: dict[UUID, Shard], left: Collection[UUID], results: Collection[str]) -> int:
    """Items of all batches that have a result, or whose shard has ended."""
    return sum(
        size
        for one, shard in shards.items()
        for key, size in shard.sizes.items()
        if one not in left or key in results
    )


def _result_key(step: Task[..., Any], batch: Batch[Any], resources: RunResources) -> str:
    """Where a batch's result will lie, whoever makes it."""
    assert step.cache_key_fn is not None  # noqa: S101 - every task that is mapped has one
    return str(step.cache_key_fn(None, {"resources": resources, "batch": batch}))  # type: ignore[arg-type]
