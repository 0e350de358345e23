"""A column of every type that a Parquet source may have, three cells each, the second empty."""

import datetime
import decimal
import uuid

import pyarrow as pa

from image_tags.tasks.adapters.files.tables import parquet_bytes, read_table

NAN = float("nan")
TENTHS = [decimal.Decimal("1.50"), None, decimal.Decimal("-2.00")]

COLUMNS = {
    "list": pa.array([[1.5, NAN], None, []]),
    "list of lists": pa.array([[["a"], None], None, []]),
    "large list": pa.array([[1], None, []], pa.large_list(pa.int64())),
    "fixed list": pa.array([["a", "b"], None, ["c", None]], pa.list_(pa.string(), 2)),
    "struct": pa.array([{"a": 1.0, "b": {"c": ["x"]}}, None, {"a": None, "b": None}]),
    "struct of an odd name": pa.array([{"a b": 1.0}, None, {"a b": None}]),
    "map": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    "dictionary": pa.array(["a", None, "b"]).dictionary_encode(),
    "decimal": pa.array(TENTHS, pa.decimal128(20, 2)),
    "long decimal": pa.array(TENTHS, pa.decimal256(60, 2)),
    "zoned": pa.array([0, None, 1], pa.timestamp("us", "Europe/Zurich")),
    "nanoseconds": pa.array([1, None, 2], pa.timestamp("ns")),
    "far": pa.array(
        [datetime.datetime(9999, 1, 1), None, datetime.datetime(1, 1, 1)], pa.timestamp("us")
    ),
    "time": pa.array([datetime.time(1, 2, 3, 4), None, datetime.time(0)], pa.time64("us")),
    "time in nanoseconds": pa.array([1, None, 2], pa.time64("ns")),
    "duration": pa.array([1, None, 2], pa.duration("us")),
    "date": pa.array([0, None, 1], pa.date32()),
    "binary": pa.array([b"\xff\x00", None, b""]),
    "fixed bytes": pa.array([b"ab", None, b"cd"], pa.binary(2)),
    "long text": pa.array(["a", None, ""], pa.large_string()),
    "text view": pa.array(["a", None, ""], pa.string_view()),
    "bytes view": pa.array([b"a", None, b""], pa.binary_view()),
    "list of views": pa.array([["a"], None, []], pa.list_(pa.string_view())),
    "uint64": pa.array([2**64 - 1, None, 0], pa.uint64()),
    "int8": pa.array([-1, None, 0], pa.int8()),
    "int32": pa.array([2**31 - 1, None, 0], pa.int32()),
    "int64": pa.array([2**60 + 1, None, -(2**63)]),
    "float16": pa.array([1.5, None, 0.0], pa.float16()),
    "float32": pa.array([1.5, None, NAN], pa.float32()),
    "bool": pa.array([True, None, False]),
    "null": pa.array([None, None, None], pa.null()),
    "uuid": pa.array([uuid.UUID(int=1).bytes, None, uuid.UUID(int=2).bytes], pa.uuid()),
    "json": pa.array(['{"a":1}', None, "[]"], pa.json_()),
    "": pa.array(["", None, "x"]),
    "NUL": pa.array(["a\0b", None, "\0"]),
    "שלום <i>`'\"": pa.array(["\u202etfel ot thgir", None, "=1+1"]),
}

SOURCE = read_table("source.parquet", parquet_bytes(pa.table(COLUMNS))).table
"""The columns as a source has them."""
