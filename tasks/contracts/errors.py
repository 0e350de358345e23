"""Every error that image-tags raises on purpose, as one tree.

ImageTagsError
|-- UsageError              the request is not possible; exit code 2
|   `-- EmptyFile           a file of the source has nothing in it
|-- StopRun                 nothing can go on until a person fixes something; exit code 1
|   |-- StoreBusy           another run works on the store and did not end in time
|   |-- OverBudget          the plan costs more than --max-cost
|   |-- StoreUnreachable    the store does not answer, not even after retries
|   |-- NoBucket            the store's bucket does not exist
|   |-- PublishedMeanwhile  another run published since this one was checked
|   |-- DamagedRecord       a JSON file of a run is not what this program writes
|   |-- TemporaryFilesFailed  no space for files that a step needs for a while
|   |-- DamagedTable        a Parquet file of a run or version is no longer whole
|   |-- ServerUnreachable   the Prefect server does not answer or refuses a request
|   |-- DamagedPointer      the pointer to the published version is unreadable
|   |-- BrokenSuite         a suite of expectations has something unknown
|   `-- Interrupted         a signal ends the process
|-- LinkError               one link or image; has a Reason and a detail
|   |-- Rejected            will not succeed as it is
|   `-- Transient           may succeed later
|       |-- CutShort        the connection ended in the middle of a picture
|       |-- AskedToWait     the server answered 429 or 503
|       `-- Unreachable     no connection to the server
|-- BatchFailed             a task run left something pending, after saving everything else
|-- RunFailed               how a failed flow run ended
|-- NotInStore              there is no object under a key
|-- DamagedSegment          the bytes of a segment are not those that were written
|-- AskAgain                another thread's request for the same image failed
`-- UntrustedResult         a persisted result was not written by this program

A subclass of an adapter is defined where it is raised. The message of each is one sentence for the
person who runs the command or opens the flow run's page.
"""

from collections.abc import Mapping

from image_tags.tasks.contracts.reasons import Reason, Status


class ImageTagsError(Exception):
    """Base of every error that image-tags raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        """One line in a notebook: IPython asks for this before it prints a traceback.

        The sentence is written for the person who runs the cell; the frames below it are not.
        """
        return [f"{type(self).__name__}: {self}"]


class UsageError(ImageTagsError):
    """The request is not possible; the message is one sentence that tells what to change."""


class StopRun(ImageTagsError):
    """Nothing can go on until a person fixes something; the message is one sentence about it."""


class StoreBusy(StopRun):
    """Another run works on the store and did not end in time; this one did nothing.

    Its flow run ends as Cancelled, not as Failed: there is nothing to fix.
    """


class OverBudget(StopRun):
    """The plan costs more than the user allowed; raised before the first paid call.

    Attributes:
        cost_usd: what the plan costs.

    """

    def __init__(self, message: str, cost_usd: float) -> None:
        super().__init__(message)
        self.cost_usd = cost_usd

    def __reduce__(self) -> tuple[type["OverBudget"], tuple[str, float]]:
        """Keep the cost on the way to another process."""
        return type(self), (str(self), self.cost_usd)


class LinkError(ImageTagsError):
    """One link or image has no picture or no answer.

    Attributes:
        reason: the code, from the closed list.
        detail: what a person can act on; no secret, at most a few hundred characters.

    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["LinkError"], tuple[Reason, str]]:
        """Keep reason and detail on the way to another process."""
        return type(self), (self.reason, self.detail)


class Rejected(LinkError):
    """The link or image will not succeed as it is."""


class Transient(LinkError):
    """The link or image may succeed later."""

    def __init__(self, reason: Reason, detail: str, retry_after: float | None = None) -> None:
        super().__init__(reason, detail)
        self.retry_after = retry_after
        """Seconds that the server asked to wait, if it did."""


class BatchFailed(ImageTagsError):
    """A mapped task run left links or images pending, after everything else in it was saved.

    Attributes:
        outcomes: items of the batch by outcome, for the step's line in the log.
        unreachable: see `BatchDone`.

    """

    def __init__(
        self,
        message: str,
        outcomes: Mapping[str, int] | None = None,
        unreachable: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.outcomes = dict(outcomes or {})
        self.unreachable = dict(unreachable or {})

    def __repr__(self) -> str:
        """One line per link, as Prefect's log shows it."""
        return str(self)


def link_error(reason: Reason, detail: str) -> LinkError:
    """The error that fits the reason's status."""
    is_final = reason.status is Status.REJECTED
    return Rejected(reason, detail) if is_final else Transient(reason, detail)
