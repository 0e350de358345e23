"""A low limit of open files means fewer threads, not failures."""

import resource
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.open_files import (
    BASE,
    LEAST,
    PER_THREAD,
    PER_WORKER,
    PLENTY,
    check_open_files,
    count_workers,
    fit_threads,
)


@given(st.integers(LEAST, PLENTY - 1))
def test_what_a_run_opens_stays_below_the_limit(limit):
    settings = fit_threads(Settings(source="x.csv"), limit)
    busy = max(settings.fetch_threads, settings.analyzer_threads * len(settings.operations))
    assert BASE + count_workers(limit, 16) * PER_WORKER + busy * PER_THREAD <= limit


def test_with_plenty_nothing_changes():
    settings = Settings(source="x.csv")
    assert fit_threads(settings, PLENTY) is settings
    assert count_workers(PLENTY, 16) == 16


def test_fewer_than_were_asked_for_stay_fewer():
    assert fit_threads(Settings(source="x.csv", analyzer_threads=1), 512).analyzer_threads == 1


def test_too_few_are_refused_with_what_to_do():
    check_open_files(LEAST)
    with pytest.raises(UsageError, match=r"needs 128 open files.*may have 64.*ulimit -n 1024"):
        check_open_files(64)


def test_the_soft_limit_is_raised_to_the_hard_one():
    program = (
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (64, 300));"
        "from image_tags.tasks.execution.open_files import raise_open_files_limit as up;"
        "print(up(), *r.getrlimit(r.RLIMIT_NOFILE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["300", "300", "300"]
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0
