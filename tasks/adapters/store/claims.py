"""Claims: which process works on which part of the store right now.

A part (a partition of a ledger, the merging of a log) is claimed by putting an object of its own
under the part's folder and then listing that folder. Who finds no other live claim holds the part;
who finds one takes its own back and tries again later. Of two that claim at the same time, the
later listing shows both objects, so never do both hold the part; and the one whose name sorts first
looks once or twice more before it gives way, so that one of them does.

Each claim's name is new, so removing it, however late the request arrives, never touches another
claim. (Numbered claims that are won with If-None-Match would not do here: a caller that looked
before a number was removed could win it afterwards, next to a holder of another number. For a
single image that was harmless, as its response was there by then; a partition has more images.)
What is needed of a store is that a listing shows what was put before: S3 promises that.

While a claim is held it is rewritten every BEAT seconds. A claim does not count when

- its holder was a process of this machine that has ended (`image_tags.tasks.adapters.store.owner`),
- or it has not changed for LEASE seconds of the watcher's own monotonic clock: clocks of two
  machines are never compared. Its holder stops before that: see `Claims.is_held`.

LEASE is 60 s: four missed beats, as long as an outage of the store is waited out, and the most that
a machine killed in the middle holds up another one. How long the work takes does not matter: claims
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

LEASE = 60.0
"""Seconds without a beat after which a claim no longer counts."""
BEAT = 15.0
"""Seconds between two beats."""
LOOKS = 3
"""How often a new claim whose name sorts first looks whether the others have given way."""

log = logging.getLogger(__name__)


@dataclass
class Claim:
    """One claim of this process on one part.

    Attributes:
        part: what is claimed.
        run: for which run.
        beaten: when it was last known to beat, by the holder's monotonic clock, from before the
            write was sent.
        beats: how often; it makes each write differ, so that a watcher sees the claim change.
        is_over: it was released or lost, and beats no more.
        lock: keeps a beat from crossing the release.

    """

    part: str
    run: str
    beaten: float
    beats: int = 0
    is_over: bool = False
    nonce: str = field(default_factory=lambda: uuid.uuid4().hex)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def dump(self, process: str) -> bytes:
        """The object in the store."""
        about = {"owner": process, "run": self.run, "nonce": self.nonce, "beat": self.beats}
        return json.dumps(about | {"time": datetime.now(UTC).isoformat()}).encode()


class Claims:
    """The claims below one folder of the store.

    All methods may be called from many threads.
    """

    def __init__(
        self,
        store: Store,
        folder: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        process_name: Callable[[], str] = owner.name,
        is_alive: Callable[[str], bool | None] = owner.alive,
        heartbeat: bool = True,
    ) -> None:
        """Nothing is claimed yet.

        Args:
            store: where the claims are.
            folder: the prefix of their keys, without a slash at the end.
            clock: seconds, never turned back.
            process_name: the name of this process.
            is_alive: whether the process of a name lives; None if unknown.
            heartbeat: beat in a thread of its own; else the caller beats.

        """
        self._store = store
        self._folder = folder
        self._clock = clock
        self._process_name = process_name
        self._is_alive = is_alive
        self._heartbeat = heartbeat
        self._lock = threading.Lock()
        self._held: dict[str, Claim] = {}
        self._watched: dict[str, tuple[bytes, float]] = {}
        self._contended: set[str] = set()
        self._beating: threading.Thread | None = None

    def take(self, part: str, run: str) -> Claim | None:
        """A claim on a part; None while another is held on it: wait, try again.

        Two requests where no one else claims the part, and no write where someone was seen to.
        """
        if part in self._contended and self._live_claims(part, None):
            return None
        claim = Claim(part, run, self._clock())
        try:
            # No claim needs to outlive a power cut: its holder does not either.
            self._write(claim)
            self._keep(claim)
            for _ in range(LOOKS):
                others = self._live_claims(part, claim)
                if not others:
                    self._contended.discard(part)
                    return claim
                if min(others) < self._key(claim):
                    break
        except BaseException:
            self.release(claim)
            raise
        self._contended.add(part)
        self.release(claim)
        return None

    def is_held(self, claim: Claim) -> bool:
        """Whether work may be started under the claim: surely no one has taken the part over."""
        return not claim.is_over and self._clock() - claim.beaten < LEASE - BEAT

    def release(self, claim: Claim) -> None:
        """Let others have the part. What was done under the claim must be durable by now."""
        with claim.lock:
            claim.is_over = True
        with self._lock:
            self._held.pop(claim.nonce, None)
        try:
            self._store.delete(self._key(claim))
        except StopRun as error:  # it counts until this process ends or the lease runs out
            owner.keep_file()
            log.warning("The claim %s could not be removed: %s", self._key(claim), error)

    def beat(self) -> None:
        """Renew the claims that are due.

        One that was due for too long is lost for good: someone may have taken the part over.
        """
        with self._lock:
            held = list(self._held.values())
        for claim in held:
            # One that is being released is left alone: that may take a while.
            if claim.lock.acquire(blocking=False):
                try:
                    self._renew(claim)
                finally:
                    claim.lock.release()

    def _renew(self, claim: Claim) -> None:
        now = self._clock()
        if claim.is_over or now - claim.beaten < BEAT:
            return
        if not self.is_held(claim):
            claim.is_over = True
            return
        claim.beats += 1
        try:
            self._write(claim)
            claim.beaten = now
        except StopRun as error:
            log.warning("The claim %s could not be renewed: %s", self._key(claim), error)

    def _live_claims(self, part: str, own: Claim | None) -> list[str]:
        """The keys of other claims on the part that count; those that do not are removed."""
        live = []
        for key in list(self._store.keys(f"{self._folder}/{part}/")):
            if own is not None and key == self._key(own):
                continue
            try:
                data = self._store.read(key)
            except NotInStore:  # released since, and no claim ever has its name again
                continue
            if self._counts(key, data):
                live.append(key)
            else:
                self._remove(key)
        return live

    def _counts(self, key: str, data: bytes) -> bool:
        if self._is_alive(_owner_in(data)) is False:
            return False
        with self._lock:
            seen, since = self._watched.get(key, (b"", 0.0))
            if seen != data:
                self._watched[key] = data, self._clock()
                return True
        return self._clock() - since < LEASE

    def _remove(self, key: str) -> None:
        with self._lock:
            self._watched.pop(key, None)
        try:
            self._store.delete(key)
        except StopRun as error:
            log.warning("The old claim %s could not be removed: %s", key, error)

    def _keep(self, claim: Claim) -> None:
        with self._lock:
            self._held[claim.nonce] = claim
            if self._heartbeat and self._beating is None:
                self._beating = threading.Thread(
                    target=self._keep_beating, name=f"beat {self._folder}", daemon=True
                )
                self._beating.start()

    def _keep_beating(self) -> None:
        while True:
            time.sleep(BEAT / 3)
            self.beat()
            with self._lock:
                if not self._held:
                    self._beating = None
                    return

    def _write(self, claim: Claim) -> None:
        record = claim.dump(self._process_name())
        self._store.write(self._key(claim), record, JSON, durable=False)

    def _key(self, claim: Claim) -> str:
        return f"{self._folder}/{claim.part}/{claim.nonce}.json"


def _owner_in(data: bytes) -> str:
    """The process that a claim names; none if it cannot be read, which leaves it to the lease."""
    try:
        return str(json.loads(data).get("owner", ""))
    except (ValueError, AttributeError):
        return ""
