"""The Rekognition analyzer against a stand-in for the service: every kind of error, every call
accounted for.
"""

import hashlib
import io
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from image_tags.tasks.adapters.analyzers.rekognition import BYTES_LIMIT, S3_LIMIT, Rekognition
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.errors import LinkError, Rejected, StopRun, Transient
from image_tags.tasks.contracts.operations import OPERATIONS
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.contracts.settings import AnalysisSettings
from tests.support.rekognition_endpoint import (
    DROP_BILLED,
    DROP_UNBILLED,
    SECRET_KEY,
    SPELLINGS,
    WEB_PAGE,
    Fault,
    RekognitionEndpoint,
)
from tests.support.shapes import assert_response, operation

FINAL = (
    "InvalidS3ObjectException",
    "InvalidParameterException",
    "ImageTooLargeException",
    "InvalidImageFormatException",
)
PASSING = (
    Fault("ThrottlingException", status=400),
    Fault("ThrottlingException", status=500),
    Fault("ProvisionedThroughputExceededException"),
    Fault("InternalServerError"),
    Fault("ServiceUnavailable"),
    Fault(DROP_UNBILLED),
)
TRIES = 3
"""What botocore's standard retries make of one call."""

Make = Callable[..., Rekognition]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[RekognitionEndpoint]:
    """The stand-in, with the environment set up for boto3 as a user would; nobody sleeps between
    two tries.
    """
    for name in (
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    endpoint = RekognitionEndpoint()
    for name, value in endpoint.environment().items():
        monkeypatch.setenv(name, value)
    with endpoint.running():
        yield endpoint


class Shelf(FolderStore):
    """A store that says it is on S3: the service is sent there, and the stand-in looks into the
    folder.
    """

    def bucket_and_key(self, key: str) -> tuple[str, str] | None:
        return "bucket", f"prefix/{key}"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(str(tmp_path))


@pytest.fixture
def shelf(tmp_path: Path, endpoint: RekognitionEndpoint) -> Shelf:
    store = Shelf(str(tmp_path))

    def resolve(bucket: str, name: str) -> bytes | None:
        key = name.removeprefix("prefix/")
        return store.read(key) if bucket == "bucket" and store.exists(key) else None

    endpoint.resolve = resolve
    return store


def analyzer(store: FolderStore, **settings: object) -> Rekognition:
    """An analyzer that is fast enough for tests and sleeps between its own tries as little as
    botocore.
    """
    wished = AnalysisSettings(analyzer="rekognition", **{"tps": 2000, **settings})
    return Rekognition(wished, store, None, sleep=lambda seconds: None)


def add(
    store: FolderStore, number: int = 0, size: tuple[int, int] = (80, 80), data: bytes | None = None
) -> Picture:
    """Put a picture into the store."""
    if data is None:
        buffer = io.BytesIO()
        Image.new("RGB", size, (number % 256, number // 256, 7)).save(buffer, "PNG")
        data = buffer.getvalue()
    image_id = hashlib.sha256(data).hexdigest()
    key = f"images/{image_id[:2]}/{image_id}.png"
    store.write(key, data, "image/png")
    return Picture(image_id, key, len(data), *size)


def heavy(megabytes: float) -> tuple[tuple[int, int], bytes]:
    """A PNG a little over so many megabytes, and its size: noise does not compress."""
    side = int((megabytes * 1024 * 1024 / 3) ** 0.5) + 10
    noise = Image.effect_noise((side, side), 100)
    buffer = io.BytesIO()
    Image.merge("RGB", [noise, noise.rotate(90), noise.rotate(180)]).save(
        buffer, "PNG", compress_level=0
    )
    return (side, side), buffer.getvalue()


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_answers_in_the_services_shape(
    name: str, endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    picture = add(store)
    answer = analyzer(store).answer(name, picture)
    assert_response(name, answer.response)
    assert answer.model_version == answer.response.get(OPERATIONS[name].version or "")
    assert answer.remark is None
    assert endpoint.seen.billed == {(operation(name).name, picture.image_id): 1}


def test_settings_reach_the_service(endpoint: RekognitionEndpoint, store: FolderStore) -> None:
    picture = add(store)
    everything = (
        analyzer(store, label_confidence=0).answer("detect_labels", picture).response["Labels"]
    )
    assert len(everything) > 1
    wanted = everything[0]["Name"]
    only = analyzer(store, label_confidence=0, label_include=(wanted,), image_properties=True)
    response = only.answer("detect_labels", picture).response
    assert [label["Name"] for label in response["Labels"]] == [wanted]
    assert "ImageProperties" in response
    first = (
        analyzer(store, label_confidence=0, max_labels=1)
        .answer("detect_labels", picture)
        .response["Labels"]
    )
    assert len(first) == 1


def test_an_answer_depends_on_the_request_and_not_on_region_or_pace(
    endpoint: RekognitionEndpoint, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = analyzer(store).settings_of("detect_labels")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert analyzer(store, tps=7, word_confidence=50).settings_of("detect_labels") == one
    assert analyzer(store, max_labels=7).settings_of("detect_labels") != one
    assert one["analyzer"] == "rekognition"


@pytest.mark.parametrize("code", FINAL)
def test_a_picture_that_will_not_do_is_rejected_at_once_and_the_others_go_on(
    code: str, endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    bad, good = add(store, 1), add(store, 2)
    endpoint.faults = [Fault(code, image=bad.image_id, times=None)]
    asked = analyzer(store)
    with pytest.raises(Rejected) as caught:
        asked.answer("detect_text", bad)
    assert caught.value.reason is Reason.REFUSED_BY_ANALYZER
    assert code in caught.value.detail
    asked.answer("detect_text", good)
    assert endpoint.seen.requests["DetectText"] == 2
    assert endpoint.seen.billed == {("DetectText", good.image_id): 1}


def test_the_service_itself_refuses_what_is_no_picture(
    endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    with pytest.raises(Rejected, match="InvalidImageFormatException"):
        analyzer(store).answer("detect_text", add(store, data=b"GIF89a no picture"))


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind}-{fault.status}")
def test_what_passes_is_tried_again_and_billed_once(
    fault: Fault, endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    picture = add(store)
    # More than botocore tries by itself, so that our own tries are needed too.
    endpoint.faults = [Fault(fault.kind, times=2 * TRIES + 1, status=fault.status)]
    analyzer(store, analyzer_retries=2).answer("detect_text", picture)
    assert endpoint.seen.requests["DetectText"] == 2 * TRIES + 2
    assert endpoint.seen.billed == {("DetectText", picture.image_id): 1}


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind}-{fault.status}")
def test_what_does_not_pass_is_left_pending(
    fault: Fault, endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    picture = add(store)
    endpoint.faults = [Fault(fault.kind, times=None, status=fault.status)]
    with pytest.raises(Transient) as caught:
        analyzer(store, analyzer_retries=1).answer("detect_text", picture)
    throttled = fault.kind in ("ThrottlingException", "ProvisionedThroughputExceededException")
    assert caught.value.reason is (Reason.THROTTLED if throttled else Reason.ANALYZER_UNAVAILABLE)
    assert endpoint.seen.requests["DetectText"] == 2 * TRIES
    assert endpoint.billed == 0


def test_an_error_that_nobody_knows_is_not_final(
    endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    endpoint.faults = [Fault("BrandNewException", times=None)]
    with pytest.raises(Transient, match="BrandNewException, HTTP 400"):
        analyzer(store, analyzer_retries=0).answer("detect_text", add(store))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_code_is_known_however_the_answer_gives_it(
    spelling: str, endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    endpoint.spelling = spelling
    asked, picture = analyzer(store, analyzer_retries=0), add(store)
    for code, error, says in [
        ("InvalidImageFormatException", Rejected, "InvalidImageFormatException: told to fail"),
        ("ThrottlingException", Transient, "Throttled"),
        ("AccessDeniedException", StopRun, "may not call rekognition:DetectText"),
    ]:
        endpoint.faults = [Fault(code, times=None)]
        with pytest.raises(error, match=says):
            asked.answer("detect_text", picture)


def test_a_page_in_place_of_an_answer_is_no_answer(
    endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    picture = add(store)
    endpoint.faults = [Fault(WEB_PAGE, times=2)]
    with pytest.raises(Transient) as caught:
        analyzer(store, analyzer_retries=0).answer("detect_text", picture)
    assert caught.value.reason is Reason.ANALYZER_UNAVAILABLE
    assert "text/html" in caught.value.detail
    assert (
        analyzer(store, analyzer_retries=1)
        .answer("detect_text", picture)
        .response["TextDetections"]
    )
    assert endpoint.seen.billed == {("DetectText", picture.image_id): 1}


def test_an_answer_lost_on_the_way_is_asked_for_again(
    endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    # The service did the work and bills it; nobody on this side can know. This is the one call that
    # is paid twice.
    picture = add(store)
    endpoint.faults = [Fault(DROP_BILLED)]
    analyzer(store).answer("detect_text", picture)
    assert endpoint.seen.billed == {("DetectText", picture.image_id): 2}


def test_a_service_that_does_not_answer_in_time_is_asked_again(
    endpoint: RekognitionEndpoint, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_tags.tasks.adapters.aws.client.READ_TIMEOUT", 0.2)
    endpoint.faults = [Fault("slow", seconds=1.0)]
    analyzer(store).answer("detect_text", add(store))
    assert endpoint.seen.requests["DetectText"] == 2


def test_a_service_that_is_down_leaves_the_picture_pending(
    endpoint: RekognitionEndpoint, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        port = closed.server_port
    monkeypatch.setenv("AWS_ENDPOINT_URL_REKOGNITION", f"http://127.0.0.1:{port}")
    with pytest.raises(Transient) as caught:
        analyzer(store).answer("detect_text", add(store))
    assert caught.value.reason is Reason.ANALYZER_UNAVAILABLE


def stops(asked: Rekognition, pictures: list[Picture], *names: str) -> list[Exception | None]:
    """Ask everything from many threads at once; what each call raised."""

    def one(call: tuple[str, Picture]) -> Exception | None:
        try:
            asked.answer(*call)
        except (StopRun, LinkError) as error:
            return error
        return None

    with ThreadPoolExecutor(24) as pool:
        return list(pool.map(one, [(name, picture) for picture in pictures for name in names]))


def unknown_key(endpoint: RekognitionEndpoint, patch: pytest.MonkeyPatch) -> str:
    patch.setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSE")
    return "does not know this access key"


def wrong_secret(endpoint: RekognitionEndpoint, patch: pytest.MonkeyPatch) -> str:
    patch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-that-is-not-right")
    return "secret key does not belong"


def wrong_region(endpoint: RekognitionEndpoint, patch: pytest.MonkeyPatch) -> str:
    patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    return "the region in it is not the endpoint's"


def no_credentials(endpoint: RekognitionEndpoint, patch: pytest.MonkeyPatch) -> str:
    patch.delenv("AWS_ACCESS_KEY_ID")
    patch.delenv("AWS_SECRET_ACCESS_KEY")
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    patch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    return "No AWS credentials were found"


def access_denied(endpoint: RekognitionEndpoint, patch: pytest.MonkeyPatch) -> str:
    endpoint.faults = [Fault("AccessDeniedException", times=None)]
    return "may not call rekognition:Detect(Text|Labels) in us-east-1"


def expired(endpoint: RekognitionEndpoint, patch: pytest.MonkeyPatch) -> str:
    endpoint.faults = [Fault("ExpiredTokenException", times=None)]
    return "have expired"


def no_such_host(endpoint: RekognitionEndpoint, patch: pytest.MonkeyPatch) -> str:
    def look_up(host: str, *args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} is not known")

    patch.setenv("AWS_ENDPOINT_URL_REKOGNITION", "http://rekognition.invalid")
    patch.setattr("urllib3.util.connection.socket.getaddrinfo", look_up)
    return "has no address"


@pytest.mark.parametrize(
    "break_it",
    [unknown_key, wrong_secret, wrong_region, no_credentials, access_denied, expired, no_such_host],
)
def test_what_only_a_person_can_fix_stops_all_threads_after_one_failed_call_an_operation(
    break_it: Callable[[RekognitionEndpoint, pytest.MonkeyPatch], str],
    endpoint: RekognitionEndpoint,
    store: FolderStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    says = break_it(endpoint, monkeypatch)
    pictures = [add(store, number) for number in range(20)]
    raised = stops(analyzer(store), pictures, "detect_labels", "detect_text")
    assert len(raised) == 40
    for error in raised:
        with pytest.raises(StopRun, match=says):
            raise error or AssertionError("no error")
        for secret in (SECRET_KEY, "a-secret", "Canonical String", "host:"):
            assert secret not in str(error)
    assert sum(endpoint.seen.errors.values()) <= 2
    assert endpoint.billed == 0


def test_access_withdrawn_in_the_middle_costs_no_more_than_the_calls_in_flight(
    endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    pictures = [add(store, number) for number in range(120)]
    asked = analyzer(store)
    assert stops(asked, pictures[:20], "detect_text") == [None] * 20
    endpoint.latency = 0.02
    endpoint.faults = [Fault("AccessDeniedException", times=None)]
    raised = stops(asked, pictures[20:], "detect_text")
    assert all(isinstance(error, StopRun) for error in raised)
    assert endpoint.seen.errors["AccessDeniedException"] <= 24
    assert endpoint.billed == 20


def test_many_threads_get_every_answer_once_through_a_quota_that_is_half_of_what_they_think(
    endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    endpoint.quota = 40
    pictures = [add(store, number) for number in range(120)]
    assert (
        stops(analyzer(store, tps=80, analyzer_retries=8), pictures, "detect_text") == [None] * 120
    )
    assert set(endpoint.seen.billed.values()) == {1}
    assert len(endpoint.seen.billed) == 120
    # About 20 while the pace gives way; as many as answers if it did not.
    assert sum(endpoint.seen.errors.values()) < 60


def test_the_quota_is_kept_by_all_threads_and_operations_together(
    endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    endpoint.quota, endpoint.latency = 60, 0.05
    pictures = [add(store, number) for number in range(120)]
    asked = analyzer(store, tps=60)
    assert stops(asked, pictures, "detect_labels", "detect_text") == [None] * 240
    assert endpoint.billed == 240
    assert set(endpoint.seen.billed.values()) == {1}
    # Without a pace 24 threads would meet the quota hundreds of times; a few are the machine's
    # hiccups.
    assert sum(endpoint.seen.errors.values()) < 24


def test_threads_are_enough_for_quota_and_latency(
    endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    assert 16 <= analyzer(store, tps=50).threads("detect_labels") <= 32
    assert analyzer(store, tps=1).threads("detect_labels") <= 2
    assert analyzer(store, analyzer_threads=3).threads("detect_labels") == 3


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_limits_known_before_paying(
    name: str, endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    asked = analyzer(store)
    sizes = {
        (79, 500): Reason.TOO_SMALL,
        (500, 79): Reason.TOO_SMALL,
        (80, 80): None,
        (10_000, 80): None,
    }
    too_long = Reason.TOO_LARGE if OPERATIONS[name].max_side else None
    sizes |= {
        (10_001, 80): None,
        (80, 10_001): None,
        (12_000, 80): too_long,
        (80, 12_000): too_long,
    }
    for (width, height), reason in sizes.items():
        refused = asked.refusal(
            name, Picture("0" * 64, "images/00/0.png", 50_000_000, width, height)
        )
        assert (refused.reason if refused else None) is reason
        if refused:
            assert isinstance(refused, Rejected)
            assert name in refused.detail
            assert f"{width} x {height}" in refused.detail
        # The stand-in knows the service's limits by itself: both must agree.
        picture = add(store, size=(width, height))
        if refused:
            with pytest.raises(Rejected):
                asked.answer(name, picture)
        else:
            asked.answer(name, picture)


def test_a_picture_with_a_long_side_is_answered_from_a_reduced_copy(
    endpoint: RekognitionEndpoint, store: FolderStore, shelf: Shelf
) -> None:
    for where in (store, shelf):
        picture = add(where, size=(200, 12_000))
        answer = analyzer(where).answer("detect_labels", picture)
        assert "scaled from 200 x 12000 to 167 x 10000 px" in str(answer.remark)
        assert analyzer(where).answer("detect_text", picture).remark is None


def test_bytes_over_the_limit_are_re_encoded_and_that_is_recorded(
    endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    size, data = heavy(6)
    assert len(data) > BYTES_LIMIT
    answer = analyzer(store).answer("detect_labels", add(store, size=size, data=data))
    assert answer.remark
    assert f"from {len(data):,} to " in answer.remark
    assert "JPEG quality" in answer.remark


def test_a_store_on_s3_is_read_by_the_service(endpoint: RekognitionEndpoint, shelf: Shelf) -> None:
    size, data = heavy(6)
    picture = add(shelf, size=size, data=data)
    answer = analyzer(shelf).answer("detect_labels", picture)
    assert answer.remark is None
    assert endpoint.seen.billed == {("DetectLabels", picture.image_id): 1}


def test_an_object_over_the_limit_is_sent_as_bytes(
    endpoint: RekognitionEndpoint, shelf: Shelf
) -> None:
    size, data = heavy(15.1)
    assert len(data) > S3_LIMIT
    answer = analyzer(shelf).answer("detect_labels", add(shelf, size=size, data=data))
    assert "re-encoded" in (answer.remark or "")


@pytest.fixture
def bucket(
    monkeypatch: pytest.MonkeyPatch, endpoint: RekognitionEndpoint
) -> Iterator[SimpleNamespace]:
    """What S3 says of the bucket: `status` and `region` may be changed."""
    says = SimpleNamespace(status=200, region="us-east-1")

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(says.status)
            self.send_header("x-amz-bucket-region", says.region)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        yield says
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "region", "fix"),
    [(404, "us-east-1", "is gone"), (200, "eu-west-1", "--region eu-west-1")],
)
def test_a_bucket_that_the_service_cannot_read_stops_the_run(
    status: int,
    region: str,
    fix: str,
    endpoint: RekognitionEndpoint,
    shelf: Shelf,
    bucket: SimpleNamespace,
) -> None:
    bucket.status, bucket.region = status, region
    endpoint.faults = [Fault("InvalidS3ObjectException", times=None)]
    asked = analyzer(shelf)
    raised = stops(asked, [add(shelf, number) for number in range(10)], "detect_text")
    assert all(isinstance(error, StopRun) and fix in str(error) for error in raised)
    assert endpoint.seen.errors["InvalidS3ObjectException"] == 1


def test_one_object_that_the_service_cannot_read_is_rejected(
    endpoint: RekognitionEndpoint, shelf: Shelf, bucket: SimpleNamespace
) -> None:
    bad = add(shelf, 1)
    endpoint.faults = [Fault("InvalidS3ObjectException", image=bad.image_id, times=None)]
    asked = analyzer(shelf)
    with pytest.raises(Rejected, match="InvalidS3ObjectException"):
        asked.answer("detect_text", bad)
    asked.answer("detect_text", add(shelf, 2))


def test_a_picture_gone_from_the_store_is_pending(
    endpoint: RekognitionEndpoint, shelf: Shelf, store: FolderStore, bucket: SimpleNamespace
) -> None:
    gone = add(shelf)
    shelf.delete(gone.key)
    for where in (shelf, store):
        with pytest.raises(Transient, match="no longer in the store"):
            analyzer(where, analyzer_retries=0).answer("detect_text", gone)


def test_a_damaged_picture_too_large_to_send_is_rejected(
    endpoint: RekognitionEndpoint, store: FolderStore
) -> None:
    with pytest.raises(Rejected, match="cannot be re-encoded") as caught:
        analyzer(store).answer("detect_text", add(store, data=b"\x89PNG" + bytes(BYTES_LIMIT)))
    assert caught.value.reason is Reason.TOO_LARGE
    assert endpoint.billed == 0
