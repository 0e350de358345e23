"""Fixtures that more than one folder of tests uses."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.prefect_server import PrefectServer
from tests.support.rekognition_endpoint import RekognitionEndpoint
from tests.support.s3_server import S3Server
from tests.support.site import Site

# No deadline an example: machines are shared and the first example pays for imports.
settings.register_profile(
    "tests", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")


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
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A real Prefect server with an empty database, for the whole session; don't kill this one."""
    server = PrefectServer(tmp_path_factory.mktemp("prefect"))
    server.start()
    yield server
    server.stop()


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
