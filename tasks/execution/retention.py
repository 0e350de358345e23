"""How long the files of runs are kept."""

from datetime import UTC, datetime, timedelta

from image_tags.tasks.adapters.store.store import Store
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


def _is_over(run: str, keys: list[str]) -> bool:
    is_old = datetime.now(UTC) - first_start(run) > GIVEN_UP_AFTER
    return is_old or run_key(run, "summary.json") in keys
