"""The batches and the heartbeat of each shard, in the run's folder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from prefect.runtime import flow_run
from pydantic import TypeAdapter

from image_tags.tasks.adapters.orchestration.heartbeat import read_heartbeat, send_heartbeats
from image_tags.tasks.adapters.store.json_records import load_record, save_record
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.execution.batches import Batch, share_of
from image_tags.tasks.execution.run_folder import run_key

STAGED: dict[str, TypeAdapter[Any]] = {
    "ingest_images": TypeAdapter(list[Batch[str]]),
    "analyze_images": TypeAdapter(list[Batch[Picture]]),
}
"""How batches are stored, for each step that shards can do."""

BEAT = 10.0
"""Seconds between two signs of life, or fewer if the run's patience is short."""


def shares_of(batches: Sequence[Batch[Any]], shards: int) -> list[list[Batch[Any]]]:
    """Each shard's batches; fewer shards if some would have none, as they share the rate."""
    shares = [share_of(batches, number, shards) for number in range(1, shards + 1)]
    return [share for share in shares if share]


def save_share(
    store: Store, run: str, step: str, number: int, of: int, batches: Sequence[Batch[Any]]
) -> None:
    """Keep a shard's batches in the run's folder."""
    key = _share_key(run, step, number, of)
    save_record(store, key, STAGED[step], list(batches), indent=None)


def load_share(store: Store, run: str, step: str, number: int, of: int) -> list[Batch[Any]]:
    """Read a shard's batches, on another machine.

    Raises:
        StopRun: that machine has no access to the run's folder.

    """
    key = _share_key(run, step, number, of)
    found: list[Batch[Any]] | None = load_record(store, key, STAGED[step])
    if found is None:
        raise StopRun(
            f"A shard's machine does not see {store.locate(key)}: the workers of all shards "
            "need the same store, on S3 or in a shared folder."
        )
    return found


@contextmanager
def leave_signs_of_life(store: Store, run: str, patience: float) -> Iterator[None]:
    """Leave signs of life while the block runs.

    Without any for `patience` seconds, the run that waits for this shard regards it as lost.
    """
    with send_heartbeats(store, _pulse_key(run, flow_run.id), min(BEAT, patience / 5)):
        yield


def read_sign_of_life(store: Store, run: str, flow_run_id: object) -> bytes:
    """A shard's latest sign of life; it changes while the shard is alive."""
    return read_heartbeat(store, _pulse_key(run, flow_run_id))


def _share_key(run: str, step: str, number: int, of: int) -> str:
    return run_key(run, f"shards/{step}-{number}-of-{of}.json")


def _pulse_key(run: str, flow_run_id: object) -> str:
    return run_key(run, f"shards/{flow_run_id}")
