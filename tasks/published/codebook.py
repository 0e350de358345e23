"""`codebook.csv`: what every column of every published table holds."""

import csv
import io
from collections.abc import Mapping

import pyarrow as pa

CODEBOOK = "codebook.csv"

HEAD = ("table", "column", "type", "description")

UNKNOWN = "column of the source, unchanged"


def write_codebook(schemas: Mapping[str, pa.Schema]) -> str:
    """Write one line per table and column, from the descriptions in the fields' metadata.

    Args:
        schemas: the schema of each published table, in the order of the codebook.

    Returns:
        CSV (UTF-8, commas, a header): table, column, type, description. A column without a
        description is one of the source's.
    """
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(HEAD)
    for table, schema in schemas.items():
        for field in schema:
            described = (field.metadata or {}).get(b"description", UNKNOWN.encode()).decode()
            lines.writerow([table, field.name, name_type(field.type), described])
    return out.getvalue()


def name_type(kind: pa.DataType) -> str:
    """Name an Arrow type for people."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list of {name_type(kind.value_type)}"
    return str(kind).replace("large_", "")
