"""Merging: many small segments become one larger one, so that their number stays logarithmic.

A level holds fewer than FANOUT segments once a merge is over; when it holds more, all of them
become one segment of the next level, up to `LARGEST` bytes each. New segments (level 0) are merged
at the end of every run that made some. So an entry is rewritten once per level, and a log of n
segments of full size has no more than FANOUT - 1 at each level below.

One process merges a log at a time (a claim). The larger segment is durable before what it replaces
is removed, and its footer names what it replaces. Killed at any step, nothing is lost:

- before the larger segment is there, nothing has changed;
- after it, the entries are there twice for a while, as equal copies, of which readers take one; the
  next merge finds by the footer which segments were replaced, and removes them.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.adapters.segments.names import SegmentName, merged_name, parse_name
from image_tags.tasks.adapters.segments.parquet_segments import (
    DamagedSegment,
    decode_segment,
    encode_segment,
    open_segment,
    read_metadata,
)
from image_tags.tasks.adapters.store import owner
from image_tags.tasks.adapters.store.claims import Claim, Claims
from image_tags.tasks.adapters.store.store import PARQUET, NotInStore, Store
from image_tags.tasks.contracts.errors import StopRun

FANOUT = 8
"""Segments of one level that become one of the next."""
LARGEST = 16_000_000
"""Bytes; segments that together are larger are not merged, which bounds the memory that it takes.
"""
REPLACES = "replaces"
"""In a merged segment's footer: the names of the segments that it replaces."""

IsGone = Callable[[pa.Table], pa.Array | pa.ChunkedArray]
"""Marks the entries of a segment to remove: true where they are."""

log = logging.getLogger(__name__)


class Merger:
    """Merges one log."""

    def __init__(
        self,
        store: Store,
        prefix: str,
        schema: pa.Schema,
        read: Callable[[str], bytes],
        newest: Callable[[pa.Table], pa.Table],
        set_aside: Callable[[str, DamagedSegment], None],
    ) -> None:
        """Nothing is done yet.

        Args:
            store: where the log is.
            prefix: of its keys, without a slash at the end.
            schema: of its entries.
            read: the bytes of a segment, by name.
            newest: keeps the newest entry of each key, in the order of keys.
            set_aside: what to do with a damaged segment.

        """
        self._store = store
        self._prefix = prefix
        self._schema = schema
        self._read = read
        self._newest = newest
        self._set_aside = set_aside
        self._claims = Claims(store, f"claims/merging/{prefix}")

    def merge(self) -> int:
        """Merge what is due; how many segments were replaced: none while another process does."""
        sizes = self._list()
        if not any(self._group_due(sizes, level) for level in {name.level for name in sizes}):
            return 0
        claim = self._claims.take("all", "merge")
        if claim is None:
            return 0
        try:
            return self._merge_levels(claim)
        finally:
            self._claims.release(claim)

    def remove(self, is_gone: IsGone, *, dry_run: bool = False) -> int:
        """Rewrite each segment that holds an entry to remove; how many entries there were.

        Args:
            is_gone: marks the entries of a segment to remove.
            dry_run: only count.

        Raises:
            StopRun: another process is merging the log.

        """
        claim = self._claims.take("all", "remove")
        if claim is None:
            raise StopRun(
                f"A run is merging {self._prefix}: run the same command again when it has ended."
            )
        try:
            return sum(self._rewrite(name, is_gone, dry_run=dry_run) for name in self._list())
        finally:
            self._claims.release(claim)

    def _rewrite(self, name: SegmentName, is_gone: IsGone, *, dry_run: bool) -> int:
        try:
            data = self._read(str(name))
            table = decode_segment(data, self._schema.names, self._schema)
        except DamagedSegment as error:
            if not dry_run:
                self._set_aside(str(name), error)
            return 0
        kept = table.filter(pc.invert(is_gone(table)))
        if kept.num_rows < table.num_rows and not dry_run:
            if kept.num_rows:
                target = replace(merged_name([name], owner.name()), level=name.level)
                rest = encode_segment(kept, read_metadata(data))
                self._store.write(self._key(target), rest, PARQUET)
            self._store.delete_all([self._key(name)])
        return int(table.num_rows - kept.num_rows)

    def _merge_levels(self, claim: Claim) -> int:
        replaced = level = 0
        sizes = self._list()
        while level <= max((name.level for name in sizes), default=-1):
            self._remove_replaced(sizes, level, claim)
            group = self._group_due(sizes, level)
            if group and (merged := self._merge_group(group, sizes, claim)):
                replaced += merged
                sizes = self._list()
            else:
                level += 1
        return replaced

    def _group_due(self, sizes: dict[SegmentName, int], level: int) -> list[SegmentName]:
        """The segments of a level to merge into one; none if there are too few."""
        group: list[SegmentName] = []
        total = 0
        for name in sorted((name for name in sizes if name.level == level), key=str):
            if sizes[name] < LARGEST // 2 and total + sizes[name] <= LARGEST:
                group.append(name)
                total += sizes[name]
        return group if len(group) >= (2 if level == 0 else FANOUT) else []

    def _remove_replaced(self, sizes: dict[SegmentName, int], level: int, claim: Claim) -> None:
        """Remove segments of a level that an earlier merge has replaced, but did not remove."""
        here = {str(name): name for name in sizes if name.level == level}
        for name in [name for name in sizes if here and name.level == level + 1]:
            try:
                about = read_metadata(open_segment(self._store, self._key(name), sizes[name]))
            except (NotInStore, DamagedSegment):
                continue
            gone = [here[old] for old in about.get(REPLACES, []) if old in here]
            if gone and self._claims.is_held(claim):
                self._store.delete_all(self._key(old) for old in gone)
                for old in gone:
                    sizes.pop(old, None)

    def _merge_group(
        self, group: Iterable[SegmentName], sizes: dict[SegmentName, int], claim: Claim
    ) -> int:
        """Write one segment in place of a group; how many it replaces, 0 if not possible now."""
        tables, names = [], []
        metadata: dict[str, object] = {}
        for name in group:
            try:
                data = self._read(str(name))
                tables.append(decode_segment(data, self._schema.names, self._schema))
                names.append(name)
                metadata |= read_metadata(data)
            except NotInStore:  # another process merged it, after this one's claim was lost
                return 0
            except DamagedSegment as error:
                self._set_aside(str(name), error)
                sizes.pop(name)
        if len(names) < 2 or not self._claims.is_held(claim):
            return 0
        merged = self._newest(pa.concat_tables(tables))
        metadata |= {REPLACES: [str(name) for name in names]}
        target = self._key(merged_name(names, owner.name()))
        self._store.write(target, encode_segment(merged, metadata), PARQUET)
        if self._claims.is_held(claim):
            self._store.delete_all(self._key(name) for name in names)
        return len(names)

    def _list(self) -> dict[SegmentName, int]:
        listed = self._store.list_sizes(f"{self._prefix}/")
        named = {parse_name(key.rpartition("/")[2]): size for key, size in listed.items()}
        return {name: size for name, size in named.items() if name is not None}

    def _key(self, name: SegmentName) -> str:
        return f"{self._prefix}/{name}"
