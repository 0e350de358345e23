"""The step that cleans the tags."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.clean.rules import clean_tags_table
from image_tags.tasks.contracts.settings import CleaningSettings
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import stage, staged
from image_tags.tasks.execution.task_options import timed


@task(task_run_name="clean the tags", cache_policy=NO_CACHE)
@timed
def clean_tags(resources: RunResources) -> dict[str, int]:
    """Stage `tags_long` and `tags_dropped`; returns how many tags were kept and dropped."""
    store, run = resources.store, resources.run
    rules = resources.settings.only(CleaningSettings)
    kept, dropped = clean_tags_table(staged(store, run, "all_tags"), rules)
    stage(store, run, "tags_long", kept)
    stage(store, run, "tags_dropped", dropped)
    get_run_logger().info("%d tags kept, %d dropped", kept.num_rows, dropped.num_rows)
    return {"kept": kept.num_rows, "dropped": dropped.num_rows}
