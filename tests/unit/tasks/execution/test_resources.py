"""What the steps of a run share: made once, closed with the run, reopened in another process."""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from prefect.utilities.collections import visit_collection

from image_tags.tasks.contracts.settings import Settings, StoreSettings
from image_tags.tasks.execution import resources as module
from image_tags.tasks.execution.resources import RunResources, close_here
from image_tags.tasks.execution.task_options import timed


class Closable:
    def __init__(self, closed):
        self._closed = closed

    def close(self):
        self._closed.append(self)


@pytest.fixture
def settings(tmp_path):
    return Settings(source="feed.csv", store=str(tmp_path / "store"))


def test_threads_that_ask_at_once_share_one_and_it_is_closed_once(monkeypatch, settings):
    made, closed, everyone_asks = [], [], threading.Barrier(8)

    def make(_, **__):
        made.append(Closable(closed))
        return made[-1]

    monkeypatch.setattr(module, "Web", make)
    with RunResources("run", settings) as resources, ThreadPoolExecutor(8) as pool:

        def ask(_):
            everyone_asks.wait(timeout=30)
            return resources.web

        assert set(pool.map(ask, range(8))) == set(made)
    assert len(made) == 1
    assert closed == made


def test_what_is_made_slowly_does_not_hold_up_another_resource(monkeypatch, settings):
    being_made, go_on = threading.Event(), threading.Event()

    def make_slowly(*_):
        being_made.set()
        assert go_on.wait(timeout=30)
        return "analyzer"

    monkeypatch.setattr(module, "open_analyzer", make_slowly)
    resources = RunResources("run", settings)
    with ThreadPoolExecutor(1) as pool:
        analyzer = pool.submit(lambda: resources.analyzer)
        assert being_made.wait(timeout=30)
        assert resources.web is resources.web
        go_on.set()
        assert analyzer.result(timeout=30) == "analyzer"
    resources.close()


def test_resources_are_closed_in_reverse_order_even_when_one_cannot_be(monkeypatch, settings):
    closed = []
    web, analyzer = Closable(closed), Closable(closed)
    monkeypatch.setattr(module, "Web", lambda _, **__: web)
    monkeypatch.setattr(module, "open_analyzer", lambda *_: analyzer)
    resources = RunResources("run", settings)
    assert (resources.web, resources.analyzer) == (web, analyzer)
    broken = Closable(closed)
    broken.close = lambda: 1 / 0
    resources._once("broken", lambda: broken)
    with pytest.raises(ZeroDivisionError):
        resources.close()
    assert closed == [analyzer, web]
    resources.close()
    assert closed == [analyzer, web], "closed once"


def test_an_error_while_making_one_is_raised_and_tried_again(monkeypatch, settings):
    attempts = []

    def fail_once(_, **__):
        attempts.append(None)
        if len(attempts) == 1:
            raise OSError("no network")
        return "web"

    monkeypatch.setattr(module, "Web", fail_once)
    resources = RunResources("run", settings)
    with pytest.raises(OSError, match="no network"):
        _ = resources.web
    assert resources.web == "web"


def test_another_process_opens_them_once_per_run_and_closes_only_that_run(monkeypatch, settings):
    closed = []
    monkeypatch.setattr(module, "Web", lambda _, **__: Closable(closed))
    sent, other = (pickle.dumps(RunResources(run, settings)) for run in ("run", "other"))
    here, again, elsewhere = (pickle.loads(data) for data in (sent, sent, other))
    assert here is again
    assert here is not elsewhere
    assert (here.run, here.settings) == ("run", settings)
    web, _ = here.web, elsewhere.web
    close_here("run")
    assert closed == [web]
    assert pickle.loads(sent) is not here
    close_here("run")
    close_here("other")


def test_prefect_neither_walks_into_them_nor_copies_them(settings):
    resources, seen = RunResources("run", settings), []
    parameters = {"resources": resources, "batch": [1]}
    visited = visit_collection(parameters, lambda one: seen.append(one) or one, return_data=True)
    assert visited["resources"] is resources
    assert not any(isinstance(one, Settings) for one in seen)


def test_only_the_settings_of_a_group():
    settings = Settings(source="feed.csv", store="s", region="eu-west-1", max_labels=3)
    assert settings.only(StoreSettings) == StoreSettings(store="s", region="eu-west-1")


def test_a_step_is_measured_also_when_it_fails(settings):
    @timed
    def divide(resources, by):
        return 1 / by

    resources = RunResources("run", settings)
    assert divide(resources, by=2) == 0.5
    with pytest.raises(ZeroDivisionError):
        divide(resources, 0)
    assert list(resources.clock.seconds) == ["divide"]


@pytest.mark.parametrize("name", ["link_log", "ledger"])
def test_answers_and_link_records_are_written_at_the_interval_of_the_settings(
    name, monkeypatch, settings
):
    intervals = []
    monkeypatch.setattr(module, "LinkLog", lambda _, interval: intervals.append(interval))
    monkeypatch.setattr(module.Ledger, "of", lambda *given: intervals.append(given[4]))
    monkeypatch.setattr(module, "open_analyzer", lambda *_: "analyzer")
    with RunResources("run", settings.model_copy(update={"commit_interval": 7.5})) as resources:
        if name == "link_log":
            _ = resources.link_log
        else:
            resources.ledger("detect_labels")
    assert intervals == [7.5]
