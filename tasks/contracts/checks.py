"""The input of the gate, and its output: one finding per expectation."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import CheckSettings, CleaningSettings


class Severity(StrEnum):
    """What a failed expectation means: not published, or published and flagged."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """The result of one expectation.

    Attributes:
        table: the published table.
        name: the expectation's type, such as `expect_column_values_to_be_unique`.
        severity: from the suite; critical if the expectation could not be evaluated.
        success: whether it was met.
        description: the expectation as a sentence.
        detail: what was observed: counts, and a few examples of wrong values.
        exception: whether it could not be evaluated (a missing column, an internal error).
    """

    table: str
    name: str
    severity: Severity
    success: bool
    description: str
    detail: str
    exception: bool = False

    @property
    def blocks(self) -> bool:
        """Whether nothing may be published because of it."""
        return not self.success and self.severity is Severity.CRITICAL


def describe_failure(finding: Mapping[str, Any]) -> str:
    """A failed expectation as a sentence, for the screen and the log."""
    what = f"{str(finding['severity']).capitalize()}, {finding['table']}"
    return f"{what}: not met: {finding['description']} Seen: {finding['detail']}."


@dataclass(frozen=True)
class CheckContext:
    """What the gate knows in addition to the staged tables.

    Attributes:
        links: how many links were found in it.
        tags: how many tags were read from the responses, before cleaning.
        widths: how many columns of each kind `tags_wide` has.
        cleaning: the rules that the tags were cleaned by.
        thresholds: when to warn.
        last: the profile of the last published version; None if there is none.
        metrics: what tags are compared by; with any, `tag_effects` is published too.
        effect_min_rows: the least number of rows on either side of a comparison.
    """

    links: int
    tags: int
    widths: Mapping[str, int]
    cleaning: CleaningSettings
    thresholds: CheckSettings
    last: JsonObject | None = None
    metrics: tuple[str, ...] = ()
    effect_min_rows: int = 0


@dataclass(frozen=True)
class Checked:
    """The findings, and the version's profile, which the next version is compared with.

    There is no profile if the version is blocked.
    """

    findings: list[Finding]
    profile: JsonObject | None
