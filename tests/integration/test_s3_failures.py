"""What a user sees when S3 is not as it should be: a real server, real errors."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_tags.tasks.adapters.analyzers.rekognition import Rekognition
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.adapters.store.store import JSON, StoreUnreachable
from image_tags.tasks.contracts.errors import StopRun, UsageError
from image_tags.tasks.contracts.records import Answer, Picture
from image_tags.tasks.contracts.settings import AnalysisSettings, StoreSettings
from tests.support.rekognition_endpoint import RekognitionEndpoint
from tests.support.s3_server import BUCKET, SECRET, S3Server

WRONG = "wrong-secret-9876543210"


def uses(store):
    """Every request that a store makes."""
    return {
        "read": lambda: store.read("k"),
        "write": lambda: store.write("k", b"1", JSON),
        "add": lambda: store.add("k", b"1", JSON),
        "exists": lambda: store.exists("k"),
        "keys": lambda: list(store.keys("p/")),
        "delete": lambda: store.delete("k"),
        "read_tagged": lambda: store.read_tagged("k"),
        "swap": lambda: store.swap("k", b"1", JSON, None),
    }


@pytest.mark.parametrize("use", [*uses(None), "check_writable"])
@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"AWS_SECRET_ACCESS_KEY": WRONG}, "secret key"),
        (
            {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": WRONG},
            "does not know this access key",
        ),
    ],
    ids=["wrong secret", "unknown key"],
)
def test_wrong_credentials_stop_the_run_and_say_which(s3, monkeypatch, env, says, use):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    store = open_store(StoreSettings(store=f"s3://{BUCKET}/x"))
    with pytest.raises(UsageError if use == "check_writable" else StopRun) as stop:
        {**uses(store), "check_writable": store.check_writable}[use]()
    # The answer to a HEAD request says no more than 403.
    assert ("check that the AWS credentials are right" if use == "exists" else says) in str(
        stop.value
    )
    assert WRONG not in str(stop.value)


def test_a_bucket_that_is_not_there_is_named_with_the_way_to_make_it(s3):
    store = open_store(StoreSettings(store="s3://no-such-bucket-here/x"))
    with pytest.raises(UsageError, match=r"no bucket 'no-such-bucket-here'.*--create-bucket"):
        store.check_writable()
    with pytest.raises(StopRun, match="no bucket"):
        store.write("k", b"1", JSON)
    with pytest.raises(StopRun, match="no bucket"):
        store.read("k")


def test_a_server_that_does_not_answer_is_wrong_usage_at_the_start_and_said_at_once(
    s3, monkeypatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    waits: list[float] = []
    store = S3Store(StoreSettings(store=f"s3://{BUCKET}"), wait=waits.append)
    with pytest.raises(UsageError, match="cannot be reached"):
        store.check_writable()
    assert waits == []


@pytest.fixture
def own_server(s3, monkeypatch):
    server = S3Server()
    try:
        server.start()
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        yield server
    finally:
        server.remove()


def test_a_server_killed_in_the_middle_loses_nothing_that_was_put(own_server):
    """Writers go on through the outage once it is back; what they were told is stored, is."""
    down, back = threading.Event(), threading.Event()

    def wait(_: float) -> None:
        down.set()
        assert back.wait(90)

    settings = StoreSettings(store=f"s3://{BUCKET}/run")
    store = S3Store(settings, wait=wait)
    begun = threading.Semaphore(0)

    def put(n: int) -> str:
        begun.release()
        key = f"responses/{n:04}.json"
        store.write(key, str(n).encode(), JSON)
        return key

    with ThreadPoolExecutor(8) as pool:
        puts = [pool.submit(put, n) for n in range(400)]
        for _ in range(100):
            assert begun.acquire(timeout=60)
        own_server.kill()
        assert down.wait(60)
        with pytest.raises(StoreUnreachable, match="nothing in it is lost"):
            S3Store(settings, patience=0).read("responses/0000.json")
        own_server.start()
        back.set()
        keys = [one.result(timeout=120) for one in puts]
    again = S3Store(settings)
    assert list(again.keys("responses/")) == keys
    assert [again.read(key) for key in keys] == [str(n).encode() for n in range(400)]


def test_no_paid_response_is_lost_when_the_server_is_killed_in_the_middle(own_server, monkeypatch):
    """The calls under way are answered while the store is away; their responses are saved once it
    is back.
    """
    down, back = threading.Event(), threading.Event()

    def wait(_: float) -> None:
        down.set()
        assert back.wait(90)

    store = S3Store(StoreSettings(store=f"s3://{BUCKET}/paid"), wait=wait)
    pictures = [
        Picture(f"{n:02x}" * 32, f"images/{n:02x}/{n}.jpg", 1000, 100, 100) for n in range(60)
    ]
    with RekognitionEndpoint(latency=0.05).running() as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_REKOGNITION", endpoint.url)
        settings = AnalysisSettings(analyzer="rekognition", operations=("detect_text",))
        analyzer = Rekognition(settings, store, "us-east-1")
        ledger = Ledger.of(store, analyzer, "detect_text")
        answered = threading.Semaphore(0)

        def settle(picture: Picture) -> bool:
            def ask() -> Answer:
                answer = analyzer.answer("detect_text", picture)
                answered.release()
                return answer

            return ledger.settle(picture, "run", ask)

        with ThreadPoolExecutor(8) as pool:
            settled = [pool.submit(settle, picture) for picture in pictures]
            for _ in range(15):
                assert answered.acquire(timeout=60)
            own_server.kill()
            assert down.wait(60)
            own_server.start()
            back.set()
            assert all(one.result(timeout=120) for one in settled)
        ledger.close()
        assert set(endpoint.seen.billed.values()) == {1}
        assert endpoint.billed == len(pictures)
    assert ledger.find_answered([picture.image_id for picture in pictures]) == {
        picture.image_id for picture in pictures
    }
    assert list(store.keys("claims/")) == []


def test_no_secret_is_in_what_a_store_says_of_itself(s3):
    store = open_store(StoreSettings(store=f"s3://{BUCKET}/x"))
    assert SECRET not in f"{store!r} {vars(store)!r} {store.address} {store.locate('k')}"
