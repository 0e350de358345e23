"""`image-tags run` is killed at a chosen moment (kill -9) and run again: nothing that was saved is
paid twice, the tables are those of an undisturbed run, and whoever reads meanwhile sees a whole
version.

A first version of four pictures is published; the second has sixteen. Calls about twelve pictures
are left, two for each.
"""

import os
import threading
from collections import Counter
from pathlib import Path

import pytest

from image_tags.tasks.adapters.link_records.link_log import LinkLog
from image_tags.tasks.published.pointer import CURRENT
from image_tags.tasks.published.versions import list_versions
from tests.support.killed import (
    ALL,
    AT_ONCE,
    NEEDED,
    OLD,
    OPERATIONS,
    Reader,
    World,
    answered,
    comparable,
    kill,
    twice_billed,
)
from tests.support.prefect_client import ask, flow_run, flow_runs, prefect, task_runs
from tests.support.processes import until
from tests.support.rekognition_endpoint import RekognitionEndpoint


@pytest.fixture(scope="module")
def world(tmp_path_factory, prefect_server):
    with RekognitionEndpoint().running() as endpoint:
        made = World(tmp_path_factory.mktemp("killed"), prefect_server.env, endpoint)
        yield made
        made.site.close()


@pytest.fixture(scope="module")
def expected(world):
    """The tables of a run that nobody disturbs."""
    store = world.new_store("undisturbed")
    assert world.run(store.address).code == 0
    return comparable(store)


@pytest.fixture
def store(world, expected, request):
    return world.new_store(request.node.name.replace(" ", "-"))


def test_killed_in_the_middle_of_analysis(world, expected, store):
    """When ten calls are answered and saved, and every batch waits for an answer to one that is
    billed already.
    """
    before, known = Counter(world.endpoint.seen.billed), answered(store)
    world.hold_answers(after=10)
    with Reader(store) as reader:
        with world.started(store, forked=True) as process:
            world.reached(
                lambda: len(answered(store) - known) == 10 and world.endpoint.seen.held > 0
            )
            kill(process)
        saved = answered(store) - known
        world.give_answers()
        again = world.run(store.address)
    assert again.code == 0, again.out
    assert 1 <= twice_billed(world, before, saved) <= AT_ONCE
    assert comparable(store) == expected
    assert len(reader.seen) == 2


def test_a_retry_closes_the_task_runs_that_the_killed_try_left_running(
    world, expected, store, prefect_server
):
    """The flow run is marked Crashed first, as a worker or the automation for zombies does it."""
    known = answered(store)
    world.hold_answers(after=10)
    with world.started(store, forked=True) as process:
        world.reached(lambda: len(answered(store) - known) == 10 and world.endpoint.seen.held > 0)
        killed = flow_runs(prefect_server, limit=1)[0]["id"]
        # The server records task runs with a delay, and would record the last ones after the retry.
        recorded = {"COMPLETED": 10, "RUNNING": NEEDED - 10}
        until(lambda: calls_of(prefect_server, killed) == recorded, 60)
        kill(process)
    world.give_answers()
    crash = {"type": "CRASHED", "name": "Crashed", "message": "No heartbeat."}
    ask(prefect_server, f"flow_runs/{killed}/set_state", state=crash, force=True)
    left = unfinished(prefect_server, killed)
    assert left
    entrypoint = "image_tags.flows.pipeline.image_tags"
    words = ["flow-run", "retry", killed, "--entrypoint", entrypoint]
    prefect(prefect_server, *words, env=world.env)
    assert flow_run(prefect_server, killed)["state_name"] == "Completed"
    runs = task_runs(
        prefect_server, killed, lambda runs: any(one["name"] == "explain the run" for one in runs)
    )
    states = {one["id"]: one["state_name"] for one in runs}
    assert {states.get(one) for one in left} <= {"Crashed", "Completed"}
    assert "Crashed" in states.values()
    until(lambda: not unfinished(prefect_server, killed), 30)
    assert comparable(store) == expected


def calls_of(server, flow_run_id):
    """How many of the flow run's calls, a task run each, are in which state on the server."""
    runs = ask(server, "task_runs/filter", flow_runs={"id": {"any_": [flow_run_id]}}, limit=200)
    return Counter(one["state_type"] for one in runs if one["name"].startswith(OPERATIONS))


def unfinished(server, flow_run_id):
    """The ids of the flow run's task runs that the server takes to be at work."""
    runs = ask(server, "task_runs/filter", flow_runs={"id": {"any_": [flow_run_id]}}, limit=200)
    return {one["id"] for one in runs if one["state_type"] in ("RUNNING", "PENDING")}


def test_killed_in_the_middle_of_ingest(world, expected, store):
    """When nine of twelve new links are stored, and the site keeps its answers to the other three
    back.
    """
    before, known = Counter(world.endpoint.seen.billed), answered(store)
    slow = [f"/{n}.png" for n in range(ALL - 3, ALL)]
    asked = Counter(world.site.asked)
    ready = threading.Event()
    for path in slow:
        world.site.answers[path].when = ready
    with Reader(store) as reader:
        with world.started(store, forked=True) as process:
            world.reached(lambda: len(LinkLog(store).find(world.links)) == ALL - len(slow))
            world.reached(lambda: all(world.site.asked[path] > asked[path] for path in slow))
            kill(process)
        saved = answered(store) - known
        ready.set()
        again = world.run(store.address)
    assert again.code == 0, again.out
    assert dict(world.site.asked - asked) == {
        f"/{n}.png": 2 if f"/{n}.png" in slow else 1 for n in range(OLD, ALL)
    }
    # The pictures that were there were being asked about meanwhile.
    assert twice_billed(world, before, saved) <= AT_ONCE
    assert comparable(store) == expected
    assert len(reader.seen) == 2


@pytest.mark.parametrize(("stuck", "there"), [("findings.json", 9)])
def test_killed_while_it_publishes(world, expected, store, stuck, there):
    """When so many of the version's files are there.

    The next one cannot be read, so that the run waits to be killed.
    """
    before, (old,) = Counter(world.endpoint.seen.billed), list_versions(store)
    (done,) = Path(store.address, "runs").iterdir()
    with Reader(store) as reader:
        with world.started(store, forked=True) as process:
            world.reached(lambda: block(store, stuck, done))
            world.reached(lambda: len(half(store, old)) == there)
            kill(process)
        assert len(half(store, old)) == there
        assert [one.version for one in list_versions(store)] == [old.version]
        again = world.run(store.address)
    assert again.code == 0, again.out
    assert sorted(world.billed_since(before).values()) == [1] * NEEDED
    assert comparable(store) == expected
    assert list(reader.seen) == [old.version, list_versions(store)[0].version]


def test_killed_right_after_it_published(world, expected, store):
    """Readers see the new version; the run has not said so yet."""
    before, (old,) = Counter(world.endpoint.seen.billed), list_versions(store)
    with Reader(store) as reader:
        with world.started(store, forked=True) as process:
            world.reached(lambda: list_versions(store) != [old])
            kill(process)
        assert comparable(store) == expected
        assert world.run(store.address).code == 0
    assert sorted(world.billed_since(before).values()) == [1] * NEEDED
    assert comparable(store) == expected
    assert list(reader.seen) == [one.version for one in reversed(list_versions(store))]


def test_two_runs_at_once_pay_once_and_one_of_them_is_published_first(world, expected, store):
    before = Counter(world.endpoint.seen.billed)
    with Reader(store) as reader:
        with world.started(store, forked=True) as process:
            here = world.run(store.address)
            there = process.wait(120)
        assert 0 in (here.code, there)
        assert world.run(store.address).code == 0
    said = here.out + world.log.read_text()
    assert (here.code, there) == (0, 0) or "was published in the meantime" in said, said
    assert sorted(world.billed_since(before).values()) == [1] * NEEDED
    assert comparable(store) == expected
    assert len(reader.seen) >= 2


def block(store, name, done):
    """Put a pipe that nobody fills in the place of a file that the run has staged; False as long as
    it is not so far.
    """
    for run in Path(store.address, "runs").iterdir():
        if run != done and (run / "report.html").exists():
            os.mkfifo(run / "pipe")
            (run / "pipe").replace(run / name)
            return True
    return False


def half(store, old):
    """The files of versions that no pointer names."""
    keys = [
        key
        for key in store.keys("published/")
        if not key.startswith((f"published/{old.version}/", "published/latest/"))
    ]
    return [key for key in keys if key != CURRENT]
