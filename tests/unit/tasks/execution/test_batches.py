"""Batches and their cache keys."""

from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.execution.batches import (
    LEAST,
    SCHEMA,
    TASK_RUNS,
    batch_key,
    batch_size,
    batches_of,
    share_of,
)


@given(st.lists(st.text(min_size=1), unique=True, max_size=50), st.integers(1, 20))
def test_batches_hold_every_item_once_and_in_order(items, size):
    batches = batches_of("ingest", items, items, size)
    assert [item for batch in batches for item in batch.items] == items
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
    assert {batch.of for batch in batches} <= {len(batches)}
    assert all(1 <= len(batch.items) <= size for batch in batches)


@given(st.integers(0, 100_000))
def test_there_are_never_many_more_task_runs_than_a_server_can_record(pieces):
    size = batch_size(pieces)
    assert size >= LEAST
    assert size == LEAST or pieces > LEAST * TASK_RUNS
    assert -(-pieces // size) <= TASK_RUNS


def test_a_wanted_size_wins():
    assert batch_size(10_000, 7) == 7


def test_the_cache_key_tells_apart_what_must_not_be_mixed_up():
    a, b = batches_of("ingest", ["x", "y"], ["x", "y"], 1)
    keys = {
        batch_key("t", "r", "s", a),
        batch_key("t", "r", "s", b),
        batch_key("u", "r", "s", a),
        batch_key("t", "q", "s", a),
        batch_key("t", "r", "z", a),
    }
    assert len(keys) == 5
    again = batches_of("ingest", ["x"], ["x"], 1)[0]
    assert batch_key("t", "r", "s", again) == batch_key("t", "r", "s", a)


def test_results_that_older_code_kept_are_not_found(monkeypatch):
    (batch,) = batches_of("ingest", ["x"], ["x"], 1)
    before = batch_key("t", "r", "s", batch)
    monkeypatch.setattr("image_tags.tasks.execution.batches.SCHEMA", SCHEMA + 1)
    assert batch_key("t", "r", "s", batch) != before


STEPS = ("detect_labels", "detect_text")
work = st.lists(st.text(min_size=1), unique=True, max_size=60)


def of_steps(items, size):
    return [batch for step in STEPS for batch in batches_of(step, items, items, size)]


@given(work, st.integers(1, 5), st.integers(1, 9))
def test_every_batch_falls_to_exactly_one_shard(items, size, of):
    batches = of_steps(items, size)
    shares = [share_of(batches, number, of) for number in range(1, of + 1)]
    assert sorted(batch_key("t", "r", "s", batch) for share in shares for batch in share) == sorted(
        batch_key("t", "r", "s", batch) for batch in batches
    )
    for share in shares:
        assert share == [batch for batch in batches if batch in share], "in the order given"
    for step in STEPS:
        sizes = [sum(batch.step == step for batch in share) for share in shares]
        assert max(sizes) - min(sizes) <= 1


@given(
    work.flatmap(lambda items: st.tuples(st.just(items), st.permutations(items))), st.integers(1, 9)
)
def test_a_share_follows_from_the_content_whatever_the_order(orders, of):
    ours, theirs = (
        {batch.digest for batch in share_of(batches_of("ingest", items, items, 1), 1, of)}
        for items in orders
    )
    assert ours == theirs
