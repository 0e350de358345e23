"""Results of task runs in the store, as Prefect keeps and finds them, with a real server."""

import pytest
from prefect import flow, task
from prefect.settings import PREFECT_API_URL, temporary_settings

from image_tags.tasks.adapters.orchestration.results import ResultSerializer, StoreResults
from image_tags.tasks.contracts.errors import BatchFailed
from image_tags.tasks.contracts.records import BatchDone
from image_tags.tasks.contracts.settings import StoreSettings
from tests.support.planted_results import planted
from tests.support.prefect_client import ask


@pytest.fixture(autouse=True)
def _on_the_server(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server.api}):
        yield


@pytest.fixture
def batch(store):
    """A task whose results are in the store, and how often it worked."""
    made = []

    @task(
        persist_result=True,
        cache_key_fn=lambda *_: "runs/r/results/one",
        result_serializer=ResultSerializer(),
    )
    def work(fails=False):
        made.append(1)
        if fails:
            raise BatchFailed("1 link left pending.")
        return BatchDone("ingest", 1, {"stored": len(made)})

    work.result_storage = StoreResults(settings=StoreSettings(store=store.address), run="r")
    return work, made


def test_a_result_that_is_gone_is_made_again(store, batch):
    work, _ = batch

    @flow
    def twice():
        return work().outcomes, work().outcomes

    assert twice() == ({"stored": 1}, {"stored": 1})
    assert list(store.keys("runs/")) == ["runs/r/results/one"]
    store.delete("runs/r/results/one")
    assert twice() == ({"stored": 2}, {"stored": 2})


def test_a_planted_pickle_runs_nothing_and_its_batch_is_done_again(store, batch, tmp_path):
    work, _ = batch
    proof = tmp_path / "proof"
    store.write("runs/r/results/one", planted(proof)["pickle"], "application/json")

    @flow
    def once():
        return work().outcomes

    assert once() == {"stored": 1}
    assert not proof.exists()
    assert b"pickle" not in store.read("runs/r/results/one"), "a good one took its place"


def test_a_failure_is_kept_as_json_below_its_run_and_no_block_is_left_on_the_server(
    prefect_server, store, batch
):
    work, _ = batch
    before = {one["id"] for one in ask(prefect_server, "block_documents/filter")}

    @flow
    def failing():
        return work(fails=True, return_state=True)

    assert failing(return_state=True).is_failed()
    (key,) = store.keys("runs/")
    assert key.startswith("runs/r/results/failed/")
    assert b"1 link left pending." in store.read(key)
    assert b"pickle" not in store.read(key)
    assert {one["id"] for one in ask(prefect_server, "block_documents/filter")} == before
