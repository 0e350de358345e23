"""Which batches are run again by themselves, and what a failed one says."""

import pytest
from prefect.states import Failed

from tasks.contracts.errors import BatchFailed, OverBudget, StopRun
from tasks.contracts.reasons import Reason
from tasks.retrying import NAMED, batch_failed, retry_passing


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (BatchFailed("2 links left pending"), True),
        (OSError("the disk is full"), True),
        (StopRun("no credentials"), False),
        (OverBudget("too dear"), False),
    ],
)
def test_a_batch_is_run_again_unless_a_person_has_to_fix_something_first(error, again):
    assert retry_passing(None, None, Failed(data=error)) is again


def test_a_failed_batch_counts_the_reasons_and_names_what_is_left():
    left = [
        (f"https://a.example/{n}.png", Reason.TIMEOUT if n else Reason.SERVER_ERROR, f"try {n}") for n in range(NAMED + 5)
    ]
    said = str(batch_failed(left, "link"))
    assert said.startswith(
        f"{NAMED + 5} links left pending ({NAMED + 4} timeout, 1 server_error); everything else is saved."
    )
    assert all(f"/{n}.png: {reason}: try {n}" in said for n, (_, reason, _) in enumerate(left[:NAMED]))
    assert said.endswith("... and 5 more")
    assert str(batch_failed(left[:1], "link")).startswith("1 link left pending")
