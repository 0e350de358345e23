"""S3 goes away in the middle of analysis: a short outage is waited out, a long one is one sentence
and nothing is lost.
"""

import os
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.contracts.settings import StoreSettings
from tests.support.killed import ALL, AT_ONCE, World, answered, comparable, twice_billed
from tests.support.rekognition_endpoint import RekognitionEndpoint
from tests.support.s3_server import BUCKET, S3Server
from tests.support.site import png

PATIENT = """
from image_tags.tasks.adapters.store.s3 import S3Store
S3Store.__init__.__kwdefaults__["patience"] = {patience}
from image_tags.flows.cli import main; main()
"""
"""The command with so many seconds of patience, instead of a minute."""


@pytest.fixture(scope="module")
def server():
    """A server of this file's own, to be killed."""
    server = S3Server()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def world(tmp_path_factory, prefect_server, server):
    pictures = {sha256(png(number)).hexdigest(): png(number) for number in range(ALL)}

    def resolve(bucket, key):
        """The picture of an object, which is named by its hash, also while the store is away."""
        return pictures[Path(key).stem]

    with RekognitionEndpoint(resolve=resolve).running() as endpoint:
        environment = {**prefect_server.env, **server.env}
        made = World(tmp_path_factory.mktemp("away"), environment, endpoint)
        yield made
        made.site.close()


@pytest.fixture(scope="module")
def expected(world):
    """The tables of a run that nothing disturbs, on a folder: answers depend on the pictures."""
    store = world.new_store("undisturbed")
    assert world.run(store.address).code == 0
    return comparable(store)


@pytest.fixture
def store(world, server, expected, monkeypatch, request):
    """With the first version in it; the analyzer answers five calls more, and keeps further answers
    back.
    """
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    store = open_store(StoreSettings(store=f"s3://{BUCKET}/{request.node.name}"))
    first = Path(world.new_store(request.node.name).address)
    for path in first.rglob("*"):
        if path.is_file():
            key = path.relative_to(first).as_posix()
            store.write(key, path.read_bytes(), "application/octet-stream")
    world.hold_answers(after=5)
    yield store
    world.give_answers()


@contextmanager
def started(world, store, patience):
    """A run that waits for its store for so many seconds, and never outlives the block."""
    command = [sys.executable, "-c", PATIENT.format(patience=patience), *world.words(store.address)]
    with world.log.open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **world.env}, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_an_outage_that_passes_is_waited_out(world, server, expected, store):
    before, known = Counter(world.endpoint.seen.billed), answered(store)
    with started(world, store, patience=60) as process:
        world.reached(lambda: len(answered(store) - known) == 5 and world.endpoint.seen.held > 0)
        server.kill()
        world.give_answers()
        world.reached(lambda: len(world.billed_since(before)) > 5)
        server.start()
        assert process.wait(120) == 0, world.log.read_text()
    assert "Traceback" not in world.log.read_text()
    assert twice_billed(world, before, set()) == 0
    assert comparable(store) == expected


def test_a_store_that_stays_away_is_one_sentence_and_the_next_run_goes_on(
    world, server, expected, store
):
    before, known = Counter(world.endpoint.seen.billed), answered(store)
    with started(world, store, patience=2) as process:
        world.reached(lambda: len(answered(store) - known) == 5 and world.endpoint.seen.held > 0)
        server.kill()
        world.give_answers()
        assert process.wait(120) == 1, world.log.read_text()
    said = world.log.read_text()
    assert said.splitlines()[-1].startswith(f"Stopped: The store {store.address} cannot be reached")
    assert "Traceback" not in said
    server.start()
    saved = answered(store) - known
    again = world.run(store.address)
    assert again.code == 0, again.out + again.err
    assert "Waiting for the run" not in again.err, "what the first one claimed went with it"
    assert twice_billed(world, before, saved) <= AT_ONCE
    assert comparable(store) == expected
