"""The same 500 links by one process, by shards on two workers and by Dask with two processes: equal
tables, equal bills.
"""

import functools
import hashlib
import json

import pytest

from image_tags.tasks.adapters.store.folder import FolderStore
from tests.support.command import check_accounted, image_tags, published
from tests.support.prefect_client import ROOT, Worker, flow_runs, prefect
from tests.support.rekognition_endpoint import RekognitionEndpoint, Seen
from tests.support.site import Site, png

POOL = "scaling-out"
PICTURES, TWICE, GONE = 400, 80, 20
"""Distinct pictures; links more to the first of them, at other paths; links to nothing."""
OPERATIONS = {"detect_labels": "DetectLabels", "detect_text": "DetectText"}
WAYS = {
    "one process": [],
    "two shards": ["--shards", "2"],
    "dask": ["--runner", "dask", "--dask-processes", "2"],
}


@pytest.fixture(scope="module")
def endpoint():
    with RekognitionEndpoint().running() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def feed(tmp_path_factory):
    """The site, and the table of its links."""
    site = Site()
    links = [site.picture(f"/{n}.png", n) for n in range(PICTURES)]
    links += [site.picture(f"/again/{n}.png", n) for n in range(TWICE)]
    links += [f"{site.url}/gone/{n}.png" for n in range(GONE)]
    source = tmp_path_factory.mktemp("feed") / "feed.csv"
    source.write_text("link,likes\n" + "".join(f"{link},{n}\n" for n, link in enumerate(links)))
    yield site, source
    site.close()


@pytest.fixture(scope="module")
def workers(prefect_server, endpoint, tmp_path_factory):
    """Two that take one run each, in folders of their own; the shard deployment as prefect.yaml
    says.
    """
    prefect(prefect_server, "work-pool", "create", POOL, "--type", "process")
    prefect(prefect_server, "--no-prompt", "deploy", "--name", "shard", "--pool", POOL, cwd=ROOT)
    folders = [tmp_path_factory.mktemp(f"machine-{n}") for n in (1, 2)]
    made = [
        Worker(prefect_server, POOL, endpoint.environment(), folder / "worker.log")
        for folder in folders
    ]
    for worker in made:
        worker.start(limit=1)
    yield made
    for worker in made:
        worker.stop()


@pytest.fixture(scope="module")
def run(feed, workers, endpoint, prefect_server, tmp_path_factory):
    """By way: the summary, the tables, what the endpoint billed and what the site was asked.

    Each way is gone once.
    """
    site, source = feed

    @functools.cache
    def gone(way):
        endpoint.seen = Seen()
        site.asked.clear()
        store = tmp_path_factory.mktemp("store")
        words = [
            "run",
            str(source),
            "--url-column",
            "link",
            "--store",
            str(store),
            "--allow-private-addresses",
        ]
        words += [
            "--analyzer",
            "rekognition",
            "--operations",
            ",".join(OPERATIONS),
            "--batch-size",
            "25",
            "--json",
        ]
        words += WAYS[way]
        done = image_tags(*words, env={**prefect_server.env, **endpoint.environment()})
        assert done.code == 0, done.out + done.err
        return (
            done.summary,
            published(FolderStore(str(store))),
            dict(endpoint.seen.billed),
            dict(site.asked),
        )

    return gone


def without_the_stores_address(tables):
    return {
        name: table.drop_columns(
            [column for column in table.column_names if column == "object"]
        ).to_pylist()
        for name, table in tables.items()
    }


@pytest.mark.parametrize("way", WAYS)
def test_whichever_way_each_link_is_fetched_and_each_picture_paid_for_once(run, way):
    summary, tables, billed, asked = run(way)
    check_accounted(summary, tables)
    pictures = {hashlib.sha256(png(n)).hexdigest() for n in range(PICTURES)}
    assert billed == {(name, picture): 1 for name in OPERATIONS.values() for picture in pictures}
    assert {
        operation: account["billed"] for operation, account in summary["calls"].items()
    } == dict.fromkeys(OPERATIONS, PICTURES)
    assert len(asked) == PICTURES + TWICE + GONE
    assert set(asked.values()) == {1}


@pytest.mark.parametrize("way", [way for way in WAYS if way != "one process"])
def test_whichever_way_the_tables_are_those_of_one_process(run, way):
    ours, theirs = (
        without_the_stores_address(run(way)[1]),
        without_the_stores_address(run("one process")[1]),
    )
    assert ours.keys() == theirs.keys()
    for name, rows in theirs.items():
        assert ours[name] == rows, name


def test_each_shard_was_a_part_of_the_run_and_did_its_share(run, prefect_server):
    name = run("two shards")[0]["run"]
    parts = [one for one in flow_runs(prefect_server) if one["parameters"].get("run") == name]
    assert sorted(part["name"] for part in parts) == sorted(
        f"{step}: shard {n} of 2" for step in ("ingest_images", "analyze_images") for n in (1, 2)
    )
    assert all(part["state_type"] == "COMPLETED" and part["parent_task_run_id"] for part in parts)
    assert {part["parameters"]["settings"]["rate_share"] for part in parts} == {0.5}
    for step in ("ingest_images", "analyze_images"):
        mine = [part for part in parts if part["parameters"]["step"] == step]
        # Each worker takes one run at a time: two at once are on both.
        assert max(part["start_time"] for part in mine) < min(part["end_time"] for part in mine)
    assert len(json.dumps(parts[0]["parameters"])) < 5_000, "settings and numbers, not the work"
