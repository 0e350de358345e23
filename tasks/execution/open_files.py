"""How many files and connections this process may have open, and how many threads that allows.

A task run brings Prefect's client and its event loop; a fetch or a call has one connection, and one
file while its result is written.
"""

import resource

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import Settings

WANTED = 4096
"""As many as a run can ever use; with many more, programs that close all files start slowly."""
PLENTY = 1024
"""From here on, nothing is held back."""
LEAST = 128
"""A run on a folder with one thread had 48 files open at most, under limits of 64 and of 80. The
rest is for S3, models and Prefect's embedded server, which has the same limit.
"""
BASE, PER_WORKER = 96, 3
"""Open files of a run, and of each task run more: twice the 50 and 1.5 that `benchmarks.open_files`
finds on a folder.
"""
PER_THREAD = 2
"""A connection to the store, and one to a host or to the analyzer."""


def raise_open_files_limit() -> int:
    """Raise this process's limit as far as its user may; returns the limit that now holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return WANTED if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def check_open_files(limit: int) -> None:
    """Check that a run can work at all.

    Raises:
        UsageError: too few files may be open.
    """
    if limit < LEAST:
        raise UsageError(
            f"A run needs {LEAST} open files at least, and this process may have {limit}: "
            "raise the limit (`ulimit -n 1024`)."
        )


def count_workers(limit: int, most: int) -> int:
    """Task runs at the same time: half of what the limit leaves is theirs."""
    return most if limit >= PLENTY else max(1, min(most, (limit - BASE) // 2 // PER_WORKER))


def fit_threads(settings: Settings, limit: int) -> Settings:
    """The settings with no more threads than the limit allows."""
    if limit >= PLENTY:
        return settings
    threads = max(1, (limit - BASE) // 2 // PER_THREAD)
    each = max(1, threads // len(settings.operations))
    return settings.model_copy(
        update={
            "fetch_threads": min(settings.fetch_threads, threads),
            "analyzer_threads": min(settings.analyzer_threads or each, each),
        }
    )
