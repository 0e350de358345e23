"""Who has how much of the work, and who is still at work."""

import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.flows.shard import STEPS
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.batches import batches_of
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.shard_batches import STAGED, load_share, save_share, shares_of
from image_tags.tasks.execution.shards import (
    Shard,
    Watch,
    _count_done,
    _result_key,
    settings_per_shard,
)

IDS = st.lists(st.text("abcdef", min_size=1), unique=True, min_size=1, max_size=40)


@given(IDS, st.integers(1, 5), st.integers(1, 9))
def test_the_shards_have_all_batches_between_them_and_none_is_idle(ids, size, shards):
    batches = batches_of("ingest", ids, ids, size)
    shares = shares_of(batches, shards)
    assert sorted(batch.number for share in shares for batch in share) == [
        batch.number for batch in batches
    ]
    assert all(shares)
    assert len(shares) == min(shards, len(batches))


@given(IDS)
def test_a_share_is_the_same_on_the_other_machine(tmp_path_factory, ids):
    store = FolderStore(str(tmp_path_factory.mktemp("store")))
    pictures = [Picture(one, f"images/{one}.png", 1, 80, 90) for one in ids]
    for step, batches in {
        "ingest_images": batches_of("ingest", ids, ids, 3),
        "analyze_images": batches_of("detect_text", pictures, ids, 3),
    }.items():
        save_share(store, "run", step, 1, 2, batches)
        assert load_share(store, "run", step, 1, 2) == batches


def test_a_shard_shares_nothing_out_and_its_results_are_those_of_the_run():
    settings = Settings(source="feed.csv", shards=3, price_list="prices.json", max_cost=1)
    own = settings_per_shard(settings, 3)
    assert (own.shards, own.rate_share, own.price_list, own.max_cost) == (
        1,
        pytest.approx(1 / 3),
        None,
        None,
    )
    assert Settings.model_validate(json.loads(json.dumps(own.model_dump(mode="json")))) == own
    for name, step in STEPS.items():
        (batch,) = batches_of(name, ["a"], ["a"], 1)
        keys = {_result_key(step, batch, RunResources("run", one)) for one in (own, settings)}
        assert len(keys) == 1


def test_every_step_that_can_be_shared_out_is_one_that_shards_do():
    assert STAGED.keys() == STEPS.keys()


def test_a_machine_that_does_not_see_the_store_gets_a_sentence(tmp_path):
    with pytest.raises(StopRun, match="the workers of all shards need the same store"):
        load_share(FolderStore(str(tmp_path / "elsewhere")), "run", "ingest_images", 1, 2)


def test_what_changes_is_never_still_and_what_does_not_is_once_patience_ends():
    now = [0.0]
    watch = Watch(10, lambda: now[0])
    for second in range(30):
        now[0] = float(second)
        assert not watch.unchanged_for_long("alive", second)
        assert watch.unchanged_for_long("dead", "?") == (second >= 10)
    assert not watch.unchanged_for_long("dead", "!"), "it lives after all"
    assert watch.unchanged_for_long("dead", "!") is False
    now[0] += 10
    assert watch.unchanged_for_long("dead", "!")


def test_what_is_done_is_what_has_a_result_and_all_that_ended_shards_had():
    ended, working = uuid4(), uuid4()
    shards = {
        ended: Shard("1", None, {"a": 2, "b": 3}),
        working: Shard("2", None, {"c": 5, "d": 7}),
    }
    assert _count_done(shards, shards.keys(), {"a", "c", "other"}) == 2 + 5
    assert _count_done(shards, {working}, {"a", "c"}) == 2 + 3 + 5
    assert _count_done(shards, set(), set()) == 17
