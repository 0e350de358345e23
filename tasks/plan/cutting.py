"""Cutting what is to be asked into batches."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from image_tags.tasks.adapters.ledger.partitions import group_by_partition
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.execution.batches import Batch, batch_size, number_batches


def analysis_batches(
    todo: Mapping[str, Sequence[Picture]], wanted: int | None
) -> list[Batch[Picture]]:
    """Batches of operation x images, the operations in turn so that each quota is always used.

    Batches are cut along the partitions of the ledger, so that each is claimed by one batch. With
    few images, or a wanted size, a partition may be divided: batches of one process share a claim.
    """
    calls = sum(len(left) for left in todo.values())
    size = batch_size(calls, wanted)
    may_divide = wanted is not None or size == 1
    by_operation = [
        number_batches(
            operation,
            [(group, [p.image_id for p in group]) for group in _cut(pictures, size, may_divide)],
        )
        for operation, pictures in todo.items()
    ]
    return sorted(
        (batch for batches in by_operation for batch in batches),
        key=lambda batch: batch.number / batch.of,
    )


def _cut(pictures: Sequence[Picture], size: int, may_divide: bool) -> list[list[Picture]]:
    """Whole partitions, as many as fit into the size; larger ones divided evenly, or left whole."""
    cut: list[list[Picture]] = []
    for partition in group_by_partition(pictures).values():
        if cut and len(cut[-1]) + len(partition) <= size:
            cut[-1] += partition
            continue
        pieces = math.ceil(len(partition) / size) if may_divide else 1
        bounds = [len(partition) * piece // pieces for piece in range(pieces + 1)]
        cut += [partition[start:end] for start, end in pairwise(bounds)]
    return cut
