"""Whatever runs do at the same time on one store, and whenever they are killed: an image is asked
about once.
"""

import itertools
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from hypothesis import example, given, settings
from hypothesis import strategies as st

from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.store.claims import BEAT, LEASE, Claims
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.errors import Transient
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Answer, Picture
from tests.support.schedule import Killed, Stepped, Worker

SETTINGS = {"analyzer": "rekognition"}
IDS = ["00" * 32, "00" * 31 + "01", "ff" * 32]
"""Two images of one partition and one of another."""
IMAGES = [Picture(image_id, f"images/{image_id}.jpg", 1, 100, 100) for image_id in IDS]


class World:
    """A store, a clock that moves only when somebody waits, and processes that settle images."""

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
                process_name=lambda: str(me),
                is_alive=self.alive,
                heartbeat=False,
            )
            self.claims.append(claims)
            ledger = Ledger(
                store,
                "op",
                SETTINGS,
                claims=claims,
                interval=None,
                wait=lambda seconds: self.wait(worker, seconds),
            )
            fails = iter([failing])
            return [
                ledger.settle(
                    IMAGES[i], f"run-{me}", lambda i=i: self.ask(worker, me, i, next(fails, False))
                )
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
        if stalled in self.asking and seconds >= LEASE - BEAT:
            self.excused[self.asking.pop(stalled)] += 1

    def ask(self, worker: Worker, me: int, image: int, fails: bool) -> Answer:
        reader = Ledger(self.store, "op", SETTINGS)
        assert reader.read_entry(IMAGES[image].image_id) is None, "asked about what the ledger has"
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
        if self.asking:
            known = Ledger(self.store, "op", SETTINGS).find_answered(IDS)
            for me, image in list(self.asking.items()):
                if IDS[image] in known:
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
                entries = reader.read_entries([IDS[i] for i in images])
                assert {entry.response["image"] for entry in entries} == set(images)


def settle_all(ledger, run, asked):
    def ask(picture):
        asked.append(picture.image_id)
        return Answer({})

    with ThreadPoolExecutor(4) as pool:
        return list(
            pool.map(lambda picture: ledger.settle(picture, run, lambda: ask(picture)), IMAGES * 2)
        )


def test_threads_of_two_runs_pay_once(tmp_path):
    asked: list[str] = []
    ledgers = [
        Ledger(FolderStore(str(tmp_path)), "op", SETTINGS, interval=0.0, wait=lambda _: None)
        for _ in range(2)
    ]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda n: settle_all(ledgers[n], f"run-{n}", asked), range(2)))
    assert Counter(asked) == Counter(IDS)
    assert sum(was_asked for run in done for was_asked in run) == len(IMAGES)
    for ledger in ledgers:
        ledger.close()
    assert list(FolderStore(str(tmp_path)).keys("claims/")) == []
