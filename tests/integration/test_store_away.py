"""S3 goes away in the middle of a run: the run outlives it, or ends with one sentence."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.contracts.settings import StoreSettings
from image_tags.tasks.execution.task_runners import WORKERS
from tests.support.command import image_tags
from tests.support.killed import answered
from tests.support.processes import until
from tests.support.rekognition_endpoint import HOLD, Fault, RekognitionEndpoint
from tests.support.s3_server import BUCKET, S3Server
from tests.support.site import Site

PICTURES = 12
OPERATIONS = ("detect_labels", "detect_text")
HELD_AFTER = 8
"""Calls that come through before the store goes away."""


class Feed:
    """A run on a store of its own, in the middle of which something happens."""

    def __init__(self, site, endpoint, server, prefect_server, folder):
        self.endpoint, self.server = endpoint, server
        self.store = S3Store(StoreSettings(store=f"s3://{BUCKET}/away"))
        links = [site.picture(f"/{n}.png", n) for n in range(PICTURES)]
        (folder / "feed.csv").write_text("\n".join(["link", *links, ""]))
        self.env = {**prefect_server.env, **endpoint.environment(), **server.env}
        self.words = ["run", str(folder / "feed.csv"), "--store", f"s3://{BUCKET}/away", "--json"]
        self.words += ["--url-column", "link", "--analyzer", "rekognition"]
        self.words += ["--operations", ",".join(OPERATIONS), "--allow-private-addresses"]
        self.words += ["--batch-size", "2", "--analyzer-threads", "1"]

    def run(self):
        return image_tags(*self.words, env=self.env)

    @contextmanager
    def in_the_middle(self, saved, happen):
        """Do something when so many answers are saved and calls wait, which then are answered."""
        self.endpoint.seen.held = 0
        self.endpoint.release.clear()
        self.endpoint.faults = [Fault(HOLD, times=None, after=HELD_AFTER)]

        def watch():
            try:
                until(lambda: self.endpoint.seen.held > 0, 90)
                until(lambda: len(answered(self.store)) == saved, 30)
                happen()
            finally:
                self.endpoint.faults = []
                self.endpoint.release.set()

        with ThreadPoolExecutor(1) as pool:
            watching = pool.submit(watch)
            yield
            watching.result()


@pytest.fixture
def feed(s3, prefect_server, tmp_path, monkeypatch):
    server = S3Server()
    try:
        server.start()
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        with closing(Site()) as site, RekognitionEndpoint().running() as endpoint:
            yield Feed(site, endpoint, server, prefect_server, tmp_path)
    finally:
        server.remove()


def test_it_stays_away_and_comes_back(feed, monkeypatch):
    given = S3Store.__init__.__kwdefaults__
    with monkeypatch.context() as patched:
        patched.setitem(given, "patience", 0.5)
        with feed.in_the_middle(HELD_AFTER, feed.server.kill):
            ended = feed.run()
    assert ended.code == 1
    said = [line for line in ended.err.splitlines() if line.startswith("Stopped: ")]
    assert len(said) == 1, ended.err
    assert said[0].startswith(f"Stopped: The store s3://{BUCKET}/away cannot be reached (")
    assert said[0].endswith("nothing in it is lost, run again later.")
    lost = feed.endpoint.billed - HELD_AFTER
    feed.server.start()

    down, back = threading.Event(), threading.Event()

    def wait(_):
        down.set()
        assert back.wait(120)

    def go_and_come_back():
        feed.server.kill()
        feed.endpoint.release.set()
        assert down.wait(60)
        feed.server.start()
        back.set()

    feed.endpoint.seen.billed.clear()
    with monkeypatch.context() as patched:
        patched.setitem(given, "wait", wait)
        with feed.in_the_middle(2 * HELD_AFTER, go_and_come_back):
            again = feed.run()
    assert again.code == 0, again.err
    assert set(feed.endpoint.seen.billed.values()) == {1}
    assert feed.endpoint.billed == PICTURES * len(OPERATIONS) - HELD_AFTER
    assert 1 <= lost <= WORKERS
