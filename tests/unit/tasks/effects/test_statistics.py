"""Tag effects: a known effect is found, shuffled data show none beyond the stated rate, and the
arithmetic is scipy's.
"""

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import EffectSettings
from image_tags.tasks.contracts.tables import IMAGES, TAG_EFFECTS, TAGS_LONG, schema_of
from image_tags.tasks.effects.metric import check_metrics, read_metric
from image_tags.tasks.effects.statistics import tag_effects


def tables(links, tags):
    """`images` from (row, position, image or status), `tags_long` from (image, kind, name)."""
    images = [
        {"row": row, "position": position, "image_id": None, "status": what}
        if what in ("rejected", "pending", "no_link")
        else {"row": row, "position": position, "image_id": what, "status": "tagged"}
        for row, position, what in links
    ]
    long = [{"image_id": image, "kind": kind, "name": name} for image, kind, name in tags]
    return pa.Table.from_pylist(images, schema=schema_of(IMAGES)), pa.Table.from_pylist(
        long, schema=schema_of(TAGS_LONG)
    )


def made(rows, names, rng, share=0.3):
    """A picture a row with each of some labels by chance; returns the tables and who has what."""
    has = rng.random((rows, names)) < share
    tags = [(f"i{row}", "label", f"L{name}") for row, name in np.argwhere(has).tolist()]
    return *tables([(row, 0, f"i{row}") for row in range(rows)], tags), has


def by_name(effects):
    return {(row["kind"], row["name"]): row for row in effects.to_pylist()}


def test_a_known_effect_is_found_and_the_others_are_not():
    rng = np.random.default_rng(1)
    images, long, has = made(600, 40, rng)
    likes = rng.exponential(100, 600) + 60 * has[:, 3]
    effects = tag_effects(pa.table({"likes": likes}), images, long, ["likes"], EffectSettings())
    assert effects.schema == schema_of(TAG_EFFECTS)
    assert effects.num_rows == 40
    best = effects.to_pylist()[0]
    assert best["name"] == "L3"
    assert best["p_corrected"] < 0.001
    assert best["low"] < 60 < best["high"]
    assert best["low"] > 0
    assert sum(row["p_corrected"] < 0.05 for row in effects.to_pylist()) == 1


def test_known_effects_of_having_a_picture_text_and_a_celebrity_are_found():
    rng = np.random.default_rng(9)
    text, celebrity = (rng.random(300) < share for share in (0.5, 0.3))
    links = [(row, 0, f"i{row}") for row in range(300)] + [
        (row, None, "no_link") for row in range(300, 500)
    ]
    tags = [(f"i{row}", "line", f"line {row}") for row in np.flatnonzero(text)]
    tags += [(f"i{row}", "celebrity", f"person {row}") for row in np.flatnonzero(celebrity)]
    likes = rng.normal(50, 10, 500)
    likes[:300] += 30 + 15 * text + 20 * celebrity
    effects = by_name(
        tag_effects(pa.table({"likes": likes}), *tables(links, tags), ["likes"], EffectSettings())
    )
    known = {
        "has_image": 30 + 15 * text.mean() + 20 * celebrity.mean(),
        "has_text": 15,
        "has_celebrity": 20,
    }
    assert set(effects) == {("any", name) for name in known}
    for name, difference in known.items():
        assert effects["any", name]["low"] < difference < effects["any", name]["high"]
        assert effects["any", name]["p_corrected"] < 0.001


def test_shuffled_data_show_effects_at_the_stated_rate_and_not_beyond():
    rng = np.random.default_rng(2)
    images, long, _ = made(300, 100, rng)
    small = found = covered = total = 0
    for _ in range(10):
        likes = np.round(rng.lognormal(3, 1, 300))  # skewed, with ties
        rows = tag_effects(
            pa.table({"likes": likes}),
            images,
            long,
            ["likes"],
            EffectSettings(effect_resamples=200),
        ).to_pylist()
        small += sum(row["p_value"] < 0.05 for row in rows)
        covered += sum(row["low"] <= 0 <= row["high"] for row in rows)
        found += any(row["p_corrected"] < 0.05 for row in rows)
        total += len(rows)
    assert total == 1000
    assert 0.02 < small / total < 0.08
    assert covered / total > 0.91
    assert found <= 2


def test_each_number_is_what_it_says():
    rng = np.random.default_rng(3)
    images, long, has = made(120, 3, rng)
    likes = rng.integers(0, 20, 120)
    effects = by_name(
        tag_effects(pa.table({"likes": likes}), images, long, ["likes"], EffectSettings())
    )
    for name in range(3):
        with_it, without = likes[has[:, name]], likes[~has[:, name]]
        row = effects["label", f"L{name}"]
        assert (row["with_n"], row["without_n"]) == (len(with_it), len(without))
        assert row["with_mean"] == pytest.approx(with_it.mean())
        assert row["without_mean"] == pytest.approx(without.mean())
        assert row["difference"] == pytest.approx(with_it.mean() - without.mean())
        assert row["p_value"] == pytest.approx(
            stats.mannwhitneyu(with_it, without, method="asymptotic").pvalue
        )
    corrected = stats.false_discovery_control(
        [effects["label", f"L{name}"]["p_value"] for name in range(3)]
    )
    assert [effects["label", f"L{name}"]["p_corrected"] for name in range(3)] == pytest.approx(
        corrected.tolist()
    )


def test_the_interval_is_that_of_resampled_rows():
    rng = np.random.default_rng(4)
    images, long, has = made(200, 1, rng, share=0.5)
    likes = rng.normal(50, 10, 200) + 5 * has[:, 0]
    row = tag_effects(
        pa.table({"likes": likes}), images, long, ["likes"], EffectSettings(effect_resamples=4000)
    ).to_pylist()[0]
    reference = stats.bootstrap(
        (likes[has[:, 0]], likes[~has[:, 0]]),
        lambda one, other, axis: one.mean(axis=axis) - other.mean(axis=axis),
        method="percentile",
        n_resamples=4000,
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert row["low"] == pytest.approx(reference.low, abs=0.3)
    assert row["high"] == pytest.approx(reference.high, abs=0.3)


def test_the_same_tables_give_the_same_numbers():
    rng = np.random.default_rng(5)
    images, long, _ = made(60, 3, rng)
    source = pa.table({"likes": rng.random(60)})
    once, again = (tag_effects(source, images, long, ["likes"], EffectSettings()) for _ in range(2))
    assert once == again
    assert once != tag_effects(source, images, long, ["likes"], EffectSettings(effect_seed=1))


def test_a_row_has_a_tag_if_any_of_its_pictures_does_and_unread_rows_take_no_part():
    links = [
        (0, 0, "a"),
        (0, 1, "b"),
        (1, 0, "b"),
        (2, 0, "a"),
        (2, 1, "rejected"),
        (3, 0, "pending"),
        (4, 0, "b"),
        (4, 1, "b"),
    ]
    tags = [("a", "label", "Cat"), ("a", "word", "SALE"), ("b", "celebrity", "Grace Hopper")]
    links += [(5, None, "no_link"), (6, None, "no_link")]
    images, long = tables(links, tags)
    source = pa.table({"likes": [1, 2, 4, 8, 16, 32, 64]})
    effects = by_name(
        tag_effects(source, images, long, ["likes"], EffectSettings(effect_min_rows=2))
    )
    counts = {
        key: (row["with_n"], row["with_mean"], row["without_n"], row["without_mean"])
        for key, row in effects.items()
    }
    assert counts == {
        ("any", "has_image"): (4, 23 / 4, 2, 48),
        ("label", "Cat"): (2, 2.5, 2, 9),
        ("word", "SALE"): (2, 2.5, 2, 9),
        ("any", "has_text"): (2, 2.5, 2, 9),
    }
    assert (
        "any",
        "has_celebrity",
    ) not in effects  # three of four rows have one: too few are left on the other side


def test_the_floor_leaves_out_what_too_few_rows_have_or_lack():
    rng = np.random.default_rng(6)
    images, long, has = made(100, 20, rng, share=0.12)
    source = pa.table({"likes": rng.random(100)})
    for floor in (2, 10, 15):
        effects = tag_effects(
            source, images, long, ["likes"], EffectSettings(effect_min_rows=floor)
        )
        assert set(effects["name"].to_pylist()) == {
            f"L{n}" for n in range(20) if has[:, n].sum() >= floor
        }


def test_rows_without_a_finite_number_take_no_part_in_that_metric_only():
    rng = np.random.default_rng(7)
    images, long, has = made(60, 1, rng, share=0.5)
    likes = [
        None if n == 0 else float("nan") if n == 1 else float("inf") if n == 2 else float(n)
        for n in range(60)
    ]
    source = pa.table({"likes": likes, "shares": range(60)})
    rows = {
        row["metric"]: row
        for row in tag_effects(
            source, images, long, ["likes", "shares", "likes"], EffectSettings()
        ).to_pylist()
    }
    assert rows["likes"]["with_n"] == has[3:, 0].sum()
    assert rows["shares"]["with_n"] == has[:, 0].sum()
    assert len(rows) == 2


def test_a_metric_that_is_always_the_same_shows_nothing():
    rng = np.random.default_rng(8)
    images, long, _ = made(60, 2, rng)
    for row in tag_effects(
        pa.table({"likes": [7] * 60}), images, long, ["likes"], EffectSettings()
    ).to_pylist():
        assert (row["difference"], row["low"], row["high"], row["p_value"]) == (0, 0, 0, 1)


@pytest.mark.parametrize(
    ("links", "tags"),
    [([], []), ([(0, None, "no_link")], []), ([(0, 0, "a")], [("a", "label", "Cat")])],
)
def test_too_little_to_compare_gives_an_empty_table(links, tags):
    effects = tag_effects(
        pa.table({"likes": [1]}), *tables(links, tags), ["likes"], EffectSettings()
    )
    assert effects.schema == schema_of(TAG_EFFECTS)
    assert effects.num_rows == 0


def test_no_metric_gives_an_empty_table():
    assert (
        tag_effects(pa.table({"likes": [1]}), *tables([], []), [], EffectSettings()).num_rows == 0
    )


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, None]),
        pa.array([1.0, float("nan")]),
        pa.array([True, None]),
        pa.array(["1", None]),
        pa.array(["1e0", None], pa.large_string()),
        pa.array([1, None], pa.decimal128(5, 0)),
        pa.array([1, None], pa.uint8()),
    ],
)
def test_numbers_of_any_type_are_numbers(column):
    assert read_metric(pa.table({"likes": column}), "likes").tolist() == pytest.approx(
        [1.0, float("nan")], nan_ok=True
    )


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (pa.array(["many", "1"]), "'likes' holds text that is no number"),
        (pa.array([None, None]), r"'likes' is not numeric \(null\)"),
        (pa.array([[1], [2]]), "'likes' is not numeric"),
        (pa.array([0, 1], pa.timestamp("s")), "'likes' is not numeric"),
        (pa.array([b"1", b"2"]), "'likes' is not numeric"),
    ],
)
def test_a_metric_that_is_not_numeric_is_one_sentence(column, says):
    with pytest.raises(UsageError, match=says):
        read_metric(pa.table({"likes": column}), "likes")


def test_a_metric_that_is_no_column_is_one_sentence():
    with pytest.raises(UsageError, match="no column called 'hearts'"):
        check_metrics(pa.table({"likes": [1]}), ["likes", "hearts"])


def test_metrics_that_can_be_compared_by_are_let_through():
    check_metrics(pa.table({"likes": [1]}), ["likes"])
