"""The process of a job on Kubernetes, Docker or ECS, `prefect flow-run execute`, gets TERM.

It announces to the process that works whether the flow run goes on elsewhere: `reschedule` has it
wait to be run again, `relinquish` leaves it Running for a job that begins again by itself.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing, contextmanager

import pytest

from image_tags.tasks.adapters.interruption import SENTENCE
from tests.support.prefect_client import flow_run, prefect, start
from tests.support.processes import act_once, stop, until
from tests.support.rekognition_endpoint import HOLD, Fault, RekognitionEndpoint
from tests.support.site import Site

POOL = "evicted"
PICTURES = 6
OPERATIONS = ["detect_labels", "detect_text"]


class Feed:
    """A deployment, and one feed of pictures for each run."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.site, self.endpoint = Site(), RekognitionEndpoint()
        self.log = folder / "job.log"
        prefect(server, "work-pool", "create", POOL, "--type", "process")
        entrypoint = "image_tags.flows.pipeline.image_tags"
        words = ["deploy", entrypoint, "--name", POOL, "--pool", POOL]
        prefect(server, "--no-prompt", *words, cwd=folder)

    def begin(self, name, first):
        """Ask for a run, as Prefect hands it to a worker; its id."""
        links = [self.site.picture(f"/{n}.png", n) for n in range(first, first + PICTURES)]
        (self.folder / f"{name}.csv").write_text("\n".join(["link", *links, ""]))
        parameters = {
            "source": str(self.folder / f"{name}.csv"),
            "store": str(self.folder / name),
            "url_column": "link",
            "analyzer": "rekognition",
            "operations": OPERATIONS,
            "batch_size": 2,
            "allow_private_addresses": True,
        }
        return start(self.server, f"image-tags/{POOL}", parameters)

    @contextmanager
    def job(self, run, behaviour):
        """The process of a job, which never outlives the block."""
        command = [sys.executable, "-m", "prefect", "flow-run", "execute"]
        env = {**os.environ, **self.server.env, **self.endpoint.environment()}
        env |= {"PREFECT__FLOW_RUN_ID": run, "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR": behaviour}
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command, env=env, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield process
        finally:
            stop(process)

    def hold(self):
        self.endpoint.release.clear()
        self.endpoint.seen.held = 0
        self.endpoint.faults = [Fault(HOLD, times=None)]

    def go_on(self):
        self.endpoint.faults = []
        self.endpoint.release.set()

    def told(self):
        return self.log.read_text()[-5000:]


@pytest.fixture(scope="module")
def feed(prefect_server, tmp_path_factory):
    feed = Feed(prefect_server, tmp_path_factory.mktemp("evicted"))
    with closing(feed.site), feed.endpoint.running():
        yield feed


@pytest.mark.parametrize(
    ("behaviour", "state", "code"),
    [("reschedule", "AwaitingRetry", 0), ("relinquish", "Running", 1)],
)
def test_an_evicted_run_goes_on_elsewhere_and_pays_for_nothing_twice(feed, behaviour, state, code):
    run = feed.begin(behaviour, 7000 + 100 * code)
    billed = Counter(feed.endpoint.seen.billed)
    feed.hold()
    with feed.job(run, behaviour) as process:
        until(lambda: feed.endpoint.seen.held == len(OPERATIONS), 120, feed.told)
        before = sum(feed.endpoint.seen.requests.values())
        said = feed.log.read_text().count(SENTENCE)
        act_once(lambda: feed.log.read_text().count(SENTENCE) > said, feed.endpoint.release.set)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == code, feed.told()
    assert sum(feed.endpoint.seen.requests.values()) == before, "calls began after the signal"
    assert flow_run(feed.server, run)["state_name"] == state, feed.told()
    feed.go_on()
    with feed.job(run, behaviour) as process:
        assert process.wait(120) == 0, feed.told()
    assert flow_run(feed.server, run)["state_name"] == "Completed", feed.told()
    calls = Counter(feed.endpoint.seen.billed) - billed
    assert sorted(calls.values()) == [1] * PICTURES * len(OPERATIONS)
