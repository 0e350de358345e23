"""The boto3 client of the store on S3."""

from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ProfileNotFound

from image_tags.tasks.adapters.aws.client import client_config, code_of, stop_for
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
        client = boto3.Session(region_name=settings.region).client("s3", config=client_config())
    except ProfileNotFound as error:
        raise UsageError(f"{error}: correct AWS_PROFILE.") from None
    except BotoCoreError as error:
        known = stop_for(error, "s3", settings.region or "")
        raise UsageError(
            str(
                known
                or f"AWS is not set up right for the store {settings.store}: {code_of(error)}."
            )
        ) from None
    except ValueError:
        raise UsageError(
            "AWS_ENDPOINT_URL_S3, or the endpoint_url of the profile, is not the address of a "
            "server: correct or unset it."
        ) from None
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
