"""What became of each image once the analyzer was asked, and the account of calls."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import pyarrow as pa

from image_tags.tasks.adapters.ledger.entry import Refusal
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.contracts.reasons import REASONS, Reason, Status
from image_tags.tasks.contracts.records import Calls, Failure, Verdict

VERDICTS = pa.schema(
    [
        ("image_id", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
"""The staged table `verdicts`: one row per image, in order of first appearance."""

COLUMNS = ("answered", "run", "refusal", "remark")
"""The columns of the ledger that are read of every answer."""

CallFailures = Mapping[tuple[str, str], Failure]
"""Why an image has no answer to an operation, by image and operation."""


class Heard(NamedTuple):
    """One answer of an analyzer, without the response.

    Attributes:
        answered: when; another time means another answer.
        run: the run that asked.
        refusal: why there is no response and will not be.
        remark: what was done to the picture to make it fit, if anything.
    """

    answered: object
    run: str
    refusal: Refusal | None
    remark: str | None


class Answered(Protocol):
    """An answer, of which only this matters for the verdict."""

    @property
    def refusal(self) -> Refusal | None:
        """Why there is no response and will not be."""

    @property
    def remark(self) -> str | None:
        """What was done to the picture to make it fit, if anything."""


def find_answers(ledger: Ledger, image_ids: Sequence[str]) -> dict[str, Heard]:
    """The answers of one operation to those of the images that it has answered."""
    found: dict[str, Heard] = {}
    for table in ledger.read_answers(image_ids, COLUMNS):
        columns = (table[name].to_pylist() for name in ("image_id", *COLUMNS))
        for image_id, answered, run, refusal, remark in zip(*columns, strict=True):
            found[image_id] = Heard(answered, run, refusal and read_refusal(refusal), remark)
    return found


def read_refusal(given: Mapping[str, str]) -> Refusal:
    """A refusal as the ledger keeps it; one with an unknown reason is a plain refusal."""
    reason = REASONS.get(given["reason"], Reason.REFUSED_BY_ANALYZER)
    return Refusal(reason, str(given["detail"]))


def index_failures(failures: Iterable[Failure]) -> CallFailures:
    """The failures by image and operation."""
    return {(failure.image_id, failure.operation): failure for failure in failures}


def decide_verdict(
    image_id: str, answered: Mapping[str, Answered | None], failures: CallFailures
) -> Verdict:
    """One image's status.

    Pending while any operation may still answer, else rejected if any refused, else tagged.
    """
    problems: list[tuple[str, Reason, str]] = []
    for operation, heard in answered.items():
        if heard is None:
            failure = failures.get((image_id, operation))
            reason = failure.reason if failure else Reason.ANALYZER_UNAVAILABLE
            problems.append(
                (operation, reason, failure.detail if failure else "The call was not made.")
            )
        elif heard.refusal is not None:
            problems.append((operation, heard.refusal.reason, heard.refusal.detail))
    if not problems:
        remarks = [heard.remark for heard in answered.values() if heard and heard.remark]
        return Verdict(image_id, Status.TAGGED, detail="; ".join(dict.fromkeys(remarks)) or None)
    problems.sort(key=lambda problem: problem[1].status is not Status.PENDING)
    detail = " ".join(f"{operation}: {text}" for operation, _, text in problems)
    return Verdict(image_id, problems[0][1].status, problems[0][1], detail)


def count_calls(answers: Mapping[str, Heard], image_ids: Sequence[str], run: str) -> Calls:
    """One operation's account over all images."""
    calls = Calls()
    for image_id in image_ids:
        heard = answers.get(image_id)
        if heard is None or (heard.refusal is not None and heard.run == run):
            calls.failed += 1
        elif heard.run == run:
            calls.billed += 1
        else:
            calls.reused += 1
    return calls


def tabulate_verdicts(verdicts: Sequence[Verdict]) -> pa.Table:
    """Verdicts as a table (VERDICTS)."""
    columns = [
        [one.image_id for one in verdicts],
        [str(one.status) for one in verdicts],
        [one.reason and str(one.reason) for one in verdicts],
        [one.detail for one in verdicts],
    ]
    return pa.table(columns, schema=VERDICTS)
