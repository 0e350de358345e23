"""The files of deploy/automations, applied to a real Prefect server as docs/operating.md says: each
fires when it should, and not otherwise.

The runs are those of a deployment, moved through their states by the API.
"""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import requests
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.settings import PREFECT_API_URL, temporary_settings

from image_tags.tasks.contracts.errors import OverBudget
from tests.support.prefect_client import ROOT, ask, flow_run, prefect
from tests.support.prefect_server import DATABASE
from tests.support.processes import until
from tests.support.webhook import Webhook

FILES = ROOT / "deploy/automations"
SHORT = 10
"""Seconds that Prefect waits for an event, at least."""


@pytest.fixture(scope="module")
def webhook():
    with Webhook().running() as made:
        yield made


@pytest.fixture(scope="module")
def block_id(prefect_server, webhook):
    block = CustomWebhookNotificationBlock(
        name="alerts", url=webhook.url, json_data={"subject": "{{subject}}", "body": "{{body}}"}
    )
    with temporary_settings({PREFECT_API_URL: prefect_server.api}):
        return str(block.save("alerts", overwrite=True))


@pytest.fixture
def deployment_id(prefect_server):
    flow = ask(prefect_server, "flows/", name="image-tags")
    name = f"alerts-{uuid4().hex}"
    made = ask(
        prefect_server,
        "deployments/",
        name=name,
        flow_id=flow["id"],
        tags=["image-tags", "incremental"],
    )
    return made["id"]


@pytest.fixture
def apply(prefect_server, block_id, deployment_id, tmp_path):
    """Create a file's automation, with ids in place of the placeholders and other text replaced."""
    before = {one["id"] for one in ask(prefect_server, "automations/filter")}

    def create(name, **replaced):
        text = (FILES / name).read_text()
        ids = {"BLOCK-ID": block_id, "DEPLOYMENT-ID": deployment_id}
        for old, new in {**ids, **replaced}.items():
            text = text.replace(old, new)
        (tmp_path / name).write_text(text)
        out = prefect(prefect_server, "automation", "create", "--from-file", str(tmp_path / name))
        assert "Created" in out

    yield create
    for one in ask(prefect_server, "automations/filter"):
        if one["id"] not in before:
            requests.delete(f"{prefect_server.api}/automations/{one['id']}", timeout=30)


@pytest.fixture
def begin(prefect_server, deployment_id):
    """Make a run of the deployment that is Running; its id."""

    def make():
        path = f"deployments/{deployment_id}/create_flow_run"
        run = ask(prefect_server, path, state={"type": "PENDING"})
        move(prefect_server, run["id"], "RUNNING")
        return run["id"]

    return make


def move(server, run_id, kind, message="", name=None):
    state = {"type": kind, "name": name or kind.capitalize(), "message": message}
    answer = ask(server, f"flow_runs/{run_id}/set_state", state=state, force=True)
    assert answer["status"] == "ACCEPT"


def subjects(webhook, name):
    return [one["subject"] for one in webhook.received if name in one["subject"]]


OVER = OverBudget(
    "The 100 calls left would cost about 0.1000 USD, over --max-cost 0.05: nothing was paid.", 0.1
)


def test_a_failed_run_is_reported_and_one_over_budget_by_both_files(
    prefect_server, apply, begin, webhook
):
    apply("failed.yaml")
    apply("over-budget.yaml")
    good, bad, dear = begin(), begin(), begin()
    names = {run_id: flow_run(prefect_server, run_id)["name"] for run_id in (good, bad, dear)}
    move(prefect_server, good, "COMPLETED", "Published version 1.")
    move(prefect_server, bad, "FAILED", "Not published. The bucket is not there.")
    move(prefect_server, dear, "FAILED", f"Not published. {OVER}")
    over_budget = f"image-tags: {names[dear]} is over budget"
    failed = f"image-tags: {names[dear]} is Failed"
    until(lambda: len(subjects(webhook, names[dear])) == 2, 60, lambda: str(webhook.received))
    assert sorted(subjects(webhook, names[dear])) == sorted([failed, over_budget])
    until(lambda: subjects(webhook, names[bad]), 60, lambda: str(webhook.received))
    assert subjects(webhook, names[bad]) == [f"image-tags: {names[bad]} is Failed"]
    assert not subjects(webhook, names[good])
    body = next(one["body"] for one in webhook.received if one["subject"] == over_budget)
    assert str(OVER) in body
    assert f"{prefect_server.ui}/runs/flow-run/{dear}" in body


def test_a_deployment_without_a_success_is_reported(prefect_server, apply, begin, webhook):
    apply("no-success.yaml", **{"within: 10800": f"within: {SHORT}"})
    run_id = begin()
    name = flow_run(prefect_server, run_id)["name"]
    move(prefect_server, run_id, "COMPLETED", "Published version 1.")

    def said():
        return [one for one in webhook.received if name in one["body"]]

    until(lambda: bool(said()), 60, lambda: str(webhook.received))
    (only,) = said()
    assert only["subject"] == "image-tags: no success for 3 hours"
    assert f"{prefect_server.ui}/runs/flow-run/{run_id}" in only["body"]


def test_a_run_without_a_heartbeat_is_crashed_and_one_that_ended_is_not(
    prefect_server, apply, begin
):
    apply("zombies.yaml", **{"within: 180": f"within: {3 * SHORT}"})
    zombie, ended, evicted, silent = begin(), begin(), begin(), begin()
    for run_id in (zombie, ended, evicted):
        send_heartbeat(prefect_server, run_id)
    # Prefect works on two events at once, so one sent at once after another may overtake it.
    until(lambda: {zombie, ended, evicted} <= watched_runs(prefect_server), 60)
    move(prefect_server, ended, "COMPLETED")
    move(prefect_server, evicted, "SCHEDULED", name="AwaitingRetry")
    until(lambda: flow_run(prefect_server, zombie)["state_type"] == "CRASHED", 120)
    assert "No heartbeat" in flow_run(prefect_server, zombie)["state"]["message"]
    assert flow_run(prefect_server, ended)["state_type"] == "COMPLETED"
    assert flow_run(prefect_server, evicted)["state_type"] == "SCHEDULED", "it waits for a worker"
    assert flow_run(prefect_server, silent)["state_type"] == "RUNNING", "it never sent one"


def watched_runs(server):
    """The runs whose next event a proactive automation waits for; the API does not tell them."""
    with closing(sqlite3.connect(server.home / DATABASE)) as database:
        rows = database.execute("SELECT bucketing_key FROM automation_bucket").fetchall()
    keys = (key for (text,) in rows for key in json.loads(text))
    return {key.removeprefix("prefect.flow-run.") for key in keys}


def send_heartbeat(server, run_id):
    """As Prefect's flow engine does."""
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "prefect.flow-run.heartbeat",
        "resource": {"prefect.resource.id": f"prefect.flow-run.{run_id}"},
        "related": [
            {"prefect.resource.id": "prefect.tag.image-tags", "prefect.resource.role": "tag"}
        ],
    }
    requests.post(f"{server.api}/events", json=[event], timeout=30).raise_for_status()
