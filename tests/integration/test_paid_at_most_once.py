"""Whatever links, duplicates, faults and restarts come together: the endpoint bills each image once
an operation.
"""

import threading
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from image_tags.tasks.adapters.analyzers.rekognition import Rekognition
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.analyze import ask_for
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.records import Picture, distinct_pictures
from image_tags.tasks.contracts.settings import AnalysisSettings
from image_tags.tasks.plan.cutting import analysis_batches
from image_tags.tasks.plan.work import make_plan
from tests.support.made import LABELS, TEXT, fetched
from tests.support.rekognition_endpoint import DROP_UNBILLED, Fault, RekognitionEndpoint
from tests.support.site import png

OPERATIONS = (LABELS, TEXT)
KINDS = [
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "InternalServerError",
    DROP_UNBILLED,
]
FINAL = ["InvalidImageFormatException", "ImageTooLargeException", "AccessDeniedException"]

links = st.lists(st.integers(0, 4), min_size=1, max_size=8)
faults = st.lists(
    st.builds(
        Fault,
        st.sampled_from(KINDS + FINAL),
        st.sampled_from([None, "DetectLabels", "DetectText"]),
        times=st.integers(1, 4),
    ),
    max_size=4,
)
runs = st.lists(
    st.tuples(st.integers(1, 3), st.one_of(st.none(), st.integers(1, 4))), min_size=1, max_size=3
)


class Killed(BaseException):
    """The process is gone: what it does next never happens."""


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))


def one_run(store, pictures, name, *, batch_size, killed_after):
    """Plan and ask as a run does; it may be killed between two calls."""
    wished = AnalysisSettings(
        analyzer="rekognition", operations=OPERATIONS, tps=5000, analyzer_retries=0
    )
    analyzer = Rekognition(wished, store, None, sleep=lambda seconds: None)
    ledgers = {op: Ledger.of(store, analyzer, op) for op in OPERATIONS}
    work = make_plan(pictures, analyzer, ledgers, None)
    done, lock = [], threading.Lock()

    def count(*_):
        with lock:
            done.append(1)
        if killed_after is not None and len(done) >= killed_after:
            raise Killed

    try:
        for batch in analysis_batches(work.todo, batch_size):
            ask_for(
                batch.items,
                batch.step,
                analyzer=analyzer,
                ledger=ledgers[batch.step],
                run=name,
                threads=3,
                on_done=count,
            )
    except (Killed, StopRun):
        return False
    return True


@settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(links, faults, runs)
def test_the_endpoint_bills_each_image_once_an_operation(tmp_path_factory, links, faults, runs):
    store = FolderStore(str(tmp_path_factory.mktemp("store")))
    with (
        RekognitionEndpoint().running() as endpoint,
        patch.dict("os.environ", endpoint.environment()),
    ):
        found = []
        for at, number in enumerate(links):
            record = fetched(f"http://a.example/{at}", str(number))
            store.add(record.picture.key, png(number), "image/png")
            found.append(record)
        pictures: list[Picture] = distinct_pictures(found)
        assert len(pictures) == len(set(links))
        endpoint.faults = list(faults)
        for number, (batch_size, killed_after) in enumerate(runs):
            one_run(
                store, pictures, f"run{number}", batch_size=batch_size, killed_after=killed_after
            )
            assert max(endpoint.seen.billed.values(), default=0) <= 1
        endpoint.faults = []
        assert one_run(store, pictures, "last", batch_size=2, killed_after=None)
        assert max(endpoint.seen.billed.values(), default=0) <= 1
        refused = sum(
            entry.refusal is not None
            for op in OPERATIONS
            for entry in Ledger.of(
                store, Rekognition(AnalysisSettings(analyzer="rekognition"), store, None), op
            ).read_entries([picture.image_id for picture in pictures])
        )
        assert endpoint.billed == len(pictures) * len(OPERATIONS) - refused
        asked = sum(endpoint.seen.requests.values())
        assert one_run(store, pictures, "again", batch_size=1, killed_after=None)
        assert sum(endpoint.seen.requests.values()) == asked
