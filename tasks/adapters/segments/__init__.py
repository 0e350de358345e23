"""Segments: a log of entries by key in the store, as immutable Parquet files.

One log is one prefix of the store and one schema. Any number of processes read it, append to it
and merge it at the same time. Of several entries of one key, the newest counts.

    log = SegmentLog(store, "links", SCHEMA, key="url", time="checked")
    future = log.add({"url": ..., "checked": ..., ...})   # done once the entry is durable
    log.refresh()                          # lists; reads keys and times of segments not read yet
    log.find_times(keys)                   # {key: time of its newest entry}, without a request
    for table in log.read(["url", "etag"], keys):   # newest entries; all of them without keys
        ...
    log.close()                            # commits what waits, merges small segments

- `add` collects entries and commits them as one segment at most every `interval` seconds (group
  commit); an entry after a pause is committed at once. If the store fails, the future raises the
  store's error. `close` can be followed by more `add`s.
- `refresh` reads only segments that appeared since the last time: each segment is read once.
  Entries of this process count as soon as they are durable, without being read back.
- `read` gives tables in no particular order, each key once, read ahead in parallel, and holds a
  few segments in memory at a time. A column that an older segment lacks is null.
- A segment that vanished was merged: the log lists again and finds its entries in the larger one.
- A damaged segment is moved to `damaged/<prefix>/`, with a warning; it costs its own entries.
- Merging is described in `merging.py`. It is killed, repeated or run twice without loss.

Names sort by time: `<UTC time>-<level>-<owner>-<random>.parquet`. A merged segment is named later
than all that it replaces, so that a listing under way sees the one or the others.

Delta Lake (`deltalake`) and Iceberg (`pyiceberg`) were considered: both bring a transaction log
that every commit rewrites or races for, where entries here need no order among processes.
"""

from image_tags.tasks.adapters.segments.group_commit import CommitFailures
from image_tags.tasks.adapters.segments.log import SegmentLog

__all__ = ["CommitFailures", "SegmentLog"]
