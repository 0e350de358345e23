"""Whatever runs do at the same time on one store, and whenever they are killed: an image is asked
about once.
"""

import itertools
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from image_tags.tasks.adapters.ledger.claims import BEAT, LEASE, Claims
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import JSON
from image_tags.tasks.contracts.errors import StopRun, Transient
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Answer, Picture
from tests.support.schedule import Killed, Stepped, Worker

SETTINGS = {"analyzer": "rekognition"}
IMAGES = [Picture(f"{n:064x}", f"images/00/{n}.jpg", 1, 100, 100) for n in range(3)]


class World:
    """A store, a clock that moves only when somebody waits, and processes that settle images on it."""

    def __init__(self, folder: str, same_machine: bool) -> None:
        self.store = FolderStore(folder)
        self.now = 0.0
        self.same_machine = same_machine
        self.workers: list[Worker] = []
        self.claims: list[Claims] = []
        self.asking: dict[int, int] = {}
        """Worker -> image: calls begun whose response is not in the ledger yet."""
        self.asked: Counter[int] = Counter()
        self.excused: Counter[int] = Counter()
        """Calls by image that failed, or were in flight when their process was killed or stalled
        beyond the lease.
        """

    def join(self, images: list[int], failing: bool) -> None:
        me = len(self.workers)

        def work(worker: Worker) -> list[bool]:
            store = Stepped(self.store, worker)
            claims = Claims(
                store,
                "claims/op",
                clock=lambda: self.now,
                me=lambda: str(me),
                alive=self.alive,
                heartbeat=False,
            )
            self.claims.append(claims)
            ledger = Ledger(
                store,
                "op",
                SETTINGS,
                claims=claims,
                wait=lambda seconds: self.wait(worker, seconds),
            )
            fails = iter([failing])
            return [
                ledger.settle(
                    IMAGES[i], f"run-{me}", lambda i=i: self.ask(worker, me, i, next(fails, False))
                ).asked
                for i in images
            ]

        self.workers.append(Worker(work))

    def alive(self, owner: str) -> bool | None:
        return not self.workers[int(owner)].killed if self.same_machine else None

    def wait(self, worker: Worker, seconds: float) -> None:
        worker.step()
        self.pass_time(seconds, stalled=None)

    def pass_time(self, seconds: float, stalled: int | None) -> None:
        """Let time pass; the hearts of all processes but dead and stalled ones beat."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + BEAT / 2)
            for n, claims in enumerate(self.claims):
                if n != stalled and not self.workers[n].killed:
                    beating = Claims.__new__(Claims)
                    beating.__dict__ = claims.__dict__ | {"_store": self.store}
                    beating.beat()
                    beating.tidy()
        if stalled in self.asking and seconds >= LEASE - BEAT:
            self.excused[self.asking.pop(stalled)] += 1

    def ask(self, worker: Worker, me: int, image: int, fails: bool) -> Answer:
        reader = Ledger(self.store, "op", SETTINGS)
        assert reader.read(IMAGES[image].image_id) is None, "asked about what the ledger has"
        assert image not in self.asking.values(), "two calls at the same time"
        self.asked[image] += 1
        self.asking[me] = image
        worker.step()
        if fails:
            if self.asking.pop(me, None) is not None:
                self.excused[image] += 1
            raise Transient(Reason.THROTTLED, "slow down")
        return Answer({"image": image})

    def saved(self) -> None:
        for me, image in list(self.asking.items()):
            if self.store.exists(Ledger(self.store, "op", SETTINGS).key(IMAGES[image].image_id)):
                del self.asking[me]

    def kill(self, n: int) -> None:
        self.workers[n].killed = True
        if n in self.asking:
            self.excused[self.asking.pop(n)] += 1

    def run(self, moves: list[tuple[int, str]]) -> None:
        """Give turns as the moves say, then in a circle until all have ended."""
        circle = ((n, "turn") for n in itertools.cycle(range(len(self.workers))))
        for n, move in itertools.chain(moves, itertools.islice(circle, 20_000)):
            if all(worker.done for worker in self.workers):
                return
            n %= len(self.workers)
            if self.workers[n].done:
                continue
            if move == "kill":
                self.kill(n)
            if move in PAUSES:
                self.pass_time(PAUSES[move], stalled=n if move == "stall" else None)
            else:
                self.workers[n].turn()
            self.saved()
        raise AssertionError("somebody waits for ever")


def turns(*who: tuple[int, int]) -> list[tuple[int, str]]:
    return [(worker, "turn") for worker, n in who for _ in range(n)]


PAUSES = {"rest": BEAT, "stall": 2 * LEASE}
"""Moves that let time pass: for everybody, or for all but one, whose heart does not beat."""

somebody = st.integers(0, 3)
moves = st.lists(
    st.tuples(somebody, st.integers(1, 12)).map(lambda go: turns(go))
    | st.tuples(somebody, st.sampled_from(["kill", *PAUSES])).map(lambda move: [move]),
    max_size=20,
).map(lambda parts: list(itertools.chain.from_iterable(parts)))
processes = st.lists(
    st.tuples(st.permutations(range(len(IMAGES))).map(lambda order: order[:2]), st.booleans()),
    min_size=2,
    max_size=4,
)


TWO = [([0], False), ([0], False)]


@settings(max_examples=80, deadline=None)
@given(processes, moves, st.booleans())
# Killed in the middle of the call, on this machine and on another.
@example(TWO, [*turns((0, 3)), (0, "kill")], True)
@example(TWO, [*turns((0, 3)), (0, "kill")], False)
# Stalled between claim and call for so long that another has taken over and is asking.
@example(TWO, [*turns((0, 2), (1, 5)), (0, "stall"), *turns((1, 4), (0, 2))], False)
def test_an_image_is_paid_for_once_whatever_interleaves(who, order, same_machine):
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder, same_machine)
        for images, failing in who:
            world.join(images, failing)
        world.run(order)
        for worker in world.workers:
            assert worker.error is None or isinstance(worker.error, Killed | Transient), (
                worker.error
            )
        for image, asked in world.asked.items():
            assert asked <= 1 + world.excused[image]
        reader = Ledger(world.store, "op", SETTINGS)
        for worker, (images, _) in zip(world.workers, who, strict=True):
            if worker.error is None:
                assert {
                    entry.response["image"]
                    for entry in reader.read_many(IMAGES[i].image_id for i in images)
                } == set(images)


def settle_all(ledger, run, asked, fail=lambda: None):
    def ask(picture):
        asked.append(picture.image_id)
        fail()
        return Answer({})

    with ThreadPoolExecutor(4) as pool:
        return list(
            pool.map(lambda picture: ledger.settle(picture, run, lambda: ask(picture)), IMAGES * 2)
        )


def test_threads_of_two_runs_pay_once(tmp_path):
    asked: list[str] = []
    ledgers = [
        Ledger(FolderStore(str(tmp_path)), "op", SETTINGS, wait=lambda _: None) for _ in range(2)
    ]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda n: settle_all(ledgers[n], f"run-{n}", asked), range(2)))
    assert Counter(asked) == Counter(picture.image_id for picture in IMAGES)
    assert sum(settled.asked for run in done for settled in run) == len(IMAGES)
    for ledger in ledgers:
        ledger.close()
    assert list(FolderStore(str(tmp_path)).keys("claims/")) == []


class TestClaims:
    @pytest.fixture
    def store(self, tmp_path):
        return FolderStore(str(tmp_path))

    @pytest.fixture
    def now(self):
        return [0.0]

    def claims(self, store, now, me, alive=lambda _: None):
        return Claims(
            store, "claims/op", clock=lambda: now[0], me=lambda: me, alive=alive, heartbeat=False
        )

    def test_one_that_beats_is_never_taken_over(self, store, now):
        mine, other = self.claims(store, now, "a"), self.claims(store, now, "b")
        claim = mine.take("aa", "run")
        for _ in range(100):
            now[0] += BEAT
            mine.beat()
            assert other.take("aa", "run") is None
            assert mine.holds(claim)

    def test_one_that_is_silent_is_taken_over_after_the_lease_and_its_holder_knows(
        self, store, now
    ):
        mine, other = self.claims(store, now, "a"), self.claims(store, now, "b")
        claim = mine.take("aa", "run")
        assert other.take("aa", "run") is None
        now[0] += LEASE - 1
        assert other.take("aa", "run") is None
        assert not mine.holds(claim)
        now[0] += 1
        assert other.take("aa", "run") is not None
        mine.beat()
        assert not mine.holds(claim)

    def test_the_lease_runs_from_when_a_watcher_first_sees_it_not_from_any_stamp(self, store, now):
        self.claims(store, now, "a").take("aa", "run")
        now[0] += 10 * LEASE
        assert self.claims(store, now, "b").take("aa", "run") is None

    def test_that_of_a_dead_process_is_taken_over_at_once(self, store, now):
        self.claims(store, now, "a").take("aa", "run")
        assert (
            self.claims(store, now, "b", alive=lambda owner: owner != "a").take("aa", "run")
            is not None
        )

    def test_one_given_back_is_free_at_once(self, store, now):
        mine = self.claims(store, now, "a")
        mine.give_back(mine.take("aa", "run"))
        assert self.claims(store, now, "b").take("aa", "run") is not None

    def test_giving_back_late_takes_nothing_from_who_took_over(self, store, now):
        mine, other, third = (self.claims(store, now, me) for me in "abc")
        claim = mine.take("aa", "run")
        other.take("aa", "run")
        now[0] += LEASE
        assert other.take("aa", "run") is not None
        mine.give_back(claim)
        assert third.take("aa", "run") is None

    def test_a_settled_image_leaves_no_claim_behind(self, store, now):
        mine = self.claims(store, now, "a")
        mine.give_back(mine.take("aa", "run"))
        mine.settled(mine.take("aa", "run"))
        mine.tidy()
        assert list(store.keys("claims/")) == []

    def test_settled_ones_are_removed_many_at_once(self, store, now, monkeypatch):
        monkeypatch.setattr("image_tags.tasks.adapters.ledger.claims.MANY", 3)
        mine = self.claims(store, now, "a")
        for image_id in ["aa", "bb", "cc"]:
            assert len(list(store.keys("claims/"))) == ["aa", "bb", "cc"].index(image_id)
            mine.settled(mine.take(image_id, "run"))
        assert list(store.keys("claims/")) == []

    def test_one_that_cannot_be_removed_fails_nothing(self, store, now, monkeypatch, caplog):
        mine = self.claims(store, now, "a")
        mine.settled(mine.take("aa", "run"))
        monkeypatch.setattr(store, "delete_all", lambda _: (_ for _ in ()).throw(StopRun("away")))
        mine.tidy()
        assert "could not be removed" in caplog.text

    def test_a_damaged_one_is_left_to_the_lease(self, store, now):
        store.write("claims/op/aa/aa.0.json", b"{", JSON)
        mine = self.claims(store, now, "a")
        assert mine.take("aa", "run") is None
        now[0] += LEASE
        assert mine.take("aa", "run") is not None

    def test_beats_through_an_outage_shorter_than_the_lease(self, store, now, monkeypatch):
        mine, other = self.claims(store, now, "a"), self.claims(store, now, "b")
        claim = mine.take("aa", "run")
        with monkeypatch.context() as outage:
            outage.setattr(store, "write", lambda *_, **__: (_ for _ in ()).throw(StopRun("away")))
            now[0] += BEAT
            mine.beat()
        now[0] += BEAT
        mine.beat()
        assert mine.holds(claim)
        assert other.take("aa", "run") is None

    def test_the_heart_beats_while_claims_are_held_and_stops_after(self, store, monkeypatch):
        pauses = threading.Semaphore(0)
        beaten = threading.Event()
        monkeypatch.setattr(
            "image_tags.tasks.adapters.ledger.claims.time.sleep", lambda _: pauses.acquire()
        )
        clock = itertools.count(0, BEAT)
        mine = Claims(
            store, "claims/op", clock=lambda: float(next(clock)) if not beaten.is_set() else 1e9
        )
        write = store.write
        monkeypatch.setattr(
            store, "write", lambda *args, **how: (write(*args, **how), beaten.set())
        )
        claim = mine.take("aa", "run")
        thread = mine._beating
        pauses.release()
        assert beaten.wait(10)
        mine.settled(claim)
        pauses.release()
        thread.join(10)
        assert not thread.is_alive()
