"""What the doctor finds, and how it is said."""

from collections.abc import Iterable
from dataclasses import dataclass

from image_tags.tasks.contracts.errors import ImageTagsError


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        ok: None if it was not checked.
        says: what was found, or why it was not checked.
        fix: what to do about it; empty if it is fine.

    """

    name: str
    ok: bool | None
    says: str
    fix: str = ""


def failed(name: str, error: ImageTagsError) -> Check:
    """A failure from an error's sentence, which says what is wrong and, after a colon, what to do."""
    says, _, fix = str(error).partition(": ")
    return Check(name, False, says.rstrip("."), fix[:1].upper() + fix[1:])


def render(check: Check) -> list[str]:
    """A check as lines of text: a mark, the name, what it says, and below it the fix."""
    mark = {True: "ok", False: "FAIL", None: "--"}[check.ok]
    lines = [f"{mark:<4}  {check.name:<26}  {check.says}"]
    return [*lines, f"{'':<34}Fix: {check.fix}"] if check.fix else lines


def closing(checks: Iterable[Check]) -> str:
    """The last line: whether a run can start."""
    wrong = [check.name for check in checks if check.ok is False]
    return f"Not yet: {', '.join(wrong)}." if wrong else "Good to go."
