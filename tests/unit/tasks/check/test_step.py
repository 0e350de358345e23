"""The gate as a step: what it reads, what it keeps, what it says."""

import json

import pytest

from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.check.step import check_staged, describe_failures
from image_tags.tasks.contracts.checks import Finding, Severity
from image_tags.tasks.contracts.settings import PublishSettings, Settings
from image_tags.tasks.publish import publish_version
from tests.support.staged import WIDTHS, Staged, stage_run


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path))


def settings(**more):
    widths = {
        "wide_celebrities": WIDTHS["celebrity"],
        "wide_labels": WIDTHS["label"],
        "wide_words": WIDTHS["word"],
    }
    return Settings(source="x.csv", **widths, **more)


def test_it_checks_what_was_staged_and_keeps_what_it_found(store):
    stage_run(store, "r1", Staged(rows=12))
    findings = check_staged(store, "r1", settings()).findings
    kept = json.loads(store.read("runs/r1/findings.json"))
    assert [(one["table"], one["description"], one["success"]) for one in kept] == [
        (f.table, f.description, f.success) for f in findings
    ]
    assert all(one["success"] for one in kept)
    assert json.loads(store.read("runs/r1/profile.json"))["rows"] == 12
    assert json.loads(store.read("runs/r1/follows.json")) == {"token": None}


def test_the_second_run_is_compared_with_the_version_that_the_first_published(store):
    for run, rows, changed in (("r1", 12, False), ("r2", 60, True)):
        summary = stage_run(store, run, Staged(rows=rows))
        failed = [one for one in check_staged(store, run, settings()).findings if not one.success]
        assert any(one.detail == "60 rows, last time 12" for one in failed) == changed
        publish_version(store, run, summary, PublishSettings())
    assert json.loads(store.read("runs/r2/follows.json"))["token"]


def test_thresholds_and_rules_come_from_the_settings(store):
    stage_run(store, "r1", Staged(rows=12))
    failed = [
        one.description
        for one in check_staged(store, "r1", settings(max_rejected_share=0.0)).findings
        if not one.success
    ]
    assert failed == ["Not too many links are rejected."]


def test_a_table_that_was_not_staged_is_found(store):
    stage_run(store, "r1", Staged(rows=3))
    store.delete("runs/r1/tagged.parquet")
    store.write("runs/r1/images.parquet", b"half a file", "x")
    findings = check_staged(store, "r1", settings()).findings
    assert [(one.table, one.blocks) for one in findings] == [("images", True), ("tagged", True)]
    metric = check_staged(store, "r1", settings(metric=("likes",))).findings
    assert [one.table for one in metric] == ["images", "tagged", "tag_effects"]


def test_sentences_say_what_failed_and_what_blocks_first():
    def finding(severity, success):
        return Finding(
            "images", "expect_it", severity, success, "Few links are pending.", "3 of 4 links"
        )

    given = [
        finding(Severity.WARNING, False),
        finding(Severity.CRITICAL, True),
        finding(Severity.CRITICAL, False),
    ]
    assert describe_failures(given) == [
        "Critical, images: not met: Few links are pending. Seen: 3 of 4 links.",
        "Warning, images: not met: Few links are pending. Seen: 3 of 4 links.",
    ]
