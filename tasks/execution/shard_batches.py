"""What a shard is handed: its batches, in the run's folder of the store; and the signs of life that
it leaves there.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from prefect.runtime import flow_run
from pydantic import TypeAdapter

from image_tags.tasks.adapters.orchestration.heartbeat import read_heartbeat, send_heartbeats
from image_tags.tasks.adapters.store.store import JSON, NotInStore, Store
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.execution.batches import Batch, share_of
from image_tags.tasks.execution.run_folder import run_key

STAGED: dict[str, TypeAdapter[Any]] = {
    "ingest_images": TypeAdapter(list[Batch[str]]),
    "analyze_images": TypeAdapter(list[Batch[Picture]]),
}
"""How the batches of each step that can be shared out lie in the store."""

BEAT = 10.0
"""Seconds between two signs of life; fewer where the run would not wait so long for one."""


def shares_of(batches: Sequence[Batch[Any]], shards: int) -> list[list[Batch[Any]]]:
    """Each shard's batches; fewer shards where some would have nothing to do, so that the others
    get all of the rate.
    """
    shares = [share_of(batches, number, shards) for number in range(1, shards + 1)]
    return [share for share in shares if share]


def save_share(
    store: Store, run: str, step: str, number: int, of: int, batches: Sequence[Batch[Any]]
) -> None:
    """Keep a shard's batches in the run's folder."""
    store.write(_share_key(run, step, number, of), STAGED[step].dump_json(list(batches)), JSON)


def load_share(store: Store, run: str, step: str, number: int, of: int) -> list[Batch[Any]]:
    """Read them again, on another machine.

    Raises:
        StopRun: that machine does not see the run's folder.

    """
    key = _share_key(run, step, number, of)
    try:
        found: list[Batch[Any]] = STAGED[step].validate_json(store.read(key))
    except NotInStore:
        raise StopRun(
            f"A shard's machine does not see {store.locate(key)}: the workers of all shards need the same store, on S3 or "
            "in a folder that they share."
        ) from None
    return found


@contextmanager
def alive(store: Store, run: str, patience: float) -> Iterator[None]:
    """Leave signs of life for the run that waits for this flow run, which gives it up after so many
    seconds without.
    """
    with send_heartbeats(store, _pulse_key(run, flow_run.id), min(BEAT, patience / 5)):
        yield


def sign_of_life(store: Store, run: str, flow_run_id: object) -> bytes:
    """What a shard left last: something else than before if it lives."""
    return read_heartbeat(store, _pulse_key(run, flow_run_id))


def _share_key(run: str, step: str, number: int, of: int) -> str:
    return run_key(run, f"shards/{step}-{number}-of-{of}.json")


def _pulse_key(run: str, flow_run_id: object) -> str:
    return run_key(run, f"shards/{flow_run_id}")
