"""The AWS account behind the credentials, and its bucket: what `image-tags doctor` looks at."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError, ProfileNotFound

from image_tags.tasks.adapters.aws.client import (
    AWS_ERRORS,
    NO_CREDENTIALS,
    client_config,
    code_of,
    status_of,
    stop_for,
)
from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.adapters.store.s3_errors import explain
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.errors import StopRun

if TYPE_CHECKING:
    from mypy_boto3_s3.literals import BucketLocationConstraintType

_KINDS = {
    "env": "environment variables",
    "explicit": "the program",
    "shared-credentials-file": "the shared credentials file",
    "config-file": "the AWS config file",
    "sso": "IAM Identity Center (aws sso login)",
    "login": "aws login",
    "assume-role": "a role that the profile assumes",
    "assume-role-with-web-identity": "a web identity role",
    "custom-process": "the profile's credential process",
    "container-role": "the container's role",
    "iam-role": "the machine's role",
}
"""botocore's names of where credentials come from."""

EVERYONE_OUT = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


class NoBucket(StopRun):
    """There is no such bucket."""


def credentials_kind() -> str:
    """Where boto3 finds credentials, in words; StopRun if it finds none."""
    try:
        found = boto3.Session().get_credentials()
    except ProfileNotFound as error:
        raise StopRun(f"{error}: check AWS_PROFILE.") from None
    except AWS_ERRORS as error:
        raise stop_for(error, "sts:GetCallerIdentity", "") or StopRun(NO_CREDENTIALS) from None
    if found is None:
        raise StopRun(NO_CREDENTIALS)
    return _KINDS.get(found.method, found.method)


def identity(region: str | None) -> str | None:
    """The account and who we are in it; None if that cannot be asked.

    StopRun if AWS does not accept the credentials.
    """
    config = client_config()
    try:
        client = boto3.Session(
            region_name=region or boto3.Session().region_name or "us-east-1"
        ).client("sts", config=config)
        who = client.get_caller_identity()
    except AWS_ERRORS as error:
        # Only AWS itself can say that credentials are wrong; what it says of a network is no
        # finding about them.
        if isinstance(error, ClientError) and (
            stop := stop_for(error, "sts:GetCallerIdentity", region or "")
        ):
            raise stop from None
        return None
    return f"account {who['Account']}, {who['Arn']}"


def is_elsewhere(store: Store) -> bool:
    """Whether the store is on a server that speaks S3's protocol but is not Amazon's."""
    if not isinstance(store, S3Store):
        return False
    host = urlsplit(store.client.meta.endpoint_url).hostname or ""
    return not host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def bucket_region(store: S3Store) -> str | None:
    """The region of the store's bucket; None where the server does not say.

    NoBucket, or StopRun if it cannot be used.
    """
    try:
        answer: Any = store.client.head_bucket(Bucket=store.bucket)
    except AWS_ERRORS as error:
        if (
            status_of(error) == 404
        ):  # the answer to a HEAD request has no body: it says neither what was not found
            gone = ClientError({"Error": {"Code": "NoSuchBucket"}}, "HeadBucket")
            raise NoBucket(str(explain(gone, "", store.bucket, store.address, ""))) from None
        if status_of(error) != 403 or not isinstance(error, ClientError):
            raise explain(
                error, "s3:ListBucket", store.bucket, store.address, store.region
            ) from None
        next(store.keys(".check/"), None)  # nor why it is forbidden, as this will
        answer = error.response
    region: str | None = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
    return region


def create_bucket(store: S3Store) -> None:
    """Make the store's bucket in the store's region."""
    where: dict[str, Any] = {}
    if store.region != "us-east-1":  # which is the one that must not be named
        constraint: BucketLocationConstraintType = store.region  # type: ignore[assignment]
        where = {"CreateBucketConfiguration": {"LocationConstraint": constraint}}
    try:
        store.client.create_bucket(Bucket=store.bucket, **where)
    except AWS_ERRORS as error:
        if code_of(error) == "BucketAlreadyExists":
            raise StopRun(
                f"The name {store.bucket!r} belongs to another account: choose another name."
            ) from None
        if code_of(error) == "AccessDenied":
            raise StopRun(
                "The AWS credentials in use may not do s3:CreateBucket: "
                "let an administrator create the bucket."
            ) from None
        raise explain(error, "s3:CreateBucket", store.bucket, store.address, store.region) from None


def block_public_access(store: S3Store) -> None:
    """See to it that nothing in the bucket can be made public."""
    try:
        store.client.put_public_access_block(
            Bucket=store.bucket,
            PublicAccessBlockConfiguration=EVERYONE_OUT,  # type: ignore[arg-type]
        )
    except AWS_ERRORS as error:
        raise explain(
            error, "s3:PutBucketPublicAccessBlock", store.bucket, store.address, store.region
        ) from None
