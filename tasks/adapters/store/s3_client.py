"""The boto3 client of the store on S3."""

from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ProfileNotFound

from image_tags.tasks.adapters.aws.client import open_service
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import StoreSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGE = 64 * 1024
"""Bytes from which on a body waits for the server's leave, which If-None-Match may deny."""


def open_client(settings: StoreSettings) -> "S3Client":
    """One client, for all threads.

    Asks nothing yet; UsageError if profile, region or endpoint cannot be right.
    """
    try:
        session = boto3.Session(region_name=settings.region)
    except ProfileNotFound as error:
        raise UsageError(f"{error}: correct AWS_PROFILE.") from None
    client: S3Client = open_service(session, "s3")
    client.meta.events.register("before-send.s3.PutObject", _send_at_once)
    return client


def _send_at_once(request: Any, **_: object) -> None:
    """Do not ask the server whether a small body is welcome, as botocore does: it costs a trip."""
    size = (
        request.headers.get("X-Amz-Decoded-Content-Length")
        or request.headers.get("Content-Length")
        or LARGE
    )
    if int(size) < LARGE:
        del request.headers["Expect"]
