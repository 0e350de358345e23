"""Live progress on a flow run's page."""

import pytest

from image_tags.tasks.execution.live_progress import Live


@pytest.fixture
def said(monkeypatch):
    """What the artifact was told: percent and sentence."""
    told = []

    def update(artifact, progress, description):
        assert artifact == "id"
        told.append((progress, description))

    monkeypatch.setattr("image_tags.tasks.execution.live_progress.update_progress_artifact", update)
    return told


def test_progress_is_said_now_and_then_and_at_the_end(said):
    live = Live("links", 100, "id")
    for _ in range(100):
        live.count_items(1, "Completed")
    assert len(said) == 1, "a request an item would be as slow as the item"
    live.finish([(1, "Completed")] * 100)
    assert (len(said), said[-1][0]) == (2, 100.0)
    assert said[-1][1].startswith("100 of 100 links done in ")


def test_the_end_counts_what_failed_and_what_was_there_whatever_was_seen_on_the_way(said):
    live = Live("calls", 30, "id")
    live.count_items(10, "Running")
    live.finish([(10, "Failed"), (10, "Cached"), (10, "Completed")])
    assert said[-1][1].endswith("; 10 reused from an earlier attempt; 10 in batches that failed")
