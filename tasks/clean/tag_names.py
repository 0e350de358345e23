"""Names of tags: one name for one thing, and a flag on names that models are known to confuse."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pyarrow as pa

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import CleaningSettings

NAMED_KINDS = ("label", "celebrity", "moderation")
"""Kinds whose names are a vocabulary. Words and lines stay as they are read, faces have none."""


def unify_names(long: pa.Table, settings: CleaningSettings) -> pa.Table:
    """The table with aliases replaced and one spelling where names differ only in case.

    Of several spellings the one used most in this table stays; where two are used as often, the
    first in sort order. A name that was replaced stays in `details` as `original_name`. `parents`
    follow the same names.

    Raises:
        UsageError: an alias is not `name=other name`.

    """
    names = long["name"].to_pylist()
    named = [kind in NAMED_KINDS for kind in long["kind"].to_pylist()]
    used = Counter(name for name, is_named in zip(names, named, strict=True) if is_named)
    preferred = _choose_names(used, parse_aliases(settings.aliases), settings.one_spelling)
    new = {
        name: preferred[name.casefold()]
        for name in used
        if preferred.get(name.casefold(), name) != name
    }
    if not new:
        return long
    renamed = [
        new.get(name, name) if is_named else name
        for name, is_named in zip(names, named, strict=True)
    ]
    notes = {at: {"original_name": old} for at, old in enumerate(names) if renamed[at] != old}
    parents = [
        row and [preferred.get(name.casefold(), name) for name in row]
        for row in long["parents"].to_pylist()
    ]
    return _add_notes(
        _replace_column(_replace_column(long, "name", renamed), "parents", parents), notes
    )


def parse_aliases(aliases: tuple[str, ...]) -> dict[str, str]:
    """`("Automobile=Car",)` as {"automobile": "Car"}; the left side in lower case."""
    found = {}
    for entry in aliases:
        name, equals, other = (part.strip() for part in entry.partition("="))
        if not (name and equals and other):
            raise UsageError(f"The alias {entry!r} is not of the form Automobile=Car.")
        found[name.casefold()] = other
    return found


def _choose_names(
    used: Mapping[str, int], aliases: Mapping[str, str], one_spelling: bool
) -> dict[str, str]:
    """The name to use for each name in lower case."""
    spellings: dict[str, str] = {}
    if one_spelling:
        spellings = {other.casefold(): other for other in aliases.values()}
        for name in sorted(used, key=lambda name: (-used[name], name)):
            spellings.setdefault(name.casefold(), name)
    return {**spellings, **aliases}


def flag_confusions(long: pa.Table, settings: CleaningSettings) -> pa.Table:
    """The table with `flag` in the `details` of labels that a model is known to take for something
    else.

    A label is flagged if the table of confusions names it together with another label of the same
    image (`beside`), or names it without any. Nothing is dropped.
    """
    if not settings.flag_confusions:
        return long
    confusions = read_confusions(settings.confusions)
    labels = long.select(["image_id", "kind", "name"]).to_pandas()
    labels = labels[labels["kind"] == "label"]
    labels = labels.assign(name=labels["name"].str.casefold())
    suspects = labels[labels["name"].isin({name for name, _ in confusions})]
    beside = (
        labels[labels["image_id"].isin(suspects["image_id"])]
        .groupby("image_id")["name"]
        .agg(set)
        .to_dict()
    )
    notes = {}
    for at, image, name in zip(suspects.index, suspects["image_id"], suspects["name"], strict=True):
        seen = [
            may_be
            for (this, other), may_be in confusions.items()
            if this == name and other in beside[image] | {""}
        ]
        if seen:
            notes[at] = {"flag": f"may be {seen[0]}"}
    return _add_notes(long, notes)


def read_confusions(path: str | None) -> dict[tuple[str, str], str]:
    """{(name, beside): what it may be instead}, names in lower case; the built-in table if there is
    no path.

    Raises:
        UsageError: the file is not there or has not the columns name, beside and may_be.

    """
    path = str(files("image_tags.tasks.clean") / "known_confusions.csv") if path is None else path
    if not Path(path).is_file():
        raise UsageError(f"There is no file of known confusions at {path!r}.")
    try:
        table = pd.read_csv(path, dtype="str", keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError):
        raise UsageError(f"The known confusions in {path!r} are not a CSV file.") from None
    if missing := {"name", "beside", "may_be"} - set(table.columns):
        raise UsageError(
            f"The known confusions in {path!r} have no column {', '.join(sorted(missing))}."
        )
    rows = table[["name", "beside", "may_be"]].itertuples(index=False)
    return {
        (name.strip().casefold(), beside.strip().casefold()): may_be.strip()
        for name, beside, may_be in rows
    }


def _add_notes(long: pa.Table, notes: Mapping[int, Mapping[str, str]]) -> pa.Table:
    """The table with notes added to the JSON objects in `details`, by row number."""
    if not notes:
        return long
    details = long["details"].to_pylist()
    for at, note in notes.items():
        details[at] = json.dumps({**json.loads(details[at] or "{}"), **note}, ensure_ascii=False)
    return _replace_column(long, "details", details)


def _replace_column(table: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    at = table.schema.get_field_index(name)
    return table.set_column(
        at, table.schema.field(at), pa.array(values, table.schema.field(at).type)
    )
