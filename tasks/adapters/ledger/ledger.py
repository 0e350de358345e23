"""The ledger: every response in the store. What is in it is never asked, or paid for, again.

One ledger is one operation under one set of settings: a log of segments (see
`image_tags.tasks.adapters.segments`) under `responses/<operation>-<fingerprint>/`, keyed by image.
Answers are committed in groups; a call counts as answered once its segment is durable, and only
then is the claim on its partition given up. A refusal by the analyzer is kept too.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.adapters.analyzers.analyzer import Analyzer
from image_tags.tasks.adapters.ledger.entry import SCHEMA, Entry, Refusal
from image_tags.tasks.adapters.ledger.holds import Hold, Holds
from image_tags.tasks.adapters.ledger.partitions import partition_of
from image_tags.tasks.adapters.segments import CommitFailures, SegmentLog
from image_tags.tasks.adapters.segments.log import INTERVAL
from image_tags.tasks.adapters.store.claims import Claims
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.errors import ImageTagsError, Rejected
from image_tags.tasks.contracts.records import Answer, JsonObject, Picture

OLDEST = datetime.min.replace(tzinfo=UTC)

Ask = Callable[[], Answer]


class AskAgain(ImageTagsError):
    """Another thread was asking for the image, and failed: its failure is not this caller's."""


class Ledger:
    """All responses to one operation under one set of settings.

    All methods may be called from many threads. A process opens each ledger once, so that its
    answers are committed together; two on one store behave as two processes do.
    """

    def __init__(
        self,
        store: Store,
        operation: str,
        settings: JsonObject,
        *,
        paid: bool = True,
        claims: Claims | None = None,
        since: datetime | None = None,
        interval: float | None = INTERVAL,
        failures: CommitFailures | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open; nothing is read yet.

        Args:
            store: where it is.
            operation: as in `--operations`.
            settings: everything that an answer depends on besides the picture
                (`Analyzer.settings_of`).
            paid: whether a call costs money; if so no two processes ask for one image at a time.
            claims: who is asking; made here unless a test brings its own.
            since: older entries count as absent and are replaced; None if none is too old.
            interval: least seconds between two commits; None commits each answer by itself.
            failures: of all ledgers of the process: no call begins once one of them cannot save.
            wait: pauses for so many seconds.

        """
        self.operation = operation
        self.settings = settings
        name = f"{operation}-{fingerprint(settings)}"
        self._since = since
        self._wait = wait
        self._log = SegmentLog(
            store,
            f"responses/{name}",
            SCHEMA,
            key="image_id",
            time="answered",
            interval=interval,
            failures=failures,
            metadata={"operation": operation, "settings": settings},
        )
        claims = (claims or Claims(store, f"claims/{name}")) if paid else None
        self._holds = Holds(claims, self._log.refresh)
        self._lock = threading.Lock()
        self._asking: dict[str, Future[bool]] = {}
        """Calls under way: done once the answer is durable."""
        self._answered: set[str] = set()
        """Images that were answered here."""

    @classmethod
    def of(
        cls,
        store: Store,
        analyzer: Analyzer,
        operation: str,
        since: datetime | None = None,
        interval: float | None = INTERVAL,
        failures: CommitFailures | None = None,
    ) -> "Ledger":
        """The ledger of an analyzer's operation.

        Local models cost nothing, so their calls are not claimed.
        """
        return cls(
            store,
            operation,
            analyzer.settings_of(operation),
            paid=analyzer.name != "local",
            since=since,
            interval=interval,
            failures=failures,
        )

    def look(self) -> None:
        """See what appeared: one listing, and the ids and times in segments that are new."""
        self._log.refresh()

    def find_answered(self, image_ids: Collection[str]) -> set[str]:
        """Which of the images have an entry now, after a look."""
        self.look()
        return self.find_known(image_ids)

    def find_known(self, image_ids: Collection[str]) -> set[str]:
        """Which of the images had an entry at the last look, or were answered here since."""
        times = self._log.find_times(image_ids)
        return {one for one, time in times.items() if self._since is None or time >= self._since}

    def read_answers(
        self, image_ids: Collection[str] | None, columns: Sequence[str] = tuple(SCHEMA.names)
    ) -> Iterator[pa.Table]:
        """The entries of those images that have one, as tables in no particular order.

        Args:
            image_ids: which images; None for all in the ledger.
            columns: of `entry.SCHEMA`; `image_id` always comes along.

        """
        self._log.refresh()
        names = [*columns, "answered"] if self._since else columns
        for table in self._log.read(names, image_ids):
            if self._since:
                table = table.filter(pc.greater_equal(table["answered"], self._since))  # noqa: PLW2901
            yield table.select(list(dict.fromkeys(["image_id", *columns])))

    def read_entries(self, image_ids: Collection[str]) -> Iterator[Entry]:
        """The entries of those images that have one, in no particular order.

        One that cannot be read counts as absent, with a warning.
        """
        for table in self.read_answers(image_ids):
            for row in table.to_pylist():
                if entry := Entry.from_row(row):
                    yield entry

    def read_entry(self, image_id: str) -> Entry | None:
        """The image's entry; None if there is none."""
        return next(self.read_entries([image_id]), None)

    def settle(self, picture: Picture, run: str, ask: Ask) -> bool:
        """See that there is a durable entry for the image: there already, or by asking now.

        At most one caller asks for an image at any time, whatever threads and processes share the
        store. A refusal (Rejected out of `ask`) is an answer; whatever else `ask` raises saves
        nothing and goes on to the caller.

        Returns:
            Whether the analyzer was asked.

        """
        delay = 0.1
        while True:
            if hold := self.acquire(partition_of(picture.image_id), run):
                try:
                    if self.find_known([picture.image_id]):
                        return False
                    if asking := self.start(hold, picture, run, ask):
                        return asking.result()
                except AskAgain:
                    continue
                finally:
                    self.release(hold)
            self._wait(delay)
            delay = min(delay * 1.5, 5.0)

    def acquire(self, partition: str, run: str) -> Hold | None:
        """The right to ask for a partition's images, for as long as it is valid and not released.

        What others have answered before is known then: see `find_known`. None while another
        process holds the partition.
        """
        return self._holds.acquire(partition, run)

    def release(self, hold: Hold) -> None:
        """Give the right up, once all that was started under it has ended."""
        self._holds.release(hold)

    def start(self, hold: Hold, picture: Picture, run: str, ask: Ask) -> Future[bool] | None:
        """Ask for one image in this thread, and give the answer to the next commit.

        Returns:
            A future that is done once the answer is durable, with whether the analyzer was asked
            here; AskAgain if another thread was asking and failed. None if the hold is no longer
            valid: acquire the partition again.

        Raises:
            StopRun: answers cannot be saved. While it is not known whether they can, it waits.

        """
        self._log.wait_for_outage()
        image_id = picture.image_id
        mine: Future[bool] = Future()
        with self._lock:
            if image_id in self._answered:
                mine.set_result(False)
                return mine
            other = self._asking.get(image_id)
            if other is None:
                if not self._holds.is_valid(hold):
                    return None
                self._asking[image_id] = mine
        if other is not None:
            return _joined(other)
        try:
            entry = _ask(picture, run, ask, self._since)
        except BaseException as error:
            self._end(image_id, mine, error)
            raise
        self._log.add(entry.to_row()).add_done_callback(
            lambda saved: self._end(image_id, mine, saved.exception())
        )
        return mine

    def close(self) -> None:
        """Commit what waits and merge small segments; the ledger can be used on."""
        self._log.close()

    def _end(self, image_id: str, asking: Future[bool], error: BaseException | None) -> None:
        with self._lock:
            del self._asking[image_id]
            if error is None:
                self._answered.add(image_id)
        if error is None:
            asking.set_result(True)
        else:
            asking.set_exception(error)


def fingerprint(settings: JsonObject) -> str:
    """A short name for settings, the same in whatever order they are given."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def remove_answers(store: Store, image_ids: Collection[str], *, dry_run: bool = False) -> int:
    """Remove the answers for some images from every ledger of a store; how many there were.

    `dry_run` only counts them. No run may use the store meanwhile.
    """
    names = {key.split("/")[1] for key in store.keys("responses/")}
    logs = (
        SegmentLog(store, f"responses/{name}", SCHEMA, key="image_id", time="answered")
        for name in sorted(names)
    )
    wanted = pa.array(list(image_ids), pa.string())

    def is_gone(table: pa.Table) -> pa.ChunkedArray:
        return pc.is_in(table["image_id"], value_set=wanted)

    return sum(log.remove_where(is_gone, dry_run=dry_run) for log in logs)


def _joined(other: Future[bool]) -> Future[bool]:
    """The same call, seen by a caller that did not make it."""
    joined: Future[bool] = Future()

    def pass_on(done: Future[bool]) -> None:
        if done.exception() is None:
            joined.set_result(False)
        else:
            joined.set_exception(AskAgain("Another thread's call failed."))

    other.add_done_callback(pass_on)
    return joined


def _ask(picture: Picture, run: str, ask: Ask, since: datetime | None) -> Entry:
    """Ask for one image; the answer is never older than what its run reuses, whatever the clock."""
    answer, refusal = None, None
    try:
        answer = ask()
    except Rejected as error:
        refusal = Refusal(error.reason, error.detail)
    return Entry(
        image_id=picture.image_id,
        model_version=answer.model_version if answer else None,
        answered=max(datetime.now(UTC), since or OLDEST),
        run=run,
        remark=answer.remark if answer else None,
        response=answer.response if answer else None,
        refusal=refusal,
    )
