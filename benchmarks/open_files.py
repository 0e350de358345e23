"""How many files and connections a run has open at most, by task runs and threads at a time.

`uv run python -m benchmarks.open_files`: a site with pictures and the stand-in for Rekognition (100
ms an answer) on loopback; the command runs under a limit of 1,000 open files, with a folder and
with a real S3 server as store, and looks every few milliseconds at what its process has open. The
constants of `tasks/execution/open_files.py` must be no smaller than what is printed last.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.run_rate import SITE, started
from tests.support.prefect_server import PrefectServer
from tests.support.rekognition_endpoint import ACCESS_KEY, REGION, SECRET_KEY
from tests.support.s3_server import BUCKET, S3Server

PROGRAM = """
import resource, sys, threading, time
import psutil
resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))
from image_tags.tasks.execution import task_runners
task_runners.WORKERS = int(sys.argv.pop(1))
from image_tags.flows.cli import main
most, process = [0], psutil.Process()
def watch():
    while True:
        most[0] = max(most[0], process.num_fds())
        time.sleep(0.003)
threading.Thread(target=watch, daemon=True).start()
try:
    main()
finally:
    print(most[0])
"""
WORKERS, THREADS = (1, 4, 16), (3, 12, 48)
OPERATIONS = 3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = started(stack, [sys.executable, "-c", SITE, str(options.images)])
        endpoint = [
            sys.executable,
            "-m",
            "tests.support.rekognition_endpoint",
            "--latency",
            "0.1",
            "--quota",
            "500",
        ]
        url = started(stack, endpoint)
        source = folder / "links.csv"
        source.write_text("media\n" + "".join(f"{site}/{n}.png\n" for n in range(options.images)))
        prefect, s3 = PrefectServer(folder / "prefect"), S3Server()
        stack.callback(s3.remove)
        s3.start()
        prefect.start()
        stack.callback(prefect.stop)
        env = os.environ | prefect.env | s3.env | {"AWS_ENDPOINT_URL_REKOGNITION": url}
        env |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        env |= {"AWS_DEFAULT_REGION": REGION}
        for kind, place in (("folder", str(folder / "store")), ("S3", f"s3://{BUCKET}/store")):
            measure_store(kind, place, source, env)


def measure_store(kind: str, place: str, source: Path, env: dict[str, str]) -> None:
    """Run with each number of task runs and of threads; print the most that was open."""
    seen = []
    for workers in WORKERS:
        for threads in THREADS:
            most = run(workers, threads, f"{place}-{workers}-{threads}", source, env)
            print(f"{kind}: {workers} task runs, {threads} threads: {most} open", flush=True)
            seen.append((1, workers, threads, most))
    known = np.array(seen, dtype=float)
    base, a_worker, a_thread = np.linalg.lstsq(known[:, :3], known[:, 3], rcond=None)[0]
    print(f"{kind}: {base:.0f} + {a_worker:.1f} a task run + {a_thread:.1f} a thread")


def run(workers: int, threads: int, store: str, source: Path, env: dict[str, str]) -> int:
    """One run; the most that its process had open."""
    words = ["run", str(source), "--store", store, "--analyzer", "rekognition", "--json"]
    words += ["--allow-private-addresses", "--batch-size", "5", "--tps", "200"]
    words += ["--operations", "detect_labels,detect_text,recognize_celebrities"]
    words += ["--fetch-threads", str(threads), "--analyzer-threads", str(threads // OPERATIONS)]
    command = [sys.executable, "-c", PROGRAM, str(workers), *words]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    main()
