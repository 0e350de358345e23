"""What botocore's errors mean to the person who runs image-tags: one sentence each, with what to fix and no secret."""

from botocore import exceptions as aws

from tasks.adapters.store import StoreUnreachable
from tasks.contracts.errors import StopRun

_PASSING_CODES = {
    "SlowDown",
    "RequestTimeout",
    "InternalError",
    "ServiceUnavailable",
    "ConditionalRequestConflict",
    "OperationAborted",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
}
"""Amazon S3 API Reference, "Error responses": worth another try, whatever the HTTP status."""

_PASSING = (
    aws.ConnectionError,
    aws.HTTPClientError,
    aws.ResponseStreamingError,
    aws.IncompleteReadError,
    aws.FlexibleChecksumError,
)

NO_CREDENTIALS = (
    "No working AWS credentials were found: run `aws configure` or `aws sso login`, set AWS_PROFILE, or run under a role."
)
_BEFORE_ASKING: tuple[tuple[type[Exception], str], ...] = (
    *(
        (kind, NO_CREDENTIALS)
        for kind in (
            aws.NoCredentialsError,
            aws.PartialCredentialsError,
            aws.CredentialRetrievalError,
            aws.MetadataRetrievalError,
            aws.TokenRetrievalError,
            aws.NoAuthTokenError,
            aws.SSOError,
            aws.LoginError,
            aws.ProfileNotFound,
        )
    ),
    (
        aws.SSLError,
        "The connection to {address} is not safe: its certificate cannot be verified; set AWS_CA_BUNDLE if it is right.",
    ),
    (aws.ProxyConnectionError, "The HTTP proxy cannot be reached: correct HTTPS_PROXY, or set NO_PROXY."),
)
"""What goes wrong before the service hears of a request."""

_SENTENCES = {
    "NoSuchBucket": "There is no bucket {bucket!r}: correct --store, or create it with "
    "`image-tags doctor --store {address} --create-bucket`.",
    "AccessDenied": "The AWS account in use may not do {action} on {address}: give it the policy that "
    "`image-tags policy --bucket {bucket}` prints.",
    "AllAccessDisabled": "S3 has closed the bucket {bucket!r}: ask AWS Support why, or use another bucket.",
    "403": "S3 refuses {action} on {address}: check that the AWS credentials are right, and that they have the policy that "
    "`image-tags policy --bucket {bucket}` prints.",
    "SignatureDoesNotMatch": "The AWS secret access key is wrong: correct AWS_SECRET_ACCESS_KEY or the profile in use.",
    "InvalidAccessKeyId": "AWS does not know the access key: correct AWS_ACCESS_KEY_ID or the profile in use.",
    "ExpiredToken": "The AWS session has expired: log in again (`aws sso login`) or renew AWS_SESSION_TOKEN.",
    "InvalidToken": "AWS does not accept the session token: renew or unset AWS_SESSION_TOKEN.",
    "PermanentRedirect": "The bucket {bucket!r} is in another region: set --region to it (`image-tags doctor` says which).",
    "RequestTimeTooSkewed": "The clock of this machine is wrong by more than 15 minutes: set it right.",
    "InvalidStorageClass": "S3 does not know the --storage-class: use one such as STANDARD_IA or INTELLIGENT_TIERING.",
    "InvalidBucketName": "{bucket!r} is not a bucket's name: correct --store.",
}
"""Codes from Amazon S3 API Reference, "Error responses"; 403 is all that the answer to a HEAD request says."""

_SAME = {
    "ExpiredTokenException": "ExpiredToken",
    "RequestExpired": "ExpiredToken",
    "AuthorizationHeaderMalformed": "PermanentRedirect",
    "IllegalLocationConstraintException": "PermanentRedirect",
    "TemporaryRedirect": "PermanentRedirect",
    "301": "PermanentRedirect",
    "AccountProblem": "AccessDenied",
}


def code_of(error: Exception) -> str:
    """The service's code; the HTTP status where the answer had no body; empty if the service did not answer."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, aws.ClientError) else ""


def status_of(error: Exception) -> int:
    """The HTTP status of the answer; 0 if there was none."""
    said = error.response.get("ResponseMetadata", {}) if isinstance(error, aws.ClientError) else {}
    return int(said.get("HTTPStatusCode", 0))


def is_passing(error: Exception) -> bool:
    """Whether the same request may succeed a little later."""
    if any(isinstance(error, kind) for kind, _ in _BEFORE_ASKING):
        return False
    return isinstance(error, _PASSING) or code_of(error) in _PASSING_CODES or status_of(error) >= 500


def explain(error: Exception, action: str, bucket: str, address: str) -> StopRun:
    """The sentence for an error of one request; `action` as in an IAM policy (`s3:PutObject`)."""
    code = code_of(error)
    if is_passing(error):
        why = code or type(error).__name__
        return StoreUnreachable(f"The store {address} cannot be reached ({why}); nothing in it is lost, run again later.")
    said = _SENTENCES.get(_SAME.get(code, code)) or next(
        (sentence for kind, sentence in _BEFORE_ASKING if isinstance(error, kind)), _unforeseen(error)
    )
    return StopRun(said.format(action=action, bucket=bucket, address=address))


def _unforeseen(error: Exception) -> str:
    code = code_of(error)
    if code.startswith("KMS"):
        return f"S3 cannot use the KMS key ({code}): correct --sse-kms-key, or get the right to use it."
    return f"S3 refuses {{action}} on {{address}}: {code or type(error).__name__}; see its list of error codes."
