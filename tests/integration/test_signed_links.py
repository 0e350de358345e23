"""Links with a signature: published as they came, shown without what grants access."""

import json
from contextlib import closing

import pytest

from image_tags.tasks.adapters.store.folder import FolderStore
from tests.support.command import image_tags, published
from tests.support.prefect_client import ask, runs_of_store
from tests.support.processes import until
from tests.support.rekognition_endpoint import RekognitionEndpoint
from tests.support.site import Answer, Site

SECRET = "5ec2e7a9"
QUERIES = {
    "S3": f"X-Amz-Credential=AK{SECRET}%2F20260101&X-Amz-Signature={SECRET}",
    "token": f"width=640&token={SECRET}",
    "Azure": f"se=2027-01-01&sig={SECRET}%3D",
}


@pytest.fixture(scope="module")
def run(prefect_server, tmp_path_factory):
    """A run with links that are stored, dead and pending, and other columns with such links."""
    with closing(Site()) as site, RekognitionEndpoint().running() as endpoint:
        yield make_run(prefect_server, tmp_path_factory.mktemp("signed"), site, endpoint)


def make_run(prefect_server, folder, site, endpoint):
    links = []
    for number, query in enumerate(QUERIES.values()):
        links.append(site.picture(f"/{number}.png?{query}", number))
        links.append(f"{site.url}/dead-{number}.png?{query}")
        links.append(f"{site.url}/busy-{number}.png?{query}")
        site.answers[f"/busy-{number}.png?{query}"] = Answer(b"", 503)
    rows = [{"link": [link], "seen": f"at {link} today", "copy": link} for link in links]
    rows.append({"link": links[:2], "seen": "", "copy": ""})
    (folder / "feed.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    words = ["run", str(folder / "feed.jsonl"), "--store", str(folder / "store"), "--json"]
    words += ["--url-column", "link", "--analyzer", "rekognition", "--operations", "detect_labels"]
    words += ["--allow-private-addresses", "--fetch-retries", "0", "--task-retries", "0"]
    env = {**endpoint.environment(), "PREFECT_API_URL": prefect_server.api}
    result = image_tags(*words, env=env)
    assert result.summary["published"], result.out + result.err
    (flow_run,) = runs_of_store(prefect_server, folder / "store")
    return links, FolderStore(str(folder / "store")), result, flow_run


def test_the_published_table_has_them_whole(run):
    links, store, _, _ = run
    assert published(store)["images"]["url"].to_pylist()[: len(links)] == links


def test_the_screen_does_not_show_them(run):
    _, _, result, _ = run
    assert SECRET not in result.out + result.err


def test_the_report_and_what_is_published_beside_the_tables_do_not_show_them(run):
    _, store, result, _ = run
    folder = f"published/{result.summary['version']}/"
    texts = {key for key in store.keys(folder) if not key.endswith(".parquet")}
    assert {key.rpartition("/")[2] for key in texts} >= {"report.html", "summary.json"}
    shown = {key for key in texts if SECRET in store.read(key).decode()}
    assert shown == set()
    assert "busy-0.png" in store.read(f"{folder}report.html").decode()


def test_prefect_s_pages_and_logs_do_not_show_them(run, prefect_server):
    _, _, _, flow_run = run
    mine = {"flow_runs": {"id": {"any_": [flow_run["id"]]}}}
    of_run = {"logs": {"flow_run_id": {"any_": [flow_run["id"]]}}}

    def read_log():
        return json.dumps(ask(prefect_server, "logs/filter", **of_run))

    until(lambda: "busy-0.png" in read_log(), 60)  # in the error of the batch
    artifacts = ask(prefect_server, "artifacts/filter", **mine)
    assert artifacts
    found = [artifacts, ask(prefect_server, "task_runs/filter", **mine), flow_run]
    assert SECRET not in json.dumps(found) + read_log()
