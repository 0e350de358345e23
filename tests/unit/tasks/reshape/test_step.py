"""From responses to the long table and to verdicts."""

import json
from datetime import UTC, datetime
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image_tags.tasks.adapters.ledger.ledger import Ledger, fingerprint
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import Answer, Calls, Failure
from image_tags.tasks.execution.staged_tables import StagedTables
from image_tags.tasks.reshape import derived as derived_tags
from image_tags.tasks.reshape import reading
from image_tags.tasks.reshape.derived import DerivedTags
from image_tags.tasks.reshape.reading import LONG_SCHEMA, read_rows
from image_tags.tasks.reshape.step import Answers, stage_reshaped
from image_tags.tasks.reshape.verdicts import decide_verdict, index_failures
from tests.support.made import (
    LABELS,
    PEOPLE,
    TEXT,
    MadeAnalyzer,
    entry,
    image_id,
    labels_response,
    picture,
    text_response,
)

NAMES = st.lists(st.text(min_size=1, max_size=8), max_size=6)
ONE = image_id("one")


class Reshaping:
    """Runs that reshape the answers in one store."""

    def __init__(self, folder, *, keeps=True):
        self.store, self.analyzer = FolderStore(str(folder)), MadeAnalyzer()
        self.ledgers = {op: self.open_ledger(op) for op in (LABELS, TEXT)}
        prints = {op: fingerprint(ledger.settings) for op, ledger in self.ledgers.items()}
        self.derived = DerivedTags(self.store, "rekognition", prints) if keeps else None

    def open_ledger(self, operation, since=None):
        return Ledger.of(self.store, self.analyzer, operation, since, interval=None)

    def answer(self, name, run, *, labels=("Cat",), words=("hi",)):
        """Have an image answered by both operations; None: not by that one."""
        responses = {LABELS: (labels, labels_response), TEXT: (words, text_response)}
        for operation, (names, respond) in responses.items():
            if names is not None:
                given_answer = Answer(respond(*names), model_version="1")
                self.ledgers[operation].settle(picture(name), run, lambda: given_answer)  # noqa: B023

    def run(self, names, run="r", failures=()):
        """The tables that a run stages, and what it did."""
        ids = [image_id(name) for name in names]
        answers = Answers(ids, self.ledgers, index_failures(failures), "rekognition", run)
        with StagedTables(self.store, run) as tables:
            did = stage_reshaped(tables, self.derived, answers)
            opened = {name: tables.open(name) for name in ("all_tags", "verdicts")}
            return {name: one.select(one.column_names) for name, one in opened.items()}, did


@given(NAMES, NAMES)
def test_rows_say_what_the_responses_say(labels, words):
    answered = {
        LABELS: entry(ONE, LABELS, labels_response(*labels)),
        TEXT: entry(ONE, TEXT, text_response(*words)),
    }
    rows = [
        dict(zip(LONG_SCHEMA.names, row, strict=True)) for row in read_rows(ONE, answered, "local")
    ]
    assert [row["name"] for row in rows if row["kind"] == "label"] == labels
    assert [row["name"] for row in rows if row["kind"] == "word"] == words
    for kind in ("label", "word"):
        ranks = [row["rank"] for row in rows if row["kind"] == kind]
        assert ranks == list(range(1, len(ranks) + 1))
    assert {row["image_id"] for row in rows} <= {ONE}
    assert {row["model_version"] for row in rows} <= {"1"}
    assert all(isinstance(json.loads(row["details"] or "{}"), dict) for row in rows)


def test_judging_one_image():
    done = entry(ONE, LABELS)
    refused = entry(
        ONE, TEXT, reason=Reason.REFUSED_BY_ANALYZER, detail="InvalidImageFormatException"
    )
    waiting = {(ONE, PEOPLE): Failure(ONE, PEOPLE, Reason.THROTTLED, "slow down")}
    assert decide_verdict(ONE, {LABELS: done}, {}).status is Status.TAGGED
    rejected = decide_verdict(ONE, {LABELS: done, TEXT: refused}, {})
    assert (rejected.status, rejected.reason) == (Status.REJECTED, Reason.REFUSED_BY_ANALYZER)
    assert "detect_text: InvalidImageFormatException" in rejected.detail
    pending = decide_verdict(ONE, {LABELS: done, TEXT: refused, PEOPLE: None}, waiting)
    assert (pending.status, pending.reason) == (Status.PENDING, Reason.THROTTLED)
    assert decide_verdict(ONE, {PEOPLE: None}, {}).reason is Reason.ANALYZER_UNAVAILABLE


def test_the_whole_table_and_the_account(tmp_path):
    reshaping = Reshaping(tmp_path)
    ids = [image_id(name) for name in ("old", "new", "refused", "half")]
    old, new, refused, half = ids

    def refuse():
        raise Rejected(Reason.REFUSED_BY_ANALYZER, "no")

    reshaping.answer("old", "r1")
    reshaping.answer("new", "r2")
    reshaping.ledgers[LABELS].settle(picture("refused"), "r2", refuse)
    reshaping.answer("refused", "r2", labels=None)
    reshaping.answer("half", "r2", words=None)
    failures = [Failure(half, TEXT, Reason.THROTTLED, "slow")]
    tables, did = reshaping.run(("old", "new", "refused", "half"), "r2", failures)

    assert tables["all_tags"].schema.equals(LONG_SCHEMA)
    assert [(row["image_id"], row["kind"]) for row in tables["all_tags"].to_pylist()] == [
        (old, "label"), (old, "word"), (new, "label"), (new, "word"), (refused, "word"),
    ]  # fmt: skip
    assert tables["verdicts"].select(["image_id", "status"]).to_pylist() == [
        {"image_id": image, "status": status}
        for image, status in zip(ids, ("tagged", "tagged", "rejected", "pending"), strict=True)
    ]
    assert did.calls == {
        LABELS: Calls(billed=2, reused=1, failed=1),
        TEXT: Calls(billed=2, reused=1, failed=1),
    }
    again, did = reshaping.run(("old", "new", "refused", "half"), "r2", failures)
    assert again == tables
    assert did.images_read == 1  # the one that is still pending


@pytest.mark.parametrize("keeps", [True, False])
def test_no_images_give_an_empty_table_with_the_same_columns(tmp_path, keeps):
    tables, _ = Reshaping(tmp_path, keeps=keeps).run([])
    assert tables["all_tags"].schema.equals(LONG_SCHEMA)
    assert tables["all_tags"].num_rows == tables["verdicts"].num_rows == 0


FEEDS = st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), min_size=1, max_size=4)


@settings(deadline=None, max_examples=10)
@given(FEEDS, st.data())
def test_tags_that_were_read_before_give_the_same_tables(tmp_path_factory, feeds, data):
    reshaping = Reshaping(tmp_path_factory.mktemp("store"))
    answered = set()
    chunk = data.draw(st.integers(1, 4))
    with mock.patch.object(derived_tags, "MOST", 2), mock.patch.object(reading, "CHUNK", chunk):
        for number, names in enumerate(feeds):
            run = f"r{number}"
            new = set(names) - answered
            for name in sorted(new):
                labels, words = data.draw(st.tuples(NAMES, NAMES))
                reshaping.answer(name, run, labels=labels, words=words)
            answered |= set(names)
            tables, did = reshaping.run(names, run)
            with mock.patch.object(reshaping, "derived", None):
                assert tables == reshaping.run(names, run)[0]
            assert did.images_read >= len(new)
            assert reshaping.run(names, run)[1].images_read == 0
            kept = [key for key in reshaping.store.keys("derived/") if ".index." in key]
            assert len(kept) <= 2


def test_an_answer_that_is_new_is_read_again(tmp_path):
    reshaping = Reshaping(tmp_path)
    reshaping.answer("a", "r1", labels=["Cat"])
    reshaping.answer("b", "r1", labels=["Dog"])
    reshaping.run("ab")
    now = datetime.now(UTC)
    reshaping.ledgers = {op: reshaping.open_ledger(op, now) for op in reshaping.ledgers}
    reshaping.answer("a", "r2", labels=["Tiger"])
    reshaping.answer("b", "r2", labels=["Dog"])
    tables, did = reshaping.run("ab", "r2")
    assert did.images_read == 2
    assert "Tiger" in tables["all_tags"]["name"].to_pylist()


def test_derived_tags_that_are_damaged_or_gone_are_read_again(tmp_path):
    reshaping = Reshaping(tmp_path)
    reshaping.answer("a", "r1")
    wanted, _ = reshaping.run("a")
    (index,) = (key for key in reshaping.store.keys("derived/") if ".index." in key)
    reshaping.store.write(index, b"no table", "x")
    assert reshaping.run("a")[0] == wanted
    reshaping.store.delete(index.replace(".index", ""))
    tables, did = reshaping.run("a")
    assert (tables, did.images_read) == (wanted, 1)


def test_other_settings_or_readers_are_another_version(monkeypatch):
    names = {
        derived_tags.name_version("local", {LABELS: "1"}),
        derived_tags.name_version("rekognition", {LABELS: "1"}),
        derived_tags.name_version("local", {LABELS: "2"}),
        derived_tags.name_version("local", {LABELS: "1", TEXT: "1"}),
    }
    monkeypatch.setattr(derived_tags, "READERS", derived_tags.READERS[:-1])
    names.add(derived_tags.name_version("local", {LABELS: "1"}))
    assert len(names) == 5
