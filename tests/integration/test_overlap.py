"""Fetching and asking at the same time: earlier, but neither more nor other calls or tables."""

import hashlib
import json
import threading
import time
from collections import Counter

import pytest
from prefect import flow, task
from prefect.settings import PREFECT_API_URL, temporary_settings

from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.errors import BatchFailed, StopRun
from image_tags.tasks.contracts.records import BatchDone
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.batches import batches_of
from image_tags.tasks.execution.mapping import run_overlapping
from image_tags.tasks.execution.resources import RunResources
from tests.support.command import check_accounted, image_tags, published
from tests.support.killed import comparable
from tests.support.rekognition_endpoint import Fault, RekognitionEndpoint
from tests.support.site import Site, png

OPERATIONS = ("detect_labels", "detect_text")
PICTURES = 16
LINKS = 22
"""The last six lead to pictures that others lead to as well, in other batches."""
ENOUGH_FOR_ALL_LINKS, TOO_LITTLE_FOR_ALL_LINKS = 0.044, 0.035
"""USD: the second is enough for the pictures, but that is not known before all are fetched."""
PATIENCE = 60.0


class WatchedEndpoint(RekognitionEndpoint):
    """Calls `on_call` before it works on a request."""

    def on_call(self):
        """Nothing, unless a test puts something here."""

    def respond(self, *request):
        self.on_call()
        return super().respond(*request)


class UntilBilled:
    """Holds an answer of the site back until the analyzer has billed something."""

    def __init__(self, endpoint):
        self.endpoint, self.before, self.was_billed = endpoint, endpoint.billed, None

    def wait(self):
        until = time.monotonic() + PATIENCE
        while self.endpoint.billed == self.before and time.monotonic() < until:
            threading.Event().wait(0.02)
        self.was_billed = self.endpoint.billed > self.before


class World:
    def __init__(self, folder, server, endpoint):
        self.folder, self.endpoint, self.site = folder, endpoint, Site()
        self.env = {**server.env, **endpoint.environment()}
        links = [self.site.picture(f"/{n}.png", n % PICTURES) for n in range(LINKS)]
        self.source = folder / "feed.csv"
        self.source.write_text("link\n" + "".join(f"{link}\n" for link in links))

    def store(self, name):
        return FolderStore(str(self.folder / name))

    def run(self, name, *more):
        words = ["run", str(self.source), "--store", str(self.folder / name), "--json"]
        words += ["--url-column", "link", "--analyzer", "rekognition", "--batch-size", "4"]
        words += ["--operations", ",".join(OPERATIONS), "--allow-private-addresses"]
        return image_tags(*words, *more, env=self.env)

    def plan_of(self, name, summary):
        return json.loads(self.store(name).read(f"runs/{summary['run']}/plan.json"))


@pytest.fixture
def world(tmp_path, prefect_server):
    with WatchedEndpoint().running() as endpoint:
        made = World(tmp_path, prefect_server, endpoint)
        yield made
        made.site.close()


def test_calls_begin_before_the_last_link_is_fetched_and_all_else_is_as_with_the_plan_first(world):
    hold = UntilBilled(world.endpoint)
    world.site.answers[f"/{LINKS - 1}.png"].when = hold
    early = world.run("early", "--max-cost", str(ENOUGH_FOR_ALL_LINKS))
    assert early.code == 0, early.out
    assert hold.was_billed, "no call was made while a link was still being fetched"
    once = dict.fromkeys(world.endpoint.seen.billed, 1)
    assert world.endpoint.seen.billed == once
    assert len(once) == PICTURES * len(OPERATIONS)
    assert "of them begun while links were fetched" in early.err

    world.site.answers[f"/{LINKS - 1}.png"].when = None
    plans_at_first_call = []

    def look():
        found = world.store("planned").keys("runs/")
        plans_at_first_call.append(any(key.endswith("plan.json") for key in found))

    world.endpoint.on_call = look
    planned = world.run("planned", "--max-cost", str(TOO_LITTLE_FOR_ALL_LINKS))
    assert planned.code == 0, planned.out
    assert all(plans_at_first_call), "a call was made before the plan"
    assert len(plans_at_first_call) == PICTURES * len(OPERATIONS)

    assert comparable(world.store("early")) == comparable(world.store("planned"))
    for part in ("calls", "cost_usd", "statuses", "tables"):
        assert early.summary[part] == planned.summary[part], part
    assert world.plan_of("early", early.summary) == world.plan_of("planned", planned.summary)
    check_accounted(early.summary, published(world.store("early")))


def test_known_pictures_are_asked_while_new_links_are_fetched(world):
    """No limit; another operation over known links, one picture gone, and a new link."""
    first = world.run("grown", "--operations", "detect_labels")
    assert first.code == 0
    gone = hashlib.sha256(png(3)).hexdigest()
    world.store("grown").delete(f"images/{gone[:2]}/{gone}.png")
    new = world.site.picture("/new.png", 99)
    world.source.write_text(world.source.read_text() + f"{new}\n")
    hold = UntilBilled(world.endpoint)
    world.site.answers["/new.png"].when = hold
    second = world.run("grown")
    assert second.code == 0, second.out
    assert hold.was_billed
    assert set(world.endpoint.seen.billed.values()) == {1}
    assert second.summary["calls"] == {
        "detect_labels": {"billed": 1, "reused": PICTURES, "failed": 0},
        "detect_text": {"billed": PICTURES + 1, "reused": 0, "failed": 0},
    }


def test_an_analyzer_that_refuses_everything_does_not_stop_the_fetching(world):
    world.endpoint.faults = [Fault("AccessDeniedException", times=None)]
    done = world.run("denied")
    assert done.code == 1
    assert "Not published" in done.out
    assert world.endpoint.billed == 0
    assert sum(n for path, n in world.site.asked.items() if path.endswith(".png")) == LINKS
    world.endpoint.faults = []
    again = world.run("denied")
    assert again.code == 0
    assert set(world.endpoint.seen.billed.values()) == {1}
    assert Counter(world.site.asked) == {f"/{n}.png": 1 for n in range(LINKS)}


@task(persist_result=True, cache_key_fn=lambda _, given: f"runs/r/results/a{given['batch'].digest}")
def lead(resources, batch):
    if batch.items[0] == "stop":
        raise StopRun("The store is full.")
    if batch.items[0] == "fail":
        raise BatchFailed("1 link left pending.")
    return BatchDone("a", 1, {})


@task(persist_result=True, cache_key_fn=lambda _, given: f"runs/r/results/b{given['batch'].digest}")
def follow(resources, batch):
    return BatchDone("b", 1, {})


class Echo:
    """A batch of the second step once the first step has brought something, and one at the end."""

    def __init__(self):
        self.added, self.begun, self.last = [], False, False

    def add(self, batch):
        self.added.append(batch.items[0])

    def next_batches(self, running):
        if self.begun or not self.added:
            return []
        self.begun = True
        return batches_of("b", ["next"], ["next"], 1)

    def last_batches(self):
        self.last = True
        return batches_of("b", ["last"], ["last"], 1)


@pytest.mark.parametrize("items", [["x", "fail", "y"], ["x", "stop", "y"]])
def test_a_failed_batch_stops_nothing_and_a_stop_of_the_first_step_is_raised(
    items, tmp_path, prefect_server
):
    settings = Settings(source="s.csv", store=str(tmp_path), task_retries=0)
    feed = Echo()

    @flow
    def both():
        with RunResources("r", settings) as resources:
            return run_overlapping(lead, batches_of("a", items, items, 1), follow, feed, resources)

    with temporary_settings({PREFECT_API_URL: prefect_server.api}):
        if "stop" in items:
            with pytest.raises(StopRun, match="full"):
                both()
            assert not feed.last
        else:
            assert both() is None
            assert sorted(feed.added) == sorted(items)
            assert feed.last
