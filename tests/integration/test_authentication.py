"""A Prefect server with a password: the command line, Dask's processes and a worker's runs all give
it.
"""

import pytest
import requests

from image_tags.tasks.adapters.store.folder import FolderStore
from tests.support.command import image_tags_process, published
from tests.support.prefect_client import Worker, ended, prefect, start
from tests.support.prefect_server import PrefectServer
from tests.support.rekognition_endpoint import RekognitionEndpoint
from tests.support.site import Site

LOGIN = "admin:not-a-secret"
PICTURES = 6


class World:
    """A server with a password, a feed of pictures and an analyzer."""

    def __init__(self, folder, home, endpoint):
        self.folder, self.site = folder, Site()
        self.server = PrefectServer(home, login=LOGIN)
        self.feed = folder / "feed.csv"
        links = [self.site.picture(f"/{number}.png", number) for number in range(PICTURES)]
        self.feed.write_text("\n".join(["link", *links, ""]))
        self.endpoint = endpoint.environment()
        self.env = {**self.server.env, **self.endpoint}

    def run(self, name, *more, env=None):
        words = [
            "run",
            str(self.feed),
            "--store",
            str(self.folder / name),
            "--analyzer",
            "rekognition",
        ]
        words += ["--operations", "detect_labels", "--allow-private-addresses", "--json", *more]
        return image_tags_process(*words, env=self.env if env is None else env)

    def rows(self, name):
        return published(FolderStore(str(self.folder / name)))["tagged"].num_rows


@pytest.fixture(scope="module")
def world(tmp_path_factory, make_prefect_home):
    with RekognitionEndpoint().running() as endpoint:
        folder = tmp_path_factory.mktemp("authentication")
        made = World(folder, make_prefect_home(folder / "prefect"), endpoint)
        made.server.start()
        yield made
        made.server.stop()
        made.site.close()


def test_nobody_else_is_answered(world):
    for login in (None, ("admin", "guessed")):
        assert (
            requests.post(
                f"{world.server.api}/flow_runs/filter", json={}, auth=login, timeout=30
            ).status_code
            == 401
        )


@pytest.mark.parametrize("more", [[], ["--runner", "dask"]], ids=["threads", "dask"])
def test_a_run_from_the_command_line(world, more):
    name = "-".join(["run", *more]).replace("--", "")
    done = world.run(name, *more)
    assert done.code == 0, done.err[-2000:]
    assert done.summary["statuses"]["tagged"] == world.rows(name) == PICTURES


@pytest.mark.parametrize("login", [None, "admin:guessed"])
def test_a_run_without_the_password_says_so_in_one_sentence(world, login):
    env = {name: value for name, value in world.env.items() if name != "PREFECT_API_AUTH_STRING"}
    done = world.run(
        "refused", env={**env, **({"PREFECT_API_AUTH_STRING": login} if login else {})}
    )
    assert done.code == 1
    assert "Stopped: The Prefect server at" in done.err
    assert "PREFECT_API_AUTH_STRING" in done.err
    assert LOGIN not in done.err + done.out
    assert not (world.folder / "refused" / "images").exists()


def test_a_run_of_a_worker(world):
    prefect(world.server, "work-pool", "create", "guarded", "--type", "process")
    deployment = [
        "deploy",
        "image_tags.flows.pipeline.image_tags",
        "--name",
        "guarded",
        "--pool",
        "guarded",
    ]
    prefect(world.server, "--no-prompt", *deployment, cwd=world.folder)
    worker = Worker(world.server, "guarded", world.endpoint, world.folder / "worker.log")
    worker.start()
    try:
        places = {"source": str(world.feed), "store": str(world.folder / "worker")}
        how = {
            "analyzer": "rekognition",
            "operations": ["detect_labels"],
            "allow_private_addresses": True,
        }
        run = ended(world.server, start(world.server, "image-tags/guarded", {**places, **how}))
    finally:
        worker.stop()
    assert run["state_type"] == "COMPLETED", run["state"]["message"]
    assert world.rows("worker") == PICTURES
