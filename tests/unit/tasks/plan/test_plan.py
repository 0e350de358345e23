"""Planning the analysis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.errors import OverBudget, Rejected
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Answer, Fetched, distinct_pictures
from image_tags.tasks.plan.cutting import analysis_batches
from image_tags.tasks.plan.step import plan_sentences
from image_tags.tasks.plan.work import OperationPlan, Plan, check_budget, make_plan
from tests.support.made import LABELS, TEXT, MadeAnalyzer, fetched, labels_response, picture


def test_links_to_the_same_picture_are_one_image():
    links = [
        fetched("u1", "a"),
        fetched("u2", "b"),
        fetched("u3", "a"),
        Fetched("u4", reason=Reason.NOT_FOUND),
    ]
    assert distinct_pictures(links) == [picture("a"), picture("b")]


def test_a_plan_counts_what_is_there_what_cannot_be_and_what_is_left(tmp_path):
    store = FolderStore(str(tmp_path))
    there, big, new = picture("there"), picture("big"), picture("new")
    why = Rejected(Reason.TOO_LARGE, "too wide for detect_labels")
    analyzer = MadeAnalyzer(refusals={(LABELS, big.image_id): why})
    ledgers = {op: Ledger.of(store, analyzer, op) for op in (LABELS, TEXT)}
    ledgers[LABELS].settle(there, "before", lambda: Answer(labels_response("Cat")))
    work = make_plan([there, big, new], analyzer, ledgers, None)
    assert work.plan.operations == {
        LABELS: OperationPlan(images=3, reused=1, refused=1, calls=1, cost_usd=0.0),
        TEXT: OperationPlan(images=3, reused=0, refused=0, calls=3, cost_usd=0.0),
    }
    assert work.todo == {LABELS: [new], TEXT: [there, big, new]}
    assert [(refusal.image_id, refusal.operation, refusal.reason) for refusal in work.refusals] == [
        (big.image_id, LABELS, Reason.TOO_LARGE)
    ]
    assert work.plan.calls == 4
    assert not analyzer.asked


def test_over_budget_says_both_figures():
    plan = Plan(
        5,
        {LABELS: OperationPlan(5, 0, 0, 5, 0.005)},
        0.005,
        {"date": "2026-01-01", "source": "a list"},
    )
    check_budget(plan, None)
    check_budget(plan, 0.005)
    with pytest.raises(OverBudget, match=r"about 0\.0050 USD, over --max-cost 0\.001:"):
        check_budget(plan, 0.001)
    assert any("a list" in line for line in plan_sentences(plan))


@given(st.integers(0, 400), st.integers(0, 400), st.one_of(st.none(), st.integers(1, 50)))
def test_batches_hold_every_call_once(labels, texts, wanted):
    todo = {
        LABELS: [picture(f"l{n}") for n in range(labels)],
        TEXT: [picture(f"t{n}") for n in range(texts)],
    }
    batches = analysis_batches(todo, wanted)
    assert sorted((b.step, p.image_id) for b in batches for p in b.items) == sorted(
        (op, p.image_id) for op, pictures in todo.items() for p in pictures
    )
    if wanted is None:
        assert len(batches) <= 202
    else:
        assert all(len(batch.items) <= wanted for batch in batches)


def test_operations_take_turns():
    todo = {op: [picture(f"{n}") for n in range(4)] for op in (LABELS, TEXT)}
    assert [batch.step for batch in analysis_batches(todo, 2)] == [LABELS, TEXT, LABELS, TEXT]
