"""Shards that fail, are killed, are told to stop or find no worker, on a real Prefect server with
process workers.
"""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_tags.tasks.adapters.interruption import SENTENCE
from image_tags.tasks.adapters.store.folder import FolderStore
from tests.support.command import check_accounted, image_tags, image_tags_process, published
from tests.support.prefect_client import Worker, ask, flow_run, flow_runs, prefect
from tests.support.processes import act_once, stop, until
from tests.support.rekognition_endpoint import HOLD, Fault, RekognitionEndpoint, Seen
from tests.support.site import Answer, Site

PICTURES = 40
DOWN = ("/4.png", "/9.png")
GOOD, MISSING = PICTURES - len(DOWN), len(DOWN)
AT_ONCE = PICTURES // 2 // 2
"""Calls of one shard at the same time, at most: one of each of its batches of two."""


class World:
    """A site, a feed of its pictures, an analyzer, and pools of workers for shards."""

    def __init__(self, folder, server, endpoint):
        self.folder, self.server, self.endpoint, self.site = folder, server, endpoint, Site()
        links = [self.site.picture(f"/{n}.png", n) for n in range(PICTURES)]
        self.source = folder / "feed.csv"
        self.source.write_text("link\n" + "".join(f"{link}\n" for link in links))
        self.env = {**server.env, **endpoint.environment()}

    def pool(self, name):
        """A pool, and a deployment for shards on it."""
        prefect(self.server, "work-pool", "create", name, "--type", "process")
        words = [
            "deploy",
            "image_tags.flows.shard.image_tags_shard",
            "--name",
            name,
            "--pool",
            name,
        ]
        prefect(self.server, "--no-prompt", *words, cwd=self.folder)

    def worker(self, pool, number, env):
        """A worker that takes one run at a time."""
        folder = self.folder / f"{pool}-{number}"
        folder.mkdir()
        worker = Worker(self.server, pool, env, folder / "worker.log")
        worker.start(limit=1)
        return worker

    def words(self, name, pool=None, *more):
        """`image-tags run` into a store of that name, with shards if there is a pool."""
        words = [
            "run",
            str(self.source),
            "--store",
            str(self.folder / name),
            "--allow-private-addresses",
            "--json",
        ]
        words += [
            "--url-column",
            "link",
            "--analyzer",
            "rekognition",
            "--operations",
            "detect_labels",
            "--analyzer-threads",
            "2",
        ]
        words += ["--batch-size", "2", "--fetch-retries", "0", "--task-retries", "0"]
        if pool:
            words += [
                "--shards",
                "2",
                "--shard-deployment",
                f"image-tags-shard/{pool}",
                "--shard-wait",
                "30",
            ]
        return [*words, *more]

    def hold_answers(self, after):
        """Let so many calls come through; those that follow are billed and get no answer."""
        self.endpoint.seen = Seen()
        self.endpoint.release.clear()
        self.endpoint.faults = [Fault(HOLD, times=None, after=after)]

    def give_answers(self):
        """All is well again."""
        self.endpoint.faults = []
        self.endpoint.release.set()

    def tables(self, name):
        """The published tables without the store's address."""
        return {
            table: [
                {column: value for column, value in row.items() if column != "object"}
                for row in rows.to_pylist()
            ]
            for table, rows in published(FolderStore(str(self.folder / name))).items()
        }

    def run_of(self, result):
        """The flow run that a command started."""
        (found,) = [
            run for run in flow_runs(self.server) if result.summary["run"].endswith(run["id"][-12:])
        ]
        return found

    def parts_of(self, flow_run_id):
        """The shards that a flow run started."""
        return flow_runs(self.server, flow_runs={"parent_flow_run_id": {"any_": [flow_run_id]}})


@pytest.fixture(scope="module")
def world(tmp_path_factory, prefect_server):
    with RekognitionEndpoint().running() as endpoint:
        made = World(tmp_path_factory.mktemp("shards"), prefect_server, endpoint)
        yield made
        made.site.close()


@pytest.fixture(scope="module")
def expected(world):
    """The tables of one process."""
    result = image_tags(*world.words("reference"), env=world.env)
    assert result.code == 0, result.out + result.err
    return world.tables("reference")


@pytest.fixture(scope="module")
def workers(world):
    world.pool("two")
    made = [world.worker("two", number, world.endpoint.environment()) for number in (1, 2)]
    yield made
    for worker in made:
        worker.stop()


def retry(world, result):
    """The command that the flow run's message names."""
    command = (
        world.run_of(result)["state"]["message"].partition("(prefect ")[2].partition(")")[0].split()
    )
    prefect(world.server, *command, env=world.env)


def logs_of(server, wanted):
    """The log lines of some flow runs, as the server has them."""
    return "\n".join(line["message"] for line in ask(server, "logs/filter", logs=wanted))


def test_what_failed_in_shards_is_pending_and_a_retry_does_exactly_that(world, workers, expected):
    before = world.endpoint.billed
    for path in DOWN:
        world.site.answers[path] = Answer(b"", 503)
    first = image_tags(*world.words("failing", "two"), env=world.env)
    assert first.code == 1
    assert "2 links are pending (2 server_error)" in first.out
    assert first.summary["published"]
    check_accounted(first.summary, published(FolderStore(str(world.folder / "failing"))))
    assert world.endpoint.billed - before == GOOD
    flow_run_id = world.run_of(first)["id"]
    parts = world.parts_of(flow_run_id)
    failed = [part for part in parts if part["state_type"] == "FAILED"]
    assert {part["parameters"]["step"] for part in failed} == {"ingest_images"}
    assert all("left items pending" in part["state"]["message"] for part in failed)
    wanted = {"flow_run_id": {"any_": [part["id"] for part in failed]}}
    until(lambda: "left items pending" in logs_of(world.server, wanted), 60)
    logs = logs_of(world.server, wanted) + "".join(one.log.read_text() for one in workers)
    assert "Traceback" not in logs, "the sentence says it all"

    for path in DOWN:
        world.site.picture(path, int(path[1]))
    world.site.asked.clear()
    retry(world, first)
    assert world.run_of(first)["state_name"] == "Completed"
    assert world.endpoint.billed - before == GOOD + MISSING
    assert dict(world.site.asked) == dict.fromkeys(DOWN, 1)
    assert world.tables("failing") == expected


def test_a_shard_that_is_killed_with_its_worker_is_given_up_and_a_retry_completes_it(
    world, workers, expected
):
    world.hold_answers(after=4)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(image_tags_process, *world.words("killed", "two"), env=world.env)
        try:
            # More than one shard has at the same time: both are waiting for answers.
            until(lambda: world.endpoint.seen.held > AT_ONCE or running.done(), 120)
            workers[1].stop()
        finally:
            world.give_answers()
        first = running.result()
    assert first.code == 1, first.out
    assert 0 < first.summary["statuses"]["pending"] <= PICTURES / 2
    check_accounted(first.summary, published(FolderStore(str(world.folder / "killed"))))
    crashed = [
        part
        for part in world.parts_of(world.run_of(first)["id"])
        if part["state_type"] == "CRASHED"
    ]
    assert ["No sign of life for 30 s" in part["state"]["message"] for part in crashed] == [True]

    workers[1].start(limit=1)
    retry(world, first)
    assert world.run_of(first)["state_name"] == "Completed"
    assert PICTURES < world.endpoint.billed <= PICTURES + AT_ONCE, "again only what was in flight"
    assert max(world.endpoint.seen.billed.values()) == 2
    assert world.tables("killed") == expected


def test_a_shard_that_gets_term_saves_its_answers_in_flight_and_a_retry_completes_it(
    world, workers, expected
):
    world.hold_answers(after=4)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(image_tags_process, *world.words("ended", "two"), env=world.env)
        try:
            until(lambda: world.endpoint.seen.held > AT_ONCE or running.done(), 120)
            part = next(
                run
                for run in flow_runs(world.server)
                if run["work_pool_name"] == "two" and run["state_type"] == "RUNNING"
            )
            logs = [worker.log for worker in workers]
            act_once(lambda: any(SENTENCE in log.read_text() for log in logs), world.give_answers)
            os.kill(int(part["infrastructure_pid"].rpartition(":")[2]), signal.SIGTERM)
            until(lambda: flow_run(world.server, part["id"])["state_type"] == "CRASHED", 30)
        finally:
            world.give_answers()
        first = running.result()
    assert first.code == 1, first.out
    assert flow_run(world.server, part["id"])["state"]["message"] == SENTENCE
    retry(world, first)
    assert world.run_of(first)["state_name"] == "Completed"
    assert world.endpoint.billed == PICTURES
    assert world.tables("ended") == expected


def test_shards_whose_run_is_killed_finish_what_they_have_and_the_next_run_pays_for_nothing_twice(
    world, workers, expected
):
    world.hold_answers(after=4)
    command = [
        sys.executable,
        "-c",
        "from image_tags.flows.cli import main; main()",
        *world.words("orphaned", "two"),
    ]
    running = subprocess.Popen(
        command, env={**os.environ, **world.env}, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until(lambda: world.endpoint.seen.held > 0 or running.poll() is not None, 120)
        assert running.poll() is None
    finally:
        stop(running)
        world.give_answers()
    second = image_tags(*world.words("orphaned", "two"), env=world.env)
    assert second.code == 0, second.out + second.err
    assert world.endpoint.billed == PICTURES
    assert second.summary["calls"]["detect_labels"]["reused"] >= 4
    assert world.tables("orphaned") == expected


def test_a_shard_that_finds_that_nothing_can_go_on_stops_the_run_with_its_sentence(world):
    world.pool("strangers")
    worker = world.worker(
        "strangers", 1, {**world.endpoint.environment(), "AWS_SECRET_ACCESS_KEY": "wrong"}
    )
    before = world.endpoint.billed
    try:
        result = image_tags(*world.words("stopped", "strangers"), env=world.env)
    finally:
        worker.stop()
    assert result.code == 1
    assert not result.summary["published"]
    (stopped,) = [
        part
        for part in world.parts_of(world.run_of(result)["id"])
        if part["state_name"] == "Stopped"
    ]
    assert stopped["parameters"]["step"] == "analyze_images"
    assert stopped["state"]["message"] in result.out
    assert "the secret key does not belong to the access key" in stopped["state"]["message"]
    assert world.endpoint.billed == before


def test_without_a_worker_the_run_stops_and_says_which_to_start(world):
    world.pool("nobody")
    result = image_tags(*world.words("waiting", "nobody", "--shard-wait", "3"), env=world.env)
    assert result.code == 1
    assert "Stopped: No worker started a shard within 3 s" in result.err
    assert "prefect worker start --pool nobody" in result.err
    parts = [run for run in flow_runs(world.server) if run["work_pool_name"] == "nobody"]
    assert [part["state_type"] for part in parts] == ["CANCELLED"] * 2


def test_without_the_deployment_the_command_that_makes_it_is_named(world):
    result = image_tags(*world.words("undeployed", "undeployed"), env=world.env)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "There is no deployment 'image-tags-shard/undeployed'" in result.err
    assert "prefect --no-prompt deploy --all" in result.err
