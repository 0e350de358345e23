"""Holds: the claims of this process on partitions, shared by its threads."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from image_tags.tasks.adapters.store.claims import Claim, Claims


@dataclass
class Hold:
    """A partition that this process may ask for, under one claim.

    Attributes:
        partition: which.
        claim: on it; None where calls cost nothing and are not claimed.
        users: callers that have not released it yet.

    """

    partition: str
    claim: Claim | None
    users: int = 1


class Holds:
    """The partitions of one ledger that this process holds.

    Batches of one partition share its claim. All methods may be called from many threads.
    """

    def __init__(self, claims: Claims | None, look: Callable[[], None]) -> None:
        """Nothing is held yet.

        Args:
            claims: of the ledger; None to hold without claiming.
            look: reads what appeared in the ledger; called once after each new claim.

        """
        self._claims = claims
        self._look = look
        self._lock = threading.Lock()
        self._held: dict[str, Hold] = {}
        self._taking: dict[str, threading.Lock] = {}

    def acquire(self, partition: str, run: str) -> Hold | None:
        """Hold a partition; None while another process does. Each must be released."""
        with self._lock:
            taking = self._taking.setdefault(partition, threading.Lock())
        with taking:  # one thread claims, the others join
            with self._lock:
                hold = self._held.get(partition)
                if hold is not None and self.is_valid(hold):
                    hold.users += 1
                    return hold
            claim = self._claims.take(partition, run) if self._claims else None
            if self._claims and claim is None:
                return None
            hold = Hold(partition, claim)
            try:
                self._look()
            except BaseException:
                self._give_up(hold)
                raise
            with self._lock:
                self._held[partition] = hold
            return hold

    def is_valid(self, hold: Hold) -> bool:
        """Whether a call may be started: surely no other process has taken the partition over."""
        return self._claims is None or (hold.claim is not None and self._claims.is_held(hold.claim))

    def release(self, hold: Hold) -> None:
        """One caller has done with the partition: every answer that it got is durable."""
        with self._lock:
            hold.users -= 1
            if hold.users:
                return
            if self._held.get(hold.partition) is hold:
                del self._held[hold.partition]
        self._give_up(hold)

    def _give_up(self, hold: Hold) -> None:
        if self._claims and hold.claim:
            self._claims.release(hold.claim)
