"""Batches: the links or images that one mapped task run handles."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

SCHEMA = 3
"""Raised when what a task's persisted result says changes its meaning: older results are then not
reused.
"""

TASK_RUNS = 200
"""Mapped task runs a step should need at most: Prefect's server records some tens of them a second.
"""

LEAST = 25
"""Items of a batch unless another size is asked for: a batch has threads of its own, so that small
ones are no faster.
"""


@dataclass(frozen=True)
class Batch(Generic[Item]):
    """The work of one mapped task run.

    Attributes:
        step: what the task run's name says: `ingest`, or the operation.
        number: 1.. within the step.
        of: how many batches the step has.
        items: links or pictures.
        digest: sha256 (hex) of the items' ids, in order; names the batch's files and is part of its
            cache key.
    """

    step: str
    number: int
    of: int
    items: tuple[Item, ...]
    digest: str


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
    return [
        Batch(
            step, number, len(starts), tuple(items[at : at + size]), digest_of(ids[at : at + size])
        )
        for number, at in enumerate(starts, 1)
    ]


def share_of(batches: Sequence[Batch[Item]], number: int, of: int) -> list[Batch[Item]]:
    """The batches of shard `number` (1..) of `of`, in order: every batch falls to exactly one
    shard, whoever works it out.

    The batches of a step are dealt out in the order of their digests, so by content, whatever order
    they come in. No shard gets two more of a step than another: each has an even share of the rate
    too.
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

    It names the run: within a run a retry finds what is done; from run to run the ledger and the
    link records carry over, which know what has grown old and what is still missing.
    """
    return f"runs/{run}/results/{task}-{SCHEMA}-{settings}-{batch.step}-{batch.digest[:32]}"
