"""Records as JSON objects of a store: every one is written and read here, by pydantic."""

from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from image_tags.tasks.adapters.store.store import JSON, NotInStore, Store
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.records import JsonObject

T = TypeVar("T")

# A profile may have statistics of nothing, which are no numbers.
OBJECT: TypeAdapter[JsonObject] = TypeAdapter(
    dict[str, Any], config=ConfigDict(ser_json_inf_nan="constants")
)
"""The shape of records without a class, such as `summary.json`."""


class DamagedRecord(StopRun):
    """A record in the store is not what this program writes there."""


def dump_record(shape: TypeAdapter[T], record: T, indent: int | None = 2) -> bytes:
    """A record as JSON; without `indent` on one line, for what has many entries."""
    return shape.dump_json(record, indent=indent)


def save_record(
    store: Store,
    key: str,
    shape: TypeAdapter[T],
    record: T,
    indent: int | None = 2,
    *,
    durable: bool = True,
) -> None:
    """Write a record; one that is not `durable` may be lost when the machine fails."""
    store.write(key, dump_record(shape, record, indent), JSON, durable=durable)


def load_record(store: Store, key: str, shape: TypeAdapter[T]) -> T | None:
    """Read a record; None if it does not exist.

    Raises:
        DamagedRecord: it is not of this shape.

    """
    try:
        return shape.validate_json(store.read(key))
    except NotInStore:
        return None
    except ValidationError as error:
        raise DamagedRecord(
            f"{store.locate(key)} is damaged ({first_problem(error)}): start a new run instead of "
            "retrying this one."
        ) from None


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong with a record, and where."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else str(first["msg"])
