"""Partitions: fixed shares of the image ids, the unit that is claimed before anybody asks."""

from collections.abc import Iterable

from image_tags.tasks.contracts.records import Picture

PARTITIONS = 64
"""All processes on a store must agree on it: raise the store's format if it ever changes."""


def partition_of(image_id: str) -> str:
    """The partition of an image, `00` to `63`: equal shares, as ids are hashes."""
    return f"{int(image_id[:4], 16) * PARTITIONS // 0x10000:02d}"


def group_by_partition(pictures: Iterable[Picture]) -> dict[str, list[Picture]]:
    """The pictures of each partition, both in ascending order of partitions."""
    groups: dict[str, list[Picture]] = {}
    for picture in pictures:
        groups.setdefault(partition_of(picture.image_id), []).append(picture)
    return dict(sorted(groups.items()))
