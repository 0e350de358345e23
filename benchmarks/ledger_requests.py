"""What the ledger alone costs on S3: requests per link, and how much of a quota it lets through.

`uv run python -m benchmarks.ledger_requests` plans and asks three operations of made-up images on a
real S3 server, as a run does but without Prefect and without pictures: batches as the plan cuts
them, 16 at a time. An answer takes 300 ms, and calls are paced at 49 per second and operation, as
under a quota of 50. Then everything is planned once more by a new process's ledger, with nothing
new. Requests are counted where botocore sends them; `benchmarks.store_requests` counts whole runs.
"""

import argparse
import hashlib
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from botocore.httpsession import URLLib3Session

from image_tags.tasks.adapters.analyzers.pacer import Pacer
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.analyze import ask_for
from image_tags.tasks.contracts.records import Answer, Picture
from image_tags.tasks.contracts.settings import StoreSettings
from image_tags.tasks.plan.cutting import analysis_batches
from image_tags.tasks.plan.work import make_plan
from tests.support.made import LABELS, PEOPLE, TEXT
from tests.support.s3_server import BUCKET, S3Server

OPERATIONS = (LABELS, TEXT, PEOPLE)
QUOTA, LATENCY, WORKERS, THREADS = 50, 0.3, 16, 8


class Requests:
    """Counts what botocore sends, by method and first part of the key."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lock, self._send = Lock(), URLLib3Session.send
        URLLib3Session.send = lambda session, request: self._count(session, request)

    def _count(self, session, request):
        kind = next((k for k in ("responses", "claims") if k in request.url), "other")
        with self._lock:
            self.counts[f"{request.method} {kind}"] += 1
        return self._send(session, request)

    def take(self) -> Counter[str]:
        """What was counted since the last time."""
        taken, self.counts = self.counts, Counter()
        return taken


class Paced:
    """An analyzer that answers after a while, at the pace of a quota."""

    name = "rekognition"

    def __init__(self) -> None:
        self._pacers = {operation: Pacer(QUOTA) for operation in OPERATIONS}

    def settings_of(self, operation):
        """See Analyzer."""
        return {"analyzer": self.name, "operation": operation}

    def refusal(self, operation, picture):  # noqa: ARG002
        """See Analyzer."""
        return

    def answer(self, operation, picture):
        """See Analyzer."""
        self._pacers[operation].wait()
        time.sleep(LATENCY)
        labels = [{"Name": f"{picture.image_id[n : n + 8]}", "Confidence": 90.0} for n in range(30)]
        return Answer({"Labels": labels}, "3.0")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--links", type=int, default=2000)
    options = parser.parse_args()
    ids = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(options.links)]
    pictures = [Picture(one, f"images/{one}.jpg", 1000, 100, 100) for one in ids]
    server = S3Server()
    try:
        server.start()
        os.environ.update(server.env)
        requests = Requests()
        for kind in ("new", "known"):
            seconds = run(pictures)
            counts = requests.take()
            per_link = sum(counts.values()) / options.links
            print(f"{kind}: {per_link:.2f} requests per link, {seconds:.1f} s; {dict(counts)}")
            if kind == "new":
                share = options.links / QUOTA / seconds
                print(f"share of the quota of {QUOTA}/s per operation: {share:.1%}")
    finally:
        server.remove()


def run(pictures: list[Picture]) -> float:
    """Plan, ask for what is missing, read all answers and merge; how many seconds asking took."""
    store, analyzer = open_store(StoreSettings(store=f"s3://{BUCKET}/store")), Paced()
    ledgers = {operation: Ledger.of(store, analyzer, operation) for operation in OPERATIONS}
    work = make_plan(pictures, analyzer, ledgers, None)
    begin = time.monotonic()

    def ask(batch):
        ledger = ledgers[batch.step]
        ask_for(batch.items, batch.step, analyzer=analyzer, ledger=ledger, run="r", threads=THREADS)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(ask, analysis_batches(work.todo, None)))
    seconds = time.monotonic() - begin
    for ledger in ledgers.values():
        found = sum(table.num_rows for table in ledger.read_answers([p.image_id for p in pictures]))
        assert found == len(pictures)
        ledger.close()
    return seconds


if __name__ == "__main__":
    main()
