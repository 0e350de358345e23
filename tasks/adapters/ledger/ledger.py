"""The ledger: every response in the store. What is in it is never asked, or paid for, again.

One ledger is one operation under one set of settings:
`responses/<operation>-<fingerprint>/<aa>/<sha256>.json`, an entry an image. An entry is saved the
moment the response arrives. A final refusal by the analyzer is kept too.
"""

import hashlib
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from image_tags.tasks.adapters.analyzers.analyzer import Analyzer
from image_tags.tasks.adapters.ledger.claims import Claims
from image_tags.tasks.adapters.ledger.entry import Entry, Refusal, Unreadable
from image_tags.tasks.adapters.store.store import JSON, NotInStore, Store
from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.records import Answer, JsonObject, Picture

__all__ = ["Entry", "Ledger", "Refusal", "Settled", "fingerprint"]

THREADS = 16
"""Requests to the store at the same time."""
FEW = 3
"""Up to so many images of one shard are asked about one by one; above, the shard is listed."""
PAGE = 1000
"""Keys in one page of an S3 listing: listing a page costs a request, as asking about one key does.
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settled:
    """What the ledger now says of an image, and whether the analyzer was asked for it just now."""

    entry: Entry
    asked: bool


class Ledger:
    """All responses to one operation under one set of settings.

    All methods may be called from many threads.
    """

    def __init__(
        self,
        store: Store,
        operation: str,
        settings: JsonObject,
        *,
        analyzer: str | None = None,
        paid: bool = True,
        claims: Claims | None = None,
        since: datetime | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open; nothing is read yet.

        Args:
            store: where it lies.
            operation: as in `--operations`.
            settings: everything that an answer depends on besides the picture
                (`Analyzer.settings_of`).
            analyzer: its name; by default what `settings["analyzer"]` says.
            paid: whether a call costs money; if so no two callers ask about one image at the same
                time.
            claims: who is asking; made here unless a test brings its own.
            since: entries from before count as absent and are replaced; None if none is too old.
            wait: pauses for so many seconds.

        """
        self.operation = operation
        self.settings = settings
        self.fingerprint = fingerprint(settings)
        self._analyzer = analyzer if analyzer is not None else str(settings["analyzer"])
        self._store = store
        self._folder = f"responses/{operation}-{self.fingerprint}"
        self._since = since
        self._wait = wait
        self._claims = (
            (claims or Claims(store, f"claims/{operation}-{self.fingerprint}")) if paid else None
        )

    @classmethod
    def of(
        cls, store: Store, analyzer: Analyzer, operation: str, since: datetime | None = None
    ) -> "Ledger":
        """The ledger of an analyzer's operation.

        Local models cost nothing, so nobody claims their calls.
        """
        settings = analyzer.settings_of(operation)
        return cls(
            store,
            operation,
            settings,
            analyzer=analyzer.name,
            paid=analyzer.name != "local",
            since=since,
        )

    def key(self, image_id: str) -> str:
        """Where an image's entry lies in the store."""
        return f"{self._folder}/{image_id[:2]}/{image_id}.json"

    def have(self, image_ids: Iterable[str]) -> set[str]:
        """Which of the images have an entry.

        A shard that holds many of them is listed, but never for more pages than there are images to
        ask about.
        """
        shards: dict[str, list[str]] = {}
        for image_id in sorted(set(image_ids)):
            shards.setdefault(image_id[:2], []).append(image_id)
        with ThreadPoolExecutor(THREADS, thread_name_prefix="ledger") as pool:
            return set().union(*pool.map(self._have_in, shards, shards.values()))

    def read(self, image_id: str) -> Entry | None:
        """The image's entry; None if there is none.

        One that cannot be read counts as absent: it is logged and set aside, so that the next plan
        has the image asked.
        """
        key = self.key(image_id)
        try:
            data = self._store.read(key)
            entry = Entry.parse(data, image_id)
        except NotInStore:
            return None
        except Unreadable as error:
            log.warning(
                "%s cannot be read and counts as absent: %s", self._store.locate(key), error
            )
            self._set_aside(image_id, data)
            return None
        return entry if self._since is None or entry.moment >= self._since else None

    def read_many(self, image_ids: Iterable[str]) -> Iterator[Entry]:
        """The entries of the images that have one, in the order given; only a few are in memory at
        a time.
        """
        with ThreadPoolExecutor(THREADS, thread_name_prefix="ledger") as pool:
            ahead: deque[Future[Entry | None]] = deque()
            try:
                for image_id in image_ids:
                    ahead.append(pool.submit(self.read, image_id))
                    if len(ahead) >= 4 * THREADS and (entry := ahead.popleft().result()):
                        yield entry
                while ahead:
                    if entry := ahead.popleft().result():
                        yield entry
            finally:
                pool.shutdown(cancel_futures=True)

    def settle(self, picture: Picture, run: str, ask: Callable[[], Answer]) -> Settled:
        """The image's entry: from the ledger if it is there, else by asking, saved the moment the
        response arrives.

        At most one caller asks about an image at any time, whatever threads and runs share the
        store. A final refusal (Rejected out of `ask`) is saved and returned; whatever else `ask`
        raises saves nothing and goes on to the caller.
        """
        if self._claims is not None:
            return self._settle_claimed(self._claims, picture, run, ask)
        if entry := self.read(picture.image_id):
            return Settled(entry, asked=False)
        return Settled(self._save(self._asked(picture, run, ask)), asked=True)

    def close(self) -> None:
        """Tidy up after the last image of a batch; the ledger can be used on."""
        if self._claims is not None:
            self._claims.tidy()

    def _settle_claimed(
        self, claims: Claims, picture: Picture, run: str, ask: Callable[[], Answer]
    ) -> Settled:
        delay = 0.1
        while True:
            # The claim comes before the look: as a rule the plan has found nothing there, and one
            # look must do.
            claim = claims.take(picture.image_id, run)
            try:
                if entry := self.read(picture.image_id):
                    if claim:
                        claims.settled(claim)
                    return Settled(entry, asked=False)
                if claim and claims.holds(claim):
                    entry = self._save(self._asked(picture, run, ask))
                    claims.settled(claim)
                    return Settled(entry, asked=True)
                if claim:  # the store was so slow that someone may take the claim over
                    claims.give_back(claim)
            except BaseException:
                if claim:
                    claims.give_back(claim)
                raise
            self._wait(delay)
            delay = min(delay * 1.5, 5.0)

    def _asked(self, picture: Picture, run: str, ask: Callable[[], Answer]) -> Entry:
        answer, refusal = None, None
        try:
            answer = ask()
        except Rejected as error:
            refusal = Refusal(error.reason, error.detail)
        return Entry(
            image_id=picture.image_id,
            operation=self.operation,
            analyzer=self._analyzer,
            settings=self.settings,
            model_version=answer.model_version if answer else None,
            time=datetime.now(UTC).isoformat(),
            run=run,
            remark=answer.remark if answer else None,
            response=answer.response if answer else None,
            refusal=refusal,
        )

    def _save(self, entry: Entry) -> Entry:
        self._store.write(self.key(entry.image_id), entry.dump(), JSON)
        return entry

    def _set_aside(self, image_id: str, damaged: bytes) -> None:
        """Move a damaged entry away, under a claim: else it could be the answer that takes its
        place that is removed.
        """
        claim = self._claims.take(image_id, "set aside") if self._claims else None
        if self._claims and claim is None:  # who holds the claim is about to replace it
            return
        key = self.key(image_id)
        try:
            self._store.write(f"{key}.damaged", damaged, JSON)
            found = self._store.read_tagged(key)
            if found and found[0] == damaged:
                self._store.delete(key)
        finally:
            if self._claims and claim:
                self._claims.give_back(claim)

    def _have_in(self, shard: str, image_ids: list[str]) -> set[str]:
        if self._since:
            return {image_id for image_id in image_ids if self.read(image_id)}
        left, found = set(image_ids), set()
        if len(left) > FEW:
            for n, key in enumerate(self._store.keys(f"{self._folder}/{shard}/"), 1):
                image_id = key.rpartition("/")[2].removesuffix(".json")
                if image_id in left:
                    found.add(image_id)
                if image_id >= image_ids[-1]:
                    return found
                if n >= PAGE * len(image_ids):
                    left = {other for other in left if other > image_id}
                    break
            else:
                return found
        return found | {image_id for image_id in left if self._store.exists(self.key(image_id))}


def fingerprint(settings: JsonObject) -> str:
    """A short name for settings: the same for the same settings in whatever order they are given."""
    return hashlib.sha256(
        json.dumps(settings, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()[:16]
