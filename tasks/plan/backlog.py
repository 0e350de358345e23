"""Pictures that wait to be asked about while other links are still being fetched."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from image_tags.tasks.adapters.analyzers.analyzer import Analyzer
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.ledger.partitions import PARTITIONS, partition_of
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.execution.batches import AHEAD, Batch, digest_of
from image_tags.tasks.plan.work import Division, divide_pictures, join_divisions

MOST_LEFT = 32
"""Pictures of a partition that are worth a claim, in a large run: on S3 a claim is four requests.

In a small run three quarters of what a partition will have are enough, or nothing would begin
early.
"""

FIRST_LEFT = 4
"""The same for an operation's first batch in a large run: until then its quota is not used."""


class Backlog:
    """The pictures of links fetched so far, each taken in once, and which of them wait.

    Args:
        analyzer: knows what it cannot take.
        ledgers: by operation, each of which has been looked at.
        size: pictures per batch.
        links: how many are fetched in all; says how many pictures a partition will have.

    """

    def __init__(
        self, analyzer: Analyzer, ledgers: Mapping[str, Ledger], size: int, links: int
    ) -> None:
        self._analyzer = analyzer
        self._ledgers = ledgers
        self._size = size
        self._enough = max(1, min(MOST_LEFT, 3 * links // (4 * PARTITIONS)))
        self._seen: set[str] = set()
        self._new: list[Picture] = []
        self._parts: list[Division] = []
        self._waiting: dict[str, dict[str, list[Picture]]] = {op: {} for op in ledgers}
        self._begun: Counter[str] = Counter()
        self._batches: Counter[str] = Counter()

    def add(self, pictures: Iterable[Picture]) -> None:
        """Take in pictures; those that were taken in before are ignored."""
        for picture in pictures:
            if picture.image_id not in self._seen:
                self._seen.add(picture.image_id)
                self._new.append(picture)

    def cut(self, running: Mapping[str, int]) -> list[Batch[Picture]]:
        """The batches that are worth beginning now, given how many run by operation.

        Each is of full size, from the partitions with most pictures waiting.
        """
        if len(self._new) >= self._size:
            self._divide_new()
        return [
            self._number(operation, taken)
            for operation, waiting in self._waiting.items()
            for _ in range(AHEAD - running.get(operation, 0))
            if (taken := self._take(waiting, self._enough_for(operation)))
        ]

    def take_rest(self) -> dict[str, list[Picture]]:
        """All that waits, by operation."""
        self._divide_new()
        rest = {
            operation: [picture for group in waiting.values() for picture in group]
            for operation, waiting in self._waiting.items()
        }
        self._waiting = {operation: {} for operation in self._waiting}
        return rest

    @property
    def division(self) -> Division:
        """What became of all pictures so far; those begun are among those to be asked."""
        return join_divisions(self._parts)

    @property
    def begun(self) -> Mapping[str, int]:
        """Pictures in batches that were cut, by operation."""
        return self._begun

    def _divide_new(self) -> None:
        division = divide_pictures(self._new, self._analyzer, self._ledgers)
        self._new = []
        self._parts.append(division)
        for operation, todo in division.todo.items():
            waiting = self._waiting[operation]
            for picture in todo:
                waiting.setdefault(partition_of(picture.image_id), []).append(picture)

    def _enough_for(self, operation: str) -> int:
        is_first = not self._batches[operation]
        return FIRST_LEFT if is_first and self._enough == MOST_LEFT else self._enough

    def _take(self, waiting: dict[str, list[Picture]], enough: int) -> list[Picture]:
        """A batch's worth of pictures from partitions with enough, or none while too few wait."""
        ready = sorted(
            (partition for partition, group in waiting.items() if len(group) >= enough),
            key=lambda partition: -len(waiting[partition]),
        )
        if sum(len(waiting[partition]) for partition in ready) < self._size:
            return []
        taken: list[Picture] = []
        for partition in ready:
            group = waiting[partition]
            room = self._size - len(taken)
            taken += group[:room]
            waiting[partition] = group[room:]
            if len(taken) == self._size:
                break
        return taken

    def _number(self, operation: str, pictures: Sequence[Picture]) -> Batch[Picture]:
        self._begun[operation] += len(pictures)
        self._batches[operation] += 1
        digest = digest_of([picture.image_id for picture in pictures])
        return Batch(operation, self._batches[operation], 0, tuple(pictures), digest)
