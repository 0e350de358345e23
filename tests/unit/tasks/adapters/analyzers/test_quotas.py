"""Rates: published, set, shared, or read from Service Quotas; and what bars a service from a
bucket.
"""

import logging
from collections.abc import Iterator
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from image_tags.tasks.adapters.analyzers.quotas import account_quotas, published_quota, quotas_for
from image_tags.tasks.adapters.aws.bucket import bucket_problem
from image_tags.tasks.contracts.settings import AnalysisSettings

ASKED = {"ServiceCode": "rekognition"}


@pytest.fixture
def quotas() -> Iterator[Stubber]:
    client = boto3.client(
        "service-quotas", "us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
    with Stubber(client) as stubber:
        yield stubber


def page(**named: float) -> list[dict[str, object]]:
    title = "Transactions per second per account for the Amazon Rekognition Image operation {}"
    return [{"QuotaName": title.format(name), "Value": value} for name, value in named.items()]


def test_published_quotas_by_region() -> None:
    assert published_quota("detect_labels", "us-east-1") == 50
    assert published_quota("detect_labels", "eu-central-1") == 5
    assert published_quota("detect_faces", "us-west-2") == 100
    assert published_quota("detect_faces", "eu-central-1") == 25


def test_the_quota_is_published_or_set_and_shared() -> None:
    session = boto3.Session(region_name="eu-west-1")
    assert quotas_for(AnalysisSettings(), session, ["detect_text"]) == {"detect_text": 50}
    assert quotas_for(AnalysisSettings(tps=8), session, ["detect_text"]) == {"detect_text": 8}
    assert quotas_for(AnalysisSettings(tps=8, rate_share=0.25), session, ["detect_faces"]) == {
        "detect_faces": 2
    }


def test_the_accounts_quotas_over_several_pages(quotas: Stubber) -> None:
    others = [
        {"QuotaName": "Maximum number of DetectLabels models", "Value": 1.0},
        {"QuotaName": "Transactions per second for StartTextDetection", "Value": 2.0},
    ]
    first = {"Quotas": [*page(DetectLabels=120.0, DetectText=7.0), *others], "NextToken": "more"}
    quotas.add_response("list_service_quotas", first, ASKED)
    second = {"Quotas": page(DetectLabels=80.0, RecognizeCelebrities=9.0)}
    quotas.add_response("list_service_quotas", second, ASKED | {"NextToken": "more"})
    found = account_quotas(quotas.client, ["detect_labels", "detect_text", "recognize_celebrities"])
    assert found == {"detect_labels": 80.0, "detect_text": 7.0, "recognize_celebrities": 9.0}


def test_what_cannot_be_read_is_said_and_left_to_the_published_quota(
    quotas: Stubber, caplog: pytest.LogCaptureFixture
) -> None:
    quotas.add_client_error("list_service_quotas", "AccessDeniedException", http_status_code=403)
    session = Mock(region_name="us-east-1")
    session.client.return_value = quotas.client
    with caplog.at_level(logging.WARNING):
        found = quotas_for(AnalysisSettings(tps_from_service_quotas=True), session, ["detect_text"])
    assert found == {"detect_text": 50}
    assert "servicequotas:ListServiceQuotas" in caplog.text
    assert "published quota" in caplog.text


def test_a_rate_set_by_hand_asks_nobody(quotas: Stubber) -> None:
    session = Mock(region_name="us-east-1")
    quotas_for(AnalysisSettings(tps=3, tps_from_service_quotas=True), session, ["detect_text"])
    session.client.assert_not_called()


@pytest.fixture
def s3() -> Iterator[Stubber]:
    client = boto3.client("s3", "us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
    with Stubber(client) as stubber:
        yield stubber


def found_in(region: str) -> dict[str, object]:
    return {
        "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {"x-amz-bucket-region": region}}
    }


def test_a_bucket_that_the_service_can_read(s3: Stubber) -> None:
    s3.add_response("head_bucket", found_in("us-east-1"), {"Bucket": "here"})
    assert bucket_problem(s3.client, "here", "us-east-1") is None


def test_a_bucket_that_is_gone_elsewhere_or_hidden(s3: Stubber) -> None:
    s3.add_client_error("head_bucket", "404", http_status_code=404)
    assert "is gone" in str(bucket_problem(s3.client, "lost", "us-east-1"))
    s3.add_response("head_bucket", found_in("eu-west-1"), {"Bucket": "far"})
    assert "use --region eu-west-1" in str(bucket_problem(s3.client, "far", "us-east-1"))
    hidden = {"ResponseMetadata": found_in("eu-west-1")["ResponseMetadata"]}
    s3.add_client_error(
        "head_bucket", "403", http_status_code=403, response_meta=hidden["ResponseMetadata"]
    )
    assert "use --region eu-west-1" in str(bucket_problem(s3.client, "hidden", "us-east-1"))
    s3.add_client_error("head_bucket", "403", http_status_code=403)
    assert bucket_problem(s3.client, "mine", "us-east-1") is None


def test_no_answer_about_the_bucket_says_nothing() -> None:
    client = Mock()
    client.head_bucket.side_effect = EndpointConnectionError(
        endpoint_url="https://s3.amazonaws.com"
    )
    assert bucket_problem(client, "here", "us-east-1") is None
