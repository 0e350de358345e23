"""The cleaning rules: each is a pure function on a table of tags, each removal is on record.

A rule looks at one image at a time, so a table of any size is cleaned in parts that hold whole
images. Only the choice of names (`tag_names.py`) depends on the whole table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.clean.tag_names import (
    NameChoice,
    choose_names,
    count_names,
    flag_confusions,
    unify_names,
)
from image_tags.tasks.contracts.settings import CleaningSettings
from image_tags.tasks.contracts.tables import KINDS, TAGS_DROPPED, schema_of

Mask = pd.Series
"""True for each row that a rule removes; the index is the frame's."""


@dataclass(frozen=True)
class Rule:
    """One cleaning rule.

    Attributes:
        name: as in `tags_dropped.rule` and among the settings.
        description: what it removes, for people.
        removes: the rows to remove, given those that the rules before it left; removes none when it
            is switched off. The frame has `image` (a number), `kind`, `rank`, `name`, `confidence`
            and `parents`.

    """

    name: str
    description: str
    removes: Callable[[pd.DataFrame, CleaningSettings], Mask]


def clean_table(long: pa.Table, settings: CleaningSettings) -> tuple[pa.Table, pa.Table]:
    """The tags to keep and those removed, of a table in memory; see `clean_part`."""
    return clean_part(long, settings, choose_names(count_names([long]), settings))


def clean_part(
    long: pa.Table, settings: CleaningSettings, names: NameChoice
) -> tuple[pa.Table, pa.Table]:
    """The tags to keep and those removed.

    Together the two hold every row of `long` once, in its order. Only these differ from the input:
    names that were unified and flags (both noted in `details`), and `rank` of what is kept, which
    runs 1.. again.

    Args:
        long: tags as read from the responses, schema TAGS_LONG: all tags of each image in it.
        settings: switches and thresholds.
        names: the names chosen for the whole table.

    Returns:
        `tags_long` (schema TAGS_LONG) and `tags_dropped` (schema TAGS_DROPPED).

    """
    long = flag_confusions(unify_names(long, names), settings)
    left = _make_frame(long)
    rules = np.full(len(left), None, dtype=object)
    for rule in RULES:
        removed = rule.removes(left, settings)
        if removed.any():
            rules[left.index[removed]] = rule.name
            left = left[~removed]
    gone = pa.array(pd.notna(rules), pa.bool_())
    dropped = long.append_column("rule", pa.array(rules, pa.string())).filter(gone)
    return _rank_again(long.filter(pc.invert(gone)), left), dropped.cast(schema_of(TAGS_DROPPED))


def _make_frame(long: pa.Table) -> pd.DataFrame:
    """What the rules look at; numbers in place of image ids, which are long texts, save half."""
    frame: pd.DataFrame = long.select(["kind", "rank", "name", "confidence", "parents"]).to_pandas()
    ids = long["image_id"].combine_chunks().dictionary_encode()
    ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    frame.insert(0, "image", ids.indices.to_numpy())
    return frame


def _rank_again(kept: pa.Table, left: pd.DataFrame) -> pa.Table:
    ranks = left.groupby(["image", "kind"], sort=False)["rank"].rank(method="first")
    at = kept.schema.get_field_index("rank")
    return kept.set_column(at, kept.schema.field(at), pa.array(ranks.astype("int64"), pa.int64()))


def find_repeated_lines(tags: pd.DataFrame, settings: CleaningSettings) -> Mask:
    """Lines whose text the image's words already hold.

    They hold all of the line's words, or the same letters in a row.
    """
    removed = _remove_nothing(tags)
    lines = tags[tags["kind"] == "line"]
    if not settings.words_not_lines or lines.empty:
        return removed
    words = (
        tags[(tags["kind"] == "word") & tags["image"].isin(lines["image"])]
        .sort_values("rank")
        .groupby("image")["name"]
        .agg(list)
        .to_dict()
    )
    letters = {image: "".join("".join(names).split()) for image, names in words.items()}
    sets = {image: set(names) for image, names in words.items()}
    for at, image, text in zip(lines.index, lines["image"], lines["name"], strict=True):
        if image in sets:
            parts = text.split()
            removed[at] = sets[image].issuperset(parts) or "".join(parts) in letters[image]
    return removed


def find_blocked_names(tags: pd.DataFrame, settings: CleaningSettings) -> Mask:
    """Tags that the user does not want to see, by name, or by kind and name."""
    removed = _remove_nothing(tags)
    if not settings.blocked_names:
        return removed
    names = tags["name"].str.casefold()
    for entry in settings.blocked_names:
        kind, colon, name = entry.partition(":")
        if colon and kind in KINDS:
            removed |= (tags["kind"] == kind) & (names == name.casefold())
        else:
            removed |= names == entry.casefold()
    return removed


def find_uncertain_tags(tags: pd.DataFrame, settings: CleaningSettings) -> Mask:
    """Tags below the confidence that their kind must have."""
    least = {kind: getattr(settings, f"minimum_confidence_{kind}") for kind in KINDS}
    return tags["confidence"] < tags["kind"].map(least).astype("float64")


def find_repeated_names(tags: pd.DataFrame, settings: CleaningSettings) -> Mask:  # noqa: ARG001 - a rule like the others
    """All but the best of an image's labels with the same name: unifying names makes such."""
    labels = tags[tags["kind"].isin(["label", "moderation"])]
    best_first = labels.sort_values(["confidence", "rank"], ascending=[False, True], kind="stable")
    removed = _remove_nothing(tags)
    removed[best_first.index] = best_first.duplicated(["image", "kind", "name"])
    return removed


def find_labels_of_celebrities(tags: pd.DataFrame, settings: CleaningSettings) -> Mask:
    """Labels of images in which a celebrity was recognised."""
    if not settings.celebrity_only:
        return _remove_nothing(tags)
    with_celebrity = tags.loc[tags["kind"] == "celebrity", "image"].unique()
    return (tags["kind"] == "label") & tags["image"].isin(with_celebrity)


def find_implied_parents(tags: pd.DataFrame, settings: CleaningSettings) -> Mask:
    """Labels that are a parent of another label of the same image."""
    if not settings.parents_implied:
        return _remove_nothing(tags)
    labels = tags[tags["kind"] == "label"]
    parents = labels[["image", "name", "parents"]].explode("parents").dropna(subset=["parents"])
    parents = parents[parents["parents"] != parents["name"]]
    implied = pd.MultiIndex.from_frame(parents[["image", "parents"]].astype({"parents": "str"}))
    removed = _remove_nothing(tags)
    removed[labels.index] = pd.MultiIndex.from_frame(labels[["image", "name"]]).isin(implied)
    return removed


def _remove_nothing(tags: pd.DataFrame) -> Mask:
    return pd.Series(False, index=tags.index, dtype=bool)


# The order matters: a celebrity who is blocked or not certain enough must not cost an image its
# labels.
RULES = (
    Rule("words_not_lines", "lines of text whose words are tags too", find_repeated_lines),
    Rule("blocked_names", "names on your list of blocked names", find_blocked_names),
    Rule(
        "minimum_confidence", "tags below the least confidence for their kind", find_uncertain_tags
    ),
    Rule("one_name", "a second label with the same name", find_repeated_names),
    Rule("celebrity_only", "labels of an image with a celebrity", find_labels_of_celebrities),
    Rule("parents_implied", "labels that a narrower one implies", find_implied_parents),
)
