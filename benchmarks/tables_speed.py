"""How long the steps on whole tables take, and how much memory each needs.

`uv run python -m benchmarks.tables_speed [--images 100000] [--csv]`

Made tables: one image per source row, 30 labels and 20 words each, every tag with details of its
own. They are staged in a temporary folder store; then each step runs in a fresh process, as a run's
process would see it without Prefect. Printed per step: seconds, seconds of CPU, and the peak memory
of its process.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pyarrow as pa

from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.contracts.records import Fetched, Link, Picture, Verdict
from image_tags.tasks.contracts.settings import CleaningSettings, PublishSettings, Settings
from image_tags.tasks.contracts.tables import PUBLISHED, TAGS_LONG, schema_of
from image_tags.tasks.execution.run_folder import (
    links_table,
    load_fetched,
    save_fetched,
)
from image_tags.tasks.execution.staged_tables import StagedTables

RUN = "benchmark"
LABELS, WORDS = 30, 20
PART = 10_000
"""Images whose tags are made at a time."""


def image_id(number: int) -> str:
    """A made image id: 64 hex digits, as many distinct ones as numbers."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" * 4


def make_tags(ids: list[str], seed: int) -> pa.Table:
    """All tags of some images before cleaning: Zipf-like label names, words that seldom repeat."""
    random = np.random.default_rng(seed)
    each = LABELS + WORDS
    n = len(ids) * each
    labels = random.zipf(1.3, (len(ids), LABELS)) % 2000
    words = random.integers(0, 1_000_000, (len(ids), WORDS))
    names = [
        [*(f"Label {one}" for one in of_image), *(f"word{one}" for one in words_of)]
        for of_image, words_of in zip(labels.tolist(), words.tolist(), strict=True)
    ]
    box = pa.array(np.full(n, 0.25))
    columns = {
        "image_id": pa.array(np.repeat(ids, each)),
        "kind": pa.array((["label"] * LABELS + ["word"] * WORDS) * len(ids)),
        "rank": pa.array([*range(1, LABELS + 1), *range(1, WORDS + 1)] * len(ids)),
        "name": pa.array([name for of_image in names for name in of_image]),
        "confidence": pa.array(random.uniform(50, 100, n)),
        **dict.fromkeys(("left", "top", "width", "height"), box),
        "instances": pa.nulls(n, pa.int64()),
        "parents": pa.array([["Animal"]] * n),
        "categories": pa.array([["Animals and Pets"]] * n),
        "details": pa.array(
            [json.dumps({"operation": "detect_labels", "seed": seed, "at": at}) for at in range(n)]
        ),
        "analyzer": pa.array(["rekognition"] * n),
        "model_version": pa.array(["3.0"] * n),
    }
    return pa.table(columns, schema=schema_of(TAGS_LONG))


def stage_inputs(store: FolderStore, images: int) -> None:
    """Stage what the steps start from."""
    ids = [image_id(number) for number in range(images)]
    urls = [f"https://example.org/{number}.jpg" for number in range(images)]
    random = np.random.default_rng(0)
    with StagedTables(store, RUN) as tables:
        tables.stage("source", pa.table({"likes": random.exponential(100, images), "url": urls}))
        links = [Link(row, 0, url) for row, url in enumerate(urls)]
        tables.stage("links", links_table(links))
        # What reshaping stages next to the tags.
        from image_tags.tasks.reshape.verdicts import tabulate_verdicts

        tables.stage("verdicts", tabulate_verdicts([Verdict(one, Status.TAGGED) for one in ids]))
        with tables.write("all_tags", schema_of(TAGS_LONG)) as all_tags:
            for seed, start in enumerate(range(0, images, PART)):
                all_tags.append(make_tags(ids[start : start + PART], seed))
    for start in range(0, images, PART):
        fetched = [
            Fetched(url, Picture(one, f"images/{one[:2]}/{one}.jpg", 900, 640, 480), "JPEG", 900)
            for url, one in zip(urls[start : start + PART], ids[start : start + PART], strict=True)
        ]
        save_fetched(store, RUN, f"{start:09}", fetched)


def clean(store: FolderStore, settings: Settings) -> None:
    """`clean_tags`."""
    from image_tags.tasks.clean.step import clean_staged

    with StagedTables(store, RUN) as tables:
        clean_staged(tables, settings.only(CleaningSettings))


def assemble(store: FolderStore, settings: Settings) -> None:
    """`assemble_tables`."""
    from image_tags.tasks.assemble.images import tabulate_fetched
    from image_tags.tasks.assemble.step import assemble_staged

    keys = store.keys(f"runs/{RUN}/fetched/")
    digests = [key.rpartition("/")[2].removesuffix(".json") for key in keys]
    widths = {
        "celebrity": settings.wide_celebrities,
        "label": settings.wide_labels,
        "word": settings.wide_words,
    }
    with StagedTables(store, RUN) as tables:
        fetched = tabulate_fetched(load_fetched(store, RUN, digests), store.locate)
        assemble_staged(tables, fetched, widths)


def check(store: FolderStore, settings: Settings) -> None:
    """`check_tables`, with the import of Great Expectations."""
    from image_tags.tasks.check.step import check_staged

    findings = check_staged(store, RUN, settings).findings
    failed = [one.description for one in findings if not one.success]
    print(f"  {len(findings)} expectations, {len(failed)} not met {failed}", file=sys.stderr)


def publish(store: FolderStore, settings: Settings) -> None:
    """`publish_tables`."""
    from image_tags.tasks.publish import publish_version

    with StagedTables(store, RUN) as tables:
        rows = {name: tables.open(name).num_rows for name in PUBLISHED}
    summary = {
        "version": "v1",
        "tables": rows,
        "links": rows["images"],
        "statuses": {"no_link": 0},
    }
    publish_version(store, RUN, summary, settings.only(PublishSettings))


STEPS: dict[str, Callable[[FolderStore, Settings], None]] = {
    "clean": clean,
    "assemble": assemble,
    "check": check,
    "publish": publish,
}


def measure_here(step: str, store: FolderStore, settings: Settings) -> None:
    """Do one step and print what it took, as JSON."""
    began = time.perf_counter()
    with redirect_stdout(sys.stderr):
        STEPS[step](store, settings)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "mb": used.ru_maxrss / 1024,
    }
    print(json.dumps(figures))


def measure_apart(path: str, arguments: list[str]) -> Iterator[tuple[str, dict[str, float]]]:
    """Do each step in a process of its own."""
    for step in STEPS:
        command = [sys.executable, "-m", __spec__.name, "--step", step, "--store", path, *arguments]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        yield step, json.loads(done.stdout)


def main() -> None:
    """Stage the tables, then measure each step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--csv", action="store_true", help="publish as CSV too")
    parser.add_argument("--step", choices=STEPS, help="do only this one, in this process")
    parser.add_argument(
        "--store", help="where the tables are staged; by default a temporary folder"
    )
    given = parser.parse_args()
    if given.step:
        settings = Settings(source="x", store=given.store, csv=given.csv)
        measure_here(given.step, FolderStore(given.store), settings)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = given.store or folder
        if not (Path(path) / "runs" / RUN).exists():
            stage_inputs(FolderStore(path), given.images)
        print(f"{given.images:,} images, {given.images * (LABELS + WORDS):,} tags")
        seconds, peak = 0.0, 0.0
        for step, took in measure_apart(path, ["--csv"] if given.csv else []):
            print(
                f"{step}: {took['seconds']:.1f} s, {took['cpu']:.1f} s of CPU, "
                f"peak {took['mb']:,.0f} MB",
                flush=True,
            )
            seconds, peak = seconds + took["seconds"], max(peak, took["mb"])
        print(f"in all {seconds:.1f} s, peak {peak:,.0f} MB")


if __name__ == "__main__":
    main()
