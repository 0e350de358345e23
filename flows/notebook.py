"""The flow from a notebook: a DataFrame of image links in, published tables out."""

import hashlib
import inspect
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import pandas as pd

from image_tags.flows.cli_options import read_keywords
from image_tags.flows.dry_run import Planned, plan_run
from image_tags.flows.flow_parameters import flatten_parameters
from image_tags.flows.launch import launch_run
from image_tags.flows.notebook_result import Result
from image_tags.flows.outcome import Outcome
from image_tags.flows.prefect_setup import quiet_prefect
from image_tags.flows.preflight import Preflight, check_request, check_shards
from image_tags.flows.signals import request_on_interrupt
from image_tags.tasks.adapters import progress
from image_tags.tasks.adapters.files.tables import parquet_bytes
from image_tags.tasks.adapters.interruption import Interrupted
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.store import PARQUET
from image_tags.tasks.contracts.errors import StopRun, UsageError
from image_tags.tasks.contracts.metrics import check_metrics
from image_tags.tasks.contracts.settings import Settings, StoreSettings
from image_tags.tasks.published.pointer import FILES
from image_tags.tasks.read import read_tables
from image_tags.tasks.source.dataframes import (
    restore_frame,
    restore_index,
    source_table,
    stored_name,
)
from image_tags.tasks.source.step import source_from_table

Value = TypeVar("Value")


def _with_settings(function: Callable[..., Value]) -> Callable[..., Value]:
    """Give a function of a frame one keyword for each setting, so that editors complete them."""
    own = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    listed = inspect.signature(flatten_parameters(lambda settings: settings)).parameters
    settings = [
        parameter.replace(default=None) if parameter.default is parameter.empty else parameter
        for name, parameter in listed.items()
        if name not in ("source", "url_column")
    ]
    function.__signature__ = inspect.Signature([*own, *settings])  # type: ignore[attr-defined]
    return function


@_with_settings
def tag_images(frame: pd.DataFrame, url_column: Hashable | None = None, **options: Any) -> Result:
    """Tag the pictures behind the links in a DataFrame, publish the tables, and return them.

    The frame is kept in the store as a Parquet file, and the same flow runs on it as `image-tags
    run` starts. An interrupted cell loses nothing: run it again.

    Args:
        frame: any DataFrame with links in a column; it is not changed.
        url_column: the column, or named level of the index, with the links; if left out, found by
            looking at the values.
        options: the settings of `image-tags run`, such as `store="s3://bucket/prefix"` or
            `metric=["likes"]`.

    Returns:
        The published tables. Where links are left pending, a warning says so; running again does
        what is missing.

    Raises:
        UsageError: the request is not possible.
        StopRun: nothing was published; the sentence says why, and what to do.

    """
    given = _read_options(frame, options, "tag_images")
    with quiet_prefect(), _one_sentence():
        preflight = _store_frame(frame, url_column, given)
        settings = preflight.settings
        progress.show_progress()
        outcome = launch_run(preflight)
        if not outcome.summary["published"]:
            raise StopRun(outcome.message)
        result = _build_result(frame, settings, outcome)
    if outcome.exit_code:
        warnings.warn(outcome.message, stacklevel=2)
    return result


@_with_settings
def plan_images(
    frame: pd.DataFrame, url_column: Hashable | None = None, *, fetch: bool = True, **options: Any
) -> "Planned":
    """Work out what `tag_images` would fetch, call and cost; makes no paid call.

    Args:
        frame: as for `tag_images`.
        url_column: as for `tag_images`.
        fetch: fetch new links first, so that the plan is exact; the run need not do it again.
        options: as for `tag_images`.

    Returns:
        The plan: it shows as sentences; `plan.as_json()` has its counts and costs.

    Raises:
        UsageError: the request is not possible.

    """
    given = _read_options(frame, options, "plan_images")
    with quiet_prefect(), _one_sentence():
        preflight = _store_frame(frame, url_column, given)
        progress.show_progress()
        return plan_run(preflight.settings, fetch)


def _read_options(frame: pd.DataFrame, options: Mapping[str, Any], function: str) -> Settings:
    """Read the settings, after a look at what they are for."""
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(f"{function} takes a pandas DataFrame, not {type(frame).__name__}.")
    if not len(frame.columns):
        raise UsageError("The frame has no columns.")
    for name in ("source", "frame"):
        if name in options:
            raise UsageError(f"There is no setting {name!r} here: the frame is the source.")
    return read_keywords({**options, "source": "the frame"})


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Turn an interrupted cell into one sentence."""
    try:
        with request_on_interrupt():
            yield
    except (KeyboardInterrupt, Interrupted):
        raise StopRun("Interrupted. Nothing is lost; run the cell again.") from None


def _store_frame(frame: pd.DataFrame, url_column: Hashable | None, given: Settings) -> "Preflight":
    """Check the request, write the frame to the store, and make it the source."""
    table = source_table(frame)
    wanted = None if url_column is None else stored_name(frame, url_column)
    source = source_from_table(table, wanted)
    check_metrics(table, given.metric, given.effect_cluster)
    check_request(given)
    check_shards(given)
    store = open_store(given.only(StoreSettings))
    data = parquet_bytes(table)
    key = f"sources/frame-{hashlib.sha256(data).hexdigest()[:16]}.parquet"
    store.add(key, data, PARQUET)
    settings = given.model_copy(update={"source": store.locate(key), "url_column": wanted})
    return Preflight(settings, source)


def _build_result(frame: pd.DataFrame, settings: Settings, outcome: "Outcome") -> Result:
    version = outcome.summary["version"]
    tables = read_tables(settings.store, version, region=settings.region)
    page = open_store(settings.only(StoreSettings)).read(
        FILES.format(version=version, name="report.html")
    )
    return Result(
        images=restore_index(frame, tables["images"]),
        tags_long=tables["tags_long"],
        tags_dropped=tables["tags_dropped"],
        tags_wide=tables["tags_wide"],
        tagged=restore_frame(frame, tables["tagged"], tables["images"]),
        rows=restore_frame(frame, tables["rows"], pd.DataFrame({"row": range(len(frame))})),
        tag_effects=tables.get("tag_effects"),
        summary=outcome.summary,
        report=page.decode(),
        lines=tuple(outcome.lines),
    )
