"""Does the picture matter? Each tag's source rows against the others, by a numeric column of the
source.

What is found is association, never cause: rows with a tag may differ in anything else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy import sparse, special, stats

from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.contracts.settings import EffectSettings
from image_tags.tasks.contracts.tables import TAG_EFFECTS, schema_of
from image_tags.tasks.effects.metric import Floats, read_metric

CHUNK = 100
"""Resamples that are in memory at the same time."""


@dataclass(frozen=True)
class Having:
    """Which source rows have what.

    Attributes:
        rows: the source rows that can be compared.
        traits: what they may have: `kind` and `name`.
        has: rows x traits, 1 where the row has the trait.
    """

    rows: npt.NDArray[np.int64]
    traits: pd.DataFrame
    has: sparse.csr_array


def tag_effects(
    source: pa.Table,
    images: pa.Table,
    long: pa.Table,
    metrics: Sequence[str],
    settings: EffectSettings,
) -> pa.Table:
    """Compare the rows that have a tag with those that do not, for every tag and metric.

    A row has a tag if any of its pictures does; a row of whose pictures none was read takes no
    part. Tags are compared among rows that have a picture, so that having one at all is not counted
    as each tag's effect: that is `has_image`, which compares them with the rows that have no link.

    Args:
        source: the source.
        images: `images`, schema IMAGES.
        long: `tags_long`, schema TAGS_LONG.
        metrics: numeric columns of the source; a row without a finite number in one takes no part
            in it.
        settings: the least number of rows on either side; resamples and seed of the bootstrap.

    Returns:
        Schema TAG_EFFECTS: by metric, `any` first, then by p-value. The interval is the 95%
            percentile bootstrap over
        rows; the p-value that of the two-sided Mann-Whitney test (normal approximation, corrected
        for ties and continuity); its correction is Benjamini-Hochberg over the metric.

    Raises:
        UsageError: a metric is no column of the source, or not numeric.
    """
    schema = schema_of(TAG_EFFECTS)
    found = []
    for metric in dict.fromkeys(metrics):
        values = read_metric(source, metric)
        effects = pd.concat(
            [
                _compare(having, values, settings)
                for having in (_by_image(images), _by_tag(images, long))
            ]
        )
        effects["metric"] = metric
        effects["p_corrected"] = stats.false_discovery_control(
            effects["p_value"].to_numpy(dtype="float64")
        )
        by = effects.assign(tag=effects["kind"] != "any").sort_values(
            ["tag", "p_value", "kind", "name"]
        )
        found.append(
            pa.Table.from_pandas(by[schema.names], schema=schema, preserve_index=False).cast(schema)
        )
    return pa.concat_tables([schema.empty_table(), *found]).replace_schema_metadata(None)


def _by_image(images: pa.Table) -> Having:
    """Rows with a picture that was read, and rows without any link."""
    links = images.select(["row", "status"]).to_pandas()
    rows = (
        links[links["status"].isin([Status.TAGGED, Status.NO_LINK])]
        .groupby("row")["status"]
        .agg("max")
    )
    has = (rows == Status.TAGGED).to_numpy(dtype="float64")[:, None]
    traits = pd.DataFrame({"kind": ["any"], "name": ["has_image"]})
    return Having(rows.index.to_numpy(dtype="int64"), traits, sparse.csr_array(has))


def _by_tag(images: pa.Table, long: pa.Table) -> Having:
    """Rows with a picture that was read, and the tags of their pictures."""
    links = images.select(["row", "image_id", "status"]).to_pandas()
    links = links.loc[links["status"] == Status.TAGGED, ["row", "image_id"]].drop_duplicates()
    rows = np.sort(links["row"].unique()).astype("int64")
    tags = links.merge(long.select(["image_id", "kind", "name"]).to_pandas(), on="image_id")[
        ["row", "kind", "name"]
    ]
    any_of = {"word": "has_text", "line": "has_text", "celebrity": "has_celebrity"}
    wider = tags[tags["kind"].isin(any_of)]
    wider = wider.assign(name=wider["kind"].map(any_of).astype("str"), kind="any")
    tags = pd.concat([tags, wider]).drop_duplicates()
    traits = tags[["kind", "name"]].drop_duplicates().reset_index(drop=True)
    place = tags.merge(traits.reset_index(names="trait"), on=["kind", "name"])
    spots = (np.searchsorted(rows, place["row"].to_numpy()), place["trait"].to_numpy())
    return Having(
        rows, traits, sparse.csr_array((np.ones(len(place)), spots), shape=(len(rows), len(traits)))
    )


def _compare(having: Having, metric: Floats, settings: EffectSettings) -> pd.DataFrame:
    """One row for each trait that enough rows have and enough lack."""
    values = metric[having.rows]
    there = np.isfinite(values)
    values, has = values[there], having.has[there]
    with_n = has.sum(axis=0)
    enough = np.minimum(with_n, len(values) - with_n) >= settings.effect_min_rows
    has, with_n = has[:, enough], with_n[enough]
    without_n = len(values) - with_n
    with_sum = values @ has
    effects: pd.DataFrame = having.traits[enough].assign(
        with_n=with_n.astype("int64"),
        with_mean=with_sum / with_n,
        without_n=without_n.astype("int64"),
        without_mean=(values.sum() - with_sum) / without_n,
        p_value=rank_test(values, has, with_n),
    )
    effects["difference"] = effects["with_mean"] - effects["without_mean"]
    effects["low"], effects["high"] = bootstrap(
        values, has, settings.effect_resamples, settings.effect_seed
    )
    return effects


def rank_test(values: Floats, has: sparse.csr_array, with_n: Floats) -> Floats:
    """Two-sided p-values of the Mann-Whitney U test, a trait each, by the normal approximation with
    its two corrections.

    The formulas are those of `scipy.stats.mannwhitneyu(method="asymptotic")`, for all traits at
    once.
    """
    n, without_n = len(values), len(values) - with_n
    u = stats.rankdata(values) @ has - with_n * (with_n + 1) / 2
    middle = with_n * without_n / 2
    _, ties = np.unique(values, return_counts=True)
    tied = (ties.astype("float64") ** 3 - ties).sum() / max(n * (n - 1), 1)
    error = np.sqrt(with_n * without_n / 12 * (n + 1 - tied))
    z = (np.abs(u - middle) - 0.5) / np.where(error > 0, error, np.inf)
    return np.asarray(np.minimum(1.0, 2 * special.ndtr(-z)))


def bootstrap(
    values: Floats, has: sparse.csr_array, resamples: int, seed: int
) -> tuple[Floats, Floats]:
    """The 2.5th and 97.5th percentile of the difference of means over resampled rows, a trait each."""
    random = np.random.default_rng(seed)
    n, (_, traits) = len(values), has.shape
    if not traits:
        return np.empty(0), np.empty(0)
    differences = np.empty((resamples, traits))
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        drawn = random.integers(0, n, (size, n)) + np.arange(size)[:, None] * n
        weights = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype("float64")
        weighted = weights * values
        count, total = weights @ has, weighted @ has
        with np.errstate(
            invalid="ignore", divide="ignore"
        ):  # a resample without any such row says nothing
            others = (weighted.sum(axis=1, keepdims=True) - total) / (n - count)
            differences[start : start + size] = total / count - others
    low, high = np.nanpercentile(differences, [2.5, 97.5], axis=0)
    return low, high
