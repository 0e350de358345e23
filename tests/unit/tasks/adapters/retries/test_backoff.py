"""The pause before a retry grows, stays below its limit, and is partly random."""

from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.retries.backoff import pause_before

seconds = st.floats(0.01, 60)


@given(st.integers(1, 100), seconds, seconds)
def test_a_pause_is_between_half_and_all_of_what_it_may_be(retry, first, longest):
    most = min(longest, first * 2.0 ** (retry - 1))
    assert most / 2 <= pause_before(retry, first, longest) <= most


def test_those_that_fail_together_do_not_come_back_together():
    assert len({pause_before(3, 1.0, 10.0) for _ in range(20)}) > 1
