"""Asking the analyzer."""

import pytest

from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.analyze import ask_for
from image_tags.tasks.contracts.errors import Rejected, StopRun, Transient
from image_tags.tasks.contracts.reasons import Reason
from tests.support.made import LABELS, MadeAnalyzer, picture

PICTURES = [picture(str(n)) for n in range(6)]


@pytest.fixture
def asked(tmp_path):
    store = FolderStore(str(tmp_path))

    def ask(analyzer, threads=3, **given):
        ledger = Ledger.of(store, analyzer, LABELS)
        return ask_for(
            PICTURES, LABELS, analyzer=analyzer, ledger=ledger, run="r", threads=threads, **given
        )

    return ask


def test_each_picture_is_asked_once_and_never_again(asked):
    analyzer = MadeAnalyzer()
    first, second = asked(analyzer), asked(analyzer)
    assert (first.asked, first.found, first.failures) == (6, 0, [])
    assert (second.asked, second.found) == (0, 6)
    assert set(analyzer.asked.values()) == {1}


def test_a_passing_failure_leaves_the_others_alone_and_is_asked_again(asked):
    slow = {(LABELS, PICTURES[2].image_id): Transient(Reason.THROTTLED, "slow down")}
    analyzer = MadeAnalyzer(slow)
    outcome = asked(analyzer)
    assert [(f.image_id, f.reason, f.detail) for f in outcome.passing] == [
        (PICTURES[2].image_id, Reason.THROTTLED, "slow down")
    ]
    assert outcome.asked == 5
    analyzer.answers.clear()
    assert asked(analyzer).asked == 1


def test_a_refusal_is_an_answer_and_not_asked_again(asked):
    analyzer = MadeAnalyzer(
        {(LABELS, PICTURES[0].image_id): Rejected(Reason.REFUSED_BY_ANALYZER, "InvalidImageFormat")}
    )
    assert asked(analyzer).passing == []
    asked(analyzer)
    assert analyzer.asked[LABELS, PICTURES[0].image_id] == 1


def test_nothing_more_is_asked_once_the_run_must_stop(asked):
    analyzer = MadeAnalyzer({(LABELS, p.image_id): StopRun("no credentials") for p in PICTURES})
    with pytest.raises(StopRun, match="no credentials"):
        asked(analyzer, threads=1)
    assert sum(analyzer.asked.values()) == 1


def test_each_picture_is_told_once_with_what_came_of_it(asked):
    analyzer = MadeAnalyzer(
        {(LABELS, PICTURES[2].image_id): Transient(Reason.THROTTLED, "slow down")}
    )
    told = {}
    asked(analyzer, on_done=lambda picture, said: told.update({picture.image_id: said}))
    assert told == {p.image_id: "asked" for p in PICTURES} | {
        PICTURES[2].image_id: "throttled: slow down"
    }
    asked(analyzer, on_done=lambda picture, said: told.update({picture.image_id: said}))
    assert told[PICTURES[0].image_id] == "found in the ledger"


def test_an_unexpected_error_shows_its_cause_and_rejects_only_its_picture(asked):
    bad = PICTURES[2].image_id
    analyzer = MadeAnalyzer({(LABELS, bad): RuntimeError("a mistake of ours")})
    outcome = asked(analyzer)
    assert [(f.image_id, f.reason, f.detail) for f in outcome.failures] == [
        (
            bad,
            Reason.REFUSED_BY_ANALYZER,
            "unexpected error, twice: RuntimeError: a mistake of ours",
        )
    ]
    assert (outcome.asked, outcome.passing) == (5, [])
    assert analyzer.asked[LABELS, bad] == 2
    analyzer.answers.clear()
    assert asked(analyzer).asked == 1  # a later run tries it again
