"""Retrying what failed, against a real Prefect server: exactly what is missing is done, and the
tables are as if nothing had failed.

Eleven links: ten pictures, of which two cannot be had at first and a third gets no answer from the
analyzer, and one link to nothing. Two operations, batches of four.
"""

import hashlib
import json
from collections import Counter

import pytest

from image_tags.tasks.adapters.store.folder import FolderStore
from tests.support.command import check_accounted, image_tags, published
from tests.support.killed import comparable
from tests.support.prefect_client import Worker, ended, flow_runs, prefect, retry, start, task_runs
from tests.support.rekognition_endpoint import Fault, RekognitionEndpoint
from tests.support.site import Answer, Site, png

POOL = "retries"
DOWN = ("/4.png", "/9.png")
THROTTLED = 6
"""The pictures that fail at first: two whose site is down, one for which the analyzer is always too
busy.
"""
GOOD = 2 * 7
MISSING = 2 * 3
"""Calls about the others, and about those three."""
OPTIONS = {
    "url_column": "link",
    "analyzer": "rekognition",
    "operations": ["detect_labels", "detect_text"],
    "allow_private_addresses": True,
    "batch_size": 4,
    "fetch_retries": 0,
    "analyzer_retries": 0,
    "task_retry_delay": 0,
}


class World:
    """A site, an analyzer's endpoint and a feed; what of them fails can be lifted."""

    def __init__(self, folder, server, endpoint):
        self.folder, self.server, self.endpoint = folder, server, endpoint
        self.site = Site()
        links = [self.site.picture(f"/{n}.png", n) for n in range(10)] + [
            f"{self.site.url}/nothing.png"
        ]
        self.source = folder / "feed.csv"
        self.source.write_text("link\n" + "".join(f"{link}\n" for link in links))
        self.env = {**server.env, **endpoint.environment()}

    def break_things(self):
        for path in DOWN:
            self.site.answers[path] = Answer(b"", 503)
        picture = hashlib.sha256(png(THROTTLED)).hexdigest()
        self.endpoint.faults = [Fault("ThrottlingException", image=picture, times=None)]

    def mend_site(self):
        for path in DOWN:
            self.site.picture(path, int(path[1]))

    def mend_analyzer(self):
        self.endpoint.faults = []

    def store(self, name):
        return FolderStore(str(self.folder / name))

    def parameters(self, name):
        return {"source": str(self.source), "store": str(self.folder / name), **OPTIONS}

    def run(self, name):
        """`image-tags run`."""
        words = ["run", str(self.source), "--store", str(self.folder / name), "--json"]
        for option, value in OPTIONS.items():
            flag = "--" + option.replace("_", "-")
            words += (
                [flag]
                if value is True
                else [flag, ",".join(value) if isinstance(value, list) else str(value)]
            )
        return image_tags(*words, env=self.env)


@pytest.fixture(scope="module")
def world(tmp_path_factory, prefect_server):
    with RekognitionEndpoint().running() as endpoint:
        made = World(tmp_path_factory.mktemp("retry"), prefect_server, endpoint)
        yield made
        made.site.close()


@pytest.fixture(scope="module")
def expected(world):
    """The tables of a run in which nothing failed."""
    world.mend_site()
    world.mend_analyzer()
    assert world.run("reference").code == 0
    return comparable(world.store("reference"))


@pytest.fixture
def broken(world, expected):
    """The world with its faults, and how many calls it has billed so far."""
    world.break_things()
    return world, world.endpoint.billed


def summary_of(store):
    version = json.loads(store.read("published/current.json"))["version"]
    return json.loads(store.read(f"published/{version}/summary.json"))


def billed_of(summary):
    return sum(account["billed"] for account in summary["calls"].values())


def test_a_failed_batch_is_named_the_rest_is_published_and_a_new_run_does_what_is_missing(
    broken, expected
):
    world, before = broken
    first = world.run("new")
    failed = flow_runs(world.server, limit=1)[0]

    # The flow run: Failed, with what is pending and how to run it again; the command line agrees.
    assert first.code == 1
    assert failed["state_type"] == "FAILED"
    message = failed["state"]["message"]
    assert "3 links are pending (2 server_error, 1 throttled)" in message
    assert f"image-tags run {world.source}" in message
    assert f"prefect flow-run retry {failed['id']}" in message
    assert message in first.out

    # Its task runs: those with failures are Failed and name them, the others are not held up.
    runs = task_runs(
        world.server,
        failed["id"],
        lambda runs: any(run["name"] == "publish the tables" for run in runs),
    )
    bad = {run["name"]: run["state"]["message"] for run in runs if run["state_type"] == "FAILED"}
    ingest = {name for name in bad if name.startswith("ingest")}
    assert ingest == {"ingest 2 of 3", "ingest 3 of 3"}
    assert f"{world.site.url}/4.png: server_error" in bad["ingest 2 of 3"]
    # Which pictures are asked about together depends on which links were fetched first.
    asked = {name.split()[0]: bad[name] for name in set(bad) - ingest}
    assert set(asked) == {"detect_labels", "detect_text"}
    assert len(bad) == 4
    assert f"{hashlib.sha256(png(THROTTLED)).hexdigest()}: throttled" in asked["detect_text"]

    # What is good is saved and published; the rest is pending.
    assert world.endpoint.billed - before == billed_of(first.summary) == GOOD
    images = published(world.store("new"))["images"].to_pylist()
    pending = {
        row["url"].rpartition("/")[2]: row["reason"] for row in images if row["status"] == "pending"
    }
    assert pending == {"4.png": "server_error", "9.png": "server_error", "6.png": "throttled"}
    assert sum(row["status"] == "tagged" for row in images) == 7
    check_accounted(first.summary, published(world.store("new")))

    world.mend_site()
    world.mend_analyzer()
    second = world.run("new")
    assert second.code == 0, second.out
    assert world.endpoint.billed - before == GOOD + MISSING
    assert second.summary["calls"]["detect_text"] == {"billed": 3, "reused": 7, "failed": 0}
    assert second.summary["changes"]["images_new"] == 2
    assert comparable(world.store("new")) == expected


def check_only_missing_links_were_asked(world, asked):
    """Since `asked`, each link that had failed was asked once, and no other link at all."""
    assert world.site.asked - asked == Counter(DOWN)


def test_prefect_flow_run_retry_goes_on_with_the_same_run(broken, expected):
    """Without a deployment, in two steps: first only the site is mended, and the analyzer fails
    otherwise than before.
    """
    world, before = broken
    first = world.run("again")
    asked = Counter(world.site.asked)
    failed = flow_runs(world.server, limit=1)[0]
    command = failed["state"]["message"].partition("(prefect ")[2].partition(")")[0].split()
    world.mend_site()
    world.endpoint.faults[0].kind = "InternalServerError"
    with pytest.raises(AssertionError, match="finished with state: FAILED"):
        prefect(world.server, *command, env=world.env)
    state = flow_runs(world.server, limit=1)[0]["state"]
    assert "1 link is pending (1 analyzer_unavailable)" in state["message"], (
        "the reason is that of the second try"
    )
    assert world.endpoint.billed - before == GOOD + 2 * len(DOWN)

    world.mend_analyzer()
    prefect(world.server, *command, env=world.env)
    assert flow_runs(world.server, limit=1)[0]["id"] == failed["id"]
    assert world.endpoint.billed - before == GOOD + MISSING
    store = world.store("again")
    assert comparable(store) == expected
    summary = summary_of(store)
    assert summary["run"] == first.summary["run"]
    assert billed_of(summary) == GOOD + MISSING, "the run's bill is that of all its tries"
    check_only_missing_links_were_asked(world, asked)


@pytest.fixture
def deployed(world, tmp_path):
    """A deployment of the flow, and a worker that has the analyzer's credentials in its
    environment.
    """
    prefect(world.server, "work-pool", "create", POOL, "--type", "process")
    words = ["deploy", "image_tags.flows.pipeline.image_tags", "--name", POOL, "--pool", POOL]
    prefect(world.server, "--no-prompt", *words, cwd=tmp_path)
    worker = Worker(world.server, POOL, world.endpoint.environment(), tmp_path / "worker.log")
    worker.start()
    yield f"image-tags/{POOL}"
    worker.stop()


def test_the_button_retry_sends_the_same_run_to_a_worker_again(broken, expected, deployed):
    world, before = broken
    run_id = start(world.server, deployed, world.parameters("worker"))
    assert ended(world.server, run_id)["state_type"] == "FAILED"
    assert world.endpoint.billed - before == GOOD
    asked = Counter(world.site.asked)
    world.mend_site()
    world.mend_analyzer()
    retry(world.server, run_id)
    done = ended(world.server, run_id, count=2)
    assert (done["state_type"], done["state_name"]) == ("COMPLETED", "Completed"), done["state"][
        "message"
    ]
    assert world.endpoint.billed - before == GOOD + MISSING
    store = world.store("worker")
    assert comparable(store) == expected
    assert billed_of(summary_of(store)) == GOOD + MISSING
    check_only_missing_links_were_asked(world, asked)
