"""The SQL for Athena, as text."""

import pyarrow as pa
import pytest

from image_tags.tasks.athena import create_table, hive_type
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.tables import TAGS_LONG, schema_of


def test_the_sql_of_a_published_table():
    assert create_table(
        "tags_long", schema_of(TAGS_LONG), "s3://bucket/prefix/published/latest/tags_long/"
    ) == (
        """\
CREATE EXTERNAL TABLE `tags_long` (
  `image_id` string,
  `kind` string,
  `rank` bigint,
  `name` string,
  `confidence` double,
  `left` double,
  `top` double,
  `width` double,
  `height` double,
  `instances` bigint,
  `parents` array<string>,
  `categories` array<string>,
  `details` string,
  `analyzer` string,
  `model_version` string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://bucket/prefix/published/latest/tags_long/';"""
    )


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (pa.bool_(), "boolean"),
        (pa.int32(), "int"),
        (pa.uint32(), "bigint"),
        (pa.float32(), "float"),
        (pa.decimal128(10, 2), "decimal(10,2)"),
        (pa.timestamp("us", "UTC"), "timestamp"),
        (pa.date32(), "date"),
        (pa.binary(), "binary"),
        (pa.null(), "string"),
        (pa.dictionary(pa.int32(), pa.string()), "string"),
        (pa.list_(pa.list_(pa.int64())), "array<array<bigint>>"),
        (pa.struct([("a", pa.string()), ("b", pa.float64())]), "struct<a:string,b:double>"),
        (pa.map_(pa.string(), pa.int64()), "map<string,bigint>"),
        (pa.list_(pa.int32(), 2), "array<int>"),
        (pa.binary(16), "binary"),
        (pa.uuid(), "binary"),
        (pa.json_(), "string"),
    ],
)
def test_types_of_the_source(kind, name):
    assert hive_type(kind) == name


def test_odd_names_are_quoted():
    sql = create_table("tagged", pa.schema([("Tweet `text`; DROP", pa.string())]), "s3://b/it's/")
    assert "  `tweet ``text``; drop` string\n" in sql
    assert "LOCATION 's3://b/it''s/';" in sql


@pytest.mark.parametrize(
    "kind",
    [
        pa.duration("s"),
        pa.time64("us"),
        pa.float16(),
        pa.decimal256(39, 0),
        pa.list_(pa.duration("s")),
        pa.struct([("a b", pa.string())]),
    ],
)
def test_what_athena_has_no_type_for_is_one_sentence(kind):
    with pytest.raises(UsageError, match="Athena has no type for a column of type "):
        hive_type(kind)


def test_columns_that_athena_cannot_take_are_left_out_and_named():
    schema = pa.schema(
        [("a", pa.string()), ("t", pa.time32("s")), ("", pa.string()), ("b", pa.int64())]
    )
    with pytest.warns(
        UserWarning, match=r"'t': Athena has no type for .* '': Athena needs a name for a column\."
    ):
        assert "(\n  `a` string,\n  `b` bigint\n)" in create_table("tagged", schema, "s3://b/")


def test_names_that_athena_takes_for_one_are_one_sentence():
    with pytest.raises(UsageError, match="'URL' and 'url' for one"):
        create_table("tagged", pa.schema([("URL", pa.string()), ("url", pa.string())]), "s3://b/")
