"""What the S3 store asks for, and what it makes of the answers."""

from io import BytesIO

import pytest
from botocore import exceptions as aws
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.stub import ANY, Stubber
from urllib3 import HTTPResponse

from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.s3 import PATIENCE, S3Store
from image_tags.tasks.adapters.store.s3_errors import explain, is_passing
from image_tags.tasks.adapters.store.store import JSON, NotInStore, StoreUnreachable
from image_tags.tasks.contracts.errors import StopRun, UsageError
from image_tags.tasks.contracts.settings import StoreSettings


@pytest.fixture(autouse=True)
def account(monkeypatch):
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA-NOT-A-KEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret-indeed")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


class Stubbed:
    def __init__(self, patience=PATIENCE, **settings):
        self.waits: list[float] = []
        self.store = S3Store(
            StoreSettings(**{"store": "s3://bucket/pre", **settings}),
            patience=patience,
            wait=self.waits.append,
        )
        self.stub = Stubber(self.store.client)
        self.stub.activate()

    def puts(self, key="pre/k", body=b"1", kind=JSON, **more):
        wanted = {
            "Bucket": "bucket",
            "Key": key,
            "Body": body,
            "ContentType": kind,
            "ChecksumAlgorithm": "SHA256",
        }
        self.stub.add_response("put_object", {}, {**wanted, **more})

    def gives(self, data):
        answer = {"Body": Body(data), "ETag": "e"}
        self.stub.add_response("get_object", answer, {"Bucket": "bucket", "Key": "pre/k"})

    def fails(self, method, code, status, params=None):
        self.stub.add_client_error(method, code, http_status_code=status, expected_params=params)


def client_error(code, status, message="a message", retries=0):
    about = {"HTTPStatusCode": status, "RetryAttempts": retries}
    return aws.ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": about}, "PutObject"
    )


class TestRequests:
    def test_a_put_carries_type_and_checksum(self):
        s3 = Stubbed()
        s3.puts(kind="image/jpeg")
        s3.store.write("k", b"1", "image/jpeg")
        s3.stub.assert_no_pending_responses()

    def test_encryption_is_asked_for_each_object(self):
        s3 = Stubbed(sse="aws:kms", sse_kms_key="arn:key")
        s3.puts(ServerSideEncryption="aws:kms", SSEKMSKeyId="arn:key", IfNoneMatch="*")
        assert s3.store.add("k", b"1", JSON)

    def test_a_kms_key_alone_means_kms(self):
        s3 = Stubbed(sse_kms_key="arn:key")
        s3.puts(ServerSideEncryption="aws:kms", SSEKMSKeyId="arn:key")
        s3.store.write("k", b"1", JSON)

    def test_the_storage_class_is_for_pictures_only(self):
        s3 = Stubbed(storage_class="STANDARD_IA")
        s3.puts(key="pre/images/ab/x.jpg", kind="image/jpeg", StorageClass="STANDARD_IA")
        s3.puts(key="pre/responses/x.json")
        s3.store.write("images/ab/x.jpg", b"1", "image/jpeg")
        s3.store.write("responses/x.json", b"1", JSON)
        s3.stub.assert_no_pending_responses()

    def test_listing_goes_on_after_the_last_key_of_a_page(self):
        s3 = Stubbed()
        ask = {"Bucket": "bucket", "Prefix": "pre/p/"}
        answer = {
            "IsTruncated": True,
            "Contents": [{"Key": "pre/p/1", "Size": 1}, {"Key": "pre/p/2", "Size": 1}],
        }
        s3.stub.add_response("list_objects_v2", answer, {**ask, "StartAfter": ""})
        s3.fails("list_objects_v2", "SlowDown", 503)
        answer = {"IsTruncated": False, "Contents": [{"Key": "pre/p/3", "Size": 1}]}
        s3.stub.add_response("list_objects_v2", answer, {**ask, "StartAfter": "pre/p/2"})
        assert list(s3.store.keys("p/")) == ["p/1", "p/2", "p/3"]

    def test_many_are_deleted_a_thousand_at_a_time(self):
        s3 = Stubbed()
        for first, last in [(0, 1000), (1000, 1001)]:
            names = [{"Key": f"pre/{n}"} for n in range(first, last)]
            s3.stub.add_response(
                "delete_objects",
                {},
                {"Bucket": "bucket", "Delete": {"Objects": names, "Quiet": True}},
            )
        s3.store.delete_all(str(n) for n in range(1001))
        s3.stub.assert_no_pending_responses()

    def test_what_could_not_be_deleted_is_an_error(self):
        s3 = Stubbed()
        s3.stub.add_response(
            "delete_objects", {"Errors": [{"Key": "pre/a", "Code": "AccessDenied"}]}
        )
        with pytest.raises(StopRun, match="s3:DeleteObject"):
            s3.store.delete_all(["a"])

    @pytest.mark.parametrize(("size", "asks"), [(0, False), (3_000, False), (200_000, True)])
    @pytest.mark.parametrize("scheme", ["http", "https"])  # which put the size in different headers
    def test_only_large_bodies_wait_for_leave(self, monkeypatch, scheme, size, asks):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"{scheme}://127.0.0.1")
        seen = []

        def answer(request, **_):
            seen.append("Expect" in request.headers)
            return AWSResponse(request.url, 200, HeadersDict(), HTTPResponse(BytesIO()))

        store = S3Store(StoreSettings(store="s3://bucket"))
        store.client.meta.events.register_last("before-send.s3.PutObject", answer)
        store.write("k", bytes(size), "text/plain")
        assert seen == [asks]


class TestOutages:
    def test_is_waited_out_with_growing_pauses(self):
        s3 = Stubbed()
        for code, status in [
            ("SlowDown", 503),
            ("InternalError", 500),
            ("ConditionalRequestConflict", 409),
        ]:
            s3.fails("put_object", code, status)
        s3.puts(IfNoneMatch="*")
        assert s3.store.add("k", b"1", JSON)
        assert len(s3.waits) == 3
        assert s3.waits == sorted(s3.waits)

    def test_ends_when_patience_does(self):
        s3 = Stubbed()
        for _ in range(30):
            s3.fails("get_object", "ServiceUnavailable", 503)
        with pytest.raises(StoreUnreachable, match="nothing in it is lost"):
            s3.store.read("k")
        assert 60 <= sum(s3.waits) < 80

    def test_is_waited_out_once_and_not_by_each_request_in_turn(self):
        s3 = Stubbed(patience=0.1)  # for one wait
        for _ in range(2 + 1):
            s3.fails("get_object", "ServiceUnavailable", 503)
        for _ in range(2):
            with pytest.raises(StoreUnreachable):
                s3.store.read("k")
        assert len(s3.waits) == 1
        s3.gives(b"back")
        assert s3.store.read("k") == b"back"

    def test_is_waited_out_again_once_there_was_an_answer(self):
        s3 = Stubbed(patience=0.1)
        for _ in range(2):
            s3.fails("get_object", "ServiceUnavailable", 503)
        with pytest.raises(StoreUnreachable):
            s3.store.read("k")
        s3.fails("get_object", "NoSuchKey", 404)
        with pytest.raises(NotInStore):
            s3.store.read("k")
        s3.fails("get_object", "ServiceUnavailable", 503)
        s3.gives(b"back again")
        assert s3.store.read("k") == b"back again"

    @pytest.mark.parametrize(("lies_there", "ours"), [(b"1", True), (b"other", False)])
    def test_a_put_whose_answer_was_lost_is_known_by_what_lies_there(self, lies_there, ours):
        s3 = Stubbed()
        s3.fails("put_object", "InternalError", 500)
        s3.fails("put_object", "PreconditionFailed", 412)
        s3.gives(lies_there)
        assert s3.store.add("k", b"1", JSON) is ours

    def test_what_is_there_at_the_first_try_is_not_read(self):
        s3 = Stubbed()
        s3.fails("put_object", "PreconditionFailed", 412)
        assert not s3.store.add("k", b"1", JSON)

    def test_a_swap_of_what_was_deleted_fails(self):
        s3 = Stubbed()
        s3.fails("put_object", "NoSuchKey", 404, {"IfMatch": "e", **dict.fromkeys(PUT, ANY)})
        assert not s3.store.swap("k", b"1", JSON, "e")

    def test_a_final_error_is_not_tried_again(self):
        s3 = Stubbed()
        s3.fails("put_object", "AccessDenied", 403)
        with pytest.raises(
            StopRun, match=r"s3:PutObject on s3://bucket/pre.*image-tags policy --bucket bucket"
        ):
            s3.store.write("k", b"1", JSON)
        assert s3.waits == []


PUT = ("Bucket", "Key", "Body", "ContentType", "ChecksumAlgorithm")


class Body:
    def __init__(self, data):
        self.read = lambda: data


class TestSentences:
    @pytest.mark.parametrize(
        ("error", "says"),
        [
            (client_error("NoSuchBucket", 404), "no bucket 'b'"),
            (client_error("AccessDenied", 403), "may not do s3:PutObject"),
            (client_error("403", 403), "refuses s3:PutObject"),
            (client_error("301", 301), "--region"),
            (client_error("PermanentRedirect", 301), "--region"),
            (client_error("SignatureDoesNotMatch", 403), "secret key"),
            (client_error("InvalidAccessKeyId", 403), "does not know this access key"),
            (client_error("ExpiredToken", 400), "expired"),
            (client_error("InvalidToken", 400), "AWS_SESSION_TOKEN"),
            (client_error("RequestTimeTooSkewed", 403), "clock"),
            (client_error("KMS.NotFoundException", 400), "--sse-kms-key"),
            (client_error("InvalidStorageClass", 400), "--storage-class"),
            (client_error("SomethingNew", 400), "SomethingNew"),
            (client_error("NotImplemented", 501), "cannot do"),
            (aws.NoCredentialsError(), "No AWS credentials"),
            (
                aws.CredentialRetrievalError(provider="x", error_msg="very-secret-indeed"),
                "cannot be read",
            ),
            (aws.UnauthorizedSSOTokenError(), "sign in again"),
            (
                aws.SSLError(endpoint_url="https://x", error="CERTIFICATE_VERIFY_FAILED"),
                "AWS_CA_BUNDLE",
            ),
        ],
    )
    def test_what_only_a_person_can_fix_says_what_to_fix(self, error, says):
        assert not is_passing(error)
        stop = explain(error, "s3:PutObject", "b", "s3://b/p", "eu-west-1")
        assert type(stop) is StopRun
        assert says in str(stop)

    @pytest.mark.parametrize(
        "error",
        [
            client_error("SlowDown", 503),
            client_error("InternalError", 500),
            client_error("502", 502),
            client_error("RequestTimeout", 400),
            aws.EndpointConnectionError(endpoint_url="http://user:very-secret-indeed@x"),
            aws.ConnectTimeoutError(endpoint_url="http://x"),
            aws.ReadTimeoutError(endpoint_url="http://x"),
            aws.ConnectionClosedError(endpoint_url="http://x"),
            aws.ResponseStreamingError(error="x"),
            aws.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ],
    )
    def test_what_passes_says_that_nothing_is_lost(self, error):
        assert is_passing(error)
        stop = explain(error, "s3:PutObject", "b", "s3://b/p", "eu-west-1")
        assert isinstance(stop, StoreUnreachable)
        assert "run again" in str(stop)
        assert "secret" not in str(stop)

    def test_the_services_own_message_is_left_out(self):
        stop = explain(
            client_error("Odd", 400, "x-amz-security-token: abc"),
            "s3:PutObject",
            "b",
            "s3://b",
            "r",
        )
        assert "abc" not in str(stop)


class TestAddresses:
    @pytest.mark.parametrize(
        "address", ["s3://", "s3:///x", "s3://Bucket/x", "s3://b/x", "s3://bu cket"]
    )
    def test_a_wrong_one_is_wrong_usage(self, address):
        with pytest.raises(UsageError, match="s3://bucket/prefix"):
            open_store(StoreSettings(store=address))

    @pytest.mark.parametrize("address", ["gs://bucket/x", "http://x/y"])
    def test_another_kind_of_store_is_wrong_usage(self, address):
        with pytest.raises(UsageError, match="neither a folder nor"):
            open_store(StoreSettings(store=address))

    def test_an_unknown_profile_is_wrong_usage(self, monkeypatch):
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        with pytest.raises(UsageError, match=r"nobody.*AWS_PROFILE"):
            open_store(StoreSettings(store="s3://bucket"))

    def test_a_region_that_is_none_is_wrong_usage(self):
        with pytest.raises(UsageError, match="'no such' is not an AWS region: check --region"):
            S3Store(StoreSettings(store="s3://bucket", region="no such"))

    def test_an_endpoint_that_is_no_address_is_wrong_usage(self, monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "nonsense")
        with pytest.raises(UsageError, match="AWS_ENDPOINT_URL_S3"):
            open_store(StoreSettings(store="s3://bucket"))

    @pytest.mark.parametrize("address", ["s3://bucket", "s3://bucket/"])
    def test_a_whole_bucket_is_a_store(self, address):
        store = open_store(StoreSettings(store=address))
        assert store.address == "s3://bucket"
        assert store.bucket_and_key("a/b") == ("bucket", "a/b")
