"""What is asked of an AWS account, with botocore's stub for Amazon's own S3 and STS."""

import boto3
import pytest
from botocore.stub import Stubber

from image_tags.tasks.adapters.store import s3_account as account
from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.settings import StoreSettings

WHERE = {"Bucket": "bucket"}


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    for name in (
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_STS",
        "AWS_SESSION_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA-NOT-A-KEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret-indeed")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def stubbed(region="eu-west-1"):
    store = S3Store(StoreSettings(store="s3://bucket/pre", region=region), patience=0)
    stub = Stubber(store.client)
    stub.activate()
    return store, stub


def headers(**values):
    return {"HTTPHeaders": {name.replace("_", "-"): value for name, value in values.items()}}


class TestBucket:
    def test_its_region_is_in_the_answer(self):
        store, stub = stubbed()
        answer = {"ResponseMetadata": headers(x_amz_bucket_region="eu-central-1")}
        stub.add_response("head_bucket", answer, WHERE)
        assert account.bucket_region(store) == "eu-central-1"

    def test_one_that_is_not_there_is_no_bucket(self):
        store, stub = stubbed()
        stub.add_client_error("head_bucket", "404", http_status_code=404)
        with pytest.raises(account.NoBucket, match=r"no bucket 'bucket'.*--create-bucket"):
            account.bucket_region(store)

    def test_why_it_is_forbidden_comes_from_a_listing(self):
        store, stub = stubbed()
        stub.add_client_error("head_bucket", "403", http_status_code=403)
        stub.add_client_error("list_objects_v2", "ExpiredToken", http_status_code=400)
        with pytest.raises(StopRun, match="expired"):
            account.bucket_region(store)

    def test_a_prefix_that_may_be_listed_is_enough(self):
        store, stub = stubbed()
        about = {"HTTPHeaders": {"x-amz-bucket-region": "eu-west-1"}}
        stub.add_client_error("head_bucket", "403", http_status_code=403, response_meta=about)
        stub.add_response("list_objects_v2", {"IsTruncated": False})
        assert account.bucket_region(store) == "eu-west-1"

    def test_a_throttled_look_is_an_outage(self):
        store, stub = stubbed()
        stub.add_client_error("head_bucket", "503", http_status_code=503)
        with pytest.raises(StopRun, match="run again"):
            account.bucket_region(store)


class TestCreating:
    def test_names_the_region(self):
        store, stub = stubbed()
        where = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
        stub.add_response("create_bucket", {}, WHERE | where)
        account.create_bucket(store)
        stub.assert_no_pending_responses()

    def test_does_not_name_the_one_region_that_must_not_be_named(self):
        store, stub = stubbed("us-east-1")
        stub.add_response("create_bucket", {}, WHERE)
        account.create_bucket(store)
        stub.assert_no_pending_responses()

    @pytest.mark.parametrize(
        ("code", "status", "says"),
        [
            ("BucketAlreadyExists", 409, "choose another"),
            ("AccessDenied", 403, "administrator"),
            ("InvalidBucketName", 400, "not a bucket's name"),
        ],
    )
    def test_says_why_it_cannot(self, code, status, says):
        store, stub = stubbed()
        stub.add_client_error("create_bucket", code, http_status_code=status)
        with pytest.raises(StopRun, match=says):
            account.create_bucket(store)

    def test_keeps_everyone_out(self):
        store, stub = stubbed()
        block = {"PublicAccessBlockConfiguration": dict.fromkeys(account.EVERYONE_OUT, True)}
        stub.add_response("put_public_access_block", {}, WHERE | block)
        account.block_public_access(store)
        stub.assert_no_pending_responses()

    def test_says_if_everyone_cannot_be_kept_out(self):
        store, stub = stubbed()
        stub.add_client_error("put_public_access_block", "AccessDenied", http_status_code=403)
        with pytest.raises(StopRun, match="s3:PutBucketPublicAccessBlock"):
            account.block_public_access(store)


@pytest.mark.parametrize(
    ("endpoint", "elsewhere"),
    [
        (None, False),
        ("https://s3.cn-north-1.amazonaws.com.cn", False),
        ("https://minio.example.org", True),
        ("https://amazonaws.com.example.org", True),
    ],
)
def test_amazons_own_s3_is_told_from_other_servers(monkeypatch, endpoint, elsewhere):
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    assert account.is_elsewhere(stubbed()[0]) is elsewhere


class TestIdentity:
    @pytest.fixture
    def sts(self, monkeypatch):
        client = boto3.client("sts", region_name="us-east-1")
        monkeypatch.setattr(boto3.Session, "client", lambda *_, **__: client)
        with Stubber(client) as stub:
            yield stub

    def test_names_account_and_role_and_no_secret(self, sts):
        role = "arn:aws:sts::123456789012:assumed-role/tagger/me"
        sts.add_response(
            "get_caller_identity", {"Account": "123456789012", "Arn": role, "UserId": "x"}
        )
        assert account.identity("eu-west-1") == f"account 123456789012, {role}"

    @pytest.mark.parametrize(
        "code", ["InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken"]
    )
    def test_credentials_that_aws_does_not_accept_stop(self, sts, code):
        sts.add_client_error("get_caller_identity", code, http_status_code=403)
        with pytest.raises(StopRun) as stop:
            account.identity("eu-west-1")
        assert "secret-indeed" not in str(stop.value)

    def test_an_sts_that_is_out_of_reach_proves_nothing(self, monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
        assert account.identity("eu-west-1") is None


class TestCredentials:
    def test_are_named_by_where_they_come_from(self):
        assert account.credentials_kind() == "environment variables"

    def test_of_a_profile_come_from_its_file(self, monkeypatch, tmp_path):
        (tmp_path / "credentials").write_text(
            "[work]\naws_access_key_id=a\naws_secret_access_key=b\n"
        )
        monkeypatch.setenv("AWS_PROFILE", "work")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        assert account.credentials_kind() == "the shared credentials file"

    def test_half_of_them_are_none(self, monkeypatch):
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(StopRun, match="cannot be read"):
            account.credentials_kind()
