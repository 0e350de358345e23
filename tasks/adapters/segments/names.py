"""The names of segments: they sort by time and carry level and owner."""

import hashlib
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SUFFIX = ".parquet"
_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_NAME = re.compile(
    r"(?P<time>\d{8}T\d{6}\.\d{6}Z)-(?P<level>\d+)-(?P<owner>\w+)-(?P<nonce>\w+)\.parquet"
)


@dataclass(frozen=True)
class SegmentName:
    """What a segment's name says.

    Attributes:
        time: when it was made; of a merged one, later than all that it replaces.
        level: how often its entries were merged.
        owner: the process that made it, shortened.
        nonce: makes the name unique.
    """

    time: datetime
    level: int
    owner: str
    nonce: str

    def __str__(self) -> str:
        return f"{self.time:{_FORMAT}}-{self.level}-{self.owner}-{self.nonce}{SUFFIX}"


def parse_name(text: str) -> SegmentName | None:
    """What a name says; None if it is not a segment's."""
    found = _NAME.fullmatch(text)
    if not found:
        return None
    try:
        time = datetime.strptime(found["time"], _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return SegmentName(time, int(found["level"]), found["owner"], found["nonce"])


def new_name(owner: str) -> SegmentName:
    """The name of a segment that is made now."""
    return SegmentName(datetime.now(UTC), 0, owner[:8], uuid.uuid4().hex[:12])


def merged_name(inputs: Iterable[SegmentName], owner: str) -> SegmentName:
    """The name of what replaces the inputs.

    It sorts after them also where the clock of the process that made one of them is ahead.
    """
    names = list(inputs)
    after = max(name.time for name in names) + timedelta(microseconds=1)
    digest = hashlib.sha256("".join(sorted(map(str, names))).encode()).hexdigest()[:6]
    return SegmentName(
        max(after, datetime.now(UTC)),
        max(name.level for name in names) + 1,
        owner[:8],
        digest + uuid.uuid4().hex[:6],
    )
