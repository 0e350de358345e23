"""Results in the store: JSON of one shape; whatever else is there is refused and reported."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.results import ResultRecord, ResultStore

from image_tags.tasks.adapters.orchestration.results import (
    ResultSerializer,
    StoreResults,
    UntrustedResult,
)
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.errors import BatchFailed, StopRun
from image_tags.tasks.contracts.records import BatchDone
from image_tags.tasks.contracts.settings import StoreSettings
from tests.support.planted_results import DONE, KEY, planted


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path / "store"))


@pytest.fixture
def results(store):
    return StoreResults(settings=StoreSettings(store=store.address), run="r")


def prefect_store(results):
    """Prefect's way to them."""
    return ResultStore(
        result_storage=results, serializer=ResultSerializer(), cache_result_in_memory=False
    )


def test_the_exploit_would_work(tmp_path):
    """Otherwise the next test would prove nothing."""
    ResultRecord.deserialize(planted(tmp_path / "proof")["pickle"])
    assert (tmp_path / "proof").exists()


@pytest.mark.parametrize("kind", planted("x"))
def test_what_this_program_did_not_write_is_refused_and_reported(
    kind, tmp_path, store, results, caplog
):
    store.write(KEY, planted(tmp_path / "proof")[kind], "application/json")
    with caplog.at_level(logging.ERROR):
        assert not prefect_store(results).exists(KEY), "its batch runs again"
    assert f"The result {KEY} was not written by this program" in caplog.text
    with pytest.raises(UntrustedResult):
        prefect_store(results).read(KEY)
    assert not (tmp_path / "proof").exists()


def test_counts_and_failures_come_back(store, results):
    kept = prefect_store(results)
    kept.write(DONE, key=KEY)
    assert kept.exists(KEY)
    assert kept.read(KEY).result == DONE
    for error, back in (
        (StopRun("No bucket."), StopRun),
        (BatchFailed("3 left."), BatchFailed),
        (SystemExit("3"), BatchFailed),
    ):
        kept.write(error, key="0123abcd")
        found = kept.read("0123abcd").result
        assert type(found) is back
        assert str(error) in str(found)
    assert sorted(store.keys("runs/")) == ["runs/r/results/failed/0123abcd", KEY]


@given(st.text(), st.integers(), st.dictionaries(st.text(), st.integers()))
def test_any_counts_survive(step, size, outcomes):
    serializer = ResultSerializer()
    done = BatchDone(step, size, outcomes)
    assert serializer.loads(serializer.dumps(done)) == done
