"""What the pictures show: the most frequent names with examples, what cleaning removed, pictures behind many links."""

from dataclasses import dataclass

import pandas as pd

from tasks.report.view import ReportInput

EXAMPLES = 4
"""Thumbnails beside a name."""

SHARED_FROM = 3
"""Links behind one picture from which it is worth showing."""


@dataclass(frozen=True)
class Top:
    """One name: on how many images it is, how sure on average (0-100), the images that show it best."""

    name: str
    images: int
    confidence: float
    examples: list[str]


@dataclass(frozen=True)
class Removed:
    """What one cleaning rule removed: tags, and the names it hit most."""

    rule: str
    tags: int
    names: list[str]


@dataclass(frozen=True)
class Shared:
    """One picture behind many links, and a few of them."""

    image_id: str
    links: int
    urls: list[str]


def top_names(view: ReportInput, kind: str, limit: int) -> list[Top]:
    """The names of one kind that most images have."""
    tags = view.frame("tags_long", "image_id", "kind", "name", "confidence")
    tags = tags[tags["kind"] == kind]
    best = tags.sort_values(["confidence", "image_id"], ascending=[False, True]).drop_duplicates(["image_id", "name"])
    grouped = best.groupby("name", sort=True)
    counts = grouped.size().rename("n").reset_index().sort_values(["n", "name"], ascending=[False, True]).head(limit)
    means = grouped["confidence"].mean()
    examples = best[best["name"].isin(set(counts["name"]))].groupby("name")["image_id"]
    ids = {str(name): list(group.head(EXAMPLES)) for name, group in examples}
    return [
        Top(str(name), int(n), float(means[name]), ids[str(name)])
        for name, n in counts[["name", "n"]].itertuples(index=False)
    ]


def removed(view: ReportInput) -> list[Removed]:
    """What each cleaning rule removed, the busiest rule first."""
    dropped = view.frame("tags_dropped", "rule", "name")
    found = [
        Removed(str(rule), len(tags), [str(name) for name in _most_frequent(tags["name"], 6)])
        for rule, tags in dropped.groupby("rule")
    ]
    return sorted(found, key=lambda one: (-one.tags, one.rule))


def shared_pictures(view: ReportInput, limit: int = 5) -> list[Shared]:
    """The pictures that most links lead to, if several do."""
    links = view.frame("images", "image_id", "url").dropna()
    counts = links.groupby("image_id")["url"].size()
    many = counts[counts >= SHARED_FROM].reset_index(name="n").sort_values(["n", "image_id"], ascending=[False, True])
    return [
        Shared(str(image_id), int(n), list(links.loc[links["image_id"] == image_id, "url"].drop_duplicates().head(3)))
        for image_id, n in many.head(limit).itertuples(index=False)
    ]


def _most_frequent(names: pd.Series, limit: int) -> list[object]:
    counts = names.value_counts().rename("n").rename_axis("name").reset_index()
    return list(counts.sort_values(["n", "name"], ascending=[False, True]).head(limit)["name"])
