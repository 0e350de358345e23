"""Two processes ask for the same images and are killed at random moments (kill -9).

Whatever is paid twice had no durable answer when its process was killed.
"""

import hashlib
import random
from collections import Counter
from threading import Lock

import pytest

from image_tags.tasks.adapters.ledger.ledger import Ledger, remove_answers
from image_tags.tasks.adapters.ledger.settling import Settling
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.contracts.records import Answer, Picture
from image_tags.tasks.contracts.settings import StoreSettings
from tests.support.forked import Forked

ROUNDS = {"folder": 10, "s3": 4}
"""Two processes are killed in each."""
IDS = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(400)]


def ledger_in(address):
    store = open_store(StoreSettings(store=address))
    return Ledger(store, "detect_labels", {"analyzer": "rekognition"}, interval=0.05)


def settle_all(say, address):
    """In a process of its own: every call that is billed is said when it is made."""
    lock = Lock()

    def ask(picture):
        with lock:
            say(picture.image_id)
        return Answer({"image": picture.image_id})

    pictures = [Picture(one, f"images/{one}.jpg", 1, 100, 100) for one in IDS]
    ledger = ledger_in(address)
    Settling(ledger, "run", ask, 4, lambda *_: None).settle(pictures)
    ledger.close()


@pytest.mark.timeout(300)
def test_what_is_paid_twice_was_not_durable_when_its_process_was_killed(store):
    moments = random.Random(20261126)
    billed, unsaved = Counter(), Counter()
    for _ in range(ROUNDS["s3" if store.address.startswith("s3:") else "folder"]):
        with Forked(settle_all, store.address) as one, Forked(settle_all, store.address) as other:
            for process, neighbor in ((one, other), (other, one)):
                asked = [process.hear() for _ in range(moments.randrange(25))]
                # Paused, it cannot ask for what this one had not saved before that is noted.
                neighbor.pause(store)
                process.kill()
                asked = [name for name in (*asked, *process.hear_rest()) if name]
                billed.update(asked)
                unsaved.update(set(asked) - ledger_in(store.address).find_answered(IDS))
                neighbor.resume()
    with Forked(settle_all, store.address) as last:
        billed.update(last.hear_rest())
        assert last.wait() == 0
    assert set(billed) == set(IDS)
    for image_id, times in billed.items():
        assert times <= 1 + unsaved[image_id], "an answer that was durable was paid for again"
    answers = list(ledger_in(store.address).read_entries(IDS))
    assert {entry.response["image"] for entry in answers} == set(IDS)
    assert len(answers) == len(IDS)
    # One killed while it merged leaves its claim to the next that works on the whole ledger.
    assert remove_answers(store, IDS, dry_run=True) >= len(IDS), "some maybe twice, in equal copies"
    assert list(store.keys("claims/")) == [], "what killed processes had claimed is free again"
