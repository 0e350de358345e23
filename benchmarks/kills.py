"""What happens when the processes of a worker's run are ended: `uv run python -m benchmarks.kills`.

For each signal and each process that it was sent to: the flow run's state over the next minute, and
which processes are left. docs/rerunning.md has the table. The run waits for an analyzer that holds
its answers back, as in the middle of its work.
"""

import argparse
import contextlib
import os
import signal
import tempfile
import time
from pathlib import Path

import psutil

from tests.support.killed import OPTIONS, World, answered
from tests.support.prefect_client import Worker, ask, flow_run, prefect, start
from tests.support.prefect_server import PrefectServer
from tests.support.processes import until
from tests.support.rekognition_endpoint import RekognitionEndpoint

POOL, WATCHED = "kills", 60
CASES = [
    (name, whom)
    for name in ("TERM", "KILL")
    for whom in ("worker", "flow process", "worker and flow process")
] + [("TERM", "flow process, then worker")]


def main() -> None:
    """Print one line per case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", help='such as "TERM worker"; all if none is given')
    chosen = parser.parse_args().cases
    # A shell's background job ignores INT. A worker that inherits that ignores TERM as well, which
    # it sends on to itself as INT: no service manager starts it like that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with (
        tempfile.TemporaryDirectory() as home,
        RekognitionEndpoint().running() as endpoint,
    ):
        server = PrefectServer(Path(home) / "prefect")
        server.start()
        try:
            world = World(Path(home), server.env, endpoint)
            prefect(server, "work-pool", "create", POOL, "--type", "process")
            flow = "image_tags.flows.pipeline.image_tags"
            prefect(
                server,
                "--no-prompt",
                "deploy",
                flow,
                "--name",
                POOL,
                "--pool",
                POOL,
                cwd=Path(home),
            )
            for name, whom in CASES:
                if not chosen or f"{name} {whom}" in chosen:
                    print(
                        f"{name} to {whom}: {_observe(server, world, endpoint, name, whom)}",
                        flush=True,
                    )
        finally:
            server.stop()


def _observe(
    server: PrefectServer, world: World, endpoint: RekognitionEndpoint, name: str, whom: str
) -> str:
    store = world.new_store(f"{name}-{whom}".replace(" ", "-"))
    known = answered(store)
    worker = Worker(server, POOL, endpoint.environment(), world.folder / "worker.log")
    world.hold_answers(after=10)
    worker.start()
    parameters = {"source": str(world.source), "store": store.address, **OPTIONS}
    run = start(server, f"image-tags/{POOL}", parameters)
    until(lambda: len(answered(store) - known) == 10 and world.endpoint.seen.held > 0, 180)
    pid = int(flow_run(server, run)["infrastructure_pid"].rpartition(":")[2])
    assert worker.process
    in_order = "then" in whom
    targets = {
        "worker": [worker.process.pid],
        "flow process": [pid],
        "worker and flow process": [worker.process.pid, pid],
        "flow process, then worker": [pid, worker.process.pid],
    }
    began = time.monotonic()
    for one in targets[whom]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, getattr(signal, f"SIG{name}"))
        if in_order:
            until(lambda gone=one: not _lives(gone), 60)
    seen: list[str] = []
    while time.monotonic() - began < WATCHED:
        state = flow_run(server, run)["state_name"]
        if not seen or not seen[-1].startswith(state + " "):
            seen.append(f"{state} after {time.monotonic() - began:.0f} s")
        time.sleep(0.5)
    left = [
        label
        for label, one in (("worker", worker.process.pid), ("flow process", pid))
        if _lives(one)
    ]
    runs = ask(server, "task_runs/filter", flow_runs={"id": {"any_": [run]}}, limit=200)
    running = sum(one["state_type"] == "RUNNING" for one in runs)
    world.give_answers()
    worker.stop()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    rest = f"left: {', '.join(left) or 'nothing'}; task runs still Running: {running}"
    return f"{', '.join(seen)}; {rest}"


def _lives(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


if __name__ == "__main__":
    main()
