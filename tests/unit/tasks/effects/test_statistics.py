"""Tag effects: known effects are found, and small fixed worlds without any effect show none."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from image_tags.tasks.contracts.settings import EffectSettings
from image_tags.tasks.contracts.tables import IMAGES, TAG_EFFECTS, TAGS_LONG, schema_of
from image_tags.tasks.effects.statistics import compare_tags
from tests.support.staged import Staged
from tests.support.watched_tables import watch_tables


def tables(links, tags):
    """Make `images` of (row, position, image or status), `tags_long` of (image, kind, name)."""
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
    """Make one picture per row, with labels by chance; returns the tables and who has what."""
    has = rng.random((rows, names)) < share
    tags = [(f"i{row}", "label", f"L{name}") for row, name in np.argwhere(has).tolist()]
    return *tables([(row, 0, f"i{row}") for row in range(rows)], tags), has


def by_name(effects):
    return {(row["kind"], row["name"]): row for row in effects.to_pylist()}


def compare(likes, images, long, *, others=None, max_links=50, **settings):
    source = pa.table({"likes": likes, **(others or {})})
    metrics = settings.pop("metrics", ["likes"])
    return compare_tags(source, images, long, metrics, EffectSettings(**settings), max_links)


def test_a_known_effect_is_found_and_the_others_are_not():
    rng = np.random.default_rng(1)
    images, long, has = made(600, 40, rng)
    likes = rng.exponential(100, 600) * np.where(has[:, 3], 2, 1)
    effects = compare(likes, images, long)
    assert effects.schema == schema_of(TAG_EFFECTS)
    assert effects.num_rows == 40
    best = effects.to_pylist()[0]
    assert best["name"] == "L3"
    assert best["p_corrected"] < 0.001
    # Of two exponentials, one with twice the mean is larger with probability 2/3.
    assert best["low"] < 2 / 3 < best["high"]
    assert best["low"] > 0.5
    assert sum(row["p_corrected"] < 0.05 for row in effects.to_pylist()) == 1


def test_known_effects_of_having_a_picture_text_and_a_celebrity_are_found():
    rng = np.random.default_rng(9)
    text, celebrity = (rng.random(300) < share for share in (0.5, 0.3))
    links = [(row, 0, f"i{row}") for row in range(300)]
    links += [(row, None, "no_link") for row in range(300, 500)]
    tags = [(f"i{row}", "line", f"line {row}") for row in np.flatnonzero(text)]
    tags += [(f"i{row}", "celebrity", f"person {row}") for row in np.flatnonzero(celebrity)]
    likes = rng.normal(50, 10, 500)
    likes[:300] += 30 + 15 * text + 20 * celebrity
    effects = by_name(compare(likes, *tables(links, tags)))
    assert set(effects) == {("any", name) for name in ("has_image", "has_text", "has_celebrity")}
    for row in effects.values():
        assert row["low"] > 0.6
        assert row["p_corrected"] < 0.001


def test_each_number_is_what_it_says():
    rng = np.random.default_rng(3)
    images, long, has = made(120, 3, rng)
    likes = rng.integers(0, 20, 120)
    effects = by_name(compare(likes, images, long))
    for name in range(3):
        one, other = likes[has[:, name]], likes[~has[:, name]]
        row = effects["label", f"L{name}"]
        for side, values in (("with", one), ("without", other)):
            counts = {row[f"{side}_{what}"] for what in ("n", "images", "clusters")}
            assert counts == {len(values)}
            assert row[f"{side}_mean"] == pytest.approx(values.mean())
            assert row[f"{side}_median"] == np.median(values)
        assert row["difference"] == pytest.approx(one.mean() - other.mean())
        pairs = len(one) * len(other)
        assert row["superiority"] == pytest.approx(stats.mannwhitneyu(one, other).statistic / pairs)
        assert row["also"] == []
    p_values = [effects["label", f"L{name}"]["p_value"] for name in range(3)]
    assert [effects["label", f"L{name}"]["p_corrected"] for name in range(3)] == pytest.approx(
        stats.false_discovery_control(p_values).tolist()
    )


def test_the_same_tables_give_the_same_numbers():
    rng = np.random.default_rng(5)
    images, long, _ = made(60, 3, rng)
    likes = rng.random(60)
    assert compare(likes, images, long) == compare(likes, images, long)


def test_labels_are_compared_among_rows_without_a_celebrity():
    """Otherwise the rows of celebrities, whose labels are removed, count as having no label."""
    rng = np.random.default_rng(11)
    star = rng.random(300) < 0.3
    has = rng.random((300, 30)) < 0.3
    tags = [(f"i{row}", "label", f"L{n}") for row, n in np.argwhere(has) if not star[row]]
    tags += [(f"i{row}", "celebrity", "Someone") for row in np.flatnonzero(star)]
    likes = rng.lognormal(3, 1, 300) * np.where(star, 10, 1)
    effects = by_name(compare(likes, *tables([(n, 0, f"i{n}") for n in range(300)], tags)))
    labels = [row for (kind, _), row in effects.items() if kind == "label"]
    assert {row["with_n"] + row["without_n"] for row in labels} == {(~star).sum()}
    assert min(row["p_corrected"] for row in labels) > 0.05
    assert effects["celebrity", "Someone"]["superiority"] > 0.8


def test_a_picture_that_many_rows_share_counts_once():
    rng = np.random.default_rng(12)
    of_row = np.repeat(np.arange(40), 25)
    likes = np.exp(rng.normal(0, 1, 40)[of_row] + rng.normal(0, 1, 1000))
    has = rng.random((40, 60)) < 0.5
    links = [(row, 0, f"i{picture}") for row, picture in enumerate(of_row)]
    tags = [(f"i{picture}", "label", f"L{n}") for picture, n in np.argwhere(has)]
    rows = compare(likes, *tables(links, tags)).to_pylist()
    assert {row["with_images"] + row["without_images"] for row in rows} == {40}
    assert {row["with_n"] + row["without_n"] for row in rows} == {1000}
    assert np.mean([row["p_value"] < 0.05 for row in rows]) <= 0.1
    assert min(row["p_corrected"] for row in rows) > 0.05


def test_authors_habits_do_not_count_as_effects_once_authors_are_clusters():
    rng = np.random.default_rng(13)
    author = rng.integers(0, 30, 900)
    likes = np.exp(rng.normal(0, 1, 30)[author] + rng.normal(0, 1, 900))
    has = rng.random((900, 50)) < rng.beta(0.2, 0.5, (30, 50))[author]
    links = [(row, 0, f"i{row}") for row in range(900)]
    tags = [(f"i{row}", "label", f"L{n}") for row, n in np.argwhere(has)]
    others = {"author": [f"a{n}" for n in author]}
    naive, sound = (
        compare(likes, *tables(links, tags), others=others, **settings).to_pylist()
        for settings in ({}, {"effect_cluster": "author"})
    )
    assert np.mean([row["p_value"] < 0.05 for row in naive]) > 0.3
    assert np.mean([row["p_value"] < 0.05 for row in sound]) <= 0.06
    assert all(row["with_clusters"] <= 30 for row in sound)
    assert {row["name"]: row["superiority"] for row in naive} == {
        row["name"]: row["superiority"] for row in sound
    }


def test_a_tag_of_one_author_alone_is_not_compared():
    links = [(row, 0, f"i{row}") for row in range(60)]
    tags = [(f"i{row}", "label", "Cat") for row in range(20)]
    author = ["a"] * 20 + [f"b{row}" for row in range(40)]
    likes = np.arange(60.0)
    tables_ = tables(links, tags)
    assert compare(likes, *tables_, others={"author": author}).num_rows == 1
    clustered = compare(likes, *tables_, others={"author": author}, effect_cluster="author")
    assert clustered.num_rows == 0


def test_rows_with_several_pictures_are_compared_with_rows_that_have_as_many():
    rng = np.random.default_rng(14)
    sizes = rng.integers(1, 5, 800)
    links = [(row, at, f"i{row}-{at}") for row, size in enumerate(sizes) for at in range(size)]
    pictures = [image for _, _, image in links]
    tags = [
        (image, "label", f"L{n}") for image in pictures for n in range(40) if rng.random() < 0.2
    ]
    likes = np.exp(sizes + rng.normal(0, 1, 800))
    rows = compare(likes, *tables(links, tags)).to_pylist()
    # More pictures, more labels, more likes: the means differ for every label, the standing not.
    assert np.mean([row["difference"] > 0 for row in rows]) > 0.9
    assert np.mean([row["p_value"] < 0.05 for row in rows]) <= 0.1
    assert min(row["p_corrected"] for row in rows) > 0.05


def albums_of(pool, rng, rows=1_000):
    """Make albums of one to four pictures of a pool; returns links and the albums."""
    albums = [rng.choice(pool, rng.integers(1, 5), replace=False).tolist() for _ in range(rows)]
    links = [
        (row, at, f"i{one}") for row, album in enumerate(albums) for at, one in enumerate(album)
    ]
    return links, albums


def test_pictures_that_many_albums_share_are_no_independent_evidence():
    """Each picture moves all its albums, by nothing that the labels know of."""
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        links, albums = albums_of(100, rng)
        effects = rng.normal(0, 3, 100)
        likes = [effects[album].mean() + rng.normal() for album in albums]
        tags = [
            (f"i{one}", "label", f"L{label}")
            for label in range(60)
            for one in rng.choice(100, rng.integers(10, 40), replace=False)
        ]
        found += compare(likes, *tables(links, tags)).to_pylist()
    assert len(found) == 20 * 60
    assert np.mean([row["p_value"] < 0.05 for row in found]) < 0.06
    assert np.mean([row["p_corrected"] < 0.05 for row in found]) < 0.01


def test_a_tag_of_few_pictures_is_left_out_however_many_albums_show_them():
    rng = np.random.default_rng(5)
    links, albums = albums_of(60, rng)
    tags = [(f"i{one}", "label", f"on {n}") for n in (1, 9, 10, 30) for one in range(n)]
    effects = compare([float(row) for row in range(len(albums))], *tables(links, tags))
    assert {name for _, name in by_name(effects)} == {"on 10", "on 30"}
    few = by_name(
        compare(
            [float(row) if album[0] % 2 else None for row, album in enumerate(albums)],
            *tables([link for link in links if link[1] == 0], tags),
        )
    )
    # Of those with a metric, each second picture is left.
    assert {name for _, name in few} == {"on 30"}


def test_placeholder_pictures_take_no_part():
    links = [(row, 0, "placeholder") for row in range(30)]
    links += [(row, 0, f"i{row}") for row in range(30, 90)]
    links += [(89, 1, "placeholder")]
    tags = [("placeholder", "word", "Removed")]
    tags += [(f"i{row}", "label", "Cat") for row in range(30, 60)]
    likes = [0.0] * 30 + list(range(60))
    kept = by_name(compare(likes, *tables(links, tags), max_links=30))
    assert set(kept) == {("label", "Cat")}
    assert kept["label", "Cat"]["without_n"] == 30
    everything = by_name(compare(likes, *tables(links, tags), max_links=31))
    assert everything["label", "Cat"]["without_n"] == 60


def test_tags_on_the_same_pictures_are_one_comparison():
    links = [(row, 0, f"i{row}") for row in range(40)]
    tags = [(f"i{row}", "label", name) for row in range(20) for name in ("Cat", "Pet", "Animal")]
    tags += [(f"i{row}", "label", "Dog") for row in range(15, 40)]
    tags += [(f"i{row}", "word", "cat") for row in range(20)]
    rows = compare(np.arange(40.0), *tables(links, tags)).to_pylist()
    assert {(row["kind"], row["name"]): row["also"] for row in rows} == {
        ("label", "Animal"): ["Cat", "Pet"],
        ("label", "Dog"): [],
        ("word", "cat"): [],
        ("any", "has_text"): [],
    }


def test_words_are_compared_without_case_and_punctuation():
    links = [(row, 0, f"i{row}") for row in range(40)]
    words = ["SALE", "Sale!", "“sale”", "sale."] * 5
    tags = [(f"i{row}", "word", word) for row, word in enumerate(words)]
    effects = by_name(compare(np.arange(40.0), *tables(links, tags), effect_kinds=["word"]))
    assert set(effects) == {("word", "sale")}
    assert effects["word", "sale"]["with_n"] == 20


def test_kinds_are_chosen_and_corrected_each_for_itself_over_all_metrics():
    rng = np.random.default_rng(15)
    links = [(row, 0, f"i{row}") for row in range(80)]
    tags = [
        (f"i{row}", kind, f"{kind}{n}")
        for row in range(80)
        for kind in ("label", "word", "moderation")
        for n in range(5)
        if rng.random() < 0.4
    ]
    chosen = compare(
        rng.random(80),
        *tables(links, tags),
        others={"shares": rng.random(80)},
        metrics=["likes", "shares"],
        effect_kinds=["label", "word"],
    ).to_pylist()
    assert {row["kind"] for row in chosen} == {"label", "word"}
    for kind in ("label", "word"):
        rows = [row for row in chosen if row["kind"] == kind]
        assert {row["metric"] for row in rows} == {"likes", "shares"}
        assert len(rows) == 10
        assert [row["p_corrected"] for row in rows] == pytest.approx(
            stats.false_discovery_control([row["p_value"] for row in rows]).tolist()
        )


def correct(p_values):
    """Benjamini and Hochberg's correction, as their paper has it: step-up from the largest."""
    order = np.argsort(p_values)
    steps = np.sort(p_values) * len(p_values) / np.arange(1, len(p_values) + 1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum.accumulate(steps[::-1])[::-1]
    return np.minimum(corrected, 1)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([3, 10**6]))
def test_in_any_world_interval_and_p_value_agree_and_the_correction_is_the_papers(
    seed, clustered, levels
):
    """Shared pictures, albums, rows without a number, authors, ties."""
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 60, 90), rng.integers(0, 60, 90)
    links = [(row, 0, f"i{image}") for row, image in enumerate(first)]
    links += [(row, 1, f"i{second[row]}") for row in range(0, 90, 3)]
    tags = [
        (f"i{image}", kind, f"{kind}{n}")
        for image in range(60)
        for kind in ("label", "celebrity", "word")
        for n in range(4)
        if rng.random() < (0.05 if kind == "celebrity" else 0.4)
    ]
    tags += [(f"i{image}", "label", "liked") for image in range(20)]
    likes = rng.integers(0, levels, 90) + levels / 2 * (first < 20)
    likes[rng.random(90) < 0.1] = np.nan
    others = {
        "shares": rng.lognormal(3, 2, 90),
        "author": [f"a{n}" for n in rng.integers(0, 9, 90)],
    }
    cluster = {"effect_cluster": "author"} if clustered else {}
    rows = compare(
        likes,
        *tables(links, tags),
        others=others,
        metrics=["likes", "shares"],
        effect_min_rows=3,
        **cluster,
    ).to_pandas()
    assert rows["name"].eq("liked").any()
    outside = (rows["low"] > 0.5) | (rows["high"] < 0.5)
    sure = (rows["p_value"] - 0.05).abs() > 1e-9
    assert (outside == (rows["p_value"] < 0.05))[sure].all()
    assert (rows["low"] <= rows["superiority"]).all()
    assert (rows["superiority"] <= rows["high"]).all()
    for _, of_kind in rows.groupby("kind"):
        expected = correct(of_kind["p_value"].to_numpy())
        assert of_kind["p_corrected"].to_numpy() == pytest.approx(expected)


def test_a_row_has_a_tag_if_any_of_its_pictures_does_and_unread_rows_take_no_part():
    links = [
        (0, 0, "a"),
        (0, 1, "b"),
        (1, 0, "b"),
        (2, 0, "c"),
        (2, 1, "rejected"),
        (3, 0, "pending"),
        (4, 0, "d"),
        (4, 1, "d"),
    ]
    tags = [("a", "moderation", "Weapons"), ("c", "moderation", "Weapons"), ("a", "word", "SALE")]
    tags += [("c", "word", "sale"), ("b", "face", "Face")]
    links += [(5, None, "no_link"), (6, None, "no_link")]
    images, long = tables(links, tags)
    effects = by_name(compare([1, 2, 4, 8, 16, 32, 64], images, long, effect_min_rows=2))
    counts = {
        key: (row["with_n"], row["with_mean"], row["without_n"], row["without_mean"])
        for key, row in effects.items()
    }
    assert counts == {
        ("any", "has_image"): (4, 23 / 4, 2, 48),
        ("moderation", "Weapons"): (2, 2.5, 2, 9),
        ("word", "sale"): (2, 2.5, 2, 9),
        ("any", "has_text"): (2, 2.5, 2, 9),
    }
    # Two rows show a face, but it is the same picture.


def test_the_floor_leaves_out_what_too_few_rows_have_or_lack():
    rng = np.random.default_rng(6)
    images, long, has = made(100, 20, rng, share=0.12)
    source = pa.table({"likes": rng.random(100)})
    for floor in (2, 10, 15):
        effects = compare_tags(
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
        for row in compare_tags(
            source, images, long, ["likes", "shares", "likes"], EffectSettings()
        ).to_pylist()
    }
    assert rows["likes"]["with_n"] == has[3:, 0].sum()
    assert rows["shares"]["with_n"] == has[:, 0].sum()
    assert len(rows) == 2


def test_a_metric_that_is_always_the_same_shows_nothing():
    rng = np.random.default_rng(8)
    images, long, _ = made(60, 2, rng)
    for row in compare([7] * 60, images, long).to_pylist():
        assert (row["difference"], row["superiority"], row["p_value"]) == (0, 0.5, 1)
        assert row["low"] < 0.5 < row["high"]


@pytest.mark.parametrize(
    ("links", "tags"),
    [([], []), ([(0, None, "no_link")], []), ([(0, 0, "a")], [("a", "label", "Cat")])],
)
def test_too_little_to_compare_gives_an_empty_table(links, tags):
    effects = compare_tags(
        pa.table({"likes": [1]}), *tables(links, tags), ["likes"], EffectSettings()
    )
    assert effects.schema == schema_of(TAG_EFFECTS)
    assert effects.num_rows == 0


def test_no_metric_gives_an_empty_table():
    assert (
        compare_tags(pa.table({"likes": [1]}), *tables([], []), [], EffectSettings()).num_rows == 0
    )


def test_tags_in_a_file_are_compared_alike_and_read_in_parts(tmp_path):
    staged = Staged(rows=60)
    names = ("images", "tags_long")
    files = watch_tables(tmp_path, {name: staged.tables[name] for name in names})
    settings = EffectSettings(effect_min_rows=3)
    found, expected = (
        compare_tags(staged.source.select(["likes"]), *tables, ["likes"], settings)
        for tables in (files.values(), [staged.tables[name] for name in names])
    )
    assert expected.num_rows
    assert found.equals(expected)
    assert files["tags_long"].whole == set()
    assert files["tags_long"].in_parts == {"image_id", "kind", "name"}
    assert files["images"].whole <= {"row", "image_id", "status"}
