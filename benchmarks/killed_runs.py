"""What is paid twice when two runs on one store are killed (kill -9) again and again.

`uv run python -m benchmarks.killed_runs`: two `image-tags run` processes work on one feed and one
folder, or with `--s3` one bucket. At random moments one of them is killed and started again, the
other stopped while what is durable is noted. Printed: the kills, the calls that had no durable
answer at a kill, what was paid twice, and whether the tables are those of a run that nobody killed.
A call that is paid for again although its answer was durable ends it with an error.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.settings import StoreSettings
from tests.support.freezing import freeze
from tests.support.killed import answered, comparable
from tests.support.prefect_server import PrefectServer
from tests.support.processes import until
from tests.support.rekognition_endpoint import RekognitionEndpoint
from tests.support.s3_server import BUCKET, S3Server
from tests.support.site import Site, png

WORDS = ["--analyzer", "rekognition", "--operations", "detect_labels,detect_text"]
WORDS += ["--allow-private-addresses", "--json"]
LATENCY = 0.2
"""Seconds an answer."""


def main() -> None:
    """Print one line per kill, and what came of all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--quota", type=float, default=15, help="calls per second and operation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--s3", action="store_true", help="a bucket as store")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pictures = {sha256(png(n)).hexdigest(): png(n) for n in range(options.images)}
        endpoint = RekognitionEndpoint(
            options.quota, LATENCY, lambda _, key: pictures[Path(key).stem]
        )
        stack.enter_context(endpoint.running())
        server = PrefectServer(folder / "prefect")
        stack.callback(server.stop)
        server.start()
        env, address = {**os.environ, **server.env, **endpoint.environment()}, f"{folder}/store"
        if options.s3:
            bucket = S3Server()
            stack.callback(bucket.remove)
            bucket.start()
            env, address = env | bucket.env, f"s3://{BUCKET}/store"
            os.environ.update(bucket.env)
        site = Site()
        links = [site.picture(f"/{n}.png", n) for n in range(options.images)]
        source = folder / "feed.csv"
        source.write_text("link\n" + "".join(f"{link}\n" for link in links))
        feed = Feed(source, address, env, folder / "runs.log")
        store = open_store(StoreSettings(store=address))
        unsaved = kill_again_and_again(feed, store, endpoint, options.kills, options.seed)
        report(endpoint, unsaved, options)
        endpoint.quota = None
        untouched = Feed(source, f"{folder}/untouched", env, folder / "untouched.log")
        assert untouched.start().wait() == 0
        same = comparable(store) == comparable(open_store(StoreSettings(store=untouched.address)))
        print(f"tables as without any kill: {same}")
        sys.exit(not same)


class Feed:
    """Starts runs on one source and one store."""

    def __init__(self, source: Path, address: str, env: Mapping[str, str], log: Path) -> None:
        self.source, self.address, self.env, self.log = source, address, env, log

    def start(self) -> "subprocess.Popen[bytes]":
        """One `image-tags run`."""
        command = str(Path(sys.executable).with_name("image-tags"))
        words = [command, "run", str(self.source), "--store", self.address, *WORDS]
        with self.log.open("ab") as log:
            return subprocess.Popen(words, env=self.env, stdout=log, stderr=log)


def kill_again_and_again(
    feed: Feed, store: Store, endpoint: RekognitionEndpoint, kills: int, seed: int
) -> Counter[tuple[str, str]]:
    """Kill one of two runs at random moments, and let both end at last.

    Returns:
        How often each call had been made without a durable answer when a run was killed.

    """
    moments, unsaved = random.Random(seed), Counter[tuple[str, str]]()
    runs = [feed.start(), feed.start()]
    try:
        for number in range(kills):
            before = endpoint.billed
            until(lambda before=before: endpoint.billed > before, 120)
            time.sleep(moments.uniform(0, 6))
            if all(run.poll() is not None for run in runs):
                print("both runs have ended: take more images")
                break
            killed = moments.randrange(2)
            other = runs[1 - killed]
            if other.poll() is None:
                freeze(other.pid, store)
            runs[killed].kill()
            runs[killed].wait()
            until(lambda: endpoint.in_flight == 0, 30)
            lost = set(endpoint.seen.billed) - answered(store)
            unsaved.update(lost)
            print(f"kill {number + 1}: {endpoint.billed} paid, {len(lost)} of them not durable")
            if other.poll() is None:
                other.send_signal(signal.SIGCONT)
            runs[killed] = feed.start()
        codes = [run.wait() for run in runs]
        print("exit codes at last:", codes)
    finally:
        for run in runs:
            run.kill()
            run.wait()
    return unsaved


def report(
    endpoint: RekognitionEndpoint, unsaved: Counter[tuple[str, str]], options: argparse.Namespace
) -> None:
    """Say what was paid; AssertionError if a call with a durable answer was paid for again."""
    billed = endpoint.seen.billed
    again = sum(n - 1 for n in billed.values())
    print(
        f"{len(billed)} calls of {2 * options.images}; paid again: {again} "
        f"({again / len(billed):.2%}), of {sum(unsaved.values())} not durable at a kill"
    )
    wrong = [call for call, n in billed.items() if n > 1 + unsaved[call]]
    assert not wrong, f"paid for again although the answer was durable: {wrong[:3]}"
    assert len(billed) == 2 * options.images


if __name__ == "__main__":
    main()
