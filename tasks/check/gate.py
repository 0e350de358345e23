"""The gate: the staged files, exactly as they will be published, against the suites in
`expectations/`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from image_tags.tasks.adapters.files.tables import parquet_table
from image_tags.tasks.contracts.checks import CheckContext, Finding, Severity
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import AnalysisSettings
from image_tags.tasks.contracts.tables import CLEANING_RULES, KINDS, published_tables

if TYPE_CHECKING:
    from great_expectations.core.expectation_suite import ExpectationSuite
    from great_expectations.datasource.fluent.interfaces import Batch

LONGEST = 400
"""Characters of a finding's detail: cells of the source may be of any length."""

EXAMPLES = 5
"""How many offending values a finding shows."""


@dataclass(frozen=True)
class Checked:
    """What was found, and the version's profile for the next one to be compared with; none if it is
    blocked.
    """

    findings: list[Finding]
    profile: JsonObject | None


def check_files(staged: Mapping[str, bytes], context: CheckContext) -> Checked:
    """Check every published table.

    Args:
        staged: the bytes of each table's Parquet file; a table that is missing is a critical
            finding.
        context: what the tables must account for, and the thresholds.

    Returns:
        One finding an expectation, table by table, and the version's profile. If a file cannot be
        read or is missing, only that is found, since most expectations compare tables.

    Raises:
        BrokenSuite: a suite names something unknown.

    """
    tables: dict[str, pa.Table] = {}
    unread: list[Finding] = []
    for name in published_tables(context.metrics):
        try:
            tables[name] = parquet_table(staged[name])
        except (KeyError, pa.ArrowException, OSError) as error:
            what = (
                "the table was not staged"
                if isinstance(error, KeyError)
                else f"the file cannot be read: {error}"
            )
            says = "The staged file exists and can be read."
            unread.append(
                Finding(
                    name, "file", Severity.CRITICAL, False, says, _shorten(what), exception=True
                )
            )
    return (
        Checked(unread, None)
        if unread
        else check_loaded(tables, context, published_tables(context.metrics))
    )


def check_loaded(
    tables: Mapping[str, pa.Table], context: CheckContext, names: Sequence[str]
) -> Checked:
    """Check some of the tables, each in the sight of all.

    Arguments and errors as `check`, files read.
    """
    # Great Expectations takes seconds and 160 MB to import: only this step pays for it.
    from image_tags.expectations.custom.shape import contract_schema
    from image_tags.expectations.subject import Subject, use_subject
    from image_tags.expectations.suite import load_suite

    known, whole = list_parameters(context), Subject(tables, context)
    suites = {name: load_suite(name, contract_schema(name, whole).names, known) for name in names}
    with use_subject(whole):
        found = [
            one
            for name, batch in _make_batches(tables, names)
            for one in _find(name, suites[name], batch, known)
        ]
    # What is blocked is never compared with, and may not even have the columns for it.
    return Checked(found, None if any(one.blocks for one in found) else asdict(whole.profile))


def list_parameters(context: CheckContext) -> dict[str, Any]:
    """What suites may name as {"$PARAMETER": ...}: the thresholds and the closed vocabularies."""
    return {
        **context.thresholds.model_dump(),
        "statuses": [str(status) for status in Status],
        "reasons": [str(reason) for reason in Reason],
        "kinds": list(KINDS),
        "effect_kinds": ["any", *KINDS],
        "effect_min_rows": context.effect_min_rows,
        "metrics": list(context.metrics),
        "rules": list(CLEANING_RULES),
        "analyzers": list(AnalysisSettings.model_fields["analyzer"].annotation.__args__),  # type: ignore[union-attr]
    }


def _make_batches(
    tables: Mapping[str, pa.Table], names: Sequence[str]
) -> "Iterator[tuple[str, Batch]]":
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        # Nothing on disk, not even a temporary folder
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        progress_bars=ProgressBarsConfig(globally=False),
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    source = context.data_sources.add_pandas("staged")
    for name in names:
        whole = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("file")
        # Arrow's own types: what is in the file is looked at, not what pandas makes of it, and ten
        # times as fast.
        frame = tables[name].to_pandas(types_mapper=pd.ArrowDtype)
        yield name, whole.get_batch({"dataframe": frame})


def _find(
    table: str, suite: "ExpectationSuite", batch: "Batch", known: dict[str, Any]
) -> Iterator[Finding]:
    from image_tags.expectations.suite import get_place

    outcome = batch.validate(suite, expectation_parameters=known, result_format="SUMMARY")
    if len(outcome.results) != len(suite.expectations):
        raise RuntimeError(
            f"{table}: {len(outcome.results)} of {len(suite.expectations)} expectations gave a result"
        )
    for result in sorted(outcome.results, key=get_place):
        config = result.expectation_config
        if config is None:
            raise RuntimeError(f"{table}: a result does not say of which expectation")
        raised = _exception_message(result.exception_info)
        yield Finding(
            table=table,
            name=config.type,
            # An expectation that could not be looked at says nothing good: whatever its severity,
            # it blocks.
            severity=Severity.CRITICAL if raised else Severity(str(config.severity.value)),
            success=bool(result.success) and not raised,
            says=config.description or config.type,
            detail=_shorten(
                f"could not be looked at: {raised}" if raised else _describe_result(result.result)
            ),
            exception=bool(raised),
        )


def _exception_message(info: Mapping[str, Any]) -> str | None:
    """The message of what went wrong inside, if anything did; it comes bare or by the metric that
    raised it.
    """
    for one in (info, *info.values()):
        if isinstance(one, Mapping) and one.get("raised_exception"):
            return (
                str(one.get("exception_message") or "an error without a message")
                .strip()
                .splitlines()[0]
            )
    return None


def _describe_result(result: Mapping[str, Any]) -> str:
    if "observed_value" in result:
        return str(result["observed_value"])
    count, of = result.get("unexpected_count", 0), result.get("element_count", 0)
    if not count:
        return f"{of:,} rows looked at"
    examples = ", ".join(
        json.dumps(value, ensure_ascii=False, default=str)
        for value in result["partial_unexpected_list"][:EXAMPLES]
    )
    return f"{count:,} of {of:,} rows: {examples}"


def _shorten(text: str) -> str:
    """A detail that may be shown anywhere: in cells, strangers may send terminal commands or turn
    text around.
    """
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in shown)
