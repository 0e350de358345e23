"""A flow run that a schedule created long before it starts, on a real server: ages count from its
first start, by which its folder is named.

Schedules create their runs in advance, weekly ones three weeks ahead.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Scheduled

from image_tags.flows.pipeline import image_tags
from image_tags.tasks.execution.run_folder import name_of_run
from tests.support.prefect_client import flow_run

PICTURES = 3
AHEAD = timedelta(weeks=3)


def plan_run(server, parameters):
    """The id of a flow run that was created three weeks ago.

    The API gives no way to set when a run was created, so its database is changed.
    """
    with get_client(sync_client=True) as client:
        made = client.create_flow_run(image_tags, parameters=parameters, state=Scheduled())
    created = datetime.now(UTC) - AHEAD
    with closing(sqlite3.connect(server.home / "prefect.db", timeout=60)) as database, database:
        changed = database.execute(
            "UPDATE flow_run SET created = ? WHERE id = ?",
            (f"{created:%Y-%m-%d %H:%M:%S.%f}", str(made.id)),
        )
        assert changed.rowcount == 1
    seen = datetime.fromisoformat(flow_run(server, str(made.id))["created"])
    assert abs(seen - created) < timedelta(seconds=1)
    return made.id


def run_planned(run_id: UUID, parameters):
    """Start the flow run, as its worker does; its final state."""
    with get_client(sync_client=True) as client:
        planned = client.read_flow_run(run_id)
    return run_flow(image_tags, flow_run=planned, parameters=parameters, return_type="state")


def test_a_run_that_was_created_long_before_asks_for_what_is_due_when_it_starts(
    prefect_server, rekognition, site, tmp_path, monkeypatch
):
    for name, value in rekognition.environment().items():
        monkeypatch.setenv(name, value)
    links = [site.picture(f"/{n}.png", n) for n in range(PICTURES)]
    (tmp_path / "feed.csv").write_text("link\n" + "".join(f"{link}\n" for link in links))
    parameters = {
        "source": str(tmp_path / "feed.csv"),
        "store": str(tmp_path / "store"),
        "url_column": "link",
        "analyzer": "rekognition",
        "operations": ["detect_labels"],
        "allow_private_addresses": True,
        # Every answer that is there when the run starts is due; counted from the creation, none is.
        "ask_again_after": 0,
    }
    with temporary_settings({PREFECT_API_URL: prefect_server.api}):
        first, second = (plan_run(prefect_server, parameters) for _ in range(2))
        for run_id, billed in ((first, PICTURES), (second, 2 * PICTURES)):
            assert run_planned(run_id, parameters).name == "Completed"
            assert rekognition.billed == billed
    for run_id in (first, second):
        started = datetime.fromisoformat(flow_run(prefect_server, str(run_id))["start_time"])
        assert datetime.now(UTC) - started < timedelta(days=1)
        assert (tmp_path / "store/runs" / name_of_run(started, run_id)).is_dir()
