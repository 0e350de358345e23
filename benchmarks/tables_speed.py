"""How long the steps on whole tables take at a million tags: `uv run python -m
benchmarks.tables_speed [--images 20000]`.

Made tables: an image a source row, 30 labels and 20 words each, every tag with details of its own.
Seconds of CPU, and the peak memory of this process after each step.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from image_tags.tasks.adapters.files.tables import parquet_bytes
from image_tags.tasks.assemble import images_table, tagged_table, wide_table
from image_tags.tasks.check.gate import check_files
from image_tags.tasks.clean.rules import clean_tags_table
from image_tags.tasks.contracts.checks import CheckContext
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.contracts.records import Fetched, Link, Picture, Verdict
from image_tags.tasks.contracts.settings import CheckSettings, CleaningSettings, EffectSettings
from image_tags.tasks.contracts.tables import PUBLISHED, TAGS_LONG, schema_of
from image_tags.tasks.effects.statistics import tag_effects

LABELS, WORDS = 30, 20
WIDTHS = {"celebrity": 3, "label": 20, "word": 30}


def timed(what: str, work: Callable[[], Any]) -> Any:
    """Do it and say what it took."""
    began = time.process_time()
    result = work()
    seconds = time.process_time() - began
    print(
        f"{what}: {seconds:.1f} s of CPU, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB",
        flush=True,
    )
    return result


def made_tags(ids: list[str], random: np.random.Generator) -> pa.Table:
    """The long table before cleaning: Zipf-like label names, words that seldom repeat."""
    each = LABELS + WORDS
    n = len(ids) * each
    names = [f"Label {name % 2000}" for name in random.zipf(1.3, len(ids) * LABELS)]
    labels = iter(names)
    kinds = (["label"] * LABELS + ["word"] * WORDS) * len(ids)
    box = pa.array(np.full(n, 0.25))
    columns = {
        "image_id": pa.array(np.repeat(ids, each)),
        "kind": pa.array(kinds),
        "rank": pa.array([*range(1, LABELS + 1), *range(1, WORDS + 1)] * len(ids)),
        "name": pa.array(
            [
                next(labels) if kind == "label" else f"word{at % 9973}"
                for at, kind in enumerate(kinds)
            ]
        ),
        "confidence": pa.array(random.uniform(50, 100, n)),
        **dict.fromkeys(("left", "top", "width", "height"), box),
        "instances": pa.nulls(n, pa.int64()),
        "parents": pa.array([["Animal"]] * n),
        "categories": pa.array([["Animals and Pets"]] * n),
        "details": pa.array(
            [json.dumps({"operation": "detect_labels", "at": at}) for at in range(n)]
        ),
        "analyzer": pa.array(["rekognition"] * n),
        "model_version": pa.array(["3.0"] * n),
    }
    return pa.table(columns, schema=schema_of(TAGS_LONG))


def main() -> None:
    """Make the tables, then time each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    n = parser.parse_args().images
    random = np.random.default_rng(0)
    ids = [f"{number:064x}" for number in range(n)]
    source = pa.table(
        {
            "likes": random.exponential(100, n),
            "url": [f"https://example.org/{number}.jpg" for number in range(n)],
        }
    )
    all_tags = made_tags(ids, random)
    links = [Link(row, 0, url) for row, url in enumerate(source["url"].to_pylist())]
    fetched = {
        link.url: Fetched(
            link.url,
            Picture(ids[link.row], f"images/{ids[link.row]}.jpg", 900, 640, 480),
            "JPEG",
            900,
        )
        for link in links
    }
    verdicts = {image: Verdict(image, Status.TAGGED) for image in ids}
    print(f"{n:,} images, {all_tags.num_rows:,} tags")
    cleaning = CleaningSettings()
    long, dropped = timed("clean", lambda: clean_tags_table(all_tags, cleaning))
    images = timed("images", lambda: images_table(n, links, fetched, verdicts, "store/{}".format))
    wide = timed("tags_wide", lambda: wide_table(long, ids, WIDTHS))
    tagged = timed("tagged", lambda: tagged_table(source, images, wide))
    tables = dict(zip(PUBLISHED, (images, long, dropped, wide, tagged), strict=True))
    staged = timed(
        "write Parquet", lambda: {name: parquet_bytes(table) for name, table in tables.items()}
    )
    context = CheckContext(source, n, all_tags.num_rows, WIDTHS, cleaning, CheckSettings())
    timed("import Great Expectations", lambda: __import__("image_tags.expectations.suite"))
    checked = timed("check", lambda: check_files(staged, context))
    print(
        f"  {len(checked.findings)} expectations, {sum(not one.success for one in checked.findings)} not met"
    )
    effects = timed(
        "tag_effects", lambda: tag_effects(source, images, long, ["likes"], EffectSettings())
    )
    print(f"  {effects.num_rows:,} comparisons")


if __name__ == "__main__":
    main()
