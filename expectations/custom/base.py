"""The base of our own expectations."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.execution_engine.pandas_batch_data import PandasBatchData
from great_expectations.expectations.expectation import BatchExpectation

from image_tags.expectations.subject import Subject, current_subject

EXAMPLES = 5
"""How many offenders a finding names."""

Number = float | int | dict[str, Any]
"""A number in a suite, or the parameter that it comes from: {"$PARAMETER": "max_pending_share"}."""


@dataclass(frozen=True)
class Observation:
    """What an expectation saw: whether it is met, and what it saw in words."""

    met: bool
    words: str


class TableExpectation(BatchExpectation):
    """An expectation that looks at its whole table, with the other tables at hand.

    A subclass says in `look` what it sees. An exception in there becomes a critical finding.
    """

    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)

    def inspect_table(self, own: pa.Table, whole: Subject) -> Observation:
        """Look at the own table, and at the whole if need be."""
        raise NotImplementedError

    def _validate(
        self,
        metrics: dict[str, Any],  # noqa: ARG002 - what we look at is more than a metric
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002
        execution_engine: ExecutionEngine[Any] | None = None,
    ) -> dict[str, Any]:
        batch = execution_engine.batch_manager.active_batch_data if execution_engine else None
        if not isinstance(batch, PandasBatchData):
            raise TypeError("there is no table to look at")
        own = pa.Table.from_pandas(batch.dataframe, preserve_index=False).replace_schema_metadata(
            None
        )
        seen = self.inspect_table(own, current_subject())
        return {"success": seen.met, "result": {"observed_value": seen.words}}


def as_number(value: Number) -> float:
    """The number, which Great Expectations has put in the place of the parameter by the time it
    looks.
    """
    if isinstance(value, dict):
        raise TypeError(f"no value for {value}")
    return float(value)


def report_broken(broken: list[Any], looked_at: int, noun: str) -> Observation:
    """Met if nothing is broken; else how many and the first few."""
    if not broken:
        return Observation(True, f"{looked_at:,} {noun} looked at")
    named = ", ".join(str(one) for one in broken[:EXAMPLES])
    return Observation(
        False,
        f"{len(broken):,} of {looked_at:,} {noun}: {named}{', ...' if len(broken) > EXAMPLES else ''}",
    )
