"""What a run leaves on a real Prefect server: few task runs, a short log, and red only for news."""

import socket
from contextlib import ExitStack

import pytest

from tests.support.command import image_tags
from tests.support.prefect_client import ask, runs_of_store, task_runs
from tests.support.processes import until
from tests.support.rekognition_endpoint import Fault

OPERATIONS = "detect_labels,detect_text,recognize_celebrities"
FEW, DEAD = 16, 12


def run(server, rekognition, source, store, *more):
    words = ["run", str(source), "--url-column", "link", "--store", str(store), "--json"]
    words += ["--analyzer", "rekognition", "--operations", OPERATIONS]
    words += ["--allow-private-addresses", "--task-retry-delay", "0", *more]
    return image_tags(*words, env={**server.env, **rekognition.environment()})


def last_run(server, store):
    return runs_of_store(server, store)[0]


def log_of(server, flow_run_id):
    """The run's log, oldest line first."""
    wanted = {"flow_run_id": {"any_": [flow_run_id]}, "level": {"ge_": 20}}
    return ask(server, "logs/filter", logs=wanted, sort="TIMESTAMP_ASC", limit=200)


def all_task_runs(server, flow_run_id):
    return task_runs(
        server, flow_run_id, lambda runs: any(one["name"] == "explain the run" for one in runs)
    )


@pytest.fixture
def source(tmp_path, site, request):
    links = [site.picture(f"/{n}.png", n) for n in range(getattr(request, "param", FEW))]
    file = tmp_path / "feed.csv"
    file.write_text("\n".join(["link", *links]))
    return file


@pytest.mark.parametrize("source", [50], indirect=True)
def test_fifty_links_make_about_twenty_task_runs_and_a_line_per_step(
    prefect_server, rekognition, source, tmp_path
):
    assert run(prefect_server, rekognition, source, tmp_path / "store").code == 0
    flow_run = last_run(prefect_server, tmp_path / "store")
    runs = all_task_runs(prefect_server, flow_run["id"])
    assert len(runs) <= 20, sorted(one["name"] for one in runs)

    def messages():
        return [line["message"] for line in log_of(prefect_server, flow_run["id"])]

    until(lambda: any(line.startswith("Finished in state Completed('") for line in messages()), 60)
    log = messages()
    assert len(log) <= 40, "\n".join(log)
    assert sum(line.startswith("ingest_images: 50 items in ") for line in log) == 1
    assert sum(line.startswith("analyze_images: 150 items in ") for line in log) == 1


@pytest.fixture
def dead_hosts():
    """Addresses where nobody listens: taken, so that nobody else does."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(DEAD)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        yield [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]


def test_dead_hosts_are_one_warning_and_fail_only_the_first_run(
    prefect_server, rekognition, source, dead_hosts, tmp_path
):
    links = "".join(f"\nhttp://{host}/gone.png" for host in dead_hosts)
    source.write_text(source.read_text() + links)
    more = ["--fetch-retries", "0", "--extra-ports", ",".join(h.split(":")[1] for h in dead_hosts)]

    first = run(prefect_server, rekognition, source, tmp_path / "store", *more)
    assert first.code == 1
    assert first.summary["statuses"]["pending"] == DEAD
    reason = f"{DEAD} links are pending ({DEAD} connection_failed)"
    lines = first.out.strip().splitlines()[:-1]  # the last one is the JSON
    assert lines[0].startswith(reason)
    assert lines[-1].startswith(reason)
    flow_run = last_run(prefect_server, tmp_path / "store")
    assert flow_run["state_name"] == "Failed"
    assert {run["state_name"] for run in all_task_runs(prefect_server, flow_run["id"])} == {
        "Completed"
    }

    def loud_lines():
        return [line for line in log_of(prefect_server, flow_run["id"]) if line["level"] >= 30]

    until(lambda: any(reason in line["message"] for line in loud_lines()), 60)
    loud = loud_lines()
    about_hosts = [one["message"] for one in loud if "cannot be reached" in one["message"]]
    assert len(about_hosts) == 1
    assert about_hosts[0].startswith(f"{DEAD} links to {DEAD} hosts")
    assert loud[-1]["message"].startswith(reason) or reason in loud[-1]["message"]

    second = run(prefect_server, rekognition, source, tmp_path / "store", *more)
    assert second.code == 0, second.out
    state = last_run(prefect_server, tmp_path / "store")
    assert state["state_name"] == "Completed"
    assert reason in state["state"]["message"], "they are still reported"

    source.write_text(source.read_text() + f"\nhttp://{dead_hosts[0]}/another.png")
    third = run(prefect_server, rekognition, source, tmp_path / "store", *more)
    assert third.code == 1, "a newly pending link is news"
    share = [*more, "--fail-pending-share", "0.5"]
    source.write_text(source.read_text() + f"\nhttp://{dead_hosts[0]}/third.png")
    assert run(prefect_server, rekognition, source, tmp_path / "store", *share).code == 0


@pytest.mark.parametrize("retries", ["0", "3"])
def test_a_denied_permission_is_one_error(prefect_server, rekognition, source, tmp_path, retries):
    """Every batch at work meets it, and each call; the run's reason is its last line.

    Prefect logs a task run that fails without retries, but none that fails before they are used up.
    """
    rekognition.faults = [Fault("AccessDeniedException", times=None)]
    more = ["--batch-size", "1", "--task-retries", retries]
    done = run(prefect_server, rekognition, source, tmp_path / "store", *more)
    assert done.code == 1
    flow_run = last_run(prefect_server, tmp_path / "store")

    def log():
        return log_of(prefect_server, flow_run["id"])

    # The log reaches the server a few seconds later.
    until(lambda: any("Not published." in line["message"] for line in log()), 60)
    errors = [line["message"] for line in log() if line["level"] >= 40]
    assert len(errors) == (2 if retries == "0" else 1), errors
    assert all("AccessDeniedException" in one for one in errors), errors
    assert "Not published." in errors[-1]
