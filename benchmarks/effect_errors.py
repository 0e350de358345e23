"""How often `tag_effects` errs: `uv run python -m benchmarks.effect_errors [--draws 60]`.

Made worlds in which no tag has any effect (how many are found all the same?), and worlds in which
one tag has (does the interval cover it, is it found?). Each draw is a source of 1,000 rows with 50
labels, compared by the function that a run uses (coverage: by its estimator).

The bounds: without an effect, p < 0.05 for at most 6% of the labels and at most 2% after
correction; the 95% interval covers the truth in at least 92% of the draws from ten pictures on; a
label that doubles the likes of 100 of 1,000 posts is found in at least 90% of the draws.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse, stats

from image_tags.tasks.contracts.settings import EffectSettings
from image_tags.tasks.effects.statistics import compare_tags
from image_tags.tasks.effects.superiority import estimate_superiority

ROWS, LABELS = 1_000, 50
RAW, CORRECTED, COVERED, FOUND = 0.06, 0.02, 0.92, 0.90
TRUTH_DRAWS = 300_000
"""Pairs from which the true superiority of a world is known, to about 0.001."""

Numbers = npt.NDArray[np.float64]
Random = np.random.Generator


@dataclass(frozen=True)
class Feed:
    """A made source: the metric, the pictures of each row, which labels each picture has."""

    likes: Numbers
    pictures: list[list[int]]
    has: npt.NDArray[np.bool_]
    celebrities: frozenset[int] = frozenset()
    authors: list[str] | None = None


def compare(feed: Feed) -> list[dict[str, object]]:
    """Compare the labels of a feed as a run does; pictures of celebrities keep no labels."""
    sizes = [len(pictures) for pictures in feed.pictures]
    links = {
        "row": np.repeat(np.arange(len(sizes)), sizes),
        "image_id": [f"i{picture}" for pictures in feed.pictures for picture in pictures],
        "status": ["tagged"] * sum(sizes),
    }
    stars = sorted(feed.celebrities)
    kept = feed.has.copy()
    kept[stars] = False
    tagged, labels = np.nonzero(kept)
    tags = {
        "image_id": [f"i{picture}" for picture in (*tagged.tolist(), *stars)],
        "kind": ["label"] * len(tagged) + ["celebrity"] * len(stars),
        "name": [f"L{label}" for label in labels] + ["Someone"] * len(stars),
    }
    source = {"likes": feed.likes} | ({"author": feed.authors} if feed.authors else {})
    settings = EffectSettings(
        effect_kinds=("label",), effect_cluster="author" if feed.authors else None
    )
    effects = compare_tags(
        pa.table(source),
        pa.table(links),
        pa.table(tags, schema=pa.schema(dict.fromkeys(tags, pa.string()))),
        ["likes"],
        settings,
    )
    rows: list[dict[str, object]] = effects.to_pylist()
    return rows


def draw_labels(random: Random, pictures: int) -> npt.NDArray[np.bool_]:
    """Labels by chance, from rare to frequent."""
    shares = np.geomspace(12 / pictures, 0.4, LABELS)
    return np.asarray(random.random((pictures, LABELS)) < shares)


def single(likes: Numbers, has: npt.NDArray[np.bool_]) -> Feed:
    """A picture of its own in each row."""
    return Feed(likes, [[row] for row in range(len(likes))], has)


def draw_celebrities(random: Random) -> Feed:
    """Pictures of celebrities get ten times the likes and keep no labels."""
    stars = frozenset(np.flatnonzero(random.random(ROWS) < 0.2).tolist())
    likes = np.round(random.lognormal(3, 1, ROWS))
    likes[list(stars)] *= 10
    feed = single(likes, draw_labels(random, ROWS))
    return Feed(feed.likes, feed.pictures, feed.has, stars)


def draw_shared(random: Random, pictures: int, deviation: float, *, uneven: bool = False) -> Feed:
    """Rows that share pictures, each of which has an effect of its own."""
    weights = 1 / np.arange(1, pictures + 1) ** 0.5 if uneven else np.ones(pictures)
    # At most 40 rows per picture: more would look like a placeholder.
    slots = np.repeat(np.arange(pictures), 40)
    odds = np.repeat(weights, 40) / (40 * weights.sum())
    of_row = slots[random.choice(len(slots), ROWS, replace=False, p=odds)]
    effects = random.normal(0, deviation, pictures)
    likes = np.round(np.exp(3 + effects[of_row] + random.normal(0, 1, ROWS)))
    return Feed(likes, [[one] for one in of_row.tolist()], draw_labels(random, pictures))


def draw_authors(random: Random, deviation: float, habit: float) -> Feed:
    """Authors with more or fewer followers, each with labels of their own: `habit` 0 is none."""
    authors = 50
    of_row = random.integers(0, authors, ROWS)
    effects = random.normal(0, deviation, authors)
    likes = np.round(np.exp(3 + effects[of_row] + random.normal(0, 1, ROWS)))
    shares = np.geomspace(0.03, 0.4, LABELS)
    often = random.beta(shares / habit, (1 - shares) / habit, (authors, LABELS))
    has = np.asarray(random.random((ROWS, LABELS)) < often[of_row])
    feed = single(likes, has)
    names = [f"author {author}" for author in of_row]
    return Feed(feed.likes, feed.pictures, feed.has, authors=names)


def draw_albums(random: Random, pool: int | None) -> Feed:
    """One to four pictures per row, more likes for more; from a common pool, or all distinct."""
    sizes = random.integers(1, 5, ROWS)
    ends = np.cumsum(sizes)
    if pool is None:
        pictures = [list(range(end - size, end)) for end, size in zip(ends, sizes, strict=True)]
    else:
        pictures = [random.choice(pool, size, replace=False).tolist() for size in sizes]
    total = pool or int(ends[-1])
    effects = random.normal(0, 1, total)
    mean = np.array([effects[chosen].mean() for chosen in pictures])
    likes = np.round(np.exp(3 + 0.7 * sizes + mean + random.normal(0, 1, ROWS)))
    return Feed(likes, pictures, draw_labels(random, total))


def draw_skewed(random: Random, tail: str, size: int) -> Numbers:
    """Likes as on the web: heavy tails, or mostly none."""
    match tail:
        case "lognormal 1":
            return np.asarray(np.exp(3 + random.normal(0, 1, size)))
        case "lognormal 1.5":
            return np.asarray(np.exp(3 + random.normal(0, 1.5, size)))
        case "lognormal 2":
            return np.asarray(np.exp(3 + random.normal(0, 2, size)))
        case "Pareto 1.5":
            return np.asarray(10 * (1 + random.pareto(1.5, size)))
        case _:
            return np.asarray(
                np.round(np.exp(2 + random.normal(0, 1.2, size))) * (random.random(size) < 0.5)
            )


TAILS = ("lognormal 1", "lognormal 1.5", "lognormal 2", "Pareto 1.5", "zero-inflated")

NULL_WORLDS: dict[str, Callable[[Random], Feed]] = {
    "celebrities get ten times the likes": draw_celebrities,
    "100 shared pictures, sd 1": lambda random: draw_shared(random, 100, 1.0),
    "100 shared pictures, sd 0.5": lambda random: draw_shared(random, 100, 0.5),
    "300 shared pictures, sd 1": lambda random: draw_shared(random, 300, 1.0),
    "300 shared pictures, uneven, sd 1": lambda random: draw_shared(random, 300, 1.0, uneven=True),
    "50 authors, sd 1, weak habits": lambda random: draw_authors(random, 1.0, 0.3),
    "50 authors, sd 1, strong habits": lambda random: draw_authors(random, 1.0, 2.0),
    "50 authors, sd 0.5, strong habits": lambda random: draw_authors(random, 0.5, 2.0),
    "albums of 1 to 4 pictures": lambda random: draw_albums(random, None),
    "albums from 300 shared pictures": lambda random: draw_albums(random, 300),
    "albums from 100 shared pictures": lambda random: draw_albums(random, 100),
    **{
        f"independent, {tail}": lambda random, tail=tail: single(
            draw_skewed(random, tail, ROWS), draw_labels(random, ROWS)
        )
        for tail in TAILS
    },
}


def measure_false_positives(draws: int, seed: int) -> Iterator[str]:
    """Yield one line per world without any effect; `!` marks what is out of bounds."""
    yield f"{'no effect':38}{'p < .05':>9}{'corrected':>11}{'tables with any':>17}{'labels':>8}"
    for number, (name, draw) in enumerate(NULL_WORLDS.items()):
        random = np.random.default_rng([seed, number])
        tables = [compare(draw(random)) for _ in range(draws)]
        raw = np.array([row["p_value"] for rows in tables for row in rows], dtype="float64")
        corrected = np.array([row["p_corrected"] for rows in tables for row in rows], "float64")
        false = np.mean([any(float(str(r["p_corrected"])) < 0.05 for r in rows) for rows in tables])
        shares = (raw < 0.05).mean(), (corrected < 0.05).mean()
        bad = " !" if shares[0] > RAW or shares[1] > CORRECTED else ""
        yield (
            f"{name:38}{shares[0]:>9.2%}{shares[1]:>11.2%}{false:>17.1%}"
            f"{len(raw) / draws:>8.0f}{bad}"
        )


def measure_unnamed_authors(draws: int, seed: int) -> Iterator[str]:
    """Yield one line per world of authors with habits that `--effect-cluster` does not name.

    Nothing is out of bounds here: no method can tell habits from effects without the authors.
    """
    yield f"{'no effect, authors not named':38}{'p < .05':>9}{'corrected':>11}"
    for number, (name, habit) in enumerate((("weak habits", 0.3), ("strong habits", 2.0))):
        random = np.random.default_rng([seed, 300 + number])
        feeds = (replace(draw_authors(random, 1.0, habit), authors=None) for _ in range(draws))
        rows = [row for feed in feeds for row in compare(feed)]
        raw, corrected = (
            np.mean([float(str(row[p_value])) < 0.05 for row in rows])
            for p_value in ("p_value", "p_corrected")
        )
        yield f"{f'50 authors, sd 1, {name}':38}{raw:>9.1%}{corrected:>11.1%}"


def measure_coverage(draws: int, seed: int) -> Iterator[str]:
    """Yield one line per tail and size: how often the interval covers the true superiority."""
    yield f"{'interval covers, of 1,000 posts':38}" + "".join(f"{f'k={k}':>18}" for k in SIZES)
    yield f"{'(no effect / twice / ten times the likes)':38}"
    for number, tail in enumerate(TAILS):
        random = np.random.default_rng([seed, 100 + number])
        shares = [
            [cover_share(random, tail, k, factor, draws) for factor in (1, 2, 10)] for k in SIZES
        ]
        bad = " !" if min(map(min, shares)) < COVERED else ""
        yield (
            f"{tail:38}"
            + "".join(f"{' / '.join(f'{one:.0%}' for one in some):>18}" for some in shares)
            + bad
        )


SIZES = (10, 20, 50, 100)


def cover_share(random: Random, tail: str, having: int, factor: float, draws: int) -> float:
    """Return how often the interval holds the truth, `factor` times the likes with the label."""
    one, other = (draw_skewed(random, tail, TRUTH_DRAWS) for _ in range(2))
    truth = (factor * one > other).mean() + (factor * one == other).mean() / 2
    has = sparse.csr_array((np.arange(ROWS) < having).astype("float64")[:, None])
    alone = sparse.csr_array(sparse.eye_array(ROWS))
    covered = 0
    for _ in range(draws):
        likes = draw_skewed(random, tail, ROWS)
        likes[:having] *= factor
        found = estimate_superiority(likes, has, alone)
        covered += bool(found.low[0] <= truth <= found.high[0])
    return covered / draws


def measure_power(draws: int, seed: int) -> Iterator[str]:
    """Yield one line per tail: how often a label that doubles the likes of 100 posts is found.

    Next to it, what other tests find in the same draws: those that know more of the likes than any
    test can in earnest say how much there is to find.
    """
    yield f"{'found after correction, 50 labels':38}{'tag_effects':>13}" + "".join(
        f"{name:>22}" for name in RIVALS
    )
    for number, tail in enumerate(TAILS):
        random = np.random.default_rng([seed, 200 + number])
        found = dict.fromkeys(["tag_effects", *RIVALS], 0)
        for _ in range(draws):
            has = draw_labels(random, ROWS)
            has[:, 0] = False
            has[random.choice(ROWS, 100, replace=False), 0] = True
            likes = draw_skewed(random, tail, ROWS) * np.where(has[:, 0], 2, 1)
            rows = {row["name"]: row for row in compare(single(likes, has))}
            found["tag_effects"] += float(str(rows["L0"]["p_corrected"])) < 0.05
            for name, prepare in RIVALS.items():
                kept, values = prepare(likes)
                p_values = compare_means(values, has[kept])
                found[name] += stats.false_discovery_control(p_values)[0] < 0.05
        shares = {name: n / draws for name, n in found.items()}
        bad = " !" if tail == "lognormal 1" and shares["tag_effects"] < FOUND else ""
        yield f"{tail:38}{shares.pop('tag_effects'):>13.0%}" + (
            "".join(f"{share:>22.0%}" for share in shares.values()) + bad
        )


def compare_means(values: Numbers, has: npt.NDArray[np.bool_]) -> Numbers:
    """Return the p-value of the t-test with pooled variance for each column of `has`.

    Columns that are all the same, such as a rare label that no post with likes has, are left out.
    """
    has = has[:, has.any(axis=0) & ~has.all(axis=0)]
    columns = has.astype("float64") - has.mean(axis=0)
    centred = values - values.mean()
    spread = np.sqrt((centred**2).sum() * (columns**2).sum(axis=0))
    correlation = centred @ columns / spread
    freedom = len(values) - 2
    t = correlation * np.sqrt(freedom / (1 - correlation**2))
    return np.asarray(2 * stats.t.sf(np.abs(t), freedom))


def _every(likes: Numbers, values: Numbers) -> tuple[npt.NDArray[np.bool_], Numbers]:
    return np.ones(len(likes), dtype=bool), values


RIVALS: dict[str, Callable[[Numbers], tuple[npt.NDArray[np.bool_], Numbers]]] = {
    "t-test of logs": lambda likes: _every(likes, np.log1p(likes)),
    "normal scores": lambda likes: _every(
        likes, stats.norm.ppf(stats.rankdata(likes) / (len(likes) + 1))
    ),
    "Wilcoxon": lambda likes: _every(likes, stats.rankdata(likes)),
    "logs of likes > 0": lambda likes: (likes > 0, np.log(likes[likes > 0])),
}
"""Other tests: which rows each uses, and the values whose means it compares.

Of lognormal likes, the first is the most powerful test that there is.
"""


TIMES = {"false-positives": 1, "unnamed-authors": 1, "coverage": 10, "power": 5}
"""Draws of each measure, as a multiple of `--draws`."""


def main() -> int:
    """Print the tables; exit code 1 if anything is out of bounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=60, help="of each world")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=tuple(TIMES))
    asked = parser.parse_args()
    measures = {
        "false-positives": measure_false_positives,
        "unnamed-authors": measure_unnamed_authors,
        "coverage": measure_coverage,
        "power": measure_power,
    }
    bad = False
    for name, measure in measures.items():
        if asked.only in (None, name):
            for line in measure(asked.draws * TIMES[name], asked.seed):
                print(line, flush=True)
                bad |= line.endswith("!")
            print()
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
