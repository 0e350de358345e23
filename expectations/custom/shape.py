"""Expectations on the shape of a table: exactly the columns and types of its contract."""

import pyarrow as pa

from image_tags.expectations.custom.base import Observation, TableExpectation, report_broken
from image_tags.expectations.subject import Subject
from image_tags.tasks.adapters.files.table_files import TableFile
from image_tags.tasks.contracts.tables import (
    IMAGES,
    ROWS,
    TAG_EFFECTS,
    TAGS_DROPPED,
    TAGS_LONG,
    schema_of,
    wide_columns,
)

PREFIX = "image_tags_"
"""What may be put before a column of ours, where the source has one of that name."""


class ExpectTableToMatchContract(TableExpectation):
    """The columns, their types and their order are those of the contract, no more and no less."""

    contract: str

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Compare name by name and type by type."""
        wanted = contract_schema(self.contract, whole)
        if self.contract in ("tagged", "rows"):
            wanted = pa.schema(
                [
                    wanted.field(at).with_name(name)
                    for at, name in enumerate(_add_prefixes(own, wanted, whole))
                ]
            )
        broken = [
            f"column {at + 1} is {_describe_field(there)}, not {_describe_field(should)}"
            for at, (there, should) in enumerate(zip(own.schema, wanted, strict=False))
            if (there.name, there.type) != (should.name, should.type)
        ]
        if len(own.schema) != len(wanted):
            broken.append(f"{len(own.schema):,} columns, not {len(wanted):,}")
        return report_broken(broken, len(wanted), "columns")


def contract_schema(contract: str, whole: Subject) -> pa.Schema:
    """The schema that a table must have; after the source's, our columns have their plain names."""
    wide = schema_of(wide_columns(dict(whole.context.widths)))
    if contract == "tagged":
        return pa.schema([*whole.tables["source"].schema, *schema_of(IMAGES), *list(wide)[1:]])
    return {
        "images": schema_of(IMAGES),
        "tags_long": schema_of(TAGS_LONG),
        "tags_dropped": schema_of(TAGS_DROPPED),
        "tags_wide": wide,
        "rows": pa.schema([*whole.tables["source"].schema, *schema_of(ROWS)]),
        "tag_effects": schema_of(TAG_EFFECTS),
    }[contract]


def _add_prefixes(own: TableFile, wanted: pa.Schema, whole: Subject) -> list[str]:
    """The contract's names, each of ours with the prefixes that the table gives it.

    A prefix keeps it apart from a column of the source.
    """
    source = len(whole.tables["source"].schema)
    taken = {name.casefold() for name in wanted.names[:source]}
    names = list(wanted.names[:source])
    for there, name in zip(own.column_names[source:], wanted.names[source:], strict=False):
        clash = name.casefold() in taken
        renamed = clash and there.startswith(PREFIX) and there.removeprefix(PREFIX).endswith(name)
        names.append(there if renamed else name)
    return [*names, *wanted.names[len(names) :]]


def _describe_field(field: pa.Field) -> str:
    return f"{field.name!r} ({field.type})"
