"""Cache keys: a batch's result is found again by whoever does the same work, at whatever pace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.analyze import analyze_images
from image_tags.tasks.contracts.settings import PACE, AnalysisSettings, FetchSettings, Settings
from image_tags.tasks.execution.batches import batches_of
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.task_runners import divide_settings
from image_tags.tasks.ingest.step import ingest_images

(BATCH,) = batches_of("detect_labels", ["a"], ["a"], 1)
STEPS = {ingest_images: FetchSettings, analyze_images: AnalysisSettings}
BY_PACE = {
    "connect_timeout": 1,
    "read_timeout": 1,
    "deadline": 1,
    "fetch_retries": 0,
    "fetch_threads": 1,
    "per_host": 1,
    "tps": 1,
    "tps_from_service_quotas": True,
    "rate_share": 0.5,
    "analyzer_threads": 1,
    "analyzer_retries": 0,
    "max_cost": 1,
    "price_list": "prices.json",
}
"""Another value of each setting that says how fast or at what price."""


def key(step, **given):
    settings = Settings.model_validate({"source": "feed.csv", **given})
    return step.cache_key_fn(None, {"batch": BATCH, "resources": RunResources("run", settings)})


def test_these_settings_and_no_others_are_about_the_pace():
    marked = {
        name
        for group in STEPS.values()
        for name, field in group.model_fields.items()
        if PACE in field.metadata
    }
    assert marked == set(BY_PACE)


@pytest.mark.parametrize("step", STEPS)
@given(chosen=st.sets(st.sampled_from(sorted(BY_PACE))))
def test_no_key_depends_on_the_pace(step, chosen):
    assert key(step, **{name: BY_PACE[name] for name in chosen}) == key(step)


@given(st.integers(1, 64))
def test_one_of_several_processes_has_the_key_of_the_only_one(of):
    settings = Settings(source="feed.csv")
    for step in STEPS:
        ours, theirs = (
            step.cache_key_fn(None, {"batch": BATCH, "resources": RunResources("run", one)})
            for one in (settings, divide_settings(settings, of))
        )
        assert ours == theirs


@pytest.mark.parametrize(
    ("step", "given"),
    [
        (ingest_images, {"allow_private_addresses": True}),
        (ingest_images, {"max_bytes": 1}),
        (ingest_images, {"contact": "a@example.org"}),
        (analyze_images, {"analyzer": "rekognition"}),
        (analyze_images, {"people": "people"}),
        (analyze_images, {"max_labels": 1}),
        (analyze_images, {"ask_again_after": 1.0}),
    ],
)
def test_what_changes_the_outcome_changes_the_key(step, given):
    assert key(step, **given) != key(step)
