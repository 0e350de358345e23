"""The base of our own expectations."""

from dataclasses import dataclass
from typing import Any, ClassVar

from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation

from image_tags.expectations.subject import Subject, current_subject
from image_tags.tasks.adapters.files.table_files import TableFile

EXAMPLES = 5
"""How many offenders a finding names."""

Number = float | int | dict[str, Any]
"""A number in a suite, or the parameter that it comes from: {"$PARAMETER": "max_pending_share"}."""


Flag = bool | dict[str, Any]
"""Likewise for a switch: {"$PARAMETER": "allow_empty"}."""


@dataclass(frozen=True)
class Observation:
    """What an expectation found: whether it is met, and the details in words."""

    met: bool
    words: str


class TableExpectation(BatchExpectation):
    """An expectation on a whole staged file, with the other tables at hand.

    It reads the columns that it needs from the file itself, and none of them stays in memory; Great
    Expectations' own batch is empty. A subclass implements `inspect_table`; an exception in there
    becomes a critical finding.
    """

    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Inspect the own table, and the others if need be."""
        raise NotImplementedError

    def _validate(
        self,
        metrics: dict[str, Any],  # noqa: ARG002 - what we inspect is more than a metric
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002
        execution_engine: ExecutionEngine[Any] | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        whole, own = current_subject()
        seen = self.inspect_table(own, whole)
        return {"success": seen.met, "result": {"observed_value": seen.words}}


def as_number(value: Number) -> float:
    """The number; Great Expectations has put it in the place of its parameter by now."""
    if isinstance(value, dict):
        raise TypeError(f"no value for {value}")
    return float(value)


def as_flag(value: Flag) -> bool:
    """The switch; Great Expectations has put it in the place of its parameter by now."""
    if isinstance(value, dict):
        raise TypeError(f"no value for {value}")
    return value


def report_broken(broken: list[Any], looked_at: int, noun: str) -> Observation:
    """Met if nothing is broken; else how many and the first few."""
    if not broken:
        return Observation(True, f"{looked_at:,} {noun} looked at")
    named = ", ".join(str(one) for one in broken[:EXAMPLES])
    more = ", ..." if len(broken) > EXAMPLES else ""
    return Observation(False, f"{len(broken):,} of {looked_at:,} {noun}: {named}{more}")
