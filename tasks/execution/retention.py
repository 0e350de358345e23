"""How long the files of runs are kept."""

import json
from datetime import UTC, datetime, timedelta

from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.execution.run_folder import first_start, run_key

GIVEN_UP_AFTER = timedelta(days=7)
"""A run without a summary may still be at work, or be retried; one as old as this will not be."""


def prune_runs(store: Store, keep: int, current: str) -> list[str]:
    """Remove `runs/<run>/` of all but the newest runs; returns the runs that were removed.

    Runs are named by their time. The current run stays, and so does every run that has not finished
    and may still need its files.

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
    for run in removed:
        store.delete_all(files[run])
    return removed


def prune_sources(store: Store, current: str) -> list[str]:
    """Remove copies of DataFrames in `sources/` that no run that is kept was made from.

    Nothing is removed while another run is unfinished: it may need its copy.

    Args:
        store: where they are.
        current: the source of the run that is at work, as an address.

    """
    used = {current}
    for run in {key.split("/")[1] for key in store.keys("runs/")}:
        try:
            used.add(json.loads(store.read(run_key(run, "summary.json")))["source"])
        except NotInStore:
            return []
    removed = [key for key in store.keys("sources/") if store.locate(key) not in used]
    store.delete_all(removed)
    return removed


def _is_over(run: str, keys: list[str]) -> bool:
    is_old = datetime.now(UTC) - first_start(run) > GIVEN_UP_AFTER
    return is_old or run_key(run, "summary.json") in keys
