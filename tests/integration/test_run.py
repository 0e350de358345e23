"""`run` and `plan` as a user runs them, against a Rekognition endpoint that bills and a real S3
server.
"""

import csv
import json

import pytest

from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.contracts.settings import StoreSettings
from tests.support.command import check_accounted, image_tags, published
from tests.support.rekognition_endpoint import Fault

IMAGES = 6


@pytest.fixture
def feed(site, tmp_path):
    """Six pictures behind eight links in seven rows, one without a link, and one dead link."""
    links = [site.picture(f"/{n}.png", n) for n in range(IMAGES)]
    again = site.picture("/again.png", 0)
    cells = [
        links[0],
        again,
        f"{links[1]} {links[2]}",
        "",
        links[3],
        links[4],
        f"{links[5]},{site.url}/dead.png",
    ]
    path = tmp_path / "feed.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [("id", "media", "likes"), *((n, cell, n * 10) for n, cell in enumerate(cells))]
        )
    return path


@pytest.fixture
def run(feed, rekognition, prefect_server, tmp_path):
    """Run the command on the feed with everything it needs in its environment."""
    env = {**rekognition.environment(), **prefect_server.env}

    def go(*words, command="run", store=None, env_more=None):
        where = store or str(tmp_path / "store")
        given = (
            "--analyzer",
            "rekognition",
            "--allow-private-addresses",
            "--task-retries",
            "0",
            "--json",
        )
        return image_tags(
            command, str(feed), "--store", where, *given, *words, env={**env, **(env_more or {})}
        )

    return go


def billed(summary):
    return sum(account["billed"] for account in summary["calls"].values())


def test_each_distinct_image_is_billed_once_and_never_again(run, rekognition, tmp_path):
    first = run()
    assert first.code == 0, first.err
    summary = first.summary
    assert summary["statuses"] == {"tagged": 7, "rejected": 1, "pending": 0, "no_link": 1}
    assert summary["images"] == IMAGES
    assert billed(summary) == rekognition.billed == IMAGES * 3
    assert summary["cost_usd"] == pytest.approx(IMAGES * 3 * 0.001)
    check_accounted(summary, published(FolderStore(str(tmp_path / "store"))))

    second = run()
    assert second.code == 0, second.err
    assert billed(second.summary) == 0
    assert {account["reused"] for account in second.summary["calls"].values()} == {IMAGES}
    assert rekognition.billed == IMAGES * 3

    third = run("--operations", "detect_labels,detect_moderation_labels")
    assert third.summary["calls"] == {
        "detect_labels": {"billed": 0, "reused": IMAGES, "failed": 0},
        "detect_moderation_labels": {"billed": IMAGES, "reused": 0, "failed": 0},
    }
    assert rekognition.billed == IMAGES * 4


def test_a_plan_says_it_all_and_pays_nothing(run, rekognition, tmp_path):
    plan = run(command="plan").summary
    assert plan["images"] == IMAGES
    assert plan["calls"] == IMAGES * 3
    assert plan["cost_usd"] == pytest.approx(IMAGES * 3 * 0.001)
    unfetched = run("--no-fetch", store=str(tmp_path / "elsewhere"), command="plan")
    assert unfetched.summary["links_without_picture"] == 8
    assert rekognition.billed == 0


def test_over_budget_nothing_is_paid_and_nothing_published(run, rekognition, tmp_path):
    result = run("--max-cost", "0.01")
    assert result.code == 1
    assert "--max-cost 0.01" in result.out + result.err
    assert rekognition.billed == 0
    assert not result.summary["published"]
    assert result.summary["statuses"]["pending"] == 7
    assert not (tmp_path / "store" / "published" / "current.json").exists()
    assert run("--max-cost", "1").code == 0


def test_without_permission_the_run_stops_at_once_and_says_what_to_fix(run, rekognition):
    rekognition.faults.append(Fault("AccessDeniedException", times=None))
    result = run()
    assert result.code == 1
    assert "Not published" in result.out
    assert "rekognition:" in result.out
    assert sum(rekognition.seen.requests.values()) <= 48
    assert rekognition.billed == 0
    rekognition.faults.clear()
    assert run().summary["statuses"]["pending"] == 0
    assert rekognition.billed == IMAGES * 3


def test_a_picture_that_one_operation_refuses_keeps_what_the_others_say(run, rekognition, tmp_path):
    rekognition.faults.append(Fault("InvalidImageFormatException", operation="DetectText", times=1))
    result = run()
    assert result.code == 0, result.err
    tables = published(FolderStore(str(tmp_path / "store")))
    (refused,) = {
        row["image_id"]
        for row in tables["images"].to_pylist()
        if row["reason"] == "refused_by_analyzer"
    }
    assert any(row["image_id"] == refused for row in tables["tags_long"].to_pylist())
    asked = rekognition.seen.requests["DetectText"]
    assert run().summary["statuses"] == result.summary["statuses"]
    assert rekognition.seen.requests["DetectText"] == asked


def test_the_same_on_s3(run, rekognition, s3, tmp_path):
    env = {**s3.env, "AWS_ENDPOINT_URL_REKOGNITION": rekognition.url}
    address = f"s3://itest/{tmp_path.name}"
    first = run(store=address, env_more=env)
    assert first.code == 0, first.err + first.out
    assert rekognition.billed == IMAGES * 3
    store = S3Store(StoreSettings(store=address))
    tables = published(store)
    check_accounted(first.summary, tables)
    objects = {row["object"] for row in tables["images"].to_pylist() if row["object"]}
    assert all(address_of.startswith(f"{address}/images/") for address_of in objects)
    again = run(store=address, env_more=env)
    assert again.code == 0, again.err + again.out
    assert billed(again.summary) == 0
    assert again.summary["nothing_new"] is True
    current = json.loads(store.read("published/current.json"))["version"]
    assert current == first.summary["version"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("missing.csv",), "no file 'missing.csv'"),
        (("{feed}", "--url-column", "nope"), "no column 'nope'"),
        (("{feed}", "--url-column", "id"), "no links in the column 'id'"),
        (("{empty}",), "is empty"),
        (("{picture}",), "is not a table"),
        (("{feed}", "--operations", "detect_cats"), "no operation 'detect_cats'"),
        (("{feed}", "--store", "{feed}/below"), "cannot be written"),
        (("{feed}", "--store", "ftp://x"), "neither a folder nor s3://"),
        (("{feed}", "--people", "nobody"), "people folder 'nobody' does not exist"),
        (("{feed}", "--max-cost", "much"), "--max-cost"),
        (("{feed}", "--nonsense"), "--nonsense"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(feed, tmp_path, words, sentence):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    paths = {"feed": feed, "empty": tmp_path / "empty.csv", "picture": tmp_path / "picture.csv"}
    result = image_tags("run", *(word.format(**paths) for word in words))
    assert result.code == 2
    assert sentence in result.err
    assert result.out == ""
