"""Reading the tags out of responses."""

import json
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter

import pyarrow as pa

from image_tags.tasks.adapters.ledger.entry import Entry
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.contracts.operations import read_all
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.tables import TAGS_LONG, schema_of

CHUNK = 2_000
"""Images whose responses are in memory at the same time."""

LONG_SCHEMA = schema_of(TAGS_LONG)

ByOperation = Mapping[str, Entry | None]
"""The answers for one image; None where there is none."""


def read_images(
    image_ids: Sequence[str], ledgers: Mapping[str, Ledger]
) -> Iterator[dict[str, ByOperation]]:
    """The answers for the images, some images at a time, in their order."""
    for at in range(0, len(image_ids), CHUNK):
        chunk = image_ids[at : at + CHUNK]
        found = {
            op: {entry.image_id: entry for entry in ledger.read_entries(chunk)}
            for op, ledger in ledgers.items()
        }
        yield {image_id: {op: found[op].get(image_id) for op in ledgers} for image_id in chunk}


def tabulate_tags(images: Mapping[str, ByOperation], analyzer: str) -> pa.Table:
    """The tags of some images as rows of `tags_long`."""
    columns: list[list[object]] = [[] for _ in LONG_SCHEMA]
    for image_id, answered in images.items():
        for row in read_rows(image_id, answered, analyzer):
            for column, value in zip(columns, row, strict=True):
                column.append(value)
    return pa.table(columns, schema=LONG_SCHEMA)


def read_rows(image_id: str, answered: ByOperation, analyzer: str) -> Iterator[tuple[object, ...]]:
    """The rows of `tags_long` in one image's responses, as tuples in the table's column order."""
    entries = {op: entry for op, entry in answered.items() if entry is not None}
    responses: list[tuple[str, JsonObject]] = [
        (op, entry.response) for op, entry in entries.items() if entry.response is not None
    ]
    for tag in read_all(responses):
        details = tag.details
        text = json.dumps(details, ensure_ascii=False, sort_keys=True) if details else None
        version = entries[details["operation"]].model_version
        yield (image_id, *_read_fields(tag), text, analyzer, version)


_read_fields = attrgetter(*LONG_SCHEMA.names[1:-3])
"""A tag's values in the order of the columns between the image and the details."""
