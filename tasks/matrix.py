"""For analysts: one-hot and document-term matrices of tags, and the details of faces as columns."""

import json
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.sparse import csc_array

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.contracts.tables import KINDS


def tags_matrix(
    tables: Mapping[str, pd.DataFrame],
    kind: str = "label",
    level: Literal["row", "image"] = "row",
    values: Literal["binary", "count", "confidence"] = "binary",
    min_count: int = 1,
    *,
    sparse: bool = False,
) -> pd.DataFrame:
    """Turn the tags of one kind into a matrix: a line per source row or image, a column per tag.

    Args:
        tables: `images` and `tags_long`, as `read_tables` returns them.
        kind: label, word, line, celebrity, face or moderation.
        level: `row`: one line per source row (its tags are those of all its pictures); `image`: one
            line per distinct image.
        values: `binary`: 1 where it has the tag; `count`: how often (words), or how many instances
            with a box (labels); `confidence`: the highest, 0-100, and 0 where it lacks the tag.
        min_count: leave out tags on fewer lines than this.
        sparse: return pandas' sparse columns, which take little memory when tags are many.

    Returns:
        A frame indexed by `row` or `image_id`, with the tags in alphabetical order as columns.
        There is a line for each row or image that was read: all operations have answered, so 0
        means that the tag was not found. Rows without a link, and those whose pictures are pending
        or rejected, have no line: nothing is known of them.

    Raises:
        UsageError: an argument is none of those listed, or a table is missing.
    """
    _check_choice("kind", kind, KINDS)
    _check_choice("level", level, ("row", "image"))
    _check_choice("values", values, ("binary", "count", "confidence"))
    if missing := {"images", "tags_long"} - set(tables):
        raise UsageError(f"tags_matrix needs the table {sorted(missing)[0]!r}.")
    links = tables["images"]
    links = links.loc[links["status"] == Status.TAGGED, ["row", "image_id"]].drop_duplicates()
    key = "row" if level == "row" else "image_id"
    lines = pd.Index(np.sort(links[key].unique()), name=key)
    long = tables["tags_long"]
    tags = long.loc[long["kind"] == kind, ["image_id", "name", "confidence", "instances"]]
    if level == "row":
        tags = tags.merge(links, on="image_id")
    else:
        tags = tags[tags["image_id"].isin(lines)]
    amounts = _weigh_tags(tags, key, values)
    counts = amounts.groupby("name")["amount"].size()
    names = pd.Index(sorted(counts.index[counts >= min_count]), name=kind, dtype="str")
    amounts = amounts[amounts["name"].isin(names)]
    return _build_frame(amounts, lines, names, key, values, sparse=sparse)


def expand_faces(tags_long: pd.DataFrame) -> pd.DataFrame:
    """Turn what `details` holds of faces into columns: one line per face.

    Args:
        tags_long: the table `tags_long`.

    Returns:
        `image_id`, `rank`, `confidence`, the box, then what the analyzer knows of the face, null
        where it does not: `age_low`, `age_high`; for each attribute (gender, smile, eyeglasses,
        beard, ...) its value and `..._confidence`; `emotion_<name>`, each 0-100, and the strongest
        as `emotion`; `pose_roll`, `pose_yaw`, `pose_pitch` in degrees; `brightness`, `sharpness`.
        A celebrity's face is a tag of the kind `celebrity` and is not among them, unless
        `detect_faces` found it too.
    """
    faces = tags_long[tags_long["kind"] == "face"]
    sides = ["image_id", "rank", "confidence", "left", "top", "width", "height"]
    details = [json.loads(text) if isinstance(text, str) else {} for text in faces["details"]]
    found = pd.DataFrame([_flatten_face(one) for one in details], index=faces.index)
    return pd.concat([faces[sides], found], axis=1).reset_index(drop=True)


def _weigh_tags(tags: pd.DataFrame, key: str, values: str) -> pd.DataFrame:
    """One line per row or image and name, with its amount."""
    if values == "binary":
        return tags[[key, "name"]].drop_duplicates().assign(amount=1)
    if values == "confidence":
        best = tags.groupby([key, "name"], sort=False)["confidence"].max()
        return best.rename("amount").reset_index()
    # A label without a box counts once: it is there, but nothing can be counted.
    several = pd.to_numeric(tags["instances"]).fillna(1).clip(lower=1).astype("int64")
    counted = tags.assign(amount=several).groupby([key, "name"], sort=False)["amount"].sum()
    return counted.reset_index()


def _build_frame(
    amounts: pd.DataFrame,
    lines: "pd.Index[Any]",
    names: "pd.Index[Any]",
    key: str,
    values: str,
    *,
    sparse: bool,
) -> pd.DataFrame:
    kind = "float64" if values == "confidence" else "int64"
    spots = (
        lines.get_indexer(pd.Index(amounts[key])),
        names.get_indexer(pd.Index(amounts["name"])),
    )
    cells = csc_array(
        (amounts["amount"].to_numpy(dtype=kind), spots), shape=(len(lines), len(names))
    )
    if sparse:
        thin: pd.DataFrame = pd.DataFrame.sparse.from_spmatrix(cells, lines, names)  # type: ignore[attr-defined]
        return thin
    return pd.DataFrame(cells.toarray(), index=lines, columns=names)


def _flatten_face(details: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for member, value in details.items():
        name = _snake_case(member)
        if member in ("AgeRange", "age_range"):
            flat |= {"age_low": value.get("Low"), "age_high": value.get("High")}
        elif name == "emotions":
            scores = {one["Type"].lower(): one["Confidence"] for one in value}
            flat["emotion"] = max(scores, key=scores.__getitem__, default=None)
            flat |= {f"emotion_{emotion}": score for emotion, score in scores.items()}
        elif name == "pose":
            flat |= {f"pose_{axis.lower()}": angle for axis, angle in value.items()}
        elif name == "quality":
            flat |= {_snake_case(part): score for part, score in value.items()}
        elif isinstance(value, dict) and "Value" in value:
            flat[name] = value["Value"]
            flat[f"{name}_confidence"] = value.get("Confidence")
    return flat


def _snake_case(member: str) -> str:
    letters = (f"_{c.lower()}" if c.isupper() else c for c in member)
    return "".join(letters).lstrip("_")


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{name} is one of {', '.join(allowed)}, not {value!r}.")
