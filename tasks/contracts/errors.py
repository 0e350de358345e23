"""The errors of image-tags, one small hierarchy.

ImageTagsError
├── UsageError        the user asked for something that cannot be: one sentence, exit code 2
├── StopRun           nothing can go on (no credentials, bucket gone): what to fix, exit code 1
│   ├── StoreBusy     another run works on the store and did not end in time
│   └── OverBudget    the plan costs more than --max-cost
├── LinkError         one link or image; carries a Reason and a detail
│   ├── Rejected      will not succeed as it is
│   └── Passing       may succeed later
└── BatchFailed       a mapped task run left something pending, after it saved everything else
"""

from collections.abc import Mapping

from image_tags.tasks.contracts.reasons import Reason, Status


class ImageTagsError(Exception):
    """Base of every error that image-tags raises on purpose."""


class UsageError(ImageTagsError):
    """The user asked for something that cannot be done; the message is one sentence that says what
    to do.
    """


class StopRun(ImageTagsError):
    """Nothing can go on until a person fixes something; the message is one sentence that says what."""


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
        """Survive the way to another process and back."""
        return type(self), (str(self), self.cost_usd)


class LinkError(ImageTagsError):
    """One link or image did not make it.

    Attributes:
        reason: the code, from the closed list.
        detail: what a person can act on; no secret, at most a few hundred characters.

    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["LinkError"], tuple[Reason, str]]:
        """Survive the way to another process and back."""
        return type(self), (self.reason, self.detail)


class Rejected(LinkError):
    """The link or image will not succeed as it is."""


class Passing(LinkError):
    """The link or image may succeed later."""

    def __init__(self, reason: Reason, detail: str, retry_after: float | None = None) -> None:
        super().__init__(reason, detail)
        self.retry_after = retry_after
        """Seconds that the other side asked to wait, if it did."""


class BatchFailed(ImageTagsError):
    """A mapped task run left links or images pending; everything else in its batch was saved
    before.

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
        """As Prefect's log shows it: a line a link."""
        return str(self)


def link_error(reason: Reason, detail: str) -> LinkError:
    """The error that fits the reason's status."""
    return Rejected(reason, detail) if reason.status is Status.REJECTED else Passing(reason, detail)
