"""Claims: who is asking about which image right now, so that two runs on one store never pay for the same call.

A claim is a small object made with `Store.add`, which only one caller can win. Its holder makes it beat (rewrites it) while
a call lasts. Someone else may take it over, by `Store.swap` and so again only one of them, when

- it says that it was given back after a failed call, or
- its holder was a process of this machine that has ended (see `tasks.adapters.owner`), or
- it has not beaten for LEASE seconds of the watcher's own monotonic clock: clocks of two machines are never compared.

LEASE is 60 s: four missed beats, longer than botocore rides out an outage of the store, and the most that a machine killed
in the middle can hold up another one. How long a call takes does not matter: a claim beats for as long as its process lives.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tasks.adapters import owner
from tasks.adapters.store import JSON, Store
from tasks.contracts.errors import StopRun
from tasks.contracts.records import JsonObject

LEASE = 60.0
"""Seconds without a beat after which a claim may be taken over."""
BEAT = 15.0
"""Seconds between two beats."""

log = logging.getLogger(__name__)


@dataclass
class Claim:
    """One claim held by this process."""

    key: str
    run: str
    nonce: str
    beaten: float
    """When it was last known to beat, by the holder's monotonic clock, from before the write was sent."""
    beats: int = 0
    over: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Keeps a beat from crossing the giving back."""

    def record(self, *, released: bool = False) -> bytes:
        """What lies in the store; different at each beat, so that a watcher sees it move."""
        said: JsonObject = {
            "owner": owner.name(),
            "run": self.run,
            "nonce": self.nonce,
            "beat": self.beats,
            "time": datetime.now(UTC).isoformat(),
        }
        return json.dumps(said | {"released": True} if released else said).encode()


class Claims:
    """The claims of one operation under one folder of the store. All methods may be called from many threads."""

    def __init__(
        self,
        store: Store,
        folder: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        alive: Callable[[str], bool | None] = owner.alive,
        heartbeat: bool = True,
    ) -> None:
        """`clock`: seconds; `alive`: whether an owner lives, None if unknown; without `heartbeat` the caller beats."""
        self._store = store
        self._folder = folder
        self._clock = clock
        self._alive = alive
        self._heartbeat = heartbeat
        self._lock = threading.Lock()
        self._held: dict[str, Claim] = {}
        self._watched: dict[str, tuple[str, float]] = {}
        self._beating: threading.Thread | None = None

    def take(self, image_id: str, run: str) -> Claim | None:
        """The claim on an image, or None if someone else holds it or was quicker: look into the ledger, wait, try again."""
        claim = Claim(f"{self._folder}/{image_id[:2]}/{image_id}.json", run, uuid.uuid4().hex, self._clock())
        if self._store.add(claim.key, claim.record(), JSON):
            return self._keep(claim)
        found = self._store.read_tagged(claim.key)
        if found is None:
            return None
        data, token = found
        if self._free(claim.key, data, token):
            claim.beaten = self._clock()
            if self._store.swap(claim.key, claim.record(), JSON, token):
                return self._keep(claim)
        return None

    def holds(self, claim: Claim) -> bool:
        """Whether a call may still be started under the claim: nobody can have taken it over yet."""
        return self._clock() - claim.beaten < LEASE - BEAT

    def settled(self, claim: Claim) -> None:
        """Remove a claim whose response is in the ledger. Whoever claims the image next finds the response there first."""
        self._end(claim, lambda: self._store.delete(claim.key))

    def give_back(self, claim: Claim) -> None:
        """Let others have a claim whose call failed. Never takes a claim away from someone who has taken it over."""
        self._end(claim, lambda: self._rewrite(claim, released=True))

    def beat(self) -> None:
        """Renew the claims that are due."""
        now = self._clock()
        with self._lock:
            due = [claim for claim in self._held.values() if now - claim.beaten >= BEAT]
        for claim in due:
            with claim.lock:
                now = self._clock()
                try:
                    if not claim.over and self._rewrite(claim):
                        claim.beaten = now
                except StopRun as error:
                    log.warning("The claim %s could not be renewed: %s", claim.key, error)

    def _rewrite(self, claim: Claim, *, released: bool = False) -> bool:
        found = self._store.read_tagged(claim.key)
        if found is None or _said(found[0]).get("nonce") != claim.nonce:
            return False
        claim.beats += 1
        return self._store.swap(claim.key, claim.record(released=released), JSON, found[1])

    def _free(self, key: str, data: bytes, token: str) -> bool:
        said = _said(data)
        if said.get("released") or self._alive(str(said.get("owner", ""))) is False:
            return True
        with self._lock:
            seen, since = self._watched.get(key, ("", 0.0))
            if seen != token:
                self._watched[key] = token, self._clock()
                return False
        return self._clock() - since >= LEASE

    def _keep(self, claim: Claim) -> Claim:
        with self._lock:
            self._watched.pop(claim.key, None)
            self._held[claim.nonce] = claim
            if self._heartbeat and self._beating is None:
                self._beating = threading.Thread(target=self._keep_beating, name=f"beat {self._folder}", daemon=True)
                self._beating.start()
        return claim

    def _end(self, claim: Claim, how: Callable[[], object]) -> None:
        with claim.lock:
            claim.over = True
            with self._lock:
                self._held.pop(claim.nonce, None)
            try:
                how()
            except StopRun as error:  # what the claim was for is done or has failed already; the lease sees to the rest
                log.warning("The claim %s could not be ended: %s", claim.key, error)

    def _keep_beating(self) -> None:
        while True:
            time.sleep(BEAT / 3)
            with self._lock:
                if not self._held:
                    self._beating = None
                    return
            self.beat()


def _said(data: bytes) -> JsonObject:
    """A claim's record; empty if it cannot be read, which leaves it to the lease."""
    try:
        said = json.loads(data)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
