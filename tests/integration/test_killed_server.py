"""The flow process of a worker, the worker, and the Prefect server are killed (kill -9) in the
middle of analysis.

As in test_killed.py: running again completes it, nothing that was saved is paid twice, readers see
whole versions.
"""

import os
import signal
from collections import Counter

import pytest

from tests.support.killed import AT_ONCE, OPTIONS, Reader, World, answered, comparable, twice_billed
from tests.support.prefect_client import (
    Worker,
    ask,
    ended,
    flow_run,
    flow_runs,
    prefect,
    retry,
    start,
)
from tests.support.prefect_server import PrefectServer
from tests.support.processes import until
from tests.support.rekognition_endpoint import RekognitionEndpoint

POOL = "killed"


@pytest.fixture(scope="module")
def server(tmp_path_factory, make_prefect_home):
    """A server of this file's own, to be killed."""
    server = PrefectServer(make_prefect_home(tmp_path_factory.mktemp("prefect")))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory, server):
    with RekognitionEndpoint().running() as endpoint:
        made = World(tmp_path_factory.mktemp("killed"), server.env, endpoint)
        yield made
        made.site.close()


@pytest.fixture(scope="module")
def expected(world):
    """The tables of a run that nobody disturbs."""
    store = world.new_store("undisturbed")
    assert world.run(store.address).code == 0
    return comparable(store)


@pytest.fixture
def store(world, server, expected, request):
    """With the first version in it; the analyzer answers ten calls more, and keeps further answers
    back.
    """
    world.hold_answers(after=10)
    yield world.new_store(request.node.name)
    world.give_answers()
    if not server.answers():
        server.start()


def held(world, store, known):
    """Whether ten calls are answered and saved, and others are billed and wait for their answer."""
    return len(answered(store) - known) == 10 and world.endpoint.seen.held > 0


def test_a_run_outlives_a_restart_of_the_server(world, server, expected, store):
    """Batches begin and end while the server is away; then the run ends as if nothing had been."""
    before, known = Counter(world.endpoint.seen.billed), answered(store)
    with Reader(store) as reader, world.started(store) as process:
        world.reached(lambda: held(world, store, known))
        server.stop()
        world.give_answers()
        world.reached(lambda: len(world.billed_since(before)) == len(answered(store) - known) > 10)
        server.start()
        code = process.wait(180)
    said = world.log.read_text()
    assert code == 0, said
    assert "Traceback" not in said
    on_screen = said[: said.rindex("\n{")].lower()  # below it is the JSON, which names the software
    assert "prefect" not in on_screen, "what Prefect has to say of it is in its own log"
    assert twice_billed(world, before, set()) == 0
    assert flow_runs(server, limit=1)[0]["state_type"] == "COMPLETED"
    assert comparable(store) == expected
    assert len(reader.seen) == 2


def test_a_server_that_stays_away_is_one_sentence(world, server, expected, store):
    before, known = Counter(world.endpoint.seen.billed), answered(store)
    with Reader(store):
        with world.started(store, PREFECT_CLIENT_MAX_RETRIES="1") as process:
            world.reached(lambda: held(world, store, known))
            server.stop()
            world.give_answers()
            assert process.wait(120) == 1, world.log.read_text()
        said = world.log.read_text()
        assert said.splitlines()[-1].startswith(
            f"Stopped: The Prefect server at {server.api} no longer answers."
        )
        assert "Traceback" not in said
        away = world.run(store.address)
        assert away.code == 1
        assert away.err.splitlines()[-1].startswith(
            f"Stopped: The Prefect server at {server.api} cannot be reached"
        )
        server.start()
        again = world.run(store.address)
    assert again.code == 0, again.out
    assert twice_billed(world, before, set()) == 0
    assert comparable(store) == expected


@pytest.fixture(scope="module")
def deployed(world, server, tmp_path_factory):
    """A deployment of the flow and a worker for it."""
    folder = tmp_path_factory.mktemp("worker")
    prefect(server, "work-pool", "create", POOL, "--type", "process")
    words = [
        "deploy",
        "image_tags.flows.pipeline.image_tags",
        "--name",
        POOL,
        "--pool",
        POOL,
        "--tag",
        "killed",
    ]
    prefect(server, "--no-prompt", *words, cwd=folder)
    worker = Worker(server, POOL, world.endpoint.environment(), folder / "worker.log")
    worker.start()
    yield worker
    worker.stop()


def begun(world, server, store, worker):
    """A run of the deployment, when it waits for answers; its id."""
    known = answered(store)
    parameters = {"source": str(world.source), "store": store.address, **OPTIONS}
    run = start(server, f"image-tags/{POOL}", parameters)
    until(lambda: held(world, store, known), 120, lambda: worker.log.read_text()[-3000:])
    return run


def test_a_killed_flow_process_is_crashed_and_its_retry_completes_it(
    world, server, expected, store, deployed
):
    before, known = Counter(world.endpoint.seen.billed), answered(store)
    with Reader(store) as reader:
        run = begun(world, server, store, deployed)
        os.kill(int(flow_run(server, run)["infrastructure_pid"].rpartition(":")[2]), signal.SIGKILL)
        assert ended(server, run)["state_type"] == "CRASHED"
        saved = answered(store) - known
        world.give_answers()
        prefect(server, "flow-run", "retry", run)
        done = ended(server, run, count=2, again=lambda: prefect(server, "flow-run", "retry", run))
    assert done["state_type"] == "COMPLETED", done["state"]["message"]
    assert 1 <= twice_billed(world, before, saved) <= AT_ONCE
    assert comparable(store) == expected
    assert len(reader.seen) == 2


def test_a_killed_worker_and_its_run_are_completed_by_another(
    world, server, expected, store, deployed
):
    before, known = Counter(world.endpoint.seen.billed), answered(store)
    with Reader(store) as reader:
        run = begun(world, server, store, deployed)
        deployed.stop()
        saved = answered(store) - known
        world.give_answers()
        assert flow_run(server, run)["state_type"] == "RUNNING", "nobody is left to say otherwise"
        deployed.start()
        retry(server, run)
        done = ended(server, run, count=2)
    running = {
        "flow_runs": {"id": {"any_": [run]}},
        "task_runs": {"state": {"type": {"any_": ["RUNNING"]}}},
    }
    until(lambda: not ask(server, "task_runs/filter", **running), 60)
    assert done["state_type"] == "COMPLETED", done["state"]["message"]
    assert 1 <= twice_billed(world, before, saved) <= AT_ONCE
    assert comparable(store) == expected
    assert len(reader.seen) == 2
