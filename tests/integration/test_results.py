"""Results of task runs in the store, as Prefect keeps and finds them, with a real server."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Barrier

import pytest
from prefect import flow, task
from prefect.settings import PREFECT_API_URL, temporary_settings

from image_tags.tasks.adapters.orchestration.results import StoreResults
from image_tags.tasks.contracts.settings import StoreSettings


@pytest.fixture(autouse=True)
def _on_the_server(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server.api}):
        yield


def test_runs_that_begin_at_the_same_time_share_one_block_a_store(tmp_path):
    """Also the first time, when the server knows nothing of such blocks."""
    stores = [StoreSettings(store=str(tmp_path / name)) for name in "ab"]
    begun = Barrier(8)

    def begin(settings):
        begun.wait()
        return StoreResults.for_store(settings)

    with ThreadPoolExecutor(8) as pool:
        # Prefect's settings are of a context, and threads begin in an empty one.
        asked = [pool.submit(copy_context().run, begin, settings) for settings in stores * 4]
    blocks = [future.result() for future in asked]
    assert len({block._block_document_id for block in blocks}) == len(stores)


def test_a_result_that_is_gone_is_made_again(store):
    made = []

    @task(persist_result=True, cache_key_fn=lambda *_: "runs/r/results/one")
    def one():
        made.append(1)
        return len(made)

    @flow
    def twice():
        kept = one.with_options(
            result_storage=StoreResults.for_store(StoreSettings(store=store.address))
        )
        return kept(), kept()

    assert twice() == (1, 1)
    assert list(store.keys("runs/")) == ["runs/r/results/one"]
    store.delete("runs/r/results/one")
    assert twice() == (2, 2)
