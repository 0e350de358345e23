"""The query that docs/ledger.md shows for DuckDB is run on a real ledger."""

import re
from pathlib import Path

import duckdb

from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Answer
from tests.support.made import LABELS, labels_response, picture

DOCS = Path(__file__).parents[3] / "docs" / "ledger.md"


def test_duckdb_reads_the_raw_responses_and_counts_only_the_newest(tmp_path, monkeypatch):
    def settle(name, *labels, since=None):
        ledger = Ledger(FolderStore(str(tmp_path)), LABELS, {"analyzer": "x"}, since=since)
        ledger.settle(picture(name), "run", lambda: Answer(labels_response(*labels)))
        return ledger

    def refuse():
        raise Rejected(Reason.REFUSED_BY_ANALYZER, "no")

    first = settle("one", "Dog")
    settle("two", "Cat", "Animal")
    settle("three", "Cat").settle(picture("four"), "run", refuse)
    old = first.read_entry(picture("one").image_id).answered
    settle("one", "Cat", "Bird's eye", since=old.replace(year=old.year + 1))
    (sql,) = re.findall(
        r"<!-- duckdb -->\n```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL
    )
    monkeypatch.chdir(tmp_path)
    assert duckdb.sql(sql).fetchall() == [
        ("Cat", 3, 90.0),
        ("Animal", 1, 89.0),
        ("Bird's eye", 1, 89.0),
    ]
