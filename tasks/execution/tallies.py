"""The tallies of a run: one file per process and try, in the run's folder."""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from image_tags.tasks.adapters.retries.tally import Counts, add_counts
from image_tags.tasks.adapters.store.json_records import load_record, save_record
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import run_key

COUNTS = TypeAdapter(Counts)

WORST = 5
"""Slow hosts that the summary names."""


@dataclass(frozen=True)
class Effort:
    """What a run needed more than once, as `summary.json` has it.

    Attributes:
        retries: requests that were sent again, by operation and for `fetch`.
        throttled: requests that were answered with "slow down", likewise.
        slow_hosts: those that took most of the time, with the number and mean seconds of their slow
            requests.

    """

    retries: dict[str, int]
    throttled: dict[str, int]
    slow_hosts: list[dict[str, Any]]


def save_tally(resources: RunResources) -> None:
    """Keep the counts of this process, in place of its earlier ones."""
    counts = resources.tally.as_counts()
    if counts:
        key = run_key(resources.run, f"tally/{resources.tally.name}.json")
        save_record(resources.store, key, COUNTS, counts, durable=False)


def load_effort(store: Store, run: str) -> Effort:
    """Add up the counts of all processes and tries of a run."""
    parts = [load_record(store, key, COUNTS) or {} for key in store.keys(run_key(run, "tally/"))]
    counts = add_counts(parts)
    retries = {which: int(n) for which, n in counts.get("retries", {}).items()}
    calls = counts.get("calls", {})
    for operation, sent in counts.get("requests", {}).items():
        again = int(sent - calls.get(operation, 0))
        if again > 0:
            retries[operation] = again
    throttled = {which: int(n) for which, n in counts.get("throttled", {}).items()}
    seconds, slow = counts.get("slow_seconds", {}), counts.get("slow_requests", {})
    worst = sorted(seconds, key=lambda host: -seconds[host])[:WORST]
    hosts = [
        {"host": host, "requests": int(slow[host]), "seconds": round(seconds[host] / slow[host], 1)}
        for host in worst
    ]
    return Effort(retries, throttled, hosts)
