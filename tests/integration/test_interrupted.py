"""INT, TERM and HUP, at any moment: no call begins, nothing is lost, the end takes seconds."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from image_tags.tasks.adapters.interruption import SENTENCE
from tests.support.command import PROGRAM, image_tags
from tests.support.forked_python import start_python
from tests.support.prefect_client import flow_runs
from tests.support.processes import act_once, until
from tests.support.rekognition_endpoint import HOLD, Fault, RekognitionEndpoint
from tests.support.site import Site

PICTURES = 6
OPERATIONS = ("detect_labels", "detect_text")


class Run:
    """One `image-tags run` in a process of its own, to be interrupted."""

    def __init__(self, folder, environment):
        self.site, self.endpoint = Site(), RekognitionEndpoint()
        self.folder, self.store, self.log = folder, folder / "store", folder / "log"
        links = [self.site.picture(f"/{n}.png", n) for n in range(PICTURES)]
        (folder / "feed.csv").write_text("link\n" + "\n".join(links) + "\n")
        self.environment = {**environment, **self.endpoint.environment()}
        self.words = ["run", str(folder / "feed.csv"), "--store", str(self.store)]
        self.words += ["--url-column", "link", "--analyzer", "rekognition", "--batch-size", "2"]
        self.words += ["--operations", ",".join(OPERATIONS), "--allow-private-addresses"]

    @contextmanager
    def started(self, before="", installed=False):
        """The command, forked, or as it is installed: with all its imports."""
        env = {**os.environ, **self.environment}
        with self.log.open("wb") as log:
            if installed:
                command = [str(Path(sys.executable).with_name("image-tags")), *self.words]
                process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
            else:
                words = ["-c", before + PROGRAM, *self.words]
                process = start_python(words, env=env, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    @property
    def requests(self):
        return sum(self.endpoint.seen.requests.values())


@pytest.fixture
def run(tmp_path, prefect_server, request):
    embedded = getattr(request, "param", "server") == "embedded"
    environment = {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_API_URL": ""}
    run = Run(tmp_path, environment if embedded else prefect_server.env)
    with closing(run.site), run.endpoint.running():
        yield run


def interrupt(process, number):
    """Send the signal; returns the seconds until the end, and the processes that should be gone."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    begun = time.monotonic()
    process.send_signal(number)
    process.wait(120)
    return time.monotonic() - begun, family


def check_end(run, process, number, seconds, family):
    log = run.log.read_text()
    assert process.returncode == 128 + number, log[-3000:]
    assert log.count(SENTENCE) == 1, log[-3000:]
    assert "Traceback" not in log
    assert seconds < 5, log[-3000:]
    assert not [one for one in family if works(one)]
    assert [one.name for one in run.store.rglob(".*.*")] == []


def works(process):
    """Whether it has not ended; init takes its time to bury it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def listens(process):
    """Whether the process has set up its handlers (SigCgt in Linux' /proc/PID/status)."""
    with open(f"/proc/{process.pid}/status") as status:  # noqa: PTH123
        caught = next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt"))
    return bool(caught >> (signal.SIGHUP - 1) & 1)


@pytest.mark.parametrize(
    ("number", "run"),
    [
        (signal.SIGINT, "server"),
        (signal.SIGTERM, "server"),
        (signal.SIGHUP, "server"),
        (signal.SIGINT, "embedded"),
    ],
    indirect=["run"],
)
def test_while_calls_are_in_flight(run, number, prefect_server):
    run.endpoint.faults.append(Fault(HOLD, times=None))
    with run.started(installed=number == signal.SIGTERM) as process:
        until(lambda: run.endpoint.seen.held == len(OPERATIONS), 120, run.log.read_text)
        before = run.requests
        act_once(lambda: SENTENCE in run.log.read_text(), run.endpoint.release.set)
        seconds, family = interrupt(process, number)
        check_end(run, process, number, seconds, family)
        assert run.requests == before, "calls began after the signal"
    if run.environment["PREFECT_API_URL"]:
        mine = [
            one["state_type"]
            for one in flow_runs(prefect_server)
            if one["parameters"].get("store") == str(run.store)
        ]
        assert mine == ["CANCELLED" if number == signal.SIGINT else "CRASHED"]
    run.endpoint.faults.clear()
    done = image_tags(*run.words, env={**run.environment, "PREFECT_API_URL": prefect_server.api})
    assert done.code == 0, done.err
    assert set(run.endpoint.seen.billed.values()) == {1}, "an answer in flight was not saved"


@pytest.mark.parametrize("run", ["embedded"], indirect=True)
def test_while_a_slow_host_is_asked(run):
    never = threading.Event()
    for answer in run.site.answers.values():
        answer.when = never
    with run.started() as process:
        until(lambda: sum(run.site.asked.values()) > 0, 120, run.log.read_text)
        seconds, family = interrupt(process, signal.SIGTERM)
        check_end(run, process, signal.SIGTERM, seconds, family)
    never.set()
    assert run.requests == 0


def test_while_it_starts(run):
    with run.started(installed=True) as process:
        until(lambda: listens(process), 120, run.log.read_text)
        seconds, family = interrupt(process, signal.SIGTERM)
        check_end(run, process, signal.SIGTERM, seconds, family)
    assert run.requests == 0


def test_while_tables_are_checked(run):
    with run.started() as process:
        until(lambda: list(run.store.glob("runs/*/tags_wide.parquet")), 120, run.log.read_text)
        seconds, family = interrupt(process, signal.SIGTERM)
        check_end(run, process, signal.SIGTERM, seconds, family)
    assert set(run.endpoint.seen.billed.values()) == {1}
    assert len(run.endpoint.seen.billed) == PICTURES * len(OPERATIONS)


def test_while_it_publishes(run, prefect_server):
    """Some of the version's files are there; the next one cannot be read, so that the run waits."""
    with run.started() as process:
        # The summary and the report are still to come, before it is read again.
        until(lambda: list(run.store.glob("runs/*/findings.json")), 120, run.log.read_text)
        (folder,) = run.store.glob("runs/*")
        os.mkfifo(folder / "pipe")
        (folder / "pipe").replace(folder / "findings.json")
        until(lambda: list(run.store.glob("published/*/profile.json")), 60, run.log.read_text)
        seconds, family = interrupt(process, signal.SIGTERM)
        check_end(run, process, signal.SIGTERM, seconds, family)
    assert not (run.store / "published/current.json").exists()
    before = run.requests
    done = image_tags(*run.words, env={**run.environment, "PREFECT_API_URL": prefect_server.api})
    assert done.code == 0, done.err
    assert run.requests == before
    assert (run.store / "published/current.json").exists()


PATIENT = "from image_tags.flows import signals; signals.GRACE = 600\n"


def test_a_second_signal_does_not_wait_for_answers(run):
    run.endpoint.faults.append(Fault(HOLD, times=None))
    with run.started(PATIENT) as process:
        until(lambda: run.endpoint.seen.held == len(OPERATIONS), 120, run.log.read_text)
        before = run.requests
        process.send_signal(signal.SIGINT)
        until(lambda: SENTENCE in run.log.read_text(), 30, run.log.read_text)
        seconds, family = interrupt(process, signal.SIGINT)
        check_end(run, process, signal.SIGINT, seconds, family)
    assert run.requests == before
