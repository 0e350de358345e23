"""The SQL that makes Athena tables of the published tables.

`published/manifests.py` keeps the list of the current files.
"""

import re
import warnings

import pyarrow as pa

from image_tags.tasks.adapters.files.tables import parquet_table
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import StoreSettings
from image_tags.tasks.published.manifests import LATEST
from image_tags.tasks.published.pointer import read_pointer

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Names of fields that can stand in a type as they are."""


def athena_table(store: str, table: str, *, region: str | None = None) -> str:
    """The SQL that makes an Athena table of a published table.

    Run it once: the table follows the current version. Run it again if the source gets other
    columns or the settings another number of wide ones. Columns that Athena has no type for are
    left out, and a warning names them.

    Raises:
        UsageError: the store is not on S3, or has no such table.
    """
    where = open_store(StoreSettings(store=store, region=region))
    pointer, _ = read_pointer(where)
    if where.bucket_and_key("") is None:
        raise UsageError(f"Athena reads from S3, and the store {store!r} is a folder.")
    if pointer is None or table not in pointer.tables:
        raise UsageError(f"There is no published table {table!r} in the store {store!r}.")
    return create_table(
        table,
        parquet_table(where.read(pointer.tables[table])).schema,
        where.locate(LATEST.format(table=table)),
    )


def create_table(table: str, schema: pa.Schema, location: str) -> str:
    """CREATE EXTERNAL TABLE for a schema, over the manifest in a folder.

    Warns of columns that it has to leave out. Athena finds columns of a Parquet file by name, so
    that others can do without one.

    Raises:
        UsageError: Athena takes two names for one, since it knows no capitals.
    """
    names = [field.name.lower() for field in schema]
    if twice := [field.name for field in schema if names.count(field.name.lower()) > 1]:
        raise UsageError(
            f"Athena takes the columns {' and '.join(map(repr, twice))} for one: "
            "rename yours in the source."
        )
    types, left_out = {}, []
    for field in schema:
        try:
            types[field.name] = _hive_type(field)
        except UsageError as error:
            left_out.append(f"{field.name!r}: {error}")
    if left_out:
        warnings.warn(f"Left out of the table for Athena: {' '.join(left_out)}", stacklevel=2)
    columns = ",\n".join(f"  {_quote_name(name)} {kind}" for name, kind in types.items())
    return (
        f"CREATE EXTERNAL TABLE {_quote_name(table)} (\n{columns}\n)\n"
        "ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'\n"
        "STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'\n"
        "OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'\n"
        f"LOCATION '{location.replace(chr(39), chr(39) * 2)}';"
    )


def hive_type(kind: pa.DataType) -> str:
    """Athena's name for a type of a Parquet column ("Data types in Amazon Athena").

    Raises:
        UsageError: Athena has none.
    """
    if pa.types.is_dictionary(kind) or isinstance(kind, pa.BaseExtensionType):
        return hive_type(kind.value_type if pa.types.is_dictionary(kind) else kind.storage_type)
    for fits, name in _TYPES:
        if fits(kind):
            return name
    if pa.types.is_decimal(kind) and kind.precision <= 38:
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"array<{hive_type(kind.value_type)}>"
    if pa.types.is_map(kind):
        return f"map<{hive_type(kind.key_type)},{hive_type(kind.item_type)}>"
    if pa.types.is_struct(kind) and all(PLAIN.fullmatch(field.name) for field in kind):
        return f"struct<{','.join(f'{field.name}:{hive_type(field.type)}' for field in kind)}>"
    raise UsageError(f"Athena has no type for a column of type {kind}.")


_TYPES = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int8, "tinyint"),
    (pa.types.is_int16, "smallint"),
    (pa.types.is_uint8, "smallint"),
    (pa.types.is_int32, "int"),
    (pa.types.is_uint16, "int"),
    (pa.types.is_integer, "bigint"),
    (pa.types.is_float32, "float"),
    (pa.types.is_float64, "double"),
    (pa.types.is_string, "string"),
    (pa.types.is_large_string, "string"),
    (pa.types.is_null, "string"),
    (pa.types.is_date, "date"),
    (pa.types.is_timestamp, "timestamp"),
    (pa.types.is_binary, "binary"),
    (pa.types.is_large_binary, "binary"),
    (pa.types.is_fixed_size_binary, "binary"),
)


def _hive_type(field: pa.Field) -> str:
    if not field.name:
        raise UsageError("Athena needs a name for a column.")
    return hive_type(field.type)


def _quote_name(name: str) -> str:
    return "`" + name.lower().replace("`", "``") + "`"
