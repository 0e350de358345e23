"""The methods text and the codebook."""

import csv
import io
from importlib.metadata import version

import pyarrow as pa

from image_tags.tasks.assemble.column_names import join_schemas
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.contracts.tables import IMAGES, TAG_EFFECTS, schema_of
from image_tags.tasks.published.codebook import write_codebook
from image_tags.tasks.published.methods import MethodsInput, write_methods


def methods(**changes):
    asked = {"metric": ("likes",), "effect_cluster": "author", **changes}
    settings = Settings(source="feed.csv", **asked)
    summary = {
        "version": "v1",
        "run": "r1",
        "started": "2026-11-26T10:00:00+00:00",
        "finished": "2026-11-26T10:05:00+00:00",
        "source": "feed *1*.csv",
        "rows": 1200,
        "links": 1300,
        "images": 900,
        "statuses": {"tagged": 1290, "rejected": 8, "pending": 2, "no_link": 3},
        "reasons": {"not_found": 8, "timeout": 2},
        "calls": {"detect_labels": {"billed": 880, "reused": 20, "failed": 0}},
    }
    return write_methods(
        MethodsInput(
            summary=summary,
            settings=settings,
            requests={"detect_labels": {"analyzer": "local", "request": {"MaxLabels": 50}}},
            versions={"label": ["efficientnet-lite2-0.1.0"]},
            kept={"label": 4000},
            removed={"celebrity_only": 70},
            placeholders=2,
        )
    )


def test_the_methods_name_everything_that_the_tables_depend_on():
    text = methods()
    for part in (
        version("image-tags"), "1,200 rows", "1,300 links", "900 distinct images", "version v1",
        "2026-11-26T10:00:00", "`detect_labels`: 880 calls in this run, 20 answers reused from",
        '"MaxLabels": 50', "label: `efficientnet-lite2-0.1.0`", "`celebrity_only`: 70",
        "`minimum_confidence_word`: `50.0`", "`not_found`: 8 links",
        "2 pictures behind more than 50",
        "same value of `author`", "compared by `likes` with", "probability of superiority",
        "DeLong",
    ):  # fmt: skip
        assert part in text, part
    assert "`feed *1*.csv`" in text


def test_the_methods_read_the_same_before_and_after_markdown_is_rendered():
    """They are pasted into papers as they stand: names have no backslash, paragraphs one line."""
    text = methods()
    assert "\\" not in text
    (comparison,) = [part for part in text.split("\n\n") if "probability of superiority" in part]
    assert "\n" not in comparison.strip()


def test_without_a_metric_nothing_is_said_of_comparisons():
    assert "Comparison by tag" in methods()
    assert "Comparison by tag" not in methods(metric=())


def test_the_codebook_describes_every_column_also_the_sources():
    source = pa.schema([("likes", pa.int64()), ("url", pa.string())])
    tagged = join_schemas(source, schema_of(IMAGES))
    text = write_codebook({"tagged": tagged, "tag_effects": schema_of(TAG_EFFECTS)})
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [line["column"] for line in lines if line["table"] == "tagged"] == tagged.names
    assert all(line["description"] and line["type"] for line in lines)
    known = {(line["table"], line["column"]): line for line in lines}
    assert known["tagged", "likes"]["description"] == "column of the source, unchanged"
    assert known["tagged", "image_tags_url"]["description"].startswith("the link")
    assert known["tag_effects", "also"]["type"] == "list of string"
    assert all(field.metadata[b"description"] for field in tagged)
