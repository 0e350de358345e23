"""Which errors stop a run, and that no sentence gives a secret away."""

import inspect
import re
import socket

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError

from image_tags.tasks.adapters.aws.client import AWS_ERRORS, client_config, open_session, stop_for
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.execution.open_files import WANTED

SECRET = "x-amz-security-token:FwoGZXIvYXdzEXAMPLE"


def refused(code: str, status: int = 400) -> ClientError:
    answer = {
        "Error": {"Code": code, "Message": f"said {SECRET}"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "DetectText")


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        ("ExpiredTokenException", 400, "expired"),
        ("ExpiredToken", 400, "expired"),
        ("UnrecognizedClientException", 400, "does not know this access key"),
        ("InvalidSignatureException", 400, "secret key does not belong"),
        ("MissingAuthenticationTokenException", 403, "No AWS credentials"),
        ("AccessDeniedException", 400, "may not call rekognition:DetectText in eu-west-1"),
        ("AccessDeniedException", 403, "may not call rekognition:DetectText in eu-west-1"),
        (
            "SomethingNew",
            403,
            "may not call rekognition:DetectText in eu-west-1 \\(SomethingNew\\)",
        ),
        ("SubscriptionRequiredException", 400, "signed up"),
        ("UnknownOperationException", 400, "AWS_ENDPOINT_URL_REKOGNITION"),
    ],
)
def test_answers_that_stop_the_run(code: str, status: int, says: str) -> None:
    stop = stop_for(refused(code, status), "rekognition:DetectText", "eu-west-1")
    assert stop is not None
    assert SECRET not in str(stop)
    assert re.search(says, str(stop))


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "InternalServerError", "InvalidImageFormatException", "New"]
)
def test_answers_that_do_not(code: str) -> None:
    assert stop_for(refused(code), "rekognition:DetectText", "eu-west-1") is None


def unreachable(why: Exception) -> Exception:
    error = botocore.exceptions.EndpointConnectionError(
        endpoint_url="https://rekognition.us-east-9.amazonaws.com", error=why
    )
    error.__cause__ = why
    return error


def test_an_endpoint_without_an_address_stops_the_run_and_one_that_is_down_does_not() -> None:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    stop = stop_for(unreachable(unknown), "rekognition:DetectText", "us-east-9")
    assert "us-east-9 has no address" in str(stop)
    for passing in (
        socket.gaierror(socket.EAI_AGAIN, "try again"),
        ConnectionRefusedError("refused"),
    ):
        assert stop_for(unreachable(passing), "rekognition:DetectText", "us-east-1") is None


def test_botocores_own_errors() -> None:
    stops = {
        botocore.exceptions.NoCredentialsError(): "No AWS credentials",
        botocore.exceptions.PartialCredentialsError(
            provider="env", cred_var="x"
        ): "PartialCredentialsError",
        botocore.exceptions.UnauthorizedSSOTokenError(): "sign in again",
        botocore.exceptions.TokenRetrievalError(provider="sso", error_msg=SECRET): "sign in again",
        botocore.exceptions.InvalidRegionError(region_name="nowhere"): "is not an AWS region",
        botocore.exceptions.ParamValidationError(report="MaxLabels: too big"): "MaxLabels: too big",
        botocore.exceptions.SSLError(
            endpoint_url="https://x", error="CERTIFICATE_VERIFY_FAILED"
        ): "AWS_CA_BUNDLE",
    }
    for error, says in stops.items():
        sentence = str(stop_for(error, "rekognition:DetectText", "nowhere"))
        assert says in sentence
        assert SECRET not in sentence
    passing = (
        botocore.exceptions.ReadTimeoutError(endpoint_url="https://x"),
        botocore.exceptions.ConnectionClosedError(endpoint_url="https://x"),
        botocore.exceptions.SSLError(endpoint_url="https://x", error="EOF occurred"),
    )
    assert [stop_for(error, "rekognition:DetectText", "nowhere") for error in passing] == [None] * 3


def test_every_error_of_botocore_is_caught() -> None:
    kinds = [kind for _, kind in inspect.getmembers(botocore.exceptions, inspect.isclass)]
    errors = [
        kind
        for kind in kinds
        if kind.__module__ == "botocore.exceptions" and not issubclass(kind, Warning)
    ]
    assert len(errors) > 50
    uncaught = {kind.__name__ for kind in errors if not issubclass(kind, AWS_ERRORS)}
    # Both are about a service model with parts missing, not about a call.
    assert uncaught == {"MissingServiceIdError", "UndefinedModelAttributeError"}


def test_a_session_needs_a_region_and_a_profile_that_exists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    with pytest.raises(UsageError, match="--region"):
        open_session(None)
    assert open_session("eu-west-1").region_name == "eu-west-1"
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(UsageError, match="AWS_PROFILE"):
        open_session("eu-west-1")


def test_clients_have_a_connection_for_every_thread() -> None:
    config = client_config()
    assert config.max_pool_connections >= WANTED, "a connection is an open file"
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
    assert "image-tags/" in config.user_agent_extra
