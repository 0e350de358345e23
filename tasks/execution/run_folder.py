"""A run's folder, `runs/<run>/`: its JSON files, and its tables as they will be published."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import pyarrow as pa
from pydantic import TypeAdapter

from image_tags.tasks.adapters.files.tables import parquet_bytes, parquet_table
from image_tags.tasks.adapters.store.json_records import load_record, save_record
from image_tags.tasks.adapters.store.store import PARQUET, Store
from image_tags.tasks.contracts.records import Calls, Failure, Fetched, Link
from image_tags.tasks.contracts.settings import Settings

MOMENT = "%Y%m%dT%H%M%SZ"

LINKS = pa.schema([("row", pa.int64()), ("position", pa.int64()), ("url", pa.string())])

FETCHED = TypeAdapter(list[Fetched])
FAILURES = TypeAdapter(list[Failure])
CALLS = TypeAdapter(dict[str, Calls])
SETTINGS = TypeAdapter(Settings)


def name_of_run(started: datetime, flow_run_id: object) -> str:
    """A run's name: when its flow run first started, and the end of its id.

    A retry keeps the name, as it goes on with the same run.
    """
    return f"{started.astimezone(UTC):{MOMENT}}-{str(flow_run_id).replace('-', '')[-12:]}"


def first_start(run: str) -> datetime:
    """When a run first started, from its name; now for what has no such name."""
    try:
        return datetime.strptime(run.partition("-")[0], MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return datetime.now(UTC)


def run_key(run: str, name: str) -> str:
    """The key of a run's file."""
    return f"runs/{run}/{name}"


def save_settings(store: Store, run: str, settings: Settings) -> None:
    """Keep the settings of a run."""
    save_record(store, run_key(run, "settings.json"), SETTINGS, settings)


def save_fetched(store: Store, run: str, digest: str, fetched: list[Fetched]) -> None:
    """Save the outcomes of a batch of links."""
    save_record(store, run_key(run, f"fetched/{digest}.json"), FETCHED, fetched, indent=None)


def load_fetched(store: Store, run: str, digests: Iterable[str]) -> Iterator[Fetched]:
    """The outcomes of the links of some batches; a batch that never finished has none."""
    for digest in digests:
        yield from load_record(store, run_key(run, f"fetched/{digest}.json"), FETCHED) or ()


def save_failures(store: Store, run: str, name: str, failures: list[Failure]) -> None:
    """Save why some images have no answer.

    Those of an earlier attempt may stay: a failure only counts while there is no answer.
    """
    save_record(store, run_key(run, f"failures/{name}.json"), FAILURES, failures, indent=None)


def delete_failures(store: Store, run: str) -> None:
    """Delete the failures of an earlier attempt, which may have had other batches."""
    for key in list(store.keys(run_key(run, "failures/"))):
        store.delete(key)


def load_failures(store: Store, run: str) -> list[Failure]:
    """All failures of a run."""
    return [
        failure
        for key in store.keys(run_key(run, "failures/"))
        for failure in load_record(store, key, FAILURES) or ()
    ]


def save_calls(store: Store, run: str, calls: dict[str, Calls]) -> None:
    """Keep the account of calls by operation."""
    save_record(store, run_key(run, "calls.json"), CALLS, calls)


def load_calls(store: Store, run: str) -> dict[str, Calls]:
    """The account of calls by operation."""
    return load_record(store, run_key(run, "calls.json"), CALLS) or {}


def links_table(links: list[Link]) -> pa.Table:
    """Links as a table: `row`, `position`, `url`."""
    columns = ([getattr(link, name) for link in links] for name in LINKS.names)
    return pa.table(list(columns), LINKS)


def save_links(store: Store, run: str, links: list[Link]) -> None:
    """Stage the links of the source as `links.parquet`."""
    stage(store, run, "links", links_table(links))


def load_links(store: Store, run: str) -> list[Link]:
    """The links of the staged source."""
    rows = staged(store, run, "links").to_pylist()
    return [Link(row["row"], row["position"], row["url"]) for row in rows]


def stage(store: Store, run: str, name: str, table: pa.Table) -> None:
    """Write a table as `runs/<run>/<name>.parquet`."""
    store.write(staged_key(run, name), parquet_bytes(table), PARQUET)


def staged(store: Store, run: str, name: str) -> pa.Table:
    """A staged table."""
    return parquet_table(store.read(staged_key(run, name)))


def staged_key(run: str, name: str) -> str:
    """The key of a staged table."""
    return run_key(run, f"{name}.parquet")


def is_staged(store: Store, run: str, name: str) -> bool:
    """Whether the run has made this table."""
    return store.exists(staged_key(run, name))
