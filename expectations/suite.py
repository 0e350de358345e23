"""Suites, read strictly: a rule that is silently skipped is no rule."""

import json
from collections.abc import Collection, Iterator, Mapping
from importlib.resources import files
from typing import Any

from great_expectations.compatibility.pydantic import ValidationError
from great_expectations.core.expectation_suite import ExpectationSuite
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.registry import get_expectation_impl

import image_tags.expectations.custom  # noqa: F401 - makes our own expectations known
from image_tags.expectations.custom.base import TableExpectation
from image_tags.tasks.contracts.checks import Severity
from image_tags.tasks.contracts.errors import StopRun

MEMBERS = {"type", "kwargs", "severity", "description"}
PLACE = "place"
COLUMNS = ("column", "column_A", "column_B", "column_list", "facts")
"""The members of `kwargs` that name columns of the own table."""


class BrokenSuite(StopRun):
    """A suite says something that cannot be checked."""


def load_suite(
    table: str, columns: Collection[str], parameters: Collection[str]
) -> ExpectationSuite:
    """The suite of a published table, from `expectations/<table>.json`; see `read_suite`."""
    return read_suite(
        table,
        (files("image_tags.expectations") / f"{table}.json").read_text("utf-8"),
        columns,
        parameters,
    )


def read_suite(
    table: str, text: str, columns: Collection[str], parameters: Collection[str]
) -> ExpectationSuite:
    """A suite from its JSON text.

    Args:
        table: the table that the suite is for.
        text: {"name", "expectations": [{"type", "kwargs", "severity", "description"}]}.
        columns: the table's columns.
        parameters: the parameters that kwargs may name, as {"$PARAMETER": name}.

    Raises:
        BrokenSuite: not that shape, or an unknown expectation, column, parameter or severity.

    """
    try:
        suite = json.loads(text)
        entries = suite["expectations"]
        if suite["name"] != table or set(suite) != {"name", "expectations"} or not entries:
            raise ValueError(
                "it needs the table's name and a list of expectations, and nothing else"
            )
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenSuite(f"The suite of {table} cannot be read: {error}.") from None
    made = [_make_expectation(table, entry, columns, parameters) for entry in entries]
    for as_number, expectation in enumerate(made):
        expectation.meta = {PLACE: as_number}
    read = ExpectationSuite(name=table, expectations=made)
    if len(read.expectations) != len(entries):
        raise BrokenSuite(
            f"The suite of {table} has {len(entries)} expectations, "
            f"but {len(read.expectations)} arrived."
        )
    return read


def _make_expectation(
    table: str, entry: Any, columns: Collection[str], parameters: Collection[str]
) -> Expectation:
    if (
        not isinstance(entry, dict)
        or set(entry) != MEMBERS
        or not isinstance(entry["kwargs"], dict)
    ):
        raise BrokenSuite(
            f"The suite of {table} has an entry that is not made of "
            f"{', '.join(sorted(MEMBERS))}: {entry!r}."
        )
    name = entry["type"]
    if entry["severity"] not in list(Severity):
        raise BrokenSuite(
            f"The suite of {table} gives {name} the unknown severity {entry['severity']!r}."
        )
    if not str(entry["description"]).strip().endswith("."):
        raise BrokenSuite(f"The suite of {table} does not say in a sentence what {name} is for.")
    for column in _list_columns(entry["kwargs"]):
        if column not in columns:
            raise BrokenSuite(
                f"The suite of {table} names the unknown column {column!r} in {name}."
            )
    for value in entry["kwargs"].values():
        if isinstance(value, Mapping) and value.get("$PARAMETER", "") not in {*parameters, ""}:
            raise BrokenSuite(
                f"The suite of {table} names the unknown parameter "
                f"{value['$PARAMETER']!r} in {name}."
            )
    try:
        made = get_expectation_impl(name)(
            **entry["kwargs"], severity=entry["severity"], description=entry["description"]
        )
    except GreatExpectationsError:
        raise BrokenSuite(f"The suite of {table} names the unknown expectation {name!r}.") from None
    except ValidationError as error:
        raise BrokenSuite(
            f"The suite of {table} gives {name} what it does not take: {error.errors()[0]['msg']}."
        ) from None
    return made


def divide_by_columns(
    suite: ExpectationSuite,
) -> Iterator[tuple[list[str], ExpectationSuite]]:
    """The suite in parts whose expectations are about the same columns, with those columns.

    Our own expectations read the file themselves: for Great Expectations they have no columns.
    """
    parts: dict[tuple[str, ...], list[Expectation]] = {}
    for one in suite.expectations:
        own = isinstance(one, TableExpectation)
        columns = () if own else tuple(sorted({*_list_columns(one.configuration.kwargs)}))
        parts.setdefault(columns, []).append(one)
    for columns, expectations in parts.items():
        yield list(columns), ExpectationSuite(name=suite.name, expectations=expectations)


def get_place(result: ExpectationValidationResult) -> int:
    """The place of the result's expectation in its suite: results come in another order."""
    if result.expectation_config is None or result.expectation_config.meta is None:
        raise ValueError("a result does not say of which expectation")
    return int(result.expectation_config.meta[PLACE])


def _list_columns(kwargs: Mapping[str, Any]) -> Iterator[str]:
    for member in COLUMNS:
        value = kwargs.get(member, [])
        yield from [value] if isinstance(value, str) else value
    condition = kwargs.get("row_condition") or {}
    yield from (part["column"]["name"] for part in condition.get("conditions", [condition]) if part)
