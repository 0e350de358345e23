"""For every expectation there is a table that breaks it, and the gate says so."""

import json
from collections import Counter
from importlib.resources import files
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.expectations import suite
from image_tags.expectations.custom import agreement
from image_tags.tasks.adapters.files.table_files import TableFile
from image_tags.tasks.adapters.files.tables import parquet_bytes
from image_tags.tasks.assemble.wide import make_wide
from image_tags.tasks.check.gate import check_opened
from image_tags.tasks.contracts.tables import TAGS_LONG, WIDE_KINDS, published_tables, schema_of
from tests.support.breakers import BREAKERS, keep_rows, make_broken, put_value, put_where
from tests.support.staged import image_id_of

TABLES = published_tables(["likes"])
SUITES = {
    table: json.loads((files("image_tags.expectations") / f"{table}.json").read_text("utf-8"))
    for table in TABLES
}
CASES = [
    (table, entry["description"]) for table in TABLES for entry in SUITES[table]["expectations"]
]


@pytest.mark.parametrize(
    ("table", "says"), CASES, ids=[f"{table}: {says}" for table, says in CASES]
)
def test_the_gate_says_so_when_an_expectation_is_broken(table, says, monkeypatch):
    entry = next(entry for entry in SUITES[table]["expectations"] if entry["description"] == says)
    alone = json.dumps({"name": table, "expectations": [entry]})  # the others would only take time
    monkeypatch.setattr(
        "image_tags.tasks.check.gate.load_suite",
        lambda name, columns, known: suite.read_suite(name, alone, columns, known),
    )
    breakers = BREAKERS[table][says]
    staged = make_broken(breakers if isinstance(breakers, list) else [breakers])
    found = check_opened(staged.table_files, staged.context, [table]).findings
    wanted = (table, says, entry["severity"], False, False)
    assert [
        (one.table, one.description, one.severity, one.success, one.exception) for one in found
    ] == [wanted]
    assert found[0].detail
    assert found[0].blocks == (entry["severity"] == "critical")


def test_the_warning_of_too_few_columns_counts_the_images_that_are_cut():
    staged = make_broken([put_value("tags_wide", "n_words", 5)])
    assert find_cut(staged) == "1 of 26 images has more than 4 words"
    of_two_kinds = make_broken(
        [
            put_value("tags_wide", "n_words", 5),
            put_value("tags_wide", "n_celebrities", 9),
            put_where("tags_wide", "n_celebrities", 9, "image_id", image_id_of(3)),
        ]
    )
    assert find_cut(of_two_kinds) == (
        "2 of 26 images have more than 2 celebrities; 1 of 26 images has more than 4 words"
    )


def find_cut(staged):
    """The warning's detail."""
    found = check_opened(staged.table_files, staged.context, ["tags_wide"]).findings
    (cut,) = [one for one in found if not one.success and one.severity == "warning"]
    return cut.detail


def test_sentences_are_one_an_expectation():
    assert len(set(CASES)) == len(CASES)
    assert {(table, says) for table, cases in BREAKERS.items() for says in cases} == set(CASES)


# Breaks of a kind that a check could easily miss.
SUBTLE = {
    "an extra column": (
        "tags_long",
        lambda s: s.tables.update(
            tags_long=s.tables["tags_long"].append_column("x", s.tables["tags_long"]["name"])
        ),
    ),
    "another order": (
        "images",
        lambda s: s.tables.update(images=s.tables["images"].select([1, 0, *range(2, 12)])),
    ),
    "another type": (
        "images",
        lambda s: s.tables.update(
            images=s.tables["images"].set_column(0, "row", s.tables["images"]["row"].cast("int32"))
        ),
    ),
    "not a number": ("tags_long", put_value("tags_long", "confidence", float("nan"))),
    "half a box": ("tags_long", put_where("tags_long", "top", None, "kind", "word")),
    "a box that is not a number": ("tags_long", put_value("tags_long", "left", float("nan"))),
    "a box over the edge": ("tags_long", put_value("tags_long", "left", 0.9)),
    "two objects in details": ("tags_long", put_value("tags_long", "details", "{}{}")),
    "a list in details": ("tags_long", put_value("tags_long", "details", "[]")),
    "a status better than its links": ("rows", put_where("rows", "status", "tagged", "row", 1)),
    "a row number of null": ("rows", put_value("rows", "row", None)),
    "a label too few": ("rows", put_where("rows", "labels", ["Cat", "Animal", "Pet"], "row", 3)),
    "fewer people than faces": ("rows", put_where("rows", "n_people", -1, "row", 3)),
    "text in a row without a picture": ("rows", put_where("rows", "has_text", True, "row", 10)),
    "a face in a picture without one": ("tags_wide", put_value("tags_wide", "n_faces", 1)),
    "a label counted too often": ("tags_wide", put_value("tags_wide", "n_labels", 5)),
    "a cell too many": ("tags_wide", put_value("tags_wide", "celebrity_2", "Ada Lovelace")),
    "a confidence without a name": (
        "tags_wide",
        put_value("tags_wide", "celebrity_2_confidence", 5.0),
    ),
    "a cell too few": ("tags_wide", put_value("tags_wide", "word_1", None)),
    "another confidence": ("tags_wide", put_value("tags_wide", "label_1_confidence", 98.9)),
    "a row that is not in the source": ("images", put_value("images", "row", 30)),
    "a reason on a tagged link": (
        "images",
        put_where("images", "reason", "timeout", "status", "tagged"),
    ),
    "no reason on a rejected link": (
        "images",
        put_where("images", "reason", None, "status", "rejected"),
    ),
    "two rows changed over": (
        "tagged",
        lambda s: s.tables.update(tagged=s.tables["tagged"].take([1, 0, *range(2, 33)])),
    ),
    "a status of its own": ("tagged", put_value("tagged", "status", "tagged")),
    "a row too few": ("tagged", keep_rows("tagged", lambda row: row["row"] != 4)),
}


@pytest.mark.parametrize("name", SUBTLE)
def test_the_gate_blocks(name):
    table, breaker = SUBTLE[name]
    staged = make_broken([breaker])
    failed = [
        one
        for one in check_opened(staged.table_files, staged.context, [table]).findings
        if one.blocks
    ]
    assert failed
    assert not any(one.exception for one in failed)


some_tags = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(WIDE_KINDS), st.text(max_size=3)), max_size=20
)


@given(some_tags, st.integers(0, 3))
def test_the_wide_table_that_is_made_of_the_long_one_agrees_with_it(tags, width):
    ranks = Counter()
    rows = []
    for image, kind, name in tags:
        ranks[image, kind] += 1
        rows.append(
            {
                "image_id": image,
                "kind": kind,
                "rank": ranks[image, kind],
                "name": name,
                "confidence": 9.0 * len(rows),
            }
        )
    long = pa.Table.from_pylist(rows, schema=schema_of(TAGS_LONG))
    widths = dict.fromkeys(WIDE_KINDS, width)
    wide = TableFile(parquet_bytes(make_wide(pa.array(["a", "b", "c"]), long, widths)))
    tables = {"tags_long": TableFile(parquet_bytes(long))}
    whole = SimpleNamespace(tables=tables, context=SimpleNamespace(widths=widths))
    for one in (agreement.ExpectWideToAgreeWithLong(), agreement.ExpectCountsToAgreeWithLong()):
        seen = one.inspect_table(wide, whole)
        assert seen.met, seen.words
