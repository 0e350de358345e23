"""Task runs that a process leaves behind are closed on a real Prefect server: when a signal ends
the process, and otherwise by a retry.
"""

import signal
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from image_tags.tasks.adapters.orchestration.flow_runs import (
    close_left_task_runs,
    closer_of_flow_run,
)
from tests.support.prefect_client import ask, flow_run

LEFT = {"at work": "RUNNING", "about to start": "PENDING", "done": "COMPLETED", "bad": "FAILED"}
SAID = "Interrupted."


@pytest.fixture
def run_id(prefect_server, monkeypatch):
    """A flow run that is the current one of this process, with task runs in four states."""
    flow = ask(prefect_server, "flows/", name=f"left-{uuid4().hex}")
    run = ask(prefect_server, "flow_runs/", flow_id=flow["id"], state={"type": "RUNNING"})
    for name, kind in LEFT.items():
        make_task_run(prefect_server, run["id"], name, kind)
    other = ask(prefect_server, "flow_runs/", flow_id=flow["id"], state={"type": "RUNNING"})
    make_task_run(prefect_server, other["id"], "of another run", "RUNNING")
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", run["id"])
    with temporary_settings({PREFECT_API_URL: prefect_server.api}):
        yield run["id"]
    (untouched,) = find_task_runs(prefect_server, other["id"])
    assert untouched["state_type"] == "RUNNING"


def make_task_run(server, flow_run_id, name, kind):
    ask(
        server,
        "task_runs/",
        flow_run_id=flow_run_id,
        name=name,
        task_key=name,
        dynamic_key="0",
        state={"type": kind, "name": kind.capitalize()},
    )


def find_task_runs(server, flow_run_id):
    return ask(server, "task_runs/filter", flow_runs={"id": {"any_": [flow_run_id]}})


def states(server, run_id):
    return {one["name"]: one["state_type"] for one in find_task_runs(server, run_id)}


CLOSED = {"at work": "CRASHED", "about to start": "CRASHED", "done": "COMPLETED", "bad": "FAILED"}


def test_a_retry_closes_those_that_are_unfinished(prefect_server, run_id):
    assert close_left_task_runs() == 2
    assert states(prefect_server, run_id) == CLOSED
    assert close_left_task_runs() == 0


@pytest.mark.parametrize(
    ("number", "state"), [(signal.SIGTERM, "CRASHED"), (signal.SIGINT, "CANCELLED")]
)
def test_a_signal_closes_the_flow_run_and_its_task_runs(prefect_server, run_id, number, state):
    closer_of_flow_run(SAID)(number)
    found = flow_run(prefect_server, run_id)
    assert (found["state_type"], found["state"]["message"]) == (state, SAID)
    assert states(prefect_server, run_id) == CLOSED


def test_a_run_that_has_ended_stays_as_it_ended(prefect_server, run_id):
    close = closer_of_flow_run(SAID)
    done = {"type": "COMPLETED", "name": "Completed"}
    ask(prefect_server, f"flow_runs/{run_id}/set_state", state=done, force=True)
    close(signal.SIGTERM)
    assert flow_run(prefect_server, run_id)["state_type"] == "COMPLETED"
