"""Claims: who is asking about which image right now, so that two runs on one store never pay for
the same call.

A claim is a small object made with `Store.add`, which only one caller can win. Only its maker ever
writes it again: it beats (is rewritten) while a call lasts, and says so when a failed call gives it
back. A claim counts as free when

- it says that it was given back, or
- its holder was a process of this machine that has ended (see
  `image_tags.tasks.adapters.store.owner`), or
- it has not beaten for LEASE seconds of the watcher's own monotonic clock: clocks of two machines
  are never compared.

Who finds claim 0 of an image free adds claim 1, and so on: taking over is as exclusive as claiming,
and If-None-Match is all that it asks of a store. Claims are removed only once the response is in
the ledger, where who gets a claim looks first.

LEASE is 60 s: four missed beats, as long as an outage of the store is waited out, and the most that
a machine killed in the middle holds up another one. How long a call takes does not matter: claims
beat for as long as their process lives.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from image_tags.tasks.adapters.store import owner
from image_tags.tasks.adapters.store.store import JSON, NotInStore, Store
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.records import JsonObject

LEASE = 60.0
"""Seconds without a beat after which a claim is free."""
BEAT = 15.0
"""Seconds between two beats."""
MANY = 1000
"""Keys that one request to S3 removes."""

log = logging.getLogger(__name__)


@dataclass
class Claim:
    """One claim held by this process: number `n` on the image.

    Attributes:
        beaten: when it was last known to beat, by the holder's monotonic clock, from before the
            write was sent.
        beats: how often; it makes each write differ, so that a watcher sees the claim move.
        over: it was given back, settled or lost; it beats no more.
        lock: keeps a beat from crossing the end.

    """

    image_id: str
    run: str
    n: int
    beaten: float
    beats: int = 0
    over: bool = False
    nonce: str = field(default_factory=lambda: uuid.uuid4().hex)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, me: str, *, free: bool = False) -> bytes:
        """What lies in the store."""
        said = {"owner": me, "run": self.run, "nonce": self.nonce, "beat": self.beats, "free": free}
        return json.dumps(said | {"time": datetime.now(UTC).isoformat()}).encode()


class Claims:
    """The claims of one operation under one folder of the store.

    All methods may be called from many threads.
    """

    def __init__(
        self,
        store: Store,
        folder: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        me: Callable[[], str] = owner.name,
        alive: Callable[[str], bool | None] = owner.alive,
        heartbeat: bool = True,
    ) -> None:
        """Nothing is claimed yet.

        Args:
            store: where the claims lie.
            folder: below which key.
            clock: seconds, never turned back.
            me: the name of this process.
            alive: whether the process of a name lives; None if unknown.
            heartbeat: beat in a thread of its own; else the caller beats.

        """
        self._store = store
        self._folder = folder
        self._clock = clock
        self._me = me
        self._alive = alive
        self._heartbeat = heartbeat
        self._lock = threading.Lock()
        self._held: dict[str, Claim] = {}
        self._done: list[str] = []
        self._watched: dict[str, tuple[bytes, float]] = {}
        self._beating: threading.Thread | None = None

    def take(self, image_id: str, run: str) -> Claim | None:
        """The claim on an image, or None if someone else holds it: look into the ledger, wait, try
        again.
        """
        n = 0
        while True:
            claim = Claim(image_id, run, n, self._clock())
            # No claim needs to outlive a power cut: its holder does not either.
            if self._store.add(
                self._key(image_id, n), claim.record(self._me()), JSON, durable=False
            ):
                return self._keep(claim)
            try:
                data = self._store.read(self._key(image_id, n))
            except NotInStore:  # settled since
                return None
            if not self._free(self._key(image_id, n), data):
                return None
            n += 1

    def holds(self, claim: Claim) -> bool:
        """Whether a call may be started under the claim: surely nobody has taken it over yet."""
        return not claim.over and self._clock() - claim.beaten < LEASE - BEAT

    def settled(self, claim: Claim) -> None:
        """End a claim on an image whose response is in the ledger.

        It is removed later, with many others: see `tidy`.
        """
        self._end(claim)
        with self._lock:
            self._done += [self._key(claim.image_id, n) for n in range(claim.n + 1)]
            many = len(self._done) >= MANY
        if many:
            self.tidy()

    def give_back(self, claim: Claim) -> None:
        """Let others have a claim under which nothing was saved."""
        self._end(claim)
        try:
            self._write(claim, free=True)
        except StopRun as error:  # the call has failed already; the lease sees to the rest
            log.warning(
                "The claim %s could not be given back: %s",
                self._key(claim.image_id, claim.n),
                error,
            )

    def tidy(self) -> None:
        """Remove settled claims.

        One that stays is in nobody's way, as its image is in the ledger.
        """
        with self._lock:
            done, self._done = self._done, []
        try:
            self._store.delete_all(done)
        except StopRun as error:
            log.warning(
                "%d claims below %s could not be removed: %s", len(done), self._folder, error
            )

    def beat(self) -> None:
        """Renew the claims that are due.

        One that was due for too long is lost for good: someone may have taken it over.
        """
        with self._lock:
            held = list(self._held.values())
        for claim in held:
            if claim.lock.acquire(
                blocking=False
            ):  # else it is being ended, which may take a while and must not delay others
                try:
                    self._beat(claim)
                finally:
                    claim.lock.release()

    def _beat(self, claim: Claim) -> None:
        now = self._clock()
        if claim.over or now - claim.beaten < BEAT:
            return
        if not self.holds(claim):
            claim.over = True
            return
        claim.beats += 1
        try:
            self._write(claim)
            claim.beaten = now
        except StopRun as error:
            log.warning(
                "The claim %s could not be renewed: %s", self._key(claim.image_id, claim.n), error
            )

    def _free(self, key: str, data: bytes) -> bool:
        said = _said(data)
        if said.get("free") or self._alive(str(said.get("owner", ""))) is False:
            return True
        with self._lock:
            seen, since = self._watched.get(key, (b"", 0.0))
            if seen != data:
                self._watched[key] = data, self._clock()
                return False
        return self._clock() - since >= LEASE

    def _keep(self, claim: Claim) -> Claim:
        with self._lock:
            self._held[claim.nonce] = claim
            if self._heartbeat and self._beating is None:
                self._beating = threading.Thread(
                    target=self._keep_beating, name=f"beat {self._folder}", daemon=True
                )
                self._beating.start()
        return claim

    def _end(self, claim: Claim) -> None:
        with claim.lock:
            claim.over = True
        with self._lock:
            self._held.pop(claim.nonce, None)
            for n in range(claim.n + 1):
                self._watched.pop(self._key(claim.image_id, n), None)

    def _write(self, claim: Claim, *, free: bool = False) -> None:
        record = claim.record(self._me(), free=free)
        self._store.write(self._key(claim.image_id, claim.n), record, JSON, durable=False)

    def _keep_beating(self) -> None:
        while True:
            time.sleep(BEAT / 3)
            self.beat()
            self.tidy()
            with self._lock:
                if not self._held and not self._done:
                    self._beating = None
                    return

    def _key(self, image_id: str, n: int) -> str:
        return f"{self._folder}/{image_id[:2]}/{image_id}.{n}.json"


def _said(data: bytes) -> JsonObject:
    """A claim's record; empty if it cannot be read, which leaves it to the lease."""
    try:
        said = json.loads(data)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
