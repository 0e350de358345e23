import hashlib
import json

import pytest
from click.testing import CliRunner

from image_tags.flows.commands.upgrade import upgrade
from image_tags.tasks.adapters.ledger import old_entries
from image_tags.tasks.adapters.ledger.ledger import Ledger, fingerprint
from image_tags.tasks.adapters.ledger.old_entries import convert_entries
from image_tags.tasks.adapters.segments.parquet_segments import read_metadata
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import JSON
from image_tags.tasks.adapters.store.store_format import FORMAT, read_format
from image_tags.tasks.contracts.reasons import Reason

SETTINGS = {"analyzer": "rekognition", "MaxLabels": 50}
OPERATIONS = ("detect_labels", "detect_text")


def old_entry(n, operation, **members):
    image_id = hashlib.sha256(str(n).encode()).hexdigest()
    key = f"responses/{operation}-{fingerprint(SETTINGS)}/{image_id[:2]}/{image_id}.json"
    entry = {
        "image_id": image_id,
        "operation": operation,
        "analyzer": "rekognition",
        "settings": SETTINGS,
        "model_version": "3.0",
        "time": "2026-11-01T12:00:00+00:00",
        "run": "run-1",
        "remark": None,
    }
    entry |= members or {"response": {"n": n, "text": "ä\x00"}}
    return key, json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.fixture
def store(tmp_path):
    """A store of format 1: ten answers to each operation, one of them a refusal."""
    store = FolderStore(str(tmp_path / "store"))
    for operation in OPERATIONS:
        for n in range(9):
            key, data = old_entry(n, operation)
            store.write(key, data, JSON)
        refusal = {"reason": "refused_by_analyzer", "detail": "InvalidImageFormatException"}
        key, data = old_entry(9, operation, refusal=refusal)
        store.write(key, data, JSON)
    return store


def check_answers(store):
    """All answers are in segments; returns how many segments."""
    for operation in OPERATIONS:
        ledger = Ledger(store, operation, SETTINGS)
        ids = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(10)]
        entries = {entry.image_id: entry for entry in ledger.read_entries(ids)}
        assert len(entries) == 10
        assert [entries[one].response for one in ids[:9]] == [
            {"n": n, "text": "ä\x00"} for n in range(9)
        ]
        assert entries[ids[9]].refusal.reason is Reason.REFUSED_BY_ANALYZER
        assert {entry.answered.isoformat() for entry in entries.values()} == {
            "2026-11-01T12:00:00+00:00"
        }
        assert {entry.model_version for entry in entries.values()} == {"3.0"}
    left = list(store.keys("responses/"))
    for key in left:
        about = read_metadata(store.read(key))
        assert about["settings"] == SETTINGS
        assert about["operation"] in key
    assert all(key.endswith(".parquet") for key in left)
    return len(left)


def test_every_answer_is_converted_and_is_not_asked_for_again(store, monkeypatch):
    monkeypatch.setattr(old_entries, "PART", 4)
    assert convert_entries(store) == 20
    assert check_answers(store) == len(OPERATIONS)
    assert convert_entries(store) == 0
    assert check_answers(store) == len(OPERATIONS)


def test_interrupted_at_any_request_it_goes_on_where_it_was(store, monkeypatch):
    class Died(BaseException):
        pass

    monkeypatch.setattr(old_entries, "PART", 4)
    requests = {name: getattr(store, name) for name in ("write", "delete")}
    step = 0
    while True:
        left = step

        def request(name, *args, **how):
            nonlocal left
            left -= 1
            if left == 0:
                raise Died
            return requests[name](*args, **how)

        with monkeypatch.context() as dying:
            for name in requests:
                dying.setattr(store, name, lambda *a, n=name, **how: request(n, *a, **how))
            step += 7
            left = step
            try:
                convert_entries(store)
                break
            except Died:
                store.delete_all(list(store.keys("claims/")))
    assert step > 7
    check_answers(store)


def test_what_is_no_answer_is_moved_not_lost(store):
    damaged = {}
    for n, data in enumerate([b"{", b"[]", b"{}", b"\xff", b"null"], 20):
        key, _ = old_entry(n, "detect_labels")
        damaged[key] = data
    damaged[f"{old_entry(1, 'detect_labels')[0]}.damaged"] = b"{"
    for key, data in damaged.items():
        store.write(key, data, JSON)
    assert convert_entries(store) == 20
    check_answers(store)
    assert {key: store.read(f"damaged/{key}") for key in damaged} == damaged


def test_the_command_converts_once_and_says_how_many(store):
    result = CliRunner().invoke(upgrade, [store.address], standalone_mode=False)
    assert result.exception is None
    assert "20 answers converted, and the records of 0 links" in result.output
    assert read_format(store) == FORMAT
    check_answers(store)
    again = CliRunner().invoke(upgrade, [store.address], standalone_mode=False)
    assert "already" in again.output
