"""The doctor's findings, and how they are printed."""

from collections.abc import Iterable
from dataclasses import dataclass

from image_tags.tasks.contracts.errors import ImageTagsError


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        name: what was checked.
        ok: None if it was not checked.
        message: what was found, or why it was not checked.
        fix: what to do about it; empty if it is fine.

    """

    name: str
    ok: bool | None
    message: str
    fix: str = ""


def make_failure(name: str, error: ImageTagsError) -> Check:
    """A failed check from an error whose sentence has the problem, a colon, and the fix."""
    message, _, fix = str(error).partition(": ")
    return Check(name, False, message.rstrip("."), fix[:1].upper() + fix[1:])


def render_check(check: Check) -> list[str]:
    """A check as lines of text: a mark, the name and the message, and below them the fix."""
    mark = {True: "ok", False: "FAIL", None: "--"}[check.ok]
    lines = [f"{mark:<4}  {check.name:<26}  {check.message}"]
    return [*lines, f"{'':<34}Fix: {check.fix}"] if check.fix else lines


def close_checkup(checks: Iterable[Check]) -> str:
    """The last line: whether a run can start."""
    failed = [check.name for check in checks if check.ok is False]
    return f"Not yet: {', '.join(failed)}." if failed else "Good to go."
