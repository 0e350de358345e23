"""The interface that every analyzer implements."""

from typing import Protocol

from image_tags.tasks.contracts.errors import LinkError
from image_tags.tasks.contracts.records import Answer, JsonObject, Picture


class Analyzer(Protocol):
    """Answers operations in Rekognition's response shape.

    All methods may be called from many threads.
    """

    name: str
    """`local` or `rekognition`."""

    def settings_of(self, operation: str) -> JsonObject:
        """Everything that an answer depends on besides the picture.

        Its fingerprint names the ledger's folder.
        """

    def threads(self, operation: str) -> int:
        """How many calls at the same time are worth while."""

    def refusal(self, operation: str, picture: Picture) -> LinkError | None:
        """Why this operation cannot take this picture, known without asking; None if it can."""

    def answer(self, operation: str, picture: Picture) -> Answer:
        """Ask.

        Raises Rejected (this picture will not do), Transient (after retries) or StopRun (nothing
        can go on).
        """
