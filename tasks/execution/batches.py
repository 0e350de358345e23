"""Batches: the links or images that one mapped task run handles."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

SCHEMA = 3
"""To be raised when a persisted result changes its meaning: older results are not reused then."""

TASK_RUNS = 200
"""Mapped task runs per step at most: Prefect's server records some tens of them per second."""

LEAST = 25
"""Items per batch at least: a batch has threads of its own, so small ones are no faster."""

AHEAD = 2
"""Batches per operation that run at a time while links are still being fetched: as one ends, the
other keeps the pace.
"""


@dataclass(frozen=True)
class Batch(Generic[Item]):
    """The work of one mapped task run.

    Attributes:
        step: `ingest`, or the operation; shown in the task run's name.
        number: 1.. within the step.
        of: how many batches the step has; 0 for one that begins before that is known.
        items: links or pictures.
        digest: sha256 (hex) of the items' ids, in order; in the names of the batch's files and in
            its cache key.
    """

    step: str
    number: int
    of: int
    items: tuple[Item, ...]
    digest: str

    @property
    def name(self) -> str:
        """What its task run is called."""
        return f"{self.step} {self.number} " + (f"of {self.of}" if self.of else "ahead")


def batch_size(pieces: int, wanted: int | None = None) -> int:
    """Items per batch: the wanted number, else what keeps the step below TASK_RUNS task runs.

    Never fewer than LEAST without being asked: with one link per task run, 43 links made 173 task
    runs, and SQLite, below Prefect's server, answered "database is locked".
    """
    return wanted or max(LEAST, math.ceil(pieces / TASK_RUNS))


def batches_of(
    step: str, items: Sequence[Item], ids: Sequence[str], size: int
) -> list[Batch[Item]]:
    """Cut the items into batches of a size; `ids` names each item."""
    starts = range(0, len(items), size)
    groups = [(items[at : at + size], ids[at : at + size]) for at in starts]
    return number_batches(step, groups)


def number_batches(
    step: str, groups: Sequence[tuple[Sequence[Item], Sequence[str]]]
) -> list[Batch[Item]]:
    """One batch for each group of items with their ids."""
    return [
        Batch(step, number, len(groups), tuple(items), digest_of(ids))
        for number, (items, ids) in enumerate(groups, 1)
    ]


def share_of(batches: Sequence[Batch[Item]], number: int, of: int) -> list[Batch[Item]]:
    """The batches of shard `number` (1..) of `of`, in order.

    The batches of a step are dealt out in the order of their digests: by content, in whatever order
    they come, so that every process finds the same shares. The shares of a step differ by one
    batch at most, as each shard has an equal share of the rate.
    """
    dealt: dict[str, list[str]] = {}
    for batch in sorted(batches, key=lambda batch: batch.digest):
        dealt.setdefault(batch.step, []).append(batch.digest)
    mine = {
        (step, digest) for step, digests in dealt.items() for digest in digests[number - 1 :: of]
    }
    return [batch for batch in batches if (batch.step, batch.digest) in mine]


def digest_of(ids: Sequence[str]) -> str:
    """sha256 (hex) of ids in order."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def batch_key(task: str, run: str, settings: str, batch: Batch[Any]) -> str:
    """The cache key of a mapped task run, which is also where the store keeps its result.

    The run is part of it: a retry of the run reuses results. From run to run, the ledger and the
    link records carry over instead: they know which entries are outdated or missing.
    """
    return f"runs/{run}/results/{task}-{SCHEMA}-{settings}-{batch.step}-{batch.digest[:32]}"
