"""Cleaning: each rule does what its name says, and the rules together lose and invent nothing."""

import json
import tempfile
from collections import Counter
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from image_tags.tasks.adapters.files import table_files
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.clean.rules import RULES, clean_table
from image_tags.tasks.clean.step import clean_staged
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import CleaningSettings
from image_tags.tasks.contracts.tables import (
    CLEANING_RULES,
    KINDS,
    TAGS_DROPPED,
    TAGS_LONG,
    schema_of,
)
from image_tags.tasks.execution.staged_tables import StagedTables

NAMES = (
    "Cat",
    "cat",
    "Animal",
    "Automobile",
    "Car",
    "Chocolate",
    "Cosmetics",
    "SALE",
    "50%",
    "SALE 50%",
    "",
    "naïve ß",
)


def long_table(*tags):
    """A long table from (image, kind, name[, confidence[, parents]]), ranked in the order given."""
    ranks = Counter()
    rows = []
    for image, kind, name, *more in tags:
        ranks[image, kind] += 1
        confidence, parents = [*more, *(90.0, [])[len(more) :]]
        rows.append(
            {
                "image_id": image,
                "kind": kind,
                "rank": ranks[image, kind],
                "name": name,
                "confidence": confidence,
                "parents": parents,
                "categories": [],
                "details": "{}",
                "analyzer": "local",
            }
        )
    return pa.Table.from_pylist(rows, schema=schema_of(TAGS_LONG))


def kept_and_dropped(table, **settings):
    kept, dropped = clean_table(table, CleaningSettings(**settings))
    return (
        [(row["image_id"], row["kind"], row["name"]) for row in kept.to_pylist()],
        [(row["image_id"], row["kind"], row["name"], row["rule"]) for row in dropped.to_pylist()],
    )


def test_celebrity_only_removes_the_other_labels_of_that_image_and_nothing_else():
    table = long_table(
        ("a", "label", "Person"),
        ("a", "word", "HELLO"),
        ("a", "celebrity", "Grace Hopper"),
        ("b", "label", "Person"),
    )
    kept, dropped = kept_and_dropped(table)
    assert kept == [
        ("a", "word", "HELLO"),
        ("a", "celebrity", "Grace Hopper"),
        ("b", "label", "Person"),
    ]
    assert dropped == [("a", "label", "Person", "celebrity_only")]
    assert kept_and_dropped(table, celebrity_only=False)[1] == []


@pytest.mark.parametrize(
    "settings", [{"blocked_names": ("grace hopper",)}, {"minimum_confidence_celebrity": 95}]
)
def test_a_celebrity_who_is_dropped_costs_an_image_no_labels(settings):
    table = long_table(("a", "celebrity", "Grace Hopper", 94.0), ("a", "label", "Person"))
    kept, dropped = kept_and_dropped(table, **settings)
    assert kept == [("a", "label", "Person")]
    assert len(dropped) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_minimum_confidence_is_by_kind_and_keeps_the_threshold_itself(kind):
    table = long_table(("a", kind, "low", 69.9), ("b", kind, "just", 70.0))
    others = {f"minimum_confidence_{other}": 100.0 for other in KINDS if other != kind}
    kept, dropped = kept_and_dropped(table, **{**others, f"minimum_confidence_{kind}": 70})
    assert kept == [("b", kind, "just")]
    assert dropped == [("a", kind, "low", "minimum_confidence")]


def test_words_not_lines_keeps_a_line_whose_words_are_not_there():
    table = long_table(
        ("a", "line", "SALE 50%"),
        ("a", "word", "SALE"),
        ("a", "word", "50%"),
        ("a", "line", "and more"),
        ("b", "line", "SALE"),
    )
    kept, dropped = kept_and_dropped(table)
    assert dropped == [("a", "line", "SALE 50%", "words_not_lines")]
    assert ("a", "line", "and more") in kept
    assert ("b", "line", "SALE") in kept
    assert kept_and_dropped(table, words_not_lines=False)[1] == []


def test_words_not_lines_knows_a_line_whose_words_are_cut_otherwise():
    table = long_table(("a", "line", "大 売出し"), ("a", "word", "大売"), ("a", "word", "出し"))
    assert kept_and_dropped(table)[1] == [("a", "line", "大 売出し", "words_not_lines")]


def test_blocked_names_go_in_any_case_and_by_kind_if_asked():
    table = long_table(
        ("a", "label", "Www"), ("a", "word", "WWW"), ("a", "word", "label:x"), ("a", "word", "a:b")
    )
    assert [d[:3] for d in kept_and_dropped(table, blocked_names=("www",))[1]] == [
        ("a", "label", "Www"),
        ("a", "word", "WWW"),
    ]
    assert kept_and_dropped(table, blocked_names=("word:www", "a:b"))[1] == [
        ("a", "word", "WWW", "blocked_names"),
        ("a", "word", "a:b", "blocked_names"),
    ]


def test_parents_implied_is_off_until_asked_for():
    table = long_table(
        ("a", "label", "Animal"),
        ("a", "label", "Cat", 90.0, ["Animal", "Pet"]),
        ("b", "label", "Animal"),
        ("b", "word", "Pet"),
    )
    assert kept_and_dropped(table)[1] == []
    assert kept_and_dropped(table, parents_implied=True)[1] == [
        ("a", "label", "Animal", "parents_implied")
    ]


def test_a_label_that_is_its_own_parent_stays():
    assert (
        kept_and_dropped(long_table(("a", "label", "Cat", 90.0, ["Cat"])), parents_implied=True)[1]
        == []
    )


def test_an_alias_renames_and_a_name_is_kept_once():
    table = long_table(
        ("a", "label", "Automobile", 80.0),
        ("a", "label", "Car", 95.0, ["Automobile"]),
        ("a", "word", "Automobile"),
    )
    kept, dropped = clean_table(table, CleaningSettings(aliases=("automobile = Car",)))
    assert kept["name"].to_pylist() == ["Car", "Automobile"]
    assert kept["confidence"].to_pylist()[0] == 95.0
    assert kept["parents"].to_pylist()[0] == ["Car"]
    assert dropped["rule"].to_pylist() == ["one_name"]
    assert json.loads(dropped["details"].to_pylist()[0]) == {"original_name": "Automobile"}


def test_one_spelling_takes_the_most_used_and_leaves_words_alone():
    table = long_table(
        ("a", "label", "cat"),
        ("b", "label", "Cat"),
        ("c", "label", "Cat"),
        ("a", "word", "CAT"),
        ("b", "word", "Cat"),
    )
    assert clean_table(table, CleaningSettings())[0]["name"].to_pylist() == [
        "Cat",
        "Cat",
        "Cat",
        "CAT",
        "Cat",
    ]
    assert clean_table(table, CleaningSettings(one_spelling=False))[0] == table


def test_an_alias_of_the_wrong_form_is_one_sentence():
    with pytest.raises(
        UsageError, match=r"The alias 'Automobile' is not of the form Automobile=Car\."
    ):
        clean_table(long_table(("a", "label", "Cat")), CleaningSettings(aliases=("Automobile",)))


def test_a_known_confusion_is_flagged_and_kept():
    table = long_table(
        ("a", "label", "chocolate"),
        ("a", "label", "Cosmetics"),
        ("b", "label", "chocolate"),
        ("c", "word", "Chocolate"),
    )
    kept, dropped = clean_table(table, CleaningSettings())
    assert dropped.num_rows == 0
    assert [json.loads(text) for text in kept["details"].to_pylist()] == [
        {"flag": "may be a make-up palette"},
        {},
        {},
        {},
    ]
    assert clean_table(table, CleaningSettings(flag_confusions=False))[0] == table


def test_own_confusions_take_the_place_of_the_table_built_in(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("name,beside,may_be\nMuffin,,a chihuahua\n", encoding="utf-8")
    table = long_table(
        ("a", "label", "Muffin"), ("b", "label", "Chocolate"), ("b", "label", "Cosmetics")
    )
    details = clean_table(table, CleaningSettings(confusions=str(path)))[0]["details"].to_pylist()
    assert [json.loads(text) for text in details] == [{"flag": "may be a chihuahua"}, {}, {}]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "There is no file"),
        ("name,may_be\na,b\n", "have no column beside"),
        ("", "are not a CSV file"),
    ],
)
def test_confusions_that_cannot_be_read_are_one_sentence(tmp_path, text, says):
    path = tmp_path / "own.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=says):
        clean_table(long_table(("a", "label", "Muffin")), CleaningSettings(confusions=str(path)))


def test_nothing_in_gives_two_empty_tables_of_the_right_schema():
    kept, dropped = clean_table(
        schema_of(TAGS_LONG).empty_table(),
        CleaningSettings(parents_implied=True, blocked_names=("x",)),
    )
    assert kept.schema == schema_of(TAGS_LONG)
    assert dropped.schema == schema_of(TAGS_DROPPED)
    assert kept.num_rows == dropped.num_rows == 0


tags = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(KINDS),
        st.sampled_from(NAMES) | st.text(max_size=5),
        st.floats(0, 100),
        st.lists(st.sampled_from(NAMES), max_size=3),
    ),
    max_size=25,
)
settings = st.builds(
    CleaningSettings,
    celebrity_only=st.booleans(),
    words_not_lines=st.booleans(),
    parents_implied=st.booleans(),
    one_spelling=st.booleans(),
    flag_confusions=st.booleans(),
    minimum_confidence_label=st.floats(0, 100),
    minimum_confidence_word=st.floats(0, 100),
    blocked_names=st.lists(st.sampled_from((*NAMES, "label:Cat", "word:cat")), max_size=2).map(
        tuple
    ),
    aliases=st.lists(
        st.sampled_from(("Automobile=Car", "cat=Animal")), unique=True, max_size=2
    ).map(tuple),
)


def essence(row):
    """What no cleaning may change: everything but the rank, and the name as it was answered."""
    details = json.loads(row["details"])
    details.pop("flag", None)
    name = details.pop("original_name", row["name"])
    same = ("image_id", "kind", "confidence", "left", "categories", "analyzer", "model_version")
    return (name, json.dumps(details), *(repr(row[column]) for column in same))


@given(tags, settings)
def test_kept_and_dropped_together_are_what_came_in(given_tags, chosen):
    came = long_table(*given_tags)
    kept, dropped = clean_table(came, chosen)
    assert kept.schema == came.schema
    assert dropped.schema == schema_of(TAGS_DROPPED)
    assert tuple(rule.name for rule in RULES) == CLEANING_RULES
    assert set(dropped["rule"].to_pylist()) <= set(CLEANING_RULES)
    rows = came.to_pylist()
    assert Counter(map(essence, kept.to_pylist() + dropped.to_pylist())) == Counter(
        map(essence, rows)
    )
    for table in (kept, dropped):  # in the order they came
        left = iter(map(essence, rows))
        assert all(any(wanted == one for one in left) for wanted in map(essence, table.to_pylist()))


@hypothesis_settings(max_examples=20)
@given(tags, settings, st.integers(1, 5))
def test_cleaning_in_parts_gives_the_same_tables(given_tags, chosen, rows):
    by_image = sorted(given_tags, key=lambda tag: tag[0])
    came = long_table(*by_image)
    whole = clean_table(came, chosen)
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(table_files, "ROW_GROUP", rows),
        StagedTables(FolderStore(folder), "r") as tables,
    ):
        tables.stage("all_tags", came)
        counts = clean_staged(tables, chosen)
        made = [tables.open(name) for name in ("tags_long", "tags_dropped")]
        assert [one.select(one.column_names) for one in made] == list(whole)
    assert counts == {"kept": whole[0].num_rows, "dropped": whole[1].num_rows}


@given(tags, settings)
def test_ranks_of_what_is_kept_run_from_one_without_gaps(given_tags, chosen):
    seen = Counter()
    for row in clean_table(long_table(*given_tags), chosen)[0].to_pylist():
        seen[row["image_id"], row["kind"]] += 1
        assert row["rank"] == seen[row["image_id"], row["kind"]]


@given(tags, settings)
def test_cleaning_what_is_clean_removes_nothing(given_tags, chosen):
    kept, _ = clean_table(long_table(*given_tags), chosen)
    # Without words_not_lines: a line may be judged anew once words beside it went for another
    # reason.
    again, dropped = clean_table(
        kept, chosen.model_copy(update={"aliases": (), "words_not_lines": False})
    )
    assert dropped.num_rows == 0
    assert again == kept
