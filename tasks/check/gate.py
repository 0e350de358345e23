"""The gate: checks the staged files, exactly as they will be published, against `expectations/`.

Memory is bounded: Great Expectations gets one column (or the few columns) that its expectations
are about at a time, and our own expectations read from the file what they need. So the tables may
be larger than memory; what is held is a column of the largest table.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.core.expectation_suite import ExpectationSuite
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)

from image_tags.expectations.custom.shape import contract_schema
from image_tags.expectations.subject import Subject, use_subject
from image_tags.expectations.suite import divide_by_columns, get_place, load_suite
from image_tags.tasks.adapters.files.errors import DamagedTable
from image_tags.tasks.adapters.files.table_files import TableFile
from image_tags.tasks.contracts.checks import CheckContext, Checked, Finding, Severity
from image_tags.tasks.contracts.display import redact
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.settings import AnalysisSettings
from image_tags.tasks.contracts.tables import CLEANING_RULES, KINDS, published_tables

LONGEST = 400
"""Characters of a finding's detail: cells of the source may be of any length."""

EXAMPLES = 5
"""How many offending values a finding shows."""


def check_files(staged: Mapping[str, Path | bytes], context: CheckContext) -> Checked:
    """Check every published table.

    Args:
        staged: each table's Parquet file (its path, or its bytes), `source` among them; a table
            that is missing is a critical finding.
        context: what the tables must account for, and the thresholds.

    Returns:
        One finding per expectation, table by table, and the version's profile. If a file cannot be
        read or is missing, only that is found, since most expectations compare tables.

    Raises:
        BrokenSuite: a suite names something unknown.

    """
    names = published_tables(context.metrics)
    tables: dict[str, TableFile] = {}
    unread: list[Finding] = []
    for name in ("source", *names):
        try:
            tables[name] = TableFile(staged[name])
        except (KeyError, DamagedTable) as error:
            missing = isinstance(error, KeyError)
            what = "the table was not staged" if missing else "the file cannot be read"
            unread.append(_report_unread(name, what))
    return Checked(unread, None) if unread else check_opened(tables, context, names)


def check_opened(
    tables: Mapping[str, TableFile], context: CheckContext, names: Sequence[str]
) -> Checked:
    """Check some of the tables, each with all of them at hand.

    Arguments and errors as for `check_files`, with the files opened.
    """
    known, whole = list_parameters(context), Subject(tables, context)
    suites = {name: load_suite(name, contract_schema(name, whole).names, known) for name in names}
    frames = _open_frames()
    found: list[Finding] = []
    for name in names:
        with use_subject(whole, name):
            found += _check_table(frames, tables[name], suites[name], known)
    # What is blocked is never compared with, and may not even have the columns for it.
    return Checked(found, None if any(one.blocks for one in found) else asdict(whole.profile))


def list_parameters(context: CheckContext) -> dict[str, Any]:
    """What suites may name as {"$PARAMETER": ...}: thresholds and closed vocabularies."""
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


def _open_frames() -> "BatchDefinition[Any]":
    """Where Great Expectations takes each frame from.

    One for all: it keeps a frame until the next one of the same name comes, and saves and reads the
    whole data source, with all its names, whenever one is added.
    """
    config = DataContextConfig(
        # Nothing on disk, not even a temporary folder
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        progress_bars=ProgressBarsConfig(globally=False),
        # It reports to nobody today; an earlier version did, and a later one may again.
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_pandas("staged").add_dataframe_asset("columns")
    return asset.add_batch_definition_whole_dataframe("file")


def _check_table(
    frames: "BatchDefinition[Any]",
    table: TableFile,
    suite: "ExpectationSuite",
    known: Mapping[str, Any],
) -> list[Finding]:
    """One finding per expectation, in the order of the suite."""
    results: list[ExpectationValidationResult] = []
    for columns, part in divide_by_columns(suite):
        # A column that is missing is found by the expectations that are about it.
        there = [name for name in columns if name in table.column_names]
        # Arrow's own types: the file's values are looked at, not what pandas makes of them, and it
        # is ten times as fast.
        frame = table.select(there).to_pandas(types_mapper=pd.ArrowDtype)
        batch = frames.get_batch({"dataframe": frame})
        outcome = batch.validate(part, expectation_parameters=dict(known), result_format="SUMMARY")
        results += outcome.results
    if len(results) != len(suite.expectations):
        raise RuntimeError(
            f"{suite.name}: {len(results)} of {len(suite.expectations)} expectations gave a result"
        )
    return [_make_finding(suite.name, result) for result in sorted(results, key=get_place)]


def _make_finding(table: str, result: "ExpectationValidationResult") -> Finding:
    config = result.expectation_config
    if config is None:
        raise RuntimeError(f"{table}: a result does not name its expectation")
    raised = _exception_message(result.exception_info)
    seen = f"could not be evaluated: {raised}" if raised else _describe_result(result.result)
    return Finding(
        table=table,
        name=config.type,
        # An expectation that could not be evaluated blocks, whatever its severity.
        severity=Severity.CRITICAL if raised else Severity(str(config.severity.value)),
        success=bool(result.success) and not raised,
        description=config.description or config.type,
        detail=_shorten(seen),
        exception=bool(raised),
    )


def _report_unread(table: str, what: str) -> Finding:
    description = "The staged file exists and can be read."
    return Finding(
        table, "file", Severity.CRITICAL, False, description, _shorten(what), exception=True
    )


def _exception_message(info: Mapping[str, Any]) -> str | None:
    """The message of an exception inside, if there was one; it comes bare, or by metric."""
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
        return f"{of:,} rows checked"
    examples = ", ".join(
        json.dumps(value, ensure_ascii=False, default=str)
        for value in result["partial_unexpected_list"][:EXAMPLES]
    )
    return f"{count:,} of {of:,} rows: {examples}"


def _shorten(text: str) -> str:
    """A detail that is safe to show anywhere.

    Cells come from strangers and may hold terminal commands, characters that reverse text, or
    links with a signature.
    """
    text = redact(text)
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in shown)
