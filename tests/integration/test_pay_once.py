"""Pay once on a real S3 server, between threads, runs and processes, one of which is killed in the
middle of a call.
"""

import subprocess
import sys
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.contracts.errors import Transient
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Answer, Picture
from image_tags.tasks.contracts.settings import StoreSettings
from tests.support.s3_server import BUCKET

SETTINGS = {"analyzer": "rekognition"}


def ledger_in(prefix: str) -> Ledger:
    store = open_store(StoreSettings(store=f"s3://{BUCKET}/{prefix}"))
    return Ledger(store, "detect_labels", SETTINGS)


def picture(n: int) -> Picture:
    return Picture(f"{n:02x}" * 32, f"images/{n:02x}/{n}.jpg", 1, 100, 100)


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    links=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=8, max_size=24),
    flaky=st.sets(st.integers(0, 5), max_size=2),
)
def test_runs_at_the_same_time_ask_once_about_each_image(s3, links, flaky):
    """Links of two runs to few images; the first call about a flaky image fails."""
    prefix = uuid.uuid4().hex
    ledgers = [ledger_in(prefix) for _ in range(2)]
    asked: list[int] = []
    answered: list[int] = []

    def ask(n: int) -> Answer:
        asked.append(n)
        if n in flaky and asked.count(n) == 1:
            raise Transient(Reason.THROTTLED, "slow down")
        answered.append(n)
        return Answer({"image": n})

    def settle(link: tuple[int, int]) -> bool:
        run, n = link
        try:
            return ledgers[run].settle(picture(n), f"run-{run}", lambda: ask(n))
        except Transient:
            return ledgers[run].settle(picture(n), f"run-{run}", lambda: ask(n))

    with ThreadPoolExecutor(8) as pool:
        paid = list(pool.map(settle, links))
    images = {n for _, n in links}
    assert Counter(answered) == Counter(images)
    assert paid.count(True) == len(images)
    assert {
        entry.response["image"]
        for entry in ledgers[0].read_entries([picture(n).image_id for n in images])
    } == images


DIES = """
import sys, time
from tests.integration.test_pay_once import ledger_in, picture

def ask():
    print("asking", flush=True)
    time.sleep(600)

ledger_in(sys.argv[1]).settle(picture(1), "run-killed", ask)
"""


def test_the_claim_of_a_killed_process_holds_nobody_up(s3):
    prefix = uuid.uuid4().hex
    waits: list[float] = []
    command = [sys.executable, "-c", DIES, prefix]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    ) as dies:
        try:
            assert dies.stdout.readline() == "asking\n"
            store = open_store(StoreSettings(store=f"s3://{BUCKET}/{prefix}"))
            ledger = Ledger(
                store,
                "detect_labels",
                SETTINGS,
                wait=lambda seconds: (waits.append(seconds), dies.kill(), dies.wait()),
            )
            assert ledger.settle(picture(1), "run-2", lambda: Answer({}))
        finally:
            dies.kill()
    assert len(waits) == 1, (
        "while it lived its claim was respected, once dead it was taken over at once"
    )
    ledger.close()
    assert list(store.keys("claims/")) == []
