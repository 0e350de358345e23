"""From responses to the long table and to verdicts."""

import json

from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import Answer, Calls, Failure
from image_tags.tasks.execution.staged_tables import StagedTables
from image_tags.tasks.reshape import (
    LONG_SCHEMA,
    decide_verdict,
    read_rows,
    reshape_responses,
    stage_reshaped,
)
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


def reshape_all(store, ids, ledgers, failures, run, analyzer):
    """The tables that reshaping stages, and its account of calls."""
    calls = {operation: Calls() for operation in ledgers}
    parts = reshape_responses(ids, ledgers, failures, calls, run, analyzer)
    with StagedTables(store, run) as tables:
        stage_reshaped(tables, parts)
        opened = {name: tables.open(name) for name in ("all_tags", "verdicts")}
        return {name: one.select(one.column_names) for name, one in opened.items()}, calls


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
    store, analyzer = FolderStore(str(tmp_path)), MadeAnalyzer()
    ledgers = {op: Ledger.of(store, analyzer, op) for op in (LABELS, TEXT)}
    old, new, refused, half = (picture(name) for name in ("old", "new", "refused", "half"))

    def refuse():
        raise Rejected(Reason.REFUSED_BY_ANALYZER, "no")

    for one, run in ((old, "r1"), (new, "r2"), (half, "r2")):
        ledgers[LABELS].settle(one, run, lambda: Answer(labels_response("Cat", "Animal")))
    ledgers[LABELS].settle(refused, "r2", refuse)
    for one, run in ((old, "r1"), (new, "r2"), (refused, "r2")):
        ledgers[TEXT].settle(one, run, lambda: Answer(text_response("hi")))
    ids = [one.image_id for one in (old, new, refused, half)]
    failures = [Failure(half.image_id, TEXT, Reason.THROTTLED, "slow")]
    tables, calls = reshape_all(store, ids, ledgers, failures, "r2", "rekognition")

    assert tables["all_tags"].schema.equals(LONG_SCHEMA)
    kinds = {(row["image_id"], row["kind"]) for row in tables["all_tags"].to_pylist()}
    assert kinds == {
        (i.image_id, k)
        for i, k in (
            (old, "label"),
            (old, "word"),
            (new, "label"),
            (new, "word"),
            (refused, "word"),
        )
    }
    assert tables["verdicts"].select(["image_id", "status"]).to_pylist() == [
        {"image_id": image, "status": status}
        for image, status in zip(ids, ("tagged", "tagged", "rejected", "pending"), strict=True)
    ]
    assert calls == {
        LABELS: Calls(billed=2, reused=1, failed=1),
        TEXT: Calls(billed=2, reused=1, failed=1),
    }


def test_no_images_give_an_empty_table_with_the_same_columns(tmp_path):
    store = FolderStore(str(tmp_path))
    ledgers = {LABELS: Ledger.of(store, MadeAnalyzer(), LABELS)}
    tables, _ = reshape_all(store, [], ledgers, [], "r", "local")
    assert tables["all_tags"].schema.equals(LONG_SCHEMA)
    assert tables["all_tags"].num_rows == tables["verdicts"].num_rows == 0
