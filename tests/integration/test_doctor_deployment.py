"""`image-tags doctor --deployment` on a real server: each mistake is found before a run fails."""

import pytest

from tests.support.command import image_tags
from tests.support.prefect_client import Worker, ask, change_deployment, prefect
from tests.support.processes import until

POOL = "checkup"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, prefect_server):
    folder = tmp_path_factory.mktemp("checkup")
    (folder / "feed.csv").write_text("media\nhttps://example.org/1.png\n")
    prefect(prefect_server, "work-pool", "create", POOL, "--type", "process")
    return folder


def deploy(server, folder, name, *, flow="image_tags.flows.pipeline.image_tags", **parameters):
    given = {
        "source": str(folder / "feed.csv"),
        "store": str(folder / "store"),
        "url_column": "media",
        "operations": ["detect_labels"],
        **parameters,
    }
    words = ["deploy", flow, "--name", name, "--pool", POOL]
    prefect(server, "--no-prompt", *words, cwd=folder)
    # A typo as one makes it in prefect.yaml: Prefect takes it, and every run fails.
    found = ask(server, "deployments/filter", deployments={"name": {"any_": [name]}})[0]
    change_deployment(server, found["id"], parameters=given, enforce_parameter_schema=False)


def examine(server, name):
    """The exit code, and each check's line with its fix."""
    done = image_tags("doctor", "--deployment", name, env=server.env)
    return done.code, done.out


def test_a_typo_in_a_parameter_is_found_with_the_name_that_was_meant(prefect_server, folder):
    deploy(prefect_server, folder, "typo", fresh_fro="30 days")
    code, out = examine(prefect_server, "typo")
    assert code == 1
    assert "There is no setting 'fresh_fro'; did you mean 'fresh_for'?" in out
    assert "Not yet: worker, parameters." in out


def test_all_typos_are_named_at_once(prefect_server, folder):
    deploy(prefect_server, folder, "typos", fresh_fro="30 days", max_csot=10)
    _, out = examine(prefect_server, "typos")
    assert "There is no setting 'fresh_fro'; did you mean 'fresh_for'?" in out
    assert "There is no setting 'max_csot'; did you mean 'max_cost'?" in out


def test_a_deployment_that_does_not_exist_is_named_with_the_closest(prefect_server, folder):
    deploy(prefect_server, folder, "weekly")
    code, out = examine(prefect_server, "weakly")
    assert code == 1
    assert "there is no deployment 'image-tags/weakly'" in out
    assert "Did you mean weekly?" in out


def test_a_source_that_is_not_there_and_a_paused_pool(prefect_server, folder):
    deploy(prefect_server, folder, "nothing", source=str(folder / "none.csv"))
    prefect(prefect_server, "work-pool", "pause", POOL)
    code, out = examine(prefect_server, "image-tags/nothing")
    prefect(prefect_server, "work-pool", "resume", POOL)
    assert code == 1
    assert f"{POOL} (process, no limit) is paused" in out
    assert "Not yet: work pool, worker, source." in out


def test_all_is_well(prefect_server, folder, tmp_path):
    deploy(prefect_server, folder, "fine", fresh_for="30 days")
    worker = Worker(prefect_server, POOL, {}, tmp_path / "worker.log")
    worker.start()
    try:
        until(lambda: examine(prefect_server, "fine")[0] == 0, 90)
    finally:
        worker.stop()
    _, out = examine(prefect_server, "fine")
    assert "1 row, links in 'media'" in out
    assert "parameters" in out
