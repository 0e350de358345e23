"""The step that cleans the tags."""

from prefect import task
from prefect.logging import get_run_logger

from image_tags.tasks.clean.rules import clean_tags_table
from image_tags.tasks.contracts.settings import CleaningSettings, Settings
from image_tags.tasks.execution.resources import part, store_for
from image_tags.tasks.execution.run_folder import stage, staged


@task(task_run_name="clean the tags")
def clean_tags(run: str, settings: Settings) -> dict[str, int]:
    """Stage `tags_long` and `tags_dropped`; returns how many tags were kept and dropped."""
    store = store_for(run, settings)
    kept, dropped = clean_tags_table(
        staged(store, run, "all_tags"), part(settings, CleaningSettings)
    )
    stage(store, run, "tags_long", kept)
    stage(store, run, "tags_dropped", dropped)
    get_run_logger().info("%d tags kept, %d dropped", kept.num_rows, dropped.num_rows)
    return {"kept": kept.num_rows, "dropped": dropped.num_rows}
