"""The numbers that summary, flow run page and report share are those of the tables."""

import pyarrow as pa

from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.contracts.tables import IMAGES, schema_of
from image_tags.tasks.published.counts import (
    Funnel,
    count_funnel,
    count_links,
    count_reasons,
    rank_names,
)
from image_tags.tasks.reshape.reading import LONG_SCHEMA
from tests.support.made_run import link


def table_of(rows):
    return pa.Table.from_pylist(rows, schema=schema_of(IMAGES))


def test_counts_are_those_of_the_images_table():
    rows = [
        {"row": 0, "position": 0, "url": "a", "image_id": "1", "status": "tagged"},
        {"row": 0, "position": 1, "url": "b", "image_id": "1", "status": "tagged"},
        {"row": 1, "status": "no_link"},
        {"row": 2, "position": 0, "url": "c", "status": "rejected", "reason": "not_found"},
        {
            "row": 3,
            "position": 0,
            "url": "d",
            "image_id": "2",
            "status": "pending",
            "reason": "throttled",
        },
    ]
    assert count_links(pa.Table.from_pylist(rows, schema=schema_of(IMAGES))) == {
        "links": 4,
        "images": 2,
        "statuses": {"tagged": 2, "rejected": 1, "pending": 1, "no_link": 1},
        "reasons": {"not_found": 1, "throttled": 1},
    }


def test_top_names_count_images_not_mentions():
    rows = [
        {"image_id": image, "kind": "label", "rank": rank, "name": name, "confidence": 1.0}
        for image, rank, name in [
            ("1", 1, "Cat"),
            ("1", 2, "Cat"),
            ("2", 1, "Dog"),
            ("3", 1, "Cat"),
        ]
    ]
    assert rank_names(pa.Table.from_pylist(rows, schema=LONG_SCHEMA), "label") == [
        ("Cat", 2),
        ("Dog", 1),
    ]


def test_the_funnel_counts_from_rows_to_tagged_images():
    links = [
        link(0, "a"),
        link(1, "a"),
        link(2, "b", "pending", "throttled"),
        link(3, None, "rejected", "not_found"),
        {"row": 4, "status": "no_link"},
    ]
    assert count_funnel(5, table_of(links)) == Funnel(
        rows=5, rows_without=1, links=4, pictures=3, images=2, tagged=1
    )
    assert count_funnel(0, table_of([])) == Funnel(0, 0, 0, 0, 0, 0)


def test_what_is_left_behind_is_counted_by_reason_with_its_meaning_and_distinct_examples():
    links = [
        link(row, None, "rejected", "not_found", f"https://a.example/{row % 4}") for row in range(9)
    ]
    links += [link(9, None, "rejected", "too_small"), link(10, None, "pending", "timeout")]
    left = count_reasons(table_of(links), 3, Status.REJECTED)
    assert [(one.code, one.links) for one in left] == [("not_found", 9), ("too_small", 1)]
    assert left[0].meaning == "The server says that there is nothing at this link (404, 410)."
    assert [(example["row"], example["url"][-2:]) for example in left[0].examples] == [
        (0, "/0"),
        (1, "/1"),
        (2, "/2"),
    ]
    assert [one.code for one in count_reasons(table_of(links), 3, Status.PENDING)] == ["timeout"]
    assert [one.code for one in count_reasons(table_of(links), 3)] == [
        "not_found",
        "timeout",
        "too_small",
    ]
    assert count_reasons(table_of([]), 3) == []
