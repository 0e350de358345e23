"""Why a service cannot read from a bucket that this program can."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from image_tags.tasks.adapters.aws.client import status_of
from image_tags.tasks.contracts.errors import StopRun

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def bucket_problem(client: "S3Client", bucket: str, region: str) -> StopRun | None:
    """What keeps Amazon Rekognition in `region` from reading the bucket; None if nothing does."""
    try:
        metadata: Any = client.head_bucket(Bucket=bucket)["ResponseMetadata"]
    except ClientError as error:
        if status_of(error) == 404:
            return StopRun(
                f"The bucket {bucket} is gone: create it again, or choose another with --store."
            )
        metadata = error.response.get("ResponseMetadata", {})
    except BotoCoreError:  # no answer about the bucket is no answer about what is wrong with it
        return None
    home = metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region", region)
    if home == region:
        return None
    return StopRun(
        f"The bucket {bucket} is in {home}, Amazon Rekognition was asked in {region}: "
        f"use --region {home}."
    )
