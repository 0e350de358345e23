"""Where mapped task runs run, and what each of several processes may do."""

import builtins
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.task_runners import ThreadPoolTaskRunner

from image_tags.tasks.contracts.errors import StopRun, UsageError
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.task_runners import choose_place, divide_settings

counts = st.integers(1, 64)


def test_threads_of_this_process_unless_told_otherwise():
    resources = RunResources("run", Settings(source="feed.csv"))
    place = choose_place(resources)
    assert isinstance(place.runner, ThreadPoolTaskRunner)
    assert place.is_here
    assert place.resources is resources


def test_without_the_extra_the_command_that_installs_it_is_named(monkeypatch):
    really_import = builtins.__import__

    def without_dask(name, *rest, **more):
        if name.startswith("prefect_dask"):
            raise ImportError(name)
        return really_import(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_dask)
    # It may have been imported by a test before.
    monkeypatch.delitem(sys.modules, "image_tags.tasks.adapters.orchestration.dask", raising=False)
    with pytest.raises(UsageError, match=r"-m pip install 'image-tags\[dask\]'"):
        choose_place(RunResources("no-extra", Settings(source="feed.csv", runner="dask")))


def test_an_address_without_a_cluster_stops_the_run_with_a_sentence(monkeypatch):
    monkeypatch.setattr("image_tags.tasks.adapters.orchestration.dask.JOIN", 0.2)
    settings = Settings(source="feed.csv", runner="dask", dask_address="tcp://127.0.0.1:1")
    with pytest.raises(StopRun, match=r"no Dask cluster with workers at .tcp://127\.0\.0\.1:1"):
        RunResources("no-cluster", settings).dask(1)


@given(st.floats(0.01, 1), counts, counts, st.none() | counts, counts)
def test_together_the_processes_keep_to_every_rate_and_cap(rate, threads, per_host, asking, of):
    whole = Settings(
        source="s",
        rate_share=rate,
        fetch_threads=threads,
        per_host=per_host,
        analyzer_threads=asking,
    )
    share = divide_settings(whole, of)
    assert share.rate_share * of == pytest.approx(rate)
    # A process without a thread or a request would do nothing: more processes than the cap allows
    # get one each.
    assert threads <= share.fetch_threads * of < threads + of
    assert share.per_host * of <= max(per_host, of)
    assert (share.analyzer_threads is None) == (asking is None)
    assert Settings.model_validate(share.model_dump()) == share, "nothing that is out of bounds"
    assert share.model_dump(
        exclude={"rate_share", "fetch_threads", "per_host", "analyzer_threads"}
    ) == whole.model_dump(exclude={"rate_share", "fetch_threads", "per_host", "analyzer_threads"})
