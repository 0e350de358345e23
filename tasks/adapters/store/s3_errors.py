"""What the errors of S3 mean to the person who runs image-tags: a sentence with what to fix."""

from botocore import exceptions as aws

from image_tags.tasks.adapters.aws.client import code_of, status_of, stop_for
from image_tags.tasks.adapters.store.store import StoreUnreachable
from image_tags.tasks.contracts.errors import StopRun

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
    aws.IncompleteReadError,
    aws.FlexibleChecksumError,
)

_POLICY = "the policy that `image-tags policy --bucket {bucket}` prints"
_NOT_HERE = "The bucket {bucket!r} is in another region: give that region as --region."
_SENTENCES = {
    "NoSuchBucket": "There is no bucket {bucket!r}: correct --store, or create it with "
    "`image-tags doctor --store {address} --create-bucket`.",
    "AccessDenied": "The AWS credentials in use may not do {action} on {address}: "
    f"give them {_POLICY}.",
    "AllAccessDisabled": "S3 has closed the bucket {bucket!r}: "
    "ask AWS Support why, or use another bucket.",
    # The answer to a HEAD request has no body that would say more.
    "403": "S3 refuses {action} on {address}: "
    f"check that the AWS credentials are right and have {_POLICY}.",
    "InvalidToken": "AWS does not accept the session token: renew or unset AWS_SESSION_TOKEN.",
    "PermanentRedirect": _NOT_HERE,
    "TemporaryRedirect": _NOT_HERE,
    "AuthorizationHeaderMalformed": _NOT_HERE,
    "IllegalLocationConstraintException": _NOT_HERE,
    "301": _NOT_HERE,
    "RequestTimeTooSkewed": "The clock of this machine is wrong by more than 15 minutes: "
    "set it right.",
    "InvalidStorageClass": "S3 does not know this --storage-class: "
    "use one such as STANDARD_IA or INTELLIGENT_TIERING.",
    "InvalidBucketName": "{bucket!r} is not a bucket's name: correct --store.",
    "NotImplemented": "The server of {address} cannot do {action} as it is asked: "
    "use S3, or a server that can.",
}
"""Codes from Amazon S3 API Reference, "Error responses"."""


def is_passing(error: Exception) -> bool:
    """Whether the same request may succeed a little later."""
    if code_of(error) in _SENTENCES or stop_for(error, "", ""):
        return False
    return (
        isinstance(error, _PASSING) or code_of(error) in _PASSING_CODES or status_of(error) >= 500
    )


def explain(error: Exception, action: str, bucket: str, address: str, region: str) -> StopRun:
    """The sentence for an error of one request; `action` as in an IAM policy (`s3:PutObject`).

    No secret is in it.
    """
    code = code_of(error)
    if code in _SENTENCES:
        return StopRun(_SENTENCES[code].format(action=action, bucket=bucket, address=address))
    if code.startswith("KMS."):
        return StopRun(
            f"S3 cannot use the KMS key ({code}): "
            "correct --sse-kms-key, or get the right to use it."
        )
    if stop := stop_for(error, action, region):
        return stop
    if is_passing(error):
        return StoreUnreachable(
            f"The store {address} cannot be reached ({code}); "
            "nothing in it is lost, run again later."
        )
    return StopRun(f"S3 refuses {action} on {address}: {code}; see the list of S3 error codes.")
