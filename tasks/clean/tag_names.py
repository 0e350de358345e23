"""Names of tags: one name for one thing, and a flag on names that models are known to confuse."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import CleaningSettings

NAMED_KINDS = ("label", "celebrity", "moderation")
"""Kinds whose names are a vocabulary. Words and lines stay as they are read, faces have none."""


@dataclass(frozen=True)
class NameChoice:
    """Which name stands for which, chosen from all names of a table.

    Attributes:
        new: the other name of each name that is replaced.
        preferred: the name to use for each name in lower case; parents follow it too.
    """

    new: Mapping[str, str]
    preferred: Mapping[str, str]


def count_names(parts: Iterable[pa.Table]) -> Counter[str]:
    """How often each name of a label, celebrity or moderation label occurs in a table's parts."""
    used: Counter[str] = Counter()
    for part in parts:
        named = part["name"].filter(pc.is_in(part["kind"], pa.array(NAMED_KINDS)))
        counts = pc.value_counts(named)
        used.update(
            dict(
                zip(
                    counts.field("values").to_pylist(),
                    counts.field("counts").to_pylist(),
                    strict=True,
                )
            )
        )
    return used


def choose_names(used: Mapping[str, int], settings: CleaningSettings) -> NameChoice:
    """Aliases, and one spelling where names differ only in case.

    Of several spellings the one used most stays; of those used as often, the first in sort order.

    Raises:
        UsageError: an alias is not `name=other name`.

    """
    aliases = parse_aliases(settings.aliases)
    spellings: dict[str, str] = {}
    if settings.one_spelling:
        spellings = {other.casefold(): other for other in aliases.values()}
        for name in sorted(used, key=lambda name: (-used[name], name)):
            spellings.setdefault(name.casefold(), name)
    preferred = {**spellings, **aliases}
    chosen = {name: preferred.get(name.casefold(), name) for name in used}
    return NameChoice({name: new for name, new in chosen.items() if new != name}, preferred)


def unify_names(long: pa.Table, names: NameChoice) -> pa.Table:
    """The table with the chosen names.

    A name that was replaced stays in `details` as `original_name`. `parents` follow the same names.
    """
    if not names.new:
        return long
    given = long["name"].to_pylist()
    kinds = long["kind"].to_pylist()
    renamed = [
        names.new.get(name, name) if kind in NAMED_KINDS else name
        for name, kind in zip(given, kinds, strict=True)
    ]
    notes = {at: {"original_name": old} for at, old in enumerate(given) if renamed[at] != old}
    parents = [
        row and [names.preferred.get(name.casefold(), name) for name in row]
        for row in long["parents"].to_pylist()
    ]
    named = _replace_column(_replace_column(long, "name", renamed), "parents", parents)
    return _add_notes(named, notes)


def parse_aliases(aliases: tuple[str, ...]) -> dict[str, str]:
    """`("Automobile=Car",)` as {"automobile": "Car"}; the left side in lower case."""
    found = {}
    for entry in aliases:
        name, equals, other = (part.strip() for part in entry.partition("="))
        if not (name and equals and other):
            raise UsageError(f"The alias {entry!r} is not of the form Automobile=Car.")
        found[name.casefold()] = other
    return found


def flag_confusions(long: pa.Table, settings: CleaningSettings) -> pa.Table:
    """The table with `flag` in the `details` of labels that models are known to confuse.

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
    """{(name, beside): what it may be instead}, names in lower case.

    The built-in table is read if there is no path.

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
