"""The gate: good tables pass, and for every expectation there is a table that breaks it."""

import json
import socket
import tempfile
from importlib.resources import files

import pyarrow as pa
import pytest

from expectations import suite
from expectations.suite import BrokenSuite, read_suite
from tasks.contracts.findings import Severity
from tasks.contracts.settings import CleaningSettings
from tasks.contracts.tables import published_tables
from tasks.gate import check, parameters, validate
from tests.support.staged import Staged, image_id_of

TABLES = published_tables(["likes"])
SUITES = {table: json.loads((files("expectations") / f"{table}.json").read_text("utf-8")) for table in TABLES}
NOWHERE = "0" * 64
LAST = {"rows": 30, "links": 30, "images": 26, "tags_mean": 5.65, "tags_sd": 0.96}
LAST |= {"kinds": {"label": 92, "word": 52, "celebrity": 3}, "labels": {"Cat": 23, "Animal": 23, "Pet": 23}}


def first(value):
    """Put a value into a column's first row."""
    return lambda number, old: value if number == 0 else old


def where(table, column, wanted, value):
    """Put a value into a column of the first row that has `wanted` in another one."""

    def put(staged, target):
        at = staged.tables[table][column].to_pylist().index(wanted)
        staged.change(table, target, lambda number, old: value if number == at else old)

    return put


def keep(table, rows):
    """Keep the rows that a function of the row (as a dict) holds for."""

    def cut(staged):
        kept = [bool(rows(row)) for row in staged.tables[table].to_pylist()]
        staged.tables[table] = staged.tables[table].filter(pa.array(kept))

    return cut


def twice(table):
    """Have the first row once more."""

    def repeat(staged):
        staged.tables[table] = pa.concat_tables([staged.tables[table], staged.tables[table].slice(0, 1)])

    return repeat


def without(table, column):
    def cut(staged):
        staged.tables[table] = staged.tables[table].drop_columns(column)

    return cut


def put(table, column, value):
    return lambda staged: staged.change(table, column, first(value))


def put_where(table, column, value, other, wanted):
    return lambda staged: where(table, other, wanted, value)(staged, column)


def one_image_without_tags(staged):
    keep("tags_long", lambda row: row["image_id"] != image_id_of(2))(staged)


def of_all_tags(table):
    """What breaks an expectation that `tags_long` and `tags_dropped` share."""
    columns = {"image_id": "its image", "kind": "a kind", "rank": "a rank", "name": "a name", "confidence": "a confidence"}
    cases = {f"Every tag has {words}.": put(table, column, None) for column, words in columns.items()}
    sides = {
        f"The {side} of a box is between 0 and 1.": put(table, side, 1.5) for side in ("left", "top", "width", "height")
    }
    return {
        **cases,
        **sides,
        "The table has exactly the columns, types and order of its contract.": without(table, "categories"),
        "Every tag says who answered.": put(table, "analyzer", None),
        "Every tag's image is in images.": put(table, "image_id", NOWHERE),
        "A kind is one of the closed list.": put(table, "kind", "colour"),
        "A confidence is between 0 and 100.": put(table, "confidence", 100.5),
        "A box has all four numbers or none, and lies in its picture.": put(table, "height", None),
        "A count of instances is not negative.": put(table, "instances", -1),
        "A name is not empty.": put(table, "name", ""),
        "Details are a whole JSON object.": put(table, "details", '{"half": '),
        "Who answered is one of the analyzers.": put(table, "analyzer", "someone"),
    }


# What breaks each expectation, by its sentence. A breaker changes one thing in a run's tables that are otherwise good, or
# is a dict of other arguments for Staged: thresholds, or the last version's profile.
BREAKERS = {
    "images": {
        "The table has exactly the columns, types and order of its contract.": without("images", "height"),
        "Every row of the table says which source row it belongs to.": put("images", "row", None),
        "Source row and position name one link.": twice("images"),
        "Every row of the source is accounted for, and no other row is there.": keep(
            "images", lambda row: row["row"] != 10
        ),
        "Every link found in the source is accounted for, in its place in the cell.": put_where(
            "images", "position", 1, "row", 2
        ),
        "Every link has a status.": put("images", "status", None),
        "A status is one of the closed list.": put("images", "status", "maybe"),
        "A reason is one of the closed list.": put("images", "reason", "because"),
        "A rejected or pending link has a reason of that status; any other has none.": put_where(
            "images", "reason", "timeout", "status", "rejected"
        ),
        "A row with a link has its URL.": put_where("images", "url", None, "status", "rejected"),
        "A row with a link has its position.": put_where("images", "position", None, "status", "tagged"),
        "A row without a link has no URL.": put("images", "url", "http://x/"),
        "A row without a link has no image.": put("images", "image_id", NOWHERE),
        "An image is named by the sha256 of its bytes.": put_where("images", "image_id", "cat.jpg", "status", "tagged"),
        "A tagged link has an image.": put_where("images", "image_id", None, "status", "tagged"),
        "A tagged link says where its picture lies.": put_where("images", "object", None, "status", "tagged"),
        "All links to one picture say the same of it.": put_where("images", "width", 321, "row", 29),
        "A picture has at least 1 byte.": put_where("images", "bytes", 0, "status", "tagged"),
        "A picture has at least 1 pixel across.": put_where("images", "width", 0, "status", "tagged"),
        "A picture has at least 1 pixel down.": put_where("images", "height", -1, "status", "tagged"),
        "Enough of the links are tagged.": {"min_tagged_share": 1.0},
        "Few links are pending.": put_where("images", "status", "pending", "status", "rejected"),
        "Not too many links are rejected.": {"max_rejected_share": 0.0},
        "Few images have no tag at all.": [{"max_untagged_share": 0.0}, one_image_without_tags],
        "No picture is behind very many links: hosts show one placeholder for all deleted pictures.": {
            "max_links_an_image": 1
        },
        "The source has about as many rows as in the last version.": {"last": {**LAST, "rows": 1000}},
    },
    "tags_long": {
        **of_all_tags("tags_long"),
        "Image, kind and rank name one tag.": twice("tags_long"),
        "Ranks run from 1 without a gap within image and kind.": put("tags_long", "rank", 9),
        "An image with a recognised celebrity keeps no labels, while that rule is on.": put_where(
            "tags_long", "kind", "label", "image_id", image_id_of(5)
        ),
        "Tags kept and tags dropped are together the tags that were read.": keep(
            "tags_dropped", lambda row: row["kind"] != "line"
        ),
        "An image has about as many tags as in the last version.": {"last": {**LAST, "tags_mean": 12.0}},
        "Each kind has about the same share of the tags as in the last version.": {
            "last": {**LAST, "kinds": {"celebrity": 150}}
        },
        "The top labels are on about the same share of the images as in the last version.": {
            "last": {**LAST, "labels": {"Dog": 23}}
        },
    },
    "tags_dropped": {
        **of_all_tags("tags_dropped"),
        "Every dropped tag names the rule that removed it.": put("tags_dropped", "rule", None),
        "A rule is one of the cleaning rules.": put("tags_dropped", "rule", "mood"),
        "A rank is 1 or more.": put("tags_dropped", "rank", 0),
        "Image, kind and rank name one tag that was read.": twice("tags_dropped"),
    },
    "tags_wide": {
        "The table has exactly the columns, types and order of its contract.": without("tags_wide", "word_4_confidence"),
        "Every row has its image.": put("tags_wide", "image_id", None),
        "There is one row an image.": twice("tags_wide"),
        "Every image that a link led to has its row, and no other image has.": keep(
            "tags_wide", lambda row: row["image_id"] != image_id_of(7)
        ),
        "The table says what tags_long says, as far as its columns reach.": put("tags_wide", "label_2", "Dog"),
    },
    "tag_effects": {
        "The table has exactly the columns, types and order of its contract.": without("tag_effects", "p_corrected"),
        "Every comparison names its tag.": put("tag_effects", "name", None),
        "Every comparison has a difference.": put("tag_effects", "difference", None),
        "Every difference has the lower end of its interval.": put("tag_effects", "low", None),
        "Every difference has the upper end of its interval.": put("tag_effects", "high", None),
        "A kind is one of the closed list, or any.": put("tag_effects", "kind", "mood"),
        "A metric is one that was asked for.": put("tag_effects", "metric", "hearts"),
        "Metric, kind and name name one comparison.": twice("tag_effects"),
        "Enough rows have the tag.": put("tag_effects", "with_n", 2),
        "Enough rows lack the tag.": put("tag_effects", "without_n", 0),
        "A p-value is between 0 and 1.": put("tag_effects", "p_value", 1.1),
        "A corrected p-value is between 0 and 1.": put("tag_effects", "p_corrected", -0.1),
        "An interval has its lower end below.": put("tag_effects", "low", 1e9),
    },
    "tagged": {
        "The table has exactly the columns, types and order of its contract.": without("tagged", "label_3"),
        "Each row is the source's row as it was, with what images and tags_wide say of its link.": put(
            "tagged", "likes", 7.5
        ),
    },
}
CASES = [(table, entry["description"]) for table in TABLES for entry in SUITES[table]["expectations"]]


def broken(breakers):
    arguments = [one for one in breakers if isinstance(one, dict)]
    staged = Staged(metrics=("likes",), **(arguments[0] if arguments else {}))
    for breaker in breakers:
        if not isinstance(breaker, dict):
            breaker(staged)
    return staged


@pytest.mark.parametrize(("table", "says"), CASES, ids=[f"{table}: {says}" for table, says in CASES])
def test_the_gate_says_so_when_an_expectation_is_broken(table, says, monkeypatch):
    entry = next(entry for entry in SUITES[table]["expectations"] if entry["description"] == says)
    alone = json.dumps({"name": table, "expectations": [entry]})  # the others would only take time
    monkeypatch.setattr(suite, "load_suite", lambda name, columns, known: suite.read_suite(name, alone, columns, known))
    breakers = BREAKERS[table][says]
    staged = broken(breakers if isinstance(breakers, list) else [breakers])
    found = validate(staged.tables, staged.context, [table]).findings
    wanted = (table, says, entry["severity"], False, False)
    assert [(one.table, one.says, one.severity, one.success, one.exception) for one in found] == [wanted]
    assert found[0].detail
    assert found[0].blocks == (entry["severity"] == "critical")


def test_sentences_are_one_an_expectation():
    assert len(set(CASES)) == len(CASES)
    assert {(table, says) for table, cases in BREAKERS.items() for says in cases} == set(CASES)


@pytest.mark.parametrize(
    "cleaning", [CleaningSettings(), CleaningSettings(celebrity_only=False, words_not_lines=False, parents_implied=True)]
)
def test_good_tables_pass(cleaning):
    staged = Staged(cleaning=cleaning, last=LAST, metrics=("likes",))
    checked = check(staged.files, staged.context)
    assert [finding for finding in checked.findings if not finding.success] == []
    assert [(finding.table, finding.says) for finding in checked.findings] == CASES
    assert checked.profile["rows"] == 30


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_tiny_table_is_not_flagged(rows):
    staged = Staged(rows=rows, last=LAST | {"rows": rows + 2})
    assert [finding for finding in check(staged.files, staged.context).findings if not finding.success] == []


def test_tables_without_any_tag_pass_but_for_a_warning():
    staged = Staged(reachable=False)
    assert staged.tables["tags_long"].num_rows == staged.tables["tags_wide"].num_rows == 0
    failed = [finding for finding in check(staged.files, staged.context).findings if not finding.success]
    assert {finding.says for finding in failed} == {"Enough of the links are tagged.", "Not too many links are rejected."}


# Breaks of a kind that a check could easily miss.
SUBTLE = {
    "an extra column": (
        "tags_long",
        lambda s: s.tables.update(tags_long=s.tables["tags_long"].append_column("x", s.tables["tags_long"]["name"])),
    ),
    "another order": ("images", lambda s: s.tables.update(images=s.tables["images"].select([1, 0, *range(2, 12)]))),
    "another type": (
        "images",
        lambda s: s.tables.update(images=s.tables["images"].set_column(0, "row", s.tables["images"]["row"].cast("int32"))),
    ),
    "not a number": ("tags_long", put("tags_long", "confidence", float("nan"))),
    "half a box": ("tags_long", put_where("tags_long", "top", None, "kind", "word")),
    "a box that is not a number": ("tags_long", put("tags_long", "left", float("nan"))),
    "a box over the edge": ("tags_long", put("tags_long", "left", 0.9)),
    "two objects in details": ("tags_long", put("tags_long", "details", "{}{}")),
    "a list in details": ("tags_long", put("tags_long", "details", "[]")),
    "a cell too many": ("tags_wide", put("tags_wide", "celebrity_2", "Ada Lovelace")),
    "a confidence without a name": ("tags_wide", put("tags_wide", "celebrity_2_confidence", 5.0)),
    "a cell too few": ("tags_wide", put("tags_wide", "word_1", None)),
    "another confidence": ("tags_wide", put("tags_wide", "label_1_confidence", 98.9)),
    "a row that is not in the source": ("images", put("images", "row", 30)),
    "a reason on a tagged link": ("images", put_where("images", "reason", "timeout", "status", "tagged")),
    "no reason on a rejected link": ("images", put_where("images", "reason", None, "status", "rejected")),
    "two rows changed over": ("tagged", lambda s: s.tables.update(tagged=s.tables["tagged"].take([1, 0, *range(2, 33)]))),
    "a status of its own": ("tagged", put("tagged", "status", "tagged")),
    "a row too few": ("tagged", keep("tagged", lambda row: row["row"] != 4)),
}


@pytest.mark.parametrize("name", SUBTLE)
def test_the_gate_blocks(name):
    table, breaker = SUBTLE[name]
    staged = broken([breaker])
    failed = [one for one in validate(staged.tables, staged.context, [table]).findings if one.blocks]
    assert failed
    assert not any(one.exception for one in failed)


def test_thresholds_of_zero_and_of_everything():
    staged = Staged(min_tagged_share=0.0, max_rejected_share=1.0, max_links_an_image=2)
    assert [one for one in validate(staged.tables, staged.context, ["images"]).findings if not one.success] == []


def test_an_expectation_that_cannot_be_looked_at_blocks_whatever_its_severity():
    staged = broken([without("images", "position")])
    found = {one.says: one for one in validate(staged.tables, staged.context, ["images"]).findings}
    pending = found["Few links are pending."]
    assert (pending.success, pending.severity, pending.exception) == (False, Severity.CRITICAL, True)
    assert "could not be looked at" in pending.detail
    assert found["Every link has a status."].success


@pytest.mark.parametrize(
    ("data", "words"), [(None, "not staged"), (b"PAR1 half a file", "cannot be read"), (b"", "cannot be read")]
)
def test_a_file_that_is_missing_or_damaged_blocks(data, words):
    staged = Staged(rows=3)
    given = {name: file for name, file in staged.files.items() if name != "tags_wide"}
    checked = check(given if data is None else {**given, "tags_wide": data}, staged.context)
    assert [(one.table, one.blocks) for one in checked.findings] == [("tags_wide", True)]
    assert words in checked.findings[0].detail
    assert checked.profile is None


def test_details_of_hostile_cells_are_short():
    staged = broken([put("tags_long", "kind", "<script>" * 200_000)])
    kinds = [one for one in validate(staged.tables, staged.context, ["tags_long"]).findings if "closed list" in one.says]
    assert not kinds[0].success
    assert len(kinds[0].detail) < 500


def test_details_of_hostile_cells_command_no_terminal_and_turn_no_text_around():
    staged = broken([put("tags_wide", "image_id", "\x1b[2Jclear\u202e\n")])
    seen = "".join(one.detail for one in validate(staged.tables, staged.context, ["tags_wide"]).findings)
    assert "[2Jclear" in seen
    assert seen.isprintable()


def test_a_source_with_columns_named_like_ours_passes():
    staged = Staged(rename={"likes": "status", "url": "image_tags_url"})
    assert {"status", "image_tags_status", "image_tags_url"} <= set(staged.tables["tagged"].column_names)
    assert [one for one in check(staged.files, staged.context).findings if not one.success] == []


def test_a_source_of_every_type_passes():
    nan = float("nan")
    columns = {
        "nothing": pa.array([None, None, None], pa.null()),
        "nan": pa.array([nan, 1.0, None]),
        "list": pa.array([[1.0, nan], None, []]),
        "struct": pa.array([{"a": 1}, None, {"a": None}]),
        "time": pa.array([0, None, 1], pa.timestamp("us", "Europe/Berlin")),
        "date": pa.array([0, None, 1], pa.date32()),
        "bytes": pa.array([b"\xff", None, b""]),
        "dictionary": pa.array(["a", None, "a"]).dictionary_encode(),
        "decimal": pa.array([None, None, 1], pa.decimal128(10, 2)),
        "bool": pa.array([True, None, False]),
        "": pa.array(["", None, "\u202eright to left"]),
        "a b`c'd": pa.array(["=1+1", "<b>", '"\n']),
    }
    staged = Staged(rows=3, more=columns)
    assert [one for one in check(staged.files, staged.context).findings if not one.success] == []


def test_the_gate_writes_no_file_and_asks_no_network(tmp_path, monkeypatch):
    def no_network(*_):
        raise AssertionError("the gate wants the network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", no_network)
    staged = Staged(rows=3)
    assert check(staged.files, staged.context).findings
    assert list(tmp_path.iterdir()) == []


GOOD = {
    "type": "expect_column_values_to_not_be_null",
    "kwargs": {"column": "row"},
    "severity": "critical",
    "description": "Each row has a number.",
}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"type": "expect_the_best"}, "unknown expectation 'expect_the_best'"),
        ({"severity": "catastrophic"}, "unknown severity 'catastrophic'"),
        ({"severity": "info"}, "unknown severity 'info'"),
        ({"kwargs": {"column": "colour"}}, "unknown column 'colour'"),
        (
            {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["row", "colour"]}},
            "unknown column 'colour'",
        ),
        (
            {
                "kwargs": {
                    "column": "row",
                    "row_condition": {"type": "nullity", "column": {"name": "colour"}, "is_null": True},
                }
            },
            "unknown column 'colour'",
        ),
        (
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "row", "value_set": {"$PARAMETER": "moods"}},
            },
            "unknown parameter 'moods'",
        ),
        ({"kwargs": {"column": "row", "colour": "red"}}, "what it does not take"),
        ({"kwargs": {}}, "what it does not take"),
        ({"description": ""}, "does not say in a sentence"),
        ({"description": None}, "does not say in a sentence"),
        ({"weight": 3}, "not made of"),
        ({"kwargs": None}, "not made of"),
    ],
)
def test_a_suite_that_names_something_unknown_fails_loudly(changes, says):
    text = json.dumps({"name": "images", "expectations": [GOOD, {**GOOD, **changes}]})
    with pytest.raises(BrokenSuite, match=says):
        read_suite("images", text, ["row", "url"], parameters(Staged(rows=1).context))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"name": "images"}',
        '{"name": "images", "expectations": []}',
        '{"name": "tagged", "expectations": [1]}',
    ],
)
def test_a_suite_that_is_none_fails_loudly(text):
    with pytest.raises(BrokenSuite, match=r"The suite of images cannot be read"):
        read_suite("images", text, ["row"], [])


def test_a_good_suite_is_read_whole():
    text = json.dumps({"name": "images", "expectations": [GOOD, {**GOOD, "description": "Really."}]})
    assert len(read_suite("images", text, ["row"], []).expectations) == 2
