"""Expectations on the shape of a table: exactly the columns and types of its contract."""

import pyarrow as pa

from image_tags.expectations.custom.base import Observation, TableExpectation, report_broken
from image_tags.expectations.subject import Subject
from image_tags.tasks.contracts.tables import (
    IMAGES,
    TAG_EFFECTS,
    TAGS_DROPPED,
    TAGS_LONG,
    schema_of,
    wide_columns,
)

PREFIX = "image_tags_"
"""What may stand before a column of ours in `tagged`, where the source has one of that name."""


class ExpectTableToMatchContract(TableExpectation):
    """The columns, their types and their order are those of the contract, no more and no less."""

    contract: str

    def inspect_table(self, own: pa.Table, whole: Subject) -> Observation:
        """Compare name by name and type by type."""
        wanted = contract_schema(self.contract, whole)
        if self.contract == "tagged":
            wanted = pa.schema(
                [
                    wanted.field(at).with_name(name)
                    for at, name in enumerate(_name_tagged_columns(own, wanted, whole))
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
    """The schema that a table must have; that of `tagged` with our columns under their plain names."""
    wide = schema_of(wide_columns(dict(whole.context.widths)))
    if contract == "tagged":
        return pa.schema([*whole.context.source.schema, *schema_of(IMAGES), *list(wide)[1:]])
    return {
        "images": schema_of(IMAGES),
        "tags_long": schema_of(TAGS_LONG),
        "tags_dropped": schema_of(TAGS_DROPPED),
        "tags_wide": wide,
        "tag_effects": schema_of(TAG_EFFECTS),
    }[contract]


def _name_tagged_columns(own: pa.Table, wanted: pa.Schema, whole: Subject) -> list[str]:
    """The contract's names, each of ours with as many prefixes as the table gives it to keep names
    apart.
    """
    source = whole.context.source.num_columns
    taken = {name.casefold() for name in wanted.names[:source]}
    names = list(wanted.names[:source])
    for there, name in zip(own.column_names[source:], wanted.names[source:], strict=False):
        clash = name.casefold() in taken
        renamed = clash and there.startswith(PREFIX) and there.removeprefix(PREFIX).endswith(name)
        names.append(there if renamed else name)
    return [*names, *wanted.names[len(names) :]]


def _describe_field(field: pa.Field) -> str:
    return f"{field.name!r} ({field.type})"
