"""How long the files of runs are kept, and the copies of DataFrames that they were made from."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from image_tags.tasks.adapters.store.json_records import OBJECT, DamagedRecord, load_record
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.execution.run_folder import first_start, run_key

GIVEN_UP_AFTER = timedelta(days=7)
"""A run without a summary may still be at work, or be retried; one as old as this will not be."""


def prune_runs(store: Store, keep: int, current: str) -> list[str]:
    """Remove `runs/<run>/` of all but the newest runs; returns the runs that were removed.

    Runs are named by their time. The current run stays, and so does every run that has not finished
    and may still need its files. The copies of DataFrames that only removed runs were made from go
    too. A copy that no run was made from stays: a run may be about to begin.

    Args:
        store: where the runs are.
        keep: how many finished runs are kept, the current one included.
        current: the run that is at work.

    """
    files: dict[str, list[str]] = {}
    for key in store.keys("runs/"):
        files.setdefault(key.split("/")[1], []).append(key)
    others = [
        run for run in sorted(files, reverse=True) if run != current and _is_over(run, files[run])
    ]
    removed = others[keep - 1 :]
    if removed:
        kept = [run for run in files if run not in removed]
        unused = _find_sources(store, removed) - _find_sources(store, kept)
        for run in removed:
            store.delete_all(files[run])
        store.delete_all(key for key in store.keys("sources/") if store.locate(key) in unused)
    return removed


def _find_sources(store: Store, runs: Iterable[str]) -> set[str]:
    """The sources of some runs, as their settings name them."""
    found = set()
    for run in runs:
        try:
            settings = load_record(store, run_key(run, "settings.json"), OBJECT)
        except DamagedRecord:
            continue
        if settings and "source" in settings:
            found.add(str(settings["source"]))
    return found


def _is_over(run: str, keys: list[str]) -> bool:
    is_old = datetime.now(UTC) - first_start(run) > GIVEN_UP_AFTER
    return is_old or run_key(run, "summary.json") in keys
