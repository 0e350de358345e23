"""The step that compares the metrics by tag."""

from prefect import task
from prefect.logging import get_run_logger

from image_tags.tasks.contracts.settings import EffectSettings, Settings
from image_tags.tasks.execution.resources import part, store_for
from image_tags.tasks.execution.run_folder import stage, staged


@task(task_run_name="compare {settings.metric} by tag")
def measure_effects(run: str, settings: Settings) -> int:
    """Stage `tag_effects` for the metrics asked for; returns how many comparisons it holds."""
    from image_tags.tasks.effects.statistics import compare_tags  # scipy.stats is slow to import

    store = store_for(run, settings)
    source, images, long = (staged(store, run, name) for name in ("source", "images", "tags_long"))
    effects = compare_tags(
        source,
        images,
        long,
        settings.metric,
        part(settings, EffectSettings),
        settings.max_links_an_image,
    )
    stage(store, run, "tag_effects", effects)
    get_run_logger().info("%d comparisons by %s", effects.num_rows, ", ".join(settings.metric))
    return int(effects.num_rows)
