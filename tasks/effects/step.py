"""The step that compares the metrics by tag."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.contracts.settings import EffectSettings
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.staged_tables import StagedTables
from image_tags.tasks.execution.task_options import timed


@task(task_run_name="compare {resources.settings.metric} by tag", cache_policy=NO_CACHE)
@timed
def measure_effects(resources: RunResources) -> int:
    """Stage `tag_effects` for the metrics asked for; returns how many comparisons it holds."""
    # scipy.stats takes 0.6 s to import: only runs with --metric pay for it.
    from image_tags.tasks.effects.statistics import compare_tags

    store, run, settings = resources.store, resources.run, resources.settings
    columns = [*settings.metric, *([settings.effect_cluster] if settings.effect_cluster else [])]
    with StagedTables(store, run) as staged:
        effects = compare_tags(
            staged.open("source").select(list(dict.fromkeys(columns))),
            staged.open("images"),
            staged.open("tags_long"),
            settings.metric,
            settings.only(EffectSettings),
            settings.max_links_an_image,
        )
        staged.stage("tag_effects", effects)
    get_run_logger().info("%d comparisons by %s", effects.num_rows, ", ".join(settings.metric))
    return int(effects.num_rows)
