"""What a person does with a Prefect server: its command line, a worker, a look at runs."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import requests
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.testing.cli import CycloptsCliRunner
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tests.support.prefect_server import PrefectServer
from tests.support.processes import stop, until

TERMINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
ROOT = Path(__file__).parents[2]


def prefect(
    server: PrefectServer, *words: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> str:
    """Run `prefect` with these words against the server; what it printed. It must succeed.

    With an environment it is a process of its own, which may run flows. Otherwise it is this one,
    which has paid for the imports already.
    """
    if env is None:
        return _prefect_here(server, words, cwd)
    command = [sys.executable, "-m", "prefect", *words]
    full = {**os.environ, **server.env, **env}
    done = subprocess.run(
        command, env=full, cwd=cwd, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def _prefect_here(server: PrefectServer, words: Sequence[str], cwd: Path) -> str:
    settings = {PREFECT_API_URL: server.api, PREFECT_API_AUTH_STRING: server.login}
    with (
        patch.dict(os.environ, server.env),
        temporary_settings(settings),
        contextlib.chdir(cwd),
    ):
        done = CycloptsCliRunner().invoke(list(words))
    assert done.exit_code == 0, done.output[-6000:]
    return done.stdout


def _request(server: PrefectServer, method: str, path: str, body: Any = None) -> Any:
    """A request that is sent again while the server's SQLite is locked (503)."""
    with requests.Session() as session:
        session.auth = tuple(server.login.split(":", 1)) if server.login else None
        again = Retry(total=8, backoff_factor=0.5, status_forcelist=[503], allowed_methods=None)
        session.mount("http://", HTTPAdapter(max_retries=again))
        answer = session.request(method, f"{server.api}/{path}", json=body, timeout=60)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def ask(server: PrefectServer, path: str, **body: Any) -> Any:
    """POST to the server's API; the answer."""
    return _request(server, "POST", path, body)


def flow_run(server: PrefectServer, flow_run_id: str) -> dict[str, Any]:
    """A flow run as the server knows it."""
    found: dict[str, Any] = _request(server, "GET", f"flow_runs/{flow_run_id}")
    return found


def flow_runs(server: PrefectServer, **filters: Any) -> list[dict[str, Any]]:
    """Flow runs, the latest first."""
    found: list[dict[str, Any]] = ask(server, "flow_runs/filter", sort="START_TIME_DESC", **filters)
    return found


def runs_of_store(server: PrefectServer, store: object) -> list[dict[str, Any]]:
    """The flow runs on one store, the latest first: other tests use the same server."""
    runs = flow_runs(server, limit=200)
    return [run for run in runs if run["parameters"].get("store") == str(store)]


def ended(
    server: PrefectServer,
    flow_run_id: str,
    count: int = 1,
    within: float = 180,
    again: Callable[[], object] | None = None,
) -> dict[str, Any]:
    """The flow run once it has ended for the `count`th time.

    `again`: asks for it once more. A worker may say twice that a run's process is gone, the second
    time after a retry was asked for, which is then forgotten.
    """

    def says() -> str:
        run = flow_run(server, flow_run_id)
        return (
            f"{run['state_type']} {run['state_name']} {run['run_count']} {run['state']['message']}"
        )

    def over() -> bool:
        run = flow_run(server, flow_run_id)
        if again and run["state_type"] == "CRASHED" and run["run_count"] < count:
            again()
        return run["state_type"] in TERMINAL and run["run_count"] >= count

    until(over, within, says)
    return flow_run(server, flow_run_id)


def task_runs(
    server: PrefectServer, flow_run_id: str, enough: Callable[[list[dict[str, Any]]], bool]
) -> list[dict[str, Any]]:
    """The flow run's task runs that ended, once they are enough: the server records them with a
    delay.
    """

    def found() -> list[dict[str, Any]]:
        runs = ask(server, "task_runs/filter", flow_runs={"id": {"any_": [flow_run_id]}}, limit=200)
        return [run for run in runs if run["state_type"] in TERMINAL]

    until(
        lambda: enough(found()),
        60,
        lambda: str([(run["name"], run["state_name"]) for run in found()]),
    )
    return found()


def start(server: PrefectServer, deployment: str, parameters: Mapping[str, Any]) -> str:
    """Ask for a run of a deployment (`flow/deployment`) now; the flow run's id."""
    found = _request(server, "GET", f"deployments/name/{deployment}")
    answer = ask(server, f"deployments/{found['id']}/create_flow_run", parameters=dict(parameters))
    return str(answer["id"])


def change_deployment(server: PrefectServer, deployment_id: str, **fields: Any) -> None:
    """Change some fields of a deployment."""
    _request(server, "PATCH", f"deployments/{deployment_id}", fields)


def pause(server: PrefectServer, deployment_id: str) -> None:
    """Stop a deployment's schedules."""
    change_deployment(server, deployment_id, paused=True)


def drop(server: PrefectServer, flow_run_id: str) -> None:
    """Delete a flow run."""
    _request(server, "DELETE", f"flow_runs/{flow_run_id}")


def retry(server: PrefectServer, flow_run_id: str) -> None:
    """What the button Retry does."""
    state = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}
    answer = ask(server, f"flow_runs/{flow_run_id}/set_state", state=state)
    assert answer["status"] == "ACCEPT", answer


class Worker:
    """A process worker of a pool; its environment is what its runs have."""

    def __init__(self, server: PrefectServer, pool: str, env: Mapping[str, str], log: Path) -> None:
        self._command = [
            sys.executable,
            "-m",
            "prefect",
            "worker",
            "start",
            "--type",
            "process",
            "--pool",
            pool,
        ]
        self._env = {**os.environ, **server.env, "PREFECT_WORKER_QUERY_SECONDS": "1", **env}
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, limit: int | None = None) -> None:
        """Start; it looks for runs a few seconds later, and takes so many at the same time."""
        command = [*self._command, *(["--limit", str(limit)] if limit else [])]
        with self.log.open("ab") as log:
            # Elsewhere than the checkout: the package is installed.
            self.process = subprocess.Popen(
                command,
                env=self._env,
                cwd=self.log.parent,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Kill it and its runs, which have sessions of their own."""
        if self.process:
            runs = psutil.Process(self.process.pid).children(recursive=True)
            stop(self.process)
            for run in runs:
                with contextlib.suppress(psutil.NoSuchProcess):
                    run.kill()
            self.process = None
