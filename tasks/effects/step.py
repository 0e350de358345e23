"""The step that compares the metrics by tag."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.contracts.settings import EffectSettings
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import stage, staged
from image_tags.tasks.execution.task_options import timed


@task(task_run_name="compare {resources.settings.metric} by tag", cache_policy=NO_CACHE)
@timed
def measure_effects(resources: RunResources) -> int:
    """Stage `tag_effects` for the metrics asked for; returns how many comparisons it holds."""
    from image_tags.tasks.effects.statistics import compare_tags  # scipy.stats is slow to import

    store, run, settings = resources.store, resources.run, resources.settings
    source, images, long = (staged(store, run, name) for name in ("source", "images", "tags_long"))
    effects = compare_tags(
        source,
        images,
        long,
        settings.metric,
        settings.only(EffectSettings),
        settings.max_links_an_image,
    )
    stage(store, run, "tag_effects", effects)
    get_run_logger().info("%d comparisons by %s", effects.num_rows, ", ".join(settings.metric))
    return int(effects.num_rows)
