"""The doctor with a real S3 server and the stand-in for Amazon Rekognition."""

import uuid

import pytest

from image_tags.flows.doctor import run_doctor
from image_tags.flows.doctor_checks import close_checkup, render_check
from image_tags.tasks.adapters.store import s3_account as account
from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.contracts.settings import AnalysisSettings, StoreSettings
from tests.support.rekognition_endpoint import Fault, RekognitionEndpoint
from tests.support.s3_server import BUCKET, KEY, SECRET

OPERATIONS = ("detect_labels", "detect_text")


@pytest.fixture
def endpoint(s3, monkeypatch):
    def stored(bucket, key):
        client = S3Store(StoreSettings(store=f"s3://{bucket}")).client
        return client.get_object(Bucket=bucket, Key=key)["Body"].read()

    with RekognitionEndpoint(resolve=stored).running() as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_REKOGNITION", running.url)
        yield running


def examine(store=f"s3://{BUCKET}/doctor", analyzer="rekognition", region=None, **how):
    settings = AnalysisSettings(analyzer=analyzer, operations=OPERATIONS, analyzer_retries=0)
    checks = list(run_doctor(StoreSettings(store=store, region=region), settings, **how))
    said = "\n".join(line for check in checks for line in render_check(check))
    assert SECRET not in said
    assert KEY not in said
    return {check.name: check for check in checks}


def test_all_is_well_and_what_costs_is_not_asked(endpoint):
    checks = examine()
    assert list(checks) == [
        "credentials",
        "bucket",
        "write",
        "read",
        "list",
        "delete",
        "region",
        *OPERATIONS,
    ]
    assert {name: check.ok for name, check in checks.items() if check.ok is not True} == {
        "region": None,  # SeaweedFS does not say
        **dict.fromkeys(OPERATIONS),
    }
    assert "environment variables" in checks["credentials"].message
    assert "--spend" in checks["detect_labels"].message
    assert endpoint.billed == 0
    assert close_checkup(checks.values()) == "Good to go."


def test_spending_asks_each_operation_once_about_a_picture_in_the_bucket(endpoint):
    checks = examine(spend=True)
    assert all(checks[name].ok for name in OPERATIONS)
    assert endpoint.billed == len(OPERATIONS)
    assert list(S3Store(StoreSettings(store=f"s3://{BUCKET}/doctor")).keys(".check/")) == []


def test_with_a_folder_the_picture_travels_with_the_call(endpoint, tmp_path):
    checks = examine(store=str(tmp_path), spend=True)
    assert all(check.ok for check in checks.values())
    assert "bucket" not in checks
    assert endpoint.billed == len(OPERATIONS)


def test_an_operation_that_is_not_allowed_says_what_to_allow(endpoint):
    endpoint.faults.append(Fault("AccessDeniedException", operation="DetectLabels", times=None))
    check = examine(spend=True)["detect_labels"]
    assert check.ok is False
    assert "rekognition:DetectLabels" in check.message
    assert "image-tags policy" in check.fix


def test_operations_after_one_that_is_not_allowed_are_asked_all_the_same(endpoint):
    endpoint.faults = [Fault("AccessDeniedException", operation="DetectLabels", times=None)]
    checks = examine(spend=True)
    assert "may not call rekognition:DetectLabels" in checks["detect_labels"].message
    assert checks["detect_text"].ok is True


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "secret key"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "does not know this access key"),
    ],
)
def test_wrong_credentials_are_found_where_the_server_says_so(endpoint, monkeypatch, env, says):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    checks = examine()
    wrong = [check for check in checks.values() if check.ok is False]
    assert [check.name for check in wrong] == ["bucket"]
    assert says in f"{wrong[0].message}: {wrong[0].fix}"


def test_without_credentials_nothing_else_is_looked_at(endpoint, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    checks = examine()
    assert list(checks) == ["credentials"]
    assert checks["credentials"].ok is False
    assert "AWS_PROFILE" in checks["credentials"].fix


def test_an_unknown_profile_is_named(endpoint, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    checks = examine()
    assert list(checks) == ["credentials"]
    assert "nobody" in checks["credentials"].message


def test_a_missing_bucket_is_named_and_made_on_request(endpoint):
    store = f"s3://made-{uuid.uuid4().hex}/x"
    checks = examine(store=store)
    assert list(checks) == ["credentials", "bucket"]
    assert "--create-bucket" in checks["bucket"].fix
    assert close_checkup(checks.values()) == "Not yet: bucket."
    checks = examine(store=store, create_bucket=True)
    assert checks["bucket"].message.endswith("was created")
    assert checks["public access"].ok is None  # SeaweedFS cannot block it
    assert close_checkup(checks.values()) == "Good to go."
    assert "public access" not in examine(store=store, create_bucket=True), (
        "a bucket that is there is left as it is"
    )


def test_a_server_that_does_not_answer_is_said(endpoint, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    checks = examine()
    assert list(checks) == ["credentials", "bucket"]
    assert "cannot be reached" in checks["bucket"].message


def test_a_bucket_in_another_region_is_found(endpoint, monkeypatch):
    monkeypatch.setattr(account, "bucket_region", lambda _: "eu-west-1")
    check = examine()["region"]
    assert check.ok is False
    assert "--region eu-west-1" in check.fix
    monkeypatch.setattr(account, "bucket_region", lambda _: "us-east-1")
    assert examine()["region"].ok is True


def test_the_account_is_asked_for_and_named(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", s3.url)  # SeaweedFS speaks STS too
    assert account.identity(None).startswith("account 000000000000, arn:aws:")


def test_the_local_analyzer_answers_without_any_account(tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    checks = examine(store=str(tmp_path), analyzer="local")
    assert list(checks) == ["write", "read", "list", "delete", *OPERATIONS]
    assert all(check.ok for check in checks.values())
