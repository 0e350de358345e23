"""Too few open files, a full or read-only disk, a wrong clock, a frozen process: one sentence at
most, nothing is lost, and paid twice is only what was in flight.
"""

import datetime as module_datetime
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count

import pytest

from image_tags.tasks.adapters.ledger import ledger
from image_tags.tasks.adapters.link_records import link_log
from image_tags.tasks.adapters.orchestration import store_lock
from image_tags.tasks.adapters.segments import names
from image_tags.tasks.adapters.store import claims, folder
from image_tags.tasks.execution import clock, retention
from image_tags.tasks.ingest import step as ingest_step
from image_tags.tasks.published import versions
from image_tags.tasks.published.pointer import read_pointer
from image_tags.tasks.summary import step as summary_step
from tests.support.freezing import freeze
from tests.support.killed import (
    AT_ONCE,
    NEEDED,
    World,
    answered,
    comparable,
    twice_billed,
)
from tests.support.processes import until
from tests.support.rekognition_endpoint import RekognitionEndpoint

PROGRAM = "from image_tags.flows.cli import main; main()"
LIMITED = 'ulimit -n "$1"; shift; exec "$@"'
DAY = timedelta(days=1)
SHORT_LEASE = {"LEASE": 3.0, "BEAT": 0.5}
"""Seconds, instead of a minute: see `claims` and `store_lock`."""


@pytest.fixture(scope="module")
def world(tmp_path_factory, prefect_server):
    with RekognitionEndpoint().running() as endpoint:
        made = World(tmp_path_factory.mktemp("scarcity"), prefect_server.env, endpoint)
        yield made
        made.site.close()


@pytest.fixture(scope="module")
def expected(world):
    """The tables of a run that lacks nothing."""
    store = world.new_store("undisturbed")
    assert world.run(store.address).code == 0
    return comparable(store)


@pytest.fixture
def store(world, expected, request):
    yield world.new_store(request.node.name.translate(str.maketrans("[]", "--")))
    world.give_answers()


def run_limited(world, store, files, *prefix):
    """The command in a process that may have so many open files."""
    words = [*prefix, "bash", "-c", LIMITED, "bash", str(files), sys.executable, "-c", PROGRAM]
    return subprocess.run(
        [*words, *world.words(store.address)],
        env={**os.environ, **world.env},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


@pytest.mark.parametrize("files", [128, 256])
def test_with_few_open_files_a_run_uses_fewer_threads(world, expected, store, files):
    before = Counter(world.endpoint.seen.billed)
    done = run_limited(world, store, files)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    assert comparable(store) == expected
    assert twice_billed(world, before, set()) == 0


def test_with_too_few_open_files_one_sentence_tells_so(world, store):
    done = run_limited(world, store, 64)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "open files" in done.stderr
    assert "ulimit -n 1024" in done.stderr


@contextmanager
def broken_disk(monkeypatch, part, number, after=0):
    """Files whose path has this part cannot be written, after so many of them."""
    opened_new, seen = folder.opened_new, count()

    def fail(path, durable):
        if part in str(path) and next(seen) >= after:
            raise OSError(number, os.strerror(number))
        return opened_new(path, durable)

    with monkeypatch.context() as patched:
        patched.setattr(folder, "opened_new", fail)
        yield


def test_a_full_disk_while_answers_are_saved(world, expected, store, monkeypatch):
    before, known = Counter(world.endpoint.seen.billed), answered(store)
    with broken_disk(monkeypatch, "/responses/", errno.ENOSPC, after=2):
        full = world.run(store.address)
    assert full.code == 1
    assert "cannot be written: No space left on device." in full.err + full.out
    saved = answered(store) - known
    again = world.run(store.address)
    assert again.code == 0, again.out
    assert twice_billed(world, before, saved) <= AT_ONCE
    assert comparable(store) == expected


def test_a_full_disk_while_it_publishes(world, expected, store, monkeypatch):
    before, (version, _) = Counter(world.endpoint.seen.billed), current(store)
    with broken_disk(monkeypatch, "/published/", errno.ENOSPC, after=3):
        full = world.run(store.address)
    assert full.code == 1
    assert "cannot be written: No space left on device." in full.err + full.out
    assert current(store)[0] == version
    again = world.run(store.address)
    assert again.code == 0, again.out
    assert sum(world.billed_since(before).values()) == NEEDED
    assert comparable(store) == expected


def current(store):
    """The version that readers see, and its tables."""
    pointer, _ = read_pointer(store)
    return pointer.version, pointer.tables


def test_a_read_only_store_is_wrong_usage(world, store, monkeypatch):
    with broken_disk(monkeypatch, "/", errno.EROFS):
        refused = world.run(store.address)
    assert refused.code == 2
    assert refused.err.splitlines()[-1] == (
        f"Error: The store {store.address!r} cannot be written: Read-only file system."
    )


READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 99; shift; exec "$@"'


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare makes a mount of its own")
def test_a_store_that_is_mounted_read_only(world, store):
    mounted = ("unshare", "--mount", "bash", "-c", READ_ONLY, "bash", store.address)
    done = run_limited(world, store, 1024, *mounted)
    if done.stderr.startswith(("unshare:", "mount:")):
        pytest.skip("this user may not mount")
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"Error: The store {store.address!r} cannot be written: Read-only file system."
    )


@contextmanager
def shifted_clock(monkeypatch):
    """The clock of the machine, as far as the program asks it; `jump[0]` is added to it."""
    jump = [timedelta()]

    class Shifted(datetime):
        @classmethod
        def now(cls, tz=None):
            return module_datetime.datetime.now(tz) + jump[0]

    with monkeypatch.context() as patched:
        for module in (ledger, link_log, store_lock, names, claims, clock, retention):
            patched.setattr(module, "datetime", Shifted)
        for module in (versions, summary_step):
            patched.setattr(module, "datetime", Shifted)
        now = ingest_step.time.time

        class Time:
            time = staticmethod(lambda: now() + jump[0].total_seconds())

        patched.setattr(ingest_step, "time", Time)
        yield jump


@pytest.mark.parametrize("hours", [24, -24])
def test_a_clock_that_jumps(world, expected, store, monkeypatch, hours):
    """In the middle of the answers; the next run is at the right time again."""
    before, asked = Counter(world.endpoint.seen.billed), Counter(world.site.asked)
    world.hold_answers(after=5)

    def jump_and_go_on():
        until(lambda: world.endpoint.seen.held > 0, 60)
        jump[0] = timedelta(hours=hours)
        world.give_answers()

    with shifted_clock(monkeypatch) as jump:
        jumping = threading.Thread(target=jump_and_go_on)
        jumping.start()
        done = world.run(store.address)
        jumping.join()
        assert jump[0]
        assert done.code == 0, done.out
        assert comparable(store) == expected
    assert world.run(store.address).code == 0
    assert comparable(store) == expected
    assert twice_billed(world, before, set()) == 0
    assert max((Counter(world.site.asked) - asked).values()) <= 2


FROZEN = """
from image_tags.tasks.adapters.store import claims
from image_tags.tasks.adapters.orchestration import store_lock
for module in (claims, store_lock):
    module.LEASE, module.BEAT = {LEASE}, {BEAT}
""".format(**SHORT_LEASE)


def test_a_frozen_process_is_overtaken_and_pays_for_nothing_again(
    world, expected, store, monkeypatch
):
    """It wakes up when another run has done its work, and its own calls have their answers."""
    for module in (claims, store_lock):
        for name, seconds in SHORT_LEASE.items():
            monkeypatch.setattr(module, name, seconds)
    before, known = Counter(world.endpoint.seen.billed), answered(store)
    world.hold_answers(after=6)
    log = world.folder / "frozen.log"
    command = [sys.executable, "-c", FROZEN + PROGRAM, *world.words(store.address)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env={**os.environ, **world.env}, stdout=out, stderr=out)
    try:
        until(lambda: world.endpoint.seen.held > 0, 90, log.read_text)
        until(lambda: len(answered(store) - known) == 6, 30, log.read_text)
        freeze(process.pid, store)
        saved = answered(store) - known
        world.give_answers()
        here = world.run(store.address)
        process.send_signal(signal.SIGCONT)
        there = process.wait(120)
    finally:
        process.kill()
        process.wait()
    assert here.code == 0, here.err
    assert there == 0 or "was published in the meantime" in log.read_text(), log.read_text()
    assert twice_billed(world, before, saved) <= AT_ONCE
    assert comparable(store) == expected
