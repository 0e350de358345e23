"""Signals to the process of a worker's flow run: it ends as a command of its own does.

A worker that gets TERM itself ends its runs by KILL: see docs/rerunning.md.
"""

import os
import signal
from contextlib import closing

import psutil
import pytest

from image_tags.tasks.adapters.interruption import SENTENCE
from tests.support.prefect_client import Worker, ended, flow_run, prefect, start
from tests.support.processes import act_once, until
from tests.support.rekognition_endpoint import HOLD, Fault, RekognitionEndpoint
from tests.support.site import Site

POOL = "interrupted"
PICTURES = 6
OPERATIONS = ["detect_labels", "detect_text"]


class Feed:
    """A deployment with a worker, and one feed of pictures for each run."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.site, self.endpoint = Site(), RekognitionEndpoint()
        prefect(server, "work-pool", "create", POOL, "--type", "process")
        entrypoint = "image_tags.flows.pipeline.image_tags"
        words = ["deploy", entrypoint, "--name", POOL, "--pool", POOL]
        prefect(server, "--no-prompt", *words, cwd=folder)
        self.worker = Worker(server, POOL, self.endpoint.environment(), folder / "worker.log")
        self.worker.start()

    def begin(self, name, first):
        """Start a run that waits for the answers to its first calls; its id."""
        links = [self.site.picture(f"/{n}.png", n) for n in range(first, first + PICTURES)]
        (self.folder / f"{name}.csv").write_text("\n".join(["link", *links, ""]))
        self.store = self.folder / name
        self.endpoint.release.clear()
        self.endpoint.seen.held = 0
        self.endpoint.faults = [Fault(HOLD, times=None)]
        self.parameters = {
            "source": str(self.folder / f"{name}.csv"),
            "store": str(self.store),
            "url_column": "link",
            "analyzer": "rekognition",
            "operations": OPERATIONS,
            "batch_size": 2,
            "allow_private_addresses": True,
        }
        run = start(self.server, f"image-tags/{POOL}", self.parameters)
        until(lambda: self.endpoint.seen.held == len(OPERATIONS), 120, self.log)
        return run

    def log(self):
        return self.worker.log.read_text()[-3000:]

    @property
    def requests(self):
        return sum(self.endpoint.seen.requests.values())


@pytest.fixture(scope="module")
def feed(prefect_server, tmp_path_factory):
    feed = Feed(prefect_server, tmp_path_factory.mktemp("interrupted"))
    with closing(feed.site), feed.endpoint.running():
        yield feed
        feed.worker.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_while_calls_are_in_flight(feed, number):
    run = feed.begin(f"signal-{int(number)}", 1000 * number)
    pid = int(flow_run(feed.server, run)["infrastructure_pid"].rpartition(":")[2])
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    before = feed.requests
    said = feed.worker.log.read_text().count(SENTENCE)
    act_once(lambda: feed.worker.log.read_text().count(SENTENCE) > said, feed.endpoint.release.set)
    os.kill(pid, number)
    until(lambda: not [one for one in family if one.is_running()], 60, feed.log)
    assert feed.requests == before, "calls began after the signal"
    assert SENTENCE in feed.log()
    done = ended(feed.server, run, count=0)
    assert done["state_type"] in ("CANCELLED", "CRASHED"), done["state"]["message"]
    assert [path.name for path in feed.store.rglob(".*.*")] == []
