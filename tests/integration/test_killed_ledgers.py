"""Two processes ask for the same images and are killed at random moments (kill -9).

Whatever is paid twice had no durable answer when its process was killed.
"""

import hashlib
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.ledger.settling import Settling
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.contracts.records import Answer, Picture
from image_tags.tasks.contracts.settings import StoreSettings

KILLS = 20
IDS = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(400)]
MODULE = "tests.integration.test_killed_ledgers"
RUN = f"import sys; from {MODULE} import settle_all; settle_all(sys.argv[1])"


def ledger_in(address):
    store = open_store(StoreSettings(store=address))
    return Ledger(store, "detect_labels", {"analyzer": "rekognition"}, interval=0.05)


def settle_all(address):
    """In a process of its own: every call that is billed is printed when it is made."""

    def ask(picture):
        sys.stdout.write(f"{picture.image_id}\n")
        sys.stdout.flush()
        return Answer({"image": picture.image_id})

    pictures = [Picture(one, f"images/{one}.jpg", 1, 100, 100) for one in IDS]
    ledger = ledger_in(address)
    Settling(ledger, "run", ask, 4, lambda *_: None).settle(pictures)
    ledger.close()


def started(address):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, address],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.timeout(600)
def test_what_is_paid_twice_was_not_durable_when_its_process_was_killed(store):
    moments = random.Random(20261126)
    billed, unsaved = Counter(), Counter()
    for _ in range(KILLS // 2):
        asked = []
        with started(store.address) as one, started(store.address) as other:
            for process in (one, other):
                asked += [process.stdout.readline().strip() for _ in range(moments.randrange(25))]
                process.kill()
            asked += [line.strip() for process in (one, other) for line in process.stdout]
        asked = [image_id for image_id in asked if image_id]
        billed.update(asked)
        unsaved.update(set(asked) - ledger_in(store.address).find_answered(IDS))
    with started(store.address) as last:
        billed.update(line.strip() for line in last.stdout)
    assert last.returncode == 0
    assert set(billed) == set(IDS)
    for image_id, times in billed.items():
        assert times <= 1 + unsaved[image_id], "an answer that was durable was paid for again"
    answers = list(ledger_in(store.address).read_entries(IDS))
    assert {entry.response["image"] for entry in answers} == set(IDS)
    assert len(answers) == len(IDS)
    assert list(store.keys("claims/")) == [], "what killed processes had claimed is free again"
