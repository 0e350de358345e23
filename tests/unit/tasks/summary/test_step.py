"""The summary."""

import pyarrow as pa

from image_tags.tasks.contracts.records import SourceRead
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.contracts.tables import IMAGES, schema_of
from image_tags.tasks.summary.step import (
    collect_remarks,
    count_failed_checks,
    find_shared_pictures,
    summary_lines,
)


def test_only_failed_findings_count():
    findings = [
        {"severity": s, "success": ok}
        for s, ok in [("critical", True), ("warning", False), ("warning", False)]
    ]
    assert count_failed_checks(findings) == {"critical": 0, "warning": 2}


def test_a_person_reads_what_happened():
    summary = {
        "rows": 3,
        "links": 2,
        "images": 1,
        "changes": {"since": "v0", "rows_new": 1},
        "statuses": {"tagged": 1, "rejected": 1, "pending": 0, "no_link": 1},
        "reasons": {"not_found": 1},
        "analyzer": "local",
        "cost_usd": 0.0,
        "top_labels": [("Cat", 1)],
        "people": [],
        "calls": {"detect_labels": {"billed": 1, "reused": 4, "failed": 0}},
        "remarks": ["A remark."],
        "retries": {"fetch": 96, "detect_labels": 1},
        "throttled": {"detect_labels": 1},
        "slow_hosts": [{"host": "slow.example", "requests": 3, "seconds": 7.25}],
        "checks": {"critical": 0, "warning": 1},
        "findings": [
            {
                "table": "images",
                "severity": "warning",
                "description": "Few links are pending.",
                "detail": "1 of 2 links",
            }
        ],
        "published": True,
        "version": "v1",
        "store": "/s",
        "run": "r",
    }
    text = "\n".join(summary_lines(summary))
    for part in (
        "3 rows, 2 links, 1 distinct image.",
        "Since version v0: +1 row.",
        "not_found",
        "1 call made, 4 answers reused",
        "Cat (1)",
        "96 requests of fetch tried again; 1 request of detect_labels tried again; "
        "1 of detect_labels throttled; slow.example slow (3 requests of 7.2 s).",
        "A remark.",
        "  Warning, images: not met: Few links are pending. Seen: 1 of 2 links.",
        "/s/published/v1/",
    ):
        assert part in text
    assert "/s/runs/r/" in "\n".join(summary_lines({**summary, "published": False}))


def test_what_a_reader_of_the_tables_should_know():
    settings = Settings(source="t.csv", allow_private_addresses=True)
    remarks = collect_remarks(
        settings,
        SourceRead(1, 1, "media", True, ("Taken from 'media'.", "No header.")),
        {"url": "image_tags_url"},
    )
    assert remarks[:2] == ["Taken from 'media'.", "No header."]
    assert "--allow-private-addresses" in " ".join(remarks)
    assert (
        "Our column 'url' is called 'image_tags_url' in `tagged`: the source has one of that name."
        in remarks
    )
    assert (
        collect_remarks(Settings(source="t.csv"), SourceRead(1, 1, "media", guessed=False), {})
        == []
    )


def test_one_picture_behind_very_many_links_is_pointed_out():
    rows = [
        {"row": n, "position": 0, "url": f"u{n}", "image_id": "gone", "status": "tagged"}
        for n in range(4)
    ]
    images = pa.Table.from_pylist(
        [*rows, {"row": 4, "status": "no_link"}], schema=schema_of(IMAGES)
    )
    assert find_shared_pictures(images, 4) == []
    (remark,) = find_shared_pictures(images, 3)
    assert "4 links lead to one picture" in remark
