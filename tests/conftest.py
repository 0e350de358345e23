"""Fixtures that more than one folder of tests uses."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.prefect_server import DATABASE, PrefectServer
from tests.support.rekognition_endpoint import RekognitionEndpoint
from tests.support.s3_server import S3Server
from tests.support.site import Site

# No deadline an example: machines are shared and the first example pays for imports. The same
# examples every time, so that a failure is a change's own; `--hypothesis-profile search` looks for
# new ones.
settings.register_profile(
    "tests",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("search", settings.get_profile("tests"), derandomize=False)
settings.load_profile("tests")

SLOW = {
    "server": "starts a Prefect server, or whole runs in processes of their own",
    "browser": "opens pages in Chromium",
    "models": "loads the local models",
    "kill": "kills processes in the middle of their work",
    "s3": "talks to a real S3 server",
    "long": "a single test of ten seconds or more",
}
"""Markers of what makes a test slow; a test without any of them is marked `fast`."""

BY_FIXTURE = {"prefect_server": "server", "s3_server": "s3", "s3": "s3", "browser": "browser"}
BY_FILE = {
    "test_report_browser.py": "browser",
    "test_killed.py": "kill",
    "test_killed_ledgers.py": "kill",
    "test_killed_server.py": "kill",
    "test_shards_that_fail.py": "kill",
    "test_demo.py": "models",
    "test_package.py": "server",
    "test_paid_at_most_once.py": "long",
    "test_example_notebook.py": "models",
}
LONGEST = ("test_shards_that_fail.py", "test_deployments.py")
"""Files of two minutes or more: if one of them began late, the other workers would wait for it."""
PROCESSES = (
    "tests.support.command",
    "tests.support.forked_python",
    "tests.support.killed",
    "tests.support.prefect_",
)
"""Modules of helpers that start processes."""


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    for name, meaning in SLOW.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    config.addinivalue_line("markers", "fast: none of these; `pytest -m fast` takes two minutes")


def pytest_xdist_auto_num_workers() -> int:
    """Workers of `-n auto`: half as many more than cores, since tests wait for servers and
    processes half of the time.
    """
    cores = len(os.sched_getaffinity(0))
    return cores + (cores + 1) // 2


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its fixtures, its file and the helpers that its module imports; the
    longest files first, then others with slow tests.
    """
    for item in items:
        for name in slow_markers(item):
            item.add_marker(name)
        if not any(item.get_closest_marker(name) for name in SLOW):
            item.add_marker("fast")
    slow = {item.path for item in items if not item.get_closest_marker("fast")}
    items.sort(key=lambda item: (item.path.name not in LONGEST, item.path not in slow))


def slow_markers(item: pytest.Item) -> set[str]:
    """What makes a test slow."""
    markers = {BY_FIXTURE[name] for name in getattr(item, "fixturenames", ()) if name in BY_FIXTURE}
    if item.path.name in BY_FILE:
        markers.add(BY_FILE[item.path.name])
    if item.path.is_relative_to(Path(__file__).parent / "unit/tasks/adapters/analyzers/local"):
        markers.add("models")
    callspec = getattr(item, "callspec", None)
    # Not `in`: some parameters are data frames, whose comparison is another frame.
    if callspec and any(isinstance(one, str) and one == "s3" for one in callspec.params.values()):
        markers.add("s3")
    if item.path.parent.name == "integration":
        values = vars(getattr(item, "module", object)).values()
        if any(str(getattr(one, "__module__", "")).startswith(PROCESSES) for one in values):
            markers.add("server")
    return markers


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 server with an empty bucket `itest`, for the whole session; don't kill this one."""
    server = S3Server()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, with the environment set up for boto3 as a user would."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in s3_server.env.items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a Prefect database with all its tables and nothing in them is, once a worker's server
    has started: a server's first start takes twice as long without.
    """
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / DATABASE


@pytest.fixture(scope="session")
def prefect_server(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Iterator[PrefectServer]:
    """A real Prefect server with an empty database, for the whole session; don't kill this one.

    One for each worker: who looks at the last flow run sees their own. One for all would save a
    start of some seconds, and its SQLite would be locked more often.
    """
    server = PrefectServer(tmp_path_factory.mktemp("prefect"))
    with empty_database.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not empty_database.exists():
            server.start()
            server.copy_database(empty_database)
    if not server.started:
        shutil.copy(empty_database, server.home / DATABASE)
        server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def make_prefect_home(
    empty_database: Path, prefect_server: PrefectServer
) -> Callable[[Path], Path]:
    """Makes a folder a home of Prefect with an empty database."""

    def make(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(empty_database, folder / DATABASE)
        return folder

    return make


@pytest.fixture
def rekognition() -> Iterator[RekognitionEndpoint]:
    """A stand-in for Rekognition that bills, without a quota; its `environment()` leads boto3
    there.
    """
    with RekognitionEndpoint().running() as endpoint:
        yield endpoint


@pytest.fixture
def site() -> Iterator[Site]:
    """A web site on loopback."""
    site = Site()
    yield site
    site.close()
