import pytest
from click.testing import CliRunner

from image_tags.flows.commands.discard import discard
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store_format import mark_format
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.records import Answer
from tests.support.made import LABELS, TEXT, labels_response, picture


def run(*words):
    done = CliRunner().invoke(discard, list(words), standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.output


def test_the_answers_for_an_image_go_and_all_others_stay(tmp_path):
    store = FolderStore(str(tmp_path))
    mark_format(store)
    pictures = [picture(name) for name in ("one", "two", "three")]
    ids = [one.image_id for one in pictures]

    def open_ledger(operation):
        return Ledger(store, operation, {"analyzer": "x"}, interval=0.0)

    for operation in (LABELS, TEXT):
        ledger = open_ledger(operation)
        for one in pictures:
            ledger.settle(one, "run", lambda: Answer(labels_response("Cat")))
        ledger.close()
    assert run(ids[1], "--store", store.address) == "2 answers removed.\n"
    for operation in (LABELS, TEXT):
        assert open_ledger(operation).find_answered(ids) == {ids[0], ids[2]}
    assert not any(ids[1].encode() in store.read(key) for key in store.keys("responses/"))
    assert run(ids[1], "--store", store.address) == "0 answers removed.\n"
    assert open_ledger(LABELS).settle(pictures[1], "run", lambda: Answer({}))
    assert list(store.keys("claims/")) == []


def test_what_is_no_image_id_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is not an image id"):
        run("cat.jpg", "--store", str(tmp_path))


def test_a_mistyped_store_is_refused_and_not_made(tmp_path):
    with pytest.raises(UsageError, match="There is nothing in the store"):
        run("0" * 64, "--store", str(tmp_path / "typo"))
    assert not list(tmp_path.rglob("store.json"))
