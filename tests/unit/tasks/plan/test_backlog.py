"""Pictures that wait to be asked about while links are being fetched."""

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.ledger.partitions import PARTITIONS, partition_of
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Answer
from image_tags.tasks.execution.batches import AHEAD
from image_tags.tasks.plan.backlog import FIRST_LEFT, MOST_LEFT, Backlog
from image_tags.tasks.plan.work import make_plan, price_calls
from tests.support.made import LABELS, TEXT, MadeAnalyzer, labels_response, picture

NOTHING_RUNS = {}


def open_backlog(folder, size=3, links=0, analyzer=None):
    analyzer = analyzer or MadeAnalyzer()
    store = FolderStore(str(folder))
    ledgers = {op: Ledger.of(store, analyzer, op) for op in (LABELS, TEXT)}
    return Backlog(analyzer, ledgers, size, links), ledgers


steps = st.lists(
    st.one_of(st.lists(st.integers(0, 30), max_size=12), st.integers(0, AHEAD)), max_size=12
)


@given(steps, st.integers(1, 5), st.sampled_from([0, 2 * PARTITIONS, 6 * PARTITIONS]))
def test_whatever_comes_when_each_call_is_in_one_batch(tmp_path_factory, steps, size, links):
    backlog, ledgers = open_backlog(tmp_path_factory.mktemp("store"), size, links)
    came, calls = {}, Counter()
    for step in steps:
        if isinstance(step, int):
            batches = backlog.cut({LABELS: step})
            assert all(len(batch.items) == size for batch in batches)
            assert len({batch.name for batch in batches}) == len(batches)
            assert Counter(batch.step for batch in batches)[LABELS] <= AHEAD - step
            calls.update((batch.step, p.image_id) for batch in batches for p in batch.items)
        else:
            pictures = [picture(str(n)) for n in step]
            backlog.add(pictures)
            came |= {p.image_id: p for p in pictures}
    begun = Counter(operation for operation, _ in calls.elements())
    for operation, pictures in backlog.take_rest().items():
        calls.update((operation, p.image_id) for p in pictures)
    assert calls == Counter((op, image_id) for op in (LABELS, TEXT) for image_id in came)
    assert backlog.begun == begun
    plan = make_plan(list(came.values()), MadeAnalyzer(), ledgers, None).plan
    assert price_calls(backlog.division, None) == plan


def test_what_is_answered_or_refused_is_never_in_a_batch_and_the_plan_says_so(tmp_path):
    there, small, new = (picture(name) for name in ("there", "small", "new"))
    why = Rejected(Reason.TOO_SMALL, "too small")
    analyzer = MadeAnalyzer(refusals={(LABELS, small.image_id): why})
    backlog, ledgers = open_backlog(tmp_path, size=1, analyzer=analyzer)
    ledgers[LABELS].settle(there, "before", lambda: Answer(labels_response("Cat")))
    plan = make_plan([there, small, new], analyzer, ledgers, None).plan
    backlog.add([there, small])
    first = [(batch.step, batch.items) for batch in backlog.cut(NOTHING_RUNS)]
    assert first == [(TEXT, (there,)), (TEXT, (small,))]
    for one in (there, small):  # as if those batches had ended
        ledgers[TEXT].settle(one, "now", lambda: Answer({}))
    backlog.add([new, there])
    assert {op: len(left) for op, left in backlog.take_rest().items()} == {LABELS: 1, TEXT: 1}
    assert price_calls(backlog.division, None) == plan, "what was asked since is no reuse"
    assert [one.image_id for one in backlog.division.refusals] == [small.image_id]


def test_a_partition_is_claimed_for_a_few_pictures_together(tmp_path):
    """Of 64 partitions with 8 links each, those with 6 pictures are worth a claim."""
    backlog, _ = open_backlog(tmp_path, size=4, links=8 * PARTITIONS)
    by_partition = {}
    for n in range(2_000):
        one = picture(str(n))
        by_partition.setdefault(partition_of(one.image_id), []).append(one)
    first, second = list(by_partition.values())[:2]
    backlog.add([*first[:5], *second[:5]])
    assert backlog.cut(NOTHING_RUNS) == []
    backlog.add(first[5:7])
    backlog.add(second[5:7])
    for batch in backlog.cut({LABELS: AHEAD}):
        assert batch.step == TEXT
        assert len({partition_of(one.image_id) for one in batch.items}) == 1


def test_the_first_batch_of_a_large_run_waits_for_few_pictures_and_the_next_for_more(tmp_path):
    backlog, _ = open_backlog(tmp_path, size=FIRST_LEFT, links=2 * MOST_LEFT * PARTITIONS)
    made = (picture(str(n)) for n in itertools.count())
    partition = partition_of(picture("0").image_id)
    together = (one for one in made if partition_of(one.image_id) == partition)
    backlog.add(itertools.islice(together, FIRST_LEFT))
    assert [batch.step for batch in backlog.cut(NOTHING_RUNS)] == [LABELS, TEXT]
    backlog.add(itertools.islice(together, MOST_LEFT - FIRST_LEFT))
    assert backlog.cut(NOTHING_RUNS) == []
    backlog.add(itertools.islice(together, FIRST_LEFT))
    assert [batch.step for batch in backlog.cut(NOTHING_RUNS)] == [LABELS, TEXT]
