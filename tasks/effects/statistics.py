"""Does the picture matter? Each tag's pictures against the others, by a column of the source.

What is found is association, never cause: posts with a tag may differ in anything else.
docs/effects.md explains the method, its sources and its simulated error rates.
"""

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy import sparse, stats

from image_tags.tasks.adapters.files.table_files import AnyTable
from image_tags.tasks.contracts.metrics import Floats, read_clusters, read_metric
from image_tags.tasks.contracts.settings import EffectSettings
from image_tags.tasks.contracts.tables import TAG_EFFECTS, schema_of
from image_tags.tasks.effects.posts import (
    Posts,
    add_rows_without_link,
    cluster_units,
    find_posts,
    keep_rows,
    rank_units,
)
from image_tags.tasks.effects.sharing import find_sharing
from image_tags.tasks.effects.superiority import estimate_superiority
from image_tags.tasks.effects.traits import (
    Traits,
    choose_traits,
    find_traits,
    give_to_units,
    keep_units,
    merge_identical,
)

MAX_LINKS = 50
"""Links behind one picture from which it counts as a placeholder, if nothing else is asked for."""


@dataclass(frozen=True)
class Comparison:
    """Traits, and the posts among which they are compared.

    `by_size`: rank rows only among rows with as many pictures.
    """

    posts: Posts
    traits: Traits
    by_size: bool = True


def compare_tags(
    source: pa.Table,
    images: AnyTable,
    long: AnyTable,
    metrics: Sequence[str],
    settings: EffectSettings,
    max_links: int = MAX_LINKS,
) -> pa.Table:
    """Compare the pictures that have a tag with those that do not, for every tag and metric.

    Labels are compared among rows whose pictures show no recognised celebrity: the rule
    `celebrity_only` removes the labels of the others, so that they would count as having none.

    Args:
        source: the source, or its columns that are named here.
        images: `images`, schema IMAGES.
        long: `tags_long`, schema TAGS_LONG.
        metrics: numeric columns of the source; a row without a finite number in one takes no part
            in it.
        settings: the smallest number of pictures on either side, the kinds, the cluster column.
        max_links: a picture behind more links than this takes no part.

    Returns:
        Schema TAG_EFFECTS: by metric, `any` first, then by p-value. The correction is
        Benjamini-Hochberg within a kind, over all metrics.

    Raises:
        UsageError: a metric or the cluster column is no column of the source, or a metric is not
            numeric.
    """
    schema = schema_of(TAG_EFFECTS)
    labels = read_clusters(source, settings.effect_cluster)
    comparisons = _plan_comparisons(images, long, settings.effect_kinds, max_links)
    found = [
        _compare_by_metric(comparison, read_metric(source, metric), labels, settings).assign(
            metric=metric
        )
        for metric in dict.fromkeys(metrics)
        for comparison in comparisons
    ]
    effects = pd.concat([pd.DataFrame(columns=[*schema.names]), *found])
    if effects.empty:
        return schema.empty_table().replace_schema_metadata(None)
    effects["p_corrected"] = effects.groupby("kind")["p_value"].transform(
        lambda p_values: stats.false_discovery_control(p_values.to_numpy(dtype="float64"))
    )
    place = {metric: number for number, metric in enumerate(metrics)}
    effects = effects.assign(
        place=effects["metric"].map(place), tag=effects["kind"] != "any"
    ).sort_values(["place", "tag", "p_value", "kind", "name"])
    columns = {field.name: pa.array(effects[field.name].tolist(), field.type) for field in schema}
    return pa.table(columns, schema=schema).replace_schema_metadata(None)


def _plan_comparisons(
    images: AnyTable, long: AnyTable, kinds: Sequence[str], max_links: int
) -> list[Comparison]:
    posts, image_ids = find_posts(images, max_links)
    every = give_to_units(find_traits(long, image_ids, kinds), posts.pictures)
    is_label = (every.names["kind"] == "label").to_numpy(dtype="bool")
    comparisons = [Comparison(posts, choose_traits(every, ~is_label))]
    if is_label.any():
        stars = give_to_units(find_traits(long, image_ids, ["celebrity"]), posts.pictures)
        without_star = stars.has.sum(axis=1) == 0
        plain, left = keep_rows(posts, without_star[posts.unit])
        labels = choose_traits(every, is_label)
        comparisons.append(Comparison(plain, keep_units(labels, left)))
    if "any" in kinds:
        # Having a picture at all is compared with the rows that have no link; everything else
        # only among rows with a picture, so that it is not counted as each tag's effect.
        all_posts = add_rows_without_link(posts, images)
        has = sparse.csr_array((all_posts.pictures.sum(axis=1) > 0).astype("float64")[:, None])
        names = pd.DataFrame({"kind": ["any"], "name": ["has_image"]})
        every = Traits(names, has, sparse.csr_array(np.ones((len(image_ids), 1))))
        comparisons.append(Comparison(all_posts, every, by_size=False))
    return comparisons


def _compare_by_metric(
    comparison: Comparison,
    metric: Floats,
    labels: Sequence[object] | None,
    settings: EffectSettings,
) -> pd.DataFrame:
    """Compare one line per trait that enough units have and enough lack."""
    posts, left = keep_rows(comparison.posts, np.isfinite(metric[comparison.posts.rows]))
    traits = keep_units(comparison.traits, left)
    units = len(left)
    without_images = units - traits.has.sum(axis=0)
    # Many albums can show few pictures; each picture is in one unit at least.
    pictures = (posts.pictures.sum(axis=0) > 0) @ traits.images
    enough = np.minimum(pictures, without_images) >= settings.effect_min_rows
    traits = merge_identical(choose_traits(traits, enough))
    values = metric[posts.rows]
    clusters = cluster_units(posts, labels)
    estimates = estimate_superiority(
        rank_units(posts, values, by_size=comparison.by_size),
        traits.has,
        clusters,
        find_sharing(posts, clusters),
    )
    with_images = traits.has.sum(axis=0).astype("int64")
    effects = traits.names.assign(
        **asdict(estimates), with_images=with_images, without_images=units - with_images
    )
    described = _describe_rows(posts, traits.has, values)
    effects = pd.concat([effects, described], axis=1)
    # A side that is one cluster alone shows nothing but that cluster.
    return effects[effects["p_value"].notna()]


def _describe_rows(posts: Posts, has: sparse.csr_array, values: Floats) -> pd.DataFrame:
    """Counts, means and medians of the source rows on both sides."""
    row_has = sparse.csc_array(has[posts.unit])
    with_n = row_has.sum(axis=0)
    with_sum = values @ row_has
    described = pd.DataFrame(
        {
            "with_n": with_n.astype("int64"),
            "with_mean": with_sum / with_n,
            "without_n": (len(values) - with_n).astype("int64"),
            "without_mean": (values.sum() - with_sum) / (len(values) - with_n),
        }
    )
    described["difference"] = described["with_mean"] - described["without_mean"]
    ends = row_has.indptr
    medians = [
        _split_medians(values, row_has.indices[start:end])
        for start, end in itertools.pairwise(ends)
    ]
    described["with_median"] = [one for one, _ in medians]
    described["without_median"] = [other for _, other in medians]
    return described


def _split_medians(values: Floats, having: npt.NDArray[np.int32]) -> tuple[float, float]:
    inside = np.zeros(len(values), dtype=bool)
    inside[having] = True
    return float(np.median(values[inside])), float(np.median(values[~inside]))
