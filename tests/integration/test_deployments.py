"""The deployments of prefect.yaml on a real Prefect server with a process worker: all deployed,
started by the clock.
"""

import json
from datetime import timedelta
from io import BytesIO
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from image_tags.flows.pipeline import image_tags
from image_tags.tasks.adapters.segments.parquet_segments import encode_segment, read_metadata
from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.adapters.store.store import PARQUET
from image_tags.tasks.contracts.settings import Settings, StoreSettings
from tests.support.command import published
from tests.support.prefect_client import (
    ROOT,
    TERMINAL,
    Worker,
    ask,
    drop,
    ended,
    flow_runs,
    pause,
    prefect,
    start,
)
from tests.support.processes import until
from tests.support.rekognition_endpoint import RekognitionEndpoint
from tests.support.s3_server import BUCKET
from tests.support.site import Site

RUNS = {"hourly", "nightly-recheck", "weekly-drift", "backfill"}
SHARDS = 16
NAMES = RUNS | {"shard"}
SCHEDULED = RUNS - {"backfill"}
AGED = 8 * 86400
TAGS = {"published", "flagged", "nothing-new"}


@pytest.fixture(scope="module")
def deployed(prefect_server):
    """The deployments as they are right after `deploy --all` in the checkout, by name.

    Their schedules are then paused.
    """
    prefect(prefect_server, "work-pool", "create", "image-tags", "--type", "process")
    prefect(prefect_server, "--no-prompt", "deploy", "--all", cwd=ROOT)
    found = {
        one["name"]: one
        for one in ask(prefect_server, "deployments/filter")
        if one["name"] in NAMES
    }
    ids = [found[name]["id"] for name in SCHEDULED]
    planned = {"deployments": {"id": {"any_": ids}}}
    until(
        lambda: {run["deployment_id"] for run in flow_runs(prefect_server, **planned)} == set(ids),
        90,
    )
    for one in found.values():
        pause(prefect_server, one["id"])
    return found


def test_all_are_deployed_with_all_that_people_want_to_know(deployed):
    assert set(deployed) == NAMES
    for name, one in deployed.items():
        assert len(one["description"]) > 50
        assert "image-tags" in one["tags"]
        assert one["global_concurrency_limit"]["limit"] == (1 if name in RUNS else SHARDS)
        incremental = name in SCHEDULED
        strategy = "CANCEL_NEW" if incremental else "ENQUEUE"
        assert one["concurrency_options"]["collision_strategy"] == strategy
        assert one["enforce_parameter_schema"]
        schedules = [schedule["schedule"] for schedule in one["schedules"]]
        assert [bool(schedule["cron"] and schedule["timezone"]) for schedule in schedules] == [
            True
        ] * (name in SCHEDULED)
        if name in RUNS:
            image_tags.validate_parameters(one["parameters"])
            Settings(**one["parameters"])


def test_no_deployment_holds_a_credential():
    text = (ROOT / "prefect.yaml").read_text()
    # What names a block is replaced by its value when it is deployed.
    assert not [
        word for word in ("AWS_", "secret", "password", "token", "prefect.blocks") if word in text
    ]


class World:
    """A site, an analyzer, and on S3 a feed that grows and a store."""

    def __init__(self, server, endpoint, name):
        self.server, self.endpoint, self.site = server, endpoint, Site()
        self.address = f"s3://{BUCKET}/{name}"
        self.files = S3Store(StoreSettings(store=f"{self.address}/feed"))
        self.store = S3Store(StoreSettings(store=f"{self.address}/store"))
        self.parameters = {
            "source": f"{self.address}/feed/",
            "store": f"{self.address}/store",
            "url_column": "link",
            "analyzer": "rekognition",
            "operations": ["detect_labels"],
            "allow_private_addresses": True,
        }

    def add_file(self, name, *numbers):
        """A file more in the feed, with links to these pictures."""
        links = [self.site.picture(f"/{number}.png", number) for number in numbers]
        self.files.write(name, "\n".join(["link", *links, ""]).encode(), "text/csv")

    def summary(self):
        """Of the version that readers see; None before there is one."""
        if not self.store.exists("published/current.json"):
            return None
        version = json.loads(self.store.read("published/current.json"))["version"]
        return json.loads(self.store.read(f"published/{version}/summary.json"))

    def published_rows(self, rows):
        """Whether readers see so many rows; `seen` is then the summary that said so first."""
        self.seen = self.summary()
        return self.seen is not None and self.seen["rows"] == rows

    def age(self, prefix):
        """Make what is known of links, or the answers, older."""
        for key in list(self.store.keys(f"{prefix}/")):
            data = self.store.read(key)
            table = pq.read_table(BytesIO(data))
            for n, column in enumerate(table.schema):
                if pa.types.is_timestamp(column.type):
                    older = pc.subtract(table[n], pa.scalar(timedelta(seconds=AGED)))
                    table = table.set_column(n, column, older)
            self.store.write(key, encode_segment(table, read_metadata(data)), PARQUET)


@pytest.fixture(scope="module")
def world(deployed, prefect_server, s3_server, tmp_path_factory):
    """With a worker whose environment has the credentials, started in an empty folder: the package
    is installed.
    """
    patch = pytest.MonkeyPatch()
    for name, value in s3_server.env.items():
        patch.setenv(name, value)
    folder = tmp_path_factory.mktemp("worker")
    with RekognitionEndpoint().running() as endpoint:
        made = World(prefect_server, endpoint, folder.name)
        env = {**s3_server.env, "AWS_ENDPOINT_URL_REKOGNITION": endpoint.url}
        worker = Worker(prefect_server, "image-tags", env, folder / "worker.log")
        worker.start()
        yield made
        worker.stop()
        made.site.close()
    patch.undo()


@pytest.fixture(scope="module")
def twice(world, tmp_path_factory):
    """The hourly deployment, from a folder with nothing but a prefect.yaml, every 5 seconds until
    it published twice.

    The feed grows after the first time.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    config = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    (hourly,) = [one for one in config["deployments"] if one["name"] == "hourly"]
    hourly |= {"name": "often", "schedules": [{"interval": 5, "timezone": "Etc/UTC"}]}
    hourly["parameters"] |= world.parameters
    (folder / "prefect.yaml").write_text(yaml.safe_dump({**config, "deployments": [hourly]}))
    world.add_file("2026-01.csv", *range(12))
    prefect(world.server, "--no-prompt", "deploy", "--all", cwd=folder)
    (often,) = ask(world.server, "deployments/filter", deployments={"name": {"any_": ["often"]}})
    mine = {"deployments": {"id": {"any_": [often["id"]]}}}

    def runs():
        return [
            (run["name"], run["state_name"], run["state"]["message"])
            for run in flow_runs(world.server, **mine)
        ][:9]

    until(lambda: world.published_rows(12), 180, lambda: str(runs()))
    world.add_file("2026-02.csv", 11, 12)
    until(lambda: world.published_rows(14), 180, lambda: str(runs()))
    pause(world.server, often["id"])

    def over():
        """The runs that wait are dropped; the one that may be running ends."""
        left = [run for run in flow_runs(world.server, **mine) if run["state_type"] not in TERMINAL]
        for run in left:
            if run["state_type"] == "SCHEDULED":
                drop(world.server, run["id"])
        return not left

    until(over, 180, lambda: str(runs()))
    return flow_runs(world.server, **mine)


def test_people_and_automations_find_the_runs_by_the_standard_name(world, twice):
    """The filter "Completed" of the runs' page and of the deployment's, and Prefect's event."""
    deployment = {"deployments": {"id": {"any_": [twice[0]["deployment_id"]]}}}
    done = {"state": {"name": {"any_": ["Completed"]}}}
    found = flow_runs(world.server, flow_runs=done, **deployment)
    assert len(found) >= 2
    assert {run["state_type"] for run in found} == {"COMPLETED"}
    assert all(TAGS & {*run["tags"]} for run in found)
    wanted = {"event": {"name": ["prefect.flow-run.Completed"]}}
    ids = {f"prefect.flow-run.{run['id']}" for run in found}

    def seen():
        events = ask(world.server, "events/filter", filter=wanted, limit=50)["events"]
        return {event["resource"]["prefect.resource.id"] for event in events}

    until(lambda: ids <= seen(), 60, lambda: str(ids - seen()))


@pytest.fixture(scope="module")
def due(world, twice):
    """Six runs of one deployment and one of another on the same store, due at the same time."""
    names = ["image-tags/nightly-recheck"] * 6 + ["image-tags/backfill"]
    ids = [start(world.server, name, world.parameters) for name in names]
    # A run that was cancelled before it started has never run, which is all that `count` says.
    return [ended(world.server, run_id, count=0) for run_id in ids]


def test_a_day_without_a_worker_is_followed_by_one_run(due):
    """Runs that were all due by the time that a worker took them up."""
    states = [run["state_name"] for run in due[:-1]]
    assert set(states) == {"Completed", "Cancelled"}
    assert states.count("Completed") <= 2, "the last may start after the first has ended"


def test_two_deployments_on_one_store_wait_for_each_other(world, due):
    done = [run for run in due if run["state_name"] != "Cancelled"]
    assert {run["state_name"] for run in done} == {"Completed"}, str(done)
    assert due[-1] in done
    assert len(done) >= 2
    summary = world.summary()
    assert summary["changes"]["since"] is not None
    assert sorted(world.site.asked.values()) == [1] * 13, "both had nothing to do"


def test_a_schedule_fires_by_itself_and_its_runs_do_not_overlap(world, twice):
    assert all(run["auto_scheduled"] for run in twice)
    assert {run["state_name"] for run in twice} <= {"Completed", "Cancelled"}
    done = [run for run in twice if run["state_name"] == "Completed"]
    assert len(done) >= 2
    spans = sorted((run["start_time"], run["end_time"]) for run in done)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans)), spans


def test_a_source_that_grows_costs_what_is_new(world, twice):
    changes = world.seen["changes"]
    assert changes["since"] is not None
    assert (changes["rows_new"], changes["links_new"], changes["images_new"]) == (2, 1, 1)
    assert world.endpoint.billed == 13
    assert sorted(world.site.asked.values()) == [1] * 13


def test_the_nightly_run_asks_again_about_links_and_pays_for_what_changed(world, twice):
    world.age("links")
    world.site.picture("/1.png", 100)
    before = world.endpoint.billed
    run = ended(world.server, start(world.server, "image-tags/nightly-recheck", world.parameters))
    assert run["state_name"] == "Completed", run["state"]["message"]
    assert world.summary()["changes"]["links_changed"] == 1
    assert world.endpoint.billed - before == 1
    assert sorted(world.site.asked.values()) == [2] * 13


def test_the_weekly_run_asks_the_analyzer_anew_and_flags_what_drifted(world, twice):
    world.age("responses")
    pictures = {
        row["object"].removeprefix("s3://") for row in published(world.store)["images"].to_pylist()
    }
    other = {"Labels": [{"Name": "Toaster", "Confidence": 99.0}], "LabelModelVersion": "4.0"}
    world.endpoint.answers = {("DetectLabels", picture): other for picture in pictures}
    before = world.endpoint.billed
    run = ended(world.server, start(world.server, "image-tags/weekly-drift", world.parameters))
    assert run["state_name"] == "Completed", run["state"]["message"]
    assert world.endpoint.billed - before == len(pictures)
    assert world.summary()["calls"]["detect_labels"] == {
        "billed": len(pictures),
        "reused": 0,
        "failed": 0,
    }
    assert {row["model_version"] for row in published(world.store)["tags_long"].to_pylist()} == {
        "4.0"
    }


def test_the_backfill_takes_a_source_that_was_replaced(world, twice):
    """By another kind of address: a pattern, from which a file is gone."""
    world.files.delete("2026-01.csv")
    run_id = start(
        world.server,
        "image-tags/backfill",
        {**world.parameters, "source": f"{world.address}/feed/*.csv"},
    )
    assert ended(world.server, run_id)["state_type"] == "COMPLETED"
    changes = world.summary()["changes"]
    assert (changes["rows_gone"], changes["links_gone"], changes["links_new"]) == (12, 11, 0)
