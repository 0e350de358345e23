"""Where Prefect keeps the results of mapped tasks: in the store, as JSON, below their run.

Prefect's own serializers are not safe here. Its default, cloudpickle, runs code when it reads a
result, and so could anyone who can write to the store. Its JSON serializer imports and calls the
class that a result names. An envelope names the serializer that reads it, so a planted one chooses:
each is checked against one exact shape before Prefect sees it.
"""

import json
import logging
from typing import TYPE_CHECKING, Any

from prefect.exceptions import MissingContextError
from prefect.filesystems import WritableFileSystem
from prefect.logging import get_run_logger
from prefect.serializers import Serializer
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.store import JSON, Store
from image_tags.tasks.contracts.errors import BatchFailed, ImageTagsError, StopRun, UsageError
from image_tags.tasks.contracts.records import BatchDone
from image_tags.tasks.contracts.settings import StoreSettings

if TYPE_CHECKING:
    from prefect.logging.loggers import LoggingAdapter

log = logging.getLogger(__name__)

TYPE = "image-tags"
"""The only serializer that an envelope in the store may name."""


ERRORS = {error.__name__: error for error in (BatchFailed, StopRun, UsageError)}
"""The errors that a task run ends with on purpose."""


class UntrustedResult(ImageTagsError):
    """A result in the store that this program did not write; it is not read."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Result(_Strict):
    """What a result holds: a batch that is done, or the error of one that failed."""

    done: BatchDone | None = None
    error: str | None = None
    message: str = ""


class _SerializerName(_Strict):
    type: str = Field(TYPE, pattern=f"^{TYPE}$")


class _Metadata(_Strict):
    serializer: _SerializerName
    storage_key: str | None = None
    expiration: None = None
    prefect_version: str
    storage_block_id: None = None


class _Envelope(_Strict):
    metadata: _Metadata
    result: str


class ResultSerializer(Serializer):  # not `Serializer[Any]`, which Prefect would register
    """Counts of a batch, and the errors of failed ones, as JSON; nothing else.

    It never imports a name that a result gives.
    """

    type: str = Field(default=TYPE, frozen=True)

    def dumps(self, obj: Any) -> bytes:
        """Encode a `BatchDone` or an exception; of anything else, only that there was a value."""
        if isinstance(obj, BatchDone):
            return _Result(done=obj).model_dump_json().encode()
        if isinstance(obj, BaseException):
            return _Result(error=type(obj).__name__, message=str(obj)).model_dump_json().encode()
        return _Result().model_dump_json().encode()

    def loads(self, blob: bytes) -> Any:
        """Decode it again; an error of a class that is not ours comes back as BatchFailed."""
        result = _Result.model_validate_json(blob)
        if result.error is None:
            return result.done
        known = ERRORS.get(result.error)
        return known(result.message) if known else BatchFailed(f"{result.error}: {result.message}")


class StoreResults(WritableFileSystem):
    """Prefect's result storage over a store. A result's key is a key of the store, below its run.

    Methods are plain functions where Prefect's own are async or both: it takes either.

    It is never saved on the server, where one block per store would be left behind. Prefect asks
    for a saved one in `Task.with_options` only, so `attach` sets it afterwards.

    Attributes:
        settings: of the store.
        run: the run whose results these are.

    """

    _block_type_name = "image-tags store"
    _block_type_slug = "image-tags-store"
    _description = "Results of image-tags task runs, kept in the store that the flow works on."

    settings: StoreSettings
    run: str
    _store: Store | None = PrivateAttr(default=None)

    def read_path(self, path: str, **_: Any) -> bytes:  # type: ignore[override]
        """The bytes of one result, checked.

        Raises:
            UntrustedResult: it is none that `write_path` wrote. Prefect takes that for a result
                that is not there: the batch runs again, and replaces it.

        """
        key = self._key_of(path)
        content = self._open_store().read(key)
        try:
            envelope = _Envelope.model_validate_json(content)
            _Result.model_validate_json(envelope.result)
        except ValidationError:
            problem = (
                f"The result {key} was not written by this program ({_name_serializer(content)}). "
                "It was not read, and its batch runs again. Find out who can write to the store."
            )
            _logger().error(problem)
            raise UntrustedResult(problem) from None
        # Written again, so that Prefect reads what was checked: it also takes older forms.
        return envelope.model_dump_json().encode()

    def write_path(self, path: str, content: bytes, **_: Any) -> None:  # type: ignore[override]
        """Keep one result, unless it left links pending: a retry then tries those again."""
        done = json.loads(json.loads(content)["result"])["done"]
        if done and done["unreachable"]:
            return
        self._open_store().write(self._key_of(path), content, JSON)

    def _resolve_path(self, path: str) -> None:
        """Tell Prefect that keys are used as they are; it asks storage that is not saved."""

    def _key_of(self, path: str) -> str:
        # Prefect makes up a name for the error of a failed task run; other keys name their run.
        return path if path.startswith("runs/") else f"runs/{self.run}/results/failed/{path}"

    def _open_store(self) -> Store:
        if self._store is None:
            self._store = open_store(self.settings)
        return self._store


def _logger() -> "logging.Logger | LoggingAdapter":
    try:
        return get_run_logger()
    except MissingContextError:  # someone looks at results outside of a run
        return log


def _name_serializer(content: bytes) -> str:
    """What an envelope says that should read it, for a person who looks into it."""
    try:
        envelope = json.loads(content)
        named = envelope.get("serializer") or envelope["metadata"]["serializer"]
        return f"serializer {str(named['type'])[:40]!r}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "not an envelope"
