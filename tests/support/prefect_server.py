"""A real Prefect server on loopback, with a database of its own."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import requests

from tests.support.processes import free_port, stop, until

DATABASE = "prefect.db"
"""The database's file in Prefect's home."""

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
}


class PrefectServer:
    """Start, kill and start again: the database stays.

    With a `login` (`user:password`) it answers nobody without.
    """

    def __init__(self, home: Path, login: str | None = None) -> None:
        self.home = home
        self.login = login
        self.port = free_port()
        self.api = f"http://127.0.0.1:{self.port}/api"
        self.ui = f"http://127.0.0.1:{self.port}"
        self.log = home / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def env(self) -> dict[str, str]:
        """What a client of this server has in its environment."""
        login = {"PREFECT_API_AUTH_STRING": self.login} if self.login else {}
        return {**QUIET, **login, "PREFECT_HOME": str(self.home), "PREFECT_API_URL": self.api}

    @property
    def started(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._process is not None

    def start(self) -> None:
        """Start and wait until it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        env = {
            **os.environ,
            **QUIET,
            "PREFECT_HOME": str(self.home),
            "PREFECT_SERVER_UI_API_URL": self.api,
            "PREFECT_UI_URL": self.ui,
        }
        if self.login:
            env["PREFECT_SERVER_API_AUTH_STRING"] = self.login
        command = [
            sys.executable,
            "-m",
            "prefect",
            "server",
            "start",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=env, stdout=log, stderr=log, start_new_session=True
            )
        until(
            self.answers,
            120,
            lambda: f"the Prefect server did not start:\n{self.log.read_text()[-2000:]}",
        )

    def copy_database(self, file: Path) -> None:
        """Copy the database as it is now, while the server works on it."""
        with (
            closing(sqlite3.connect(self.home / DATABASE)) as here,
            closing(sqlite3.connect(file)) as there,
        ):
            here.backup(there)

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            return requests.get(f"{self.api}/health", timeout=2).ok
        except requests.RequestException:
            return False

    def stop(self) -> None:
        """Kill it, as a crash would."""
        if self._process:
            stop(self._process)
            self._process = None
