"""The step that cleans the tags, part by part."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.clean.rules import clean_part
from image_tags.tasks.clean.tag_names import choose_names, count_names
from image_tags.tasks.contracts.settings import CleaningSettings
from image_tags.tasks.contracts.tables import TAGS_DROPPED, TAGS_LONG, schema_of
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.staged_tables import StagedTables
from image_tags.tasks.execution.task_options import timed

THREADS = 2
"""Parts cleaned at the same time: Arrow's and pandas' own loops run without Python's lock."""


@task(task_run_name="clean the tags", cache_policy=NO_CACHE)
@timed
def clean_tags(resources: RunResources) -> dict[str, int]:
    """Stage `tags_long` and `tags_dropped`; returns how many tags were kept and dropped."""
    with StagedTables(resources.store, resources.run) as tables:
        counts = clean_staged(tables, resources.settings.only(CleaningSettings))
    get_run_logger().info("%d tags kept, %d dropped", counts["kept"], counts["dropped"])
    return counts


def clean_staged(tables: StagedTables, settings: CleaningSettings) -> dict[str, int]:
    """Clean `all_tags` into `tags_long` and `tags_dropped`; returns how many rows each has."""
    with (
        tables.write("tags_long", schema_of(TAGS_LONG)) as long,
        tables.write("tags_dropped", schema_of(TAGS_DROPPED)) as dropped,
    ):
        for kept, removed in clean_parts(tables, settings):
            long.append(kept)
            dropped.append(removed)
    return {"kept": long.rows, "dropped": dropped.rows}


def clean_parts(
    tables: StagedTables, settings: CleaningSettings
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Tags kept and removed of `all_tags`, part by part, in its order."""
    all_tags = tables.open("all_tags")
    names = choose_names(count_names(all_tags.iterate(["kind", "name"])), settings)
    waiting: deque[Future[tuple[pa.Table, pa.Table]]] = deque()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="clean") as pool:
        for tags in all_tags.iterate_groups("image_id"):
            waiting.append(pool.submit(clean_part, tags, settings, names))
            if len(waiting) > THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
