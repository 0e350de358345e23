"""Amazon Web Services: the session, how clients behave, and which errors only a person can fix."""

import socket
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InvalidRegionError,
    LoginError,
    NoAuthTokenError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
    SSOError,
    TokenRetrievalError,
)

from image_tags.tasks.contracts.errors import StopRun, UsageError

AWS_ERRORS = (BotoCoreError, ClientError)
"""Everything that a boto3 call raises for a reason outside this program."""

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0
"""Seconds.

botocore waits 60 for either, so that one lost answer would hold a thread for a minute.
"""
CONNECTIONS = 4096
"""Connections that a client keeps.

A thread never has more than one, and a process has fewer threads than open files
(`execution/open_files.py`). Connections are opened as they are needed; one beyond this number would
be closed after each request, with a warning.
"""

NO_CREDENTIALS = (
    "No AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "or name a profile in AWS_PROFILE."
)
EXPIRED = (
    "The AWS credentials have expired: sign in again (`aws sso login`, or renew the session token) "
    "and run again."
)
UNKNOWN_KEY = (
    "AWS does not know this access key: check AWS_ACCESS_KEY_ID, or the profile that AWS_PROFILE "
    "names."
)
BAD_SIGNATURE = (
    "AWS refuses the signature: the secret key does not belong to the access key, the region in it "
    "is not the endpoint's, "
    "or this machine's clock is wrong."
)
UNREADABLE = (
    "The AWS credentials cannot be read ({}): sign in again, or check the profile and its role."
)
ALLOW = "allow it in the IAM policy (`image-tags policy` prints one)."
REACH = "check the region, the network and any AWS_ENDPOINT_URL."
NOT_SIGNED_UP = (
    "This AWS account has not signed up for Amazon Rekognition: open its console once, "
    "then run again."
)
NOT_THE_SERVICE = (
    "The endpoint does not know this operation: check AWS_ENDPOINT_URL_REKOGNITION and the region."
)

_SENTENCES = {
    "ExpiredToken": EXPIRED,
    "ExpiredTokenException": EXPIRED,
    "RequestExpired": EXPIRED,
    "UnrecognizedClientException": UNKNOWN_KEY,
    "InvalidClientTokenId": UNKNOWN_KEY,
    "InvalidAccessKeyId": UNKNOWN_KEY,
    "InvalidSignatureException": BAD_SIGNATURE,
    "SignatureDoesNotMatch": BAD_SIGNATURE,
    "IncompleteSignature": BAD_SIGNATURE,
    "IncompleteSignatureException": BAD_SIGNATURE,
    "MissingAuthenticationToken": NO_CREDENTIALS,
    "MissingAuthenticationTokenException": NO_CREDENTIALS,
    "OptInRequired": NOT_SIGNED_UP,
    "SubscriptionRequiredException": NOT_SIGNED_UP,
    "UnknownOperationException": NOT_THE_SERVICE,
}

_DENIED = ("AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized")
"""Rekognition says AccessDeniedException with HTTP 400; S3 and proxies say it with 403."""


def open_session(region: str | None) -> boto3.Session:
    """A session in the region, or in the one that boto3 finds; UsageError if there is none."""
    try:
        session = boto3.Session(region_name=region)
    except ProfileNotFound as error:
        raise UsageError(f"{error}: check AWS_PROFILE.") from None
    if session.region_name is None:
        raise UsageError("No AWS region is set: add --region, or set AWS_DEFAULT_REGION.")
    return session


def client_config() -> Config:
    """How clients behave: botocore's standard retries, timeouts, a connection for every thread."""
    return Config(
        max_pool_connections=CONNECTIONS,
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": 3},
        user_agent_extra=f"image-tags/{version('image-tags')}",
    )


def open_service(session: boto3.Session, service: str) -> Any:
    """A client of a service, for all threads; asks nothing yet.

    Raises:
        UsageError: region, endpoint or configuration cannot be right.

    """
    try:
        return cast("Any", session).client(service, config=client_config())
    except BotoCoreError as error:
        known = stop_for(error, service, session.region_name or "")
        sentence = f"AWS is not configured correctly for {service}: {code_of(error)}."
        raise UsageError(str(known or sentence)) from None
    except ValueError:
        raise UsageError(
            f"AWS_ENDPOINT_URL_{service.upper()}, or the endpoint_url of the profile, is not the "
            "address of a server: correct or unset it."
        ) from None


def code_of(error: Exception) -> str:
    """The service's error code, or the class of an error that never reached the service."""
    return code_in(error.response) if isinstance(error, ClientError) else type(error).__name__


def code_in(response: Mapping[str, Any]) -> str:
    """The service's error code in a response that botocore has parsed; empty if it is no error.

    botocore's parser of JSON 1.1 leaves out the header in which that protocol may give the code,
    and puts the status there.
    """
    if "Error" not in response:
        return ""
    code = str(response["Error"].get("Code") or "Unknown")
    said = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amzn-errortype", "")
    return said.partition(":")[0].rpartition("#")[2] if said and code.isdecimal() else code


def status_of(error: Exception) -> int:
    """The HTTP status of the service's answer; 0 if there was none."""
    if isinstance(error, ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    return 0


def stop_for(error: Exception, action: str, region: str) -> StopRun | None:
    """The StopRun for an error that only a person can fix; None for any other.

    The service's own message is left out: with some of these errors it repeats signed headers,
    session token included.

    Args:
        error: from botocore.
        action: what was tried, as an IAM policy names it, such as `rekognition:DetectLabels`.
        region: where.

    """
    sentence: str | None = None
    match error:
        case ClientError():
            sentence = _SENTENCES.get(code_of(error))
            if sentence is None and (code_of(error) in _DENIED or status_of(error) in (401, 403)):
                sentence = (
                    f"The AWS credentials may not call {action} in {region} "
                    f"({code_of(error)}): {ALLOW}"
                )
        case NoCredentialsError():
            sentence = NO_CREDENTIALS
        case PartialCredentialsError() | CredentialRetrievalError() | SSOError() | LoginError():
            sentence = UNREADABLE.format(code_of(error))
        case NoAuthTokenError() | TokenRetrievalError():
            sentence = UNREADABLE.format(code_of(error))
        case NoRegionError() | InvalidRegionError():
            sentence = f"{region!r} is not an AWS region: check --region and AWS_DEFAULT_REGION."
        case ParamValidationError():
            sentence = f"The request for {action} is not valid: {' '.join(str(error).split())}"
        case EndpointConnectionError() if _unknown_host(error):
            sentence = f"The endpoint of {action} in {region} has no address: {REACH}"
        case SSLError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            sentence = (
                f"The endpoint of {action} in {region} presents a certificate that is not trusted "
                "here: check AWS_CA_BUNDLE."
            )
    return StopRun(sentence) if sentence else None


def _unknown_host(error: BaseException | None) -> bool:
    """Whether there is no such host: not if the lookup of its name only failed for now."""
    while error is not None:
        if isinstance(error, socket.gaierror):
            return error.errno != socket.EAI_AGAIN
        error = error.__cause__ or error.__context__
    return False
