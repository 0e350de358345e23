"""The operations: how each is called and how its response is read. A sixth is one more entry."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.contracts.records import JsonObject, Tag
from tasks.contracts.settings import AnalysisSettings


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: as in `--operations`; also the name of the boto3 client's method.
        request: the request's members besides Image, from the settings.
        read: the tags in a response, ranked within each kind.
        version: the response's member that names the model's version; None if the service does not say.
        max_side: px a side at most; None if the service names no limit.

    """

    name: str
    request: Callable[[AnalysisSettings], JsonObject]
    read: Callable[[JsonObject], list[Tag]]
    version: str | None = None
    max_side: int | None = None


OPERATIONS: dict[str, Operation] = {}
