"""The least-privilege IAM policy of a run, for `image-tags policy`."""

from collections.abc import Sequence

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.operations import OPERATIONS
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import AnalysisSettings

DEFAULT_OPERATIONS: tuple[str, ...] = AnalysisSettings.model_fields["operations"].default


def policy(
    bucket: str,
    prefix: str = "",
    operations: Sequence[str] = DEFAULT_OPERATIONS,
    *,
    kms_key: str | None = None,
    quotas: bool = False,
) -> JsonObject:
    """What the account of a run must be allowed, and no more.

    Args:
        bucket: the store's bucket.
        prefix: the store's prefix in it; empty if the whole bucket is the store.
        operations: as in `--operations`.
        kms_key: ARN of the key of `--sse-kms-key`, if one is used.
        quotas: with `--tps-from-service-quotas`.

    Raises:
        UsageError: there is no such operation.

    """
    unknown = [name for name in operations if name not in OPERATIONS]
    if unknown:
        raise UsageError(
            f"There is no operation {', '.join(map(repr, unknown))}; "
            f"there are {', '.join(OPERATIONS)}."
        )
    root = f"arn:aws:s3:::{bucket}"
    folder = prefix.strip("/")
    # IfExists, as a request for an object names no prefix: who may not list gets 403 instead of 404
    # for what is missing.
    below = {"StringLikeIfExists": {"s3:prefix": f"{folder}/*"}} if folder else None
    statements = [
        _allow("ListTheStore", ["s3:ListBucket"], root, below),
        _allow(
            "KeepTheStore",
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            f"{root}/{folder}/*" if folder else f"{root}/*",
        ),
        # Rekognition has no resources to name here, and reads the pictures with the caller's own
        # right to them.
        _allow("AskRekognition", [f"rekognition:{api_name(name)}" for name in operations], "*"),
    ]
    if kms_key:
        statements.append(_allow("UseTheKey", ["kms:GenerateDataKey", "kms:Decrypt"], kms_key))
    if quotas:
        statements.append(_allow("ReadTheQuotas", ["servicequotas:ListServiceQuotas"], "*"))
    return {"Version": "2012-10-17", "Statement": statements}


def api_name(operation: str) -> str:
    """The operation as IAM calls it: `detect_labels` as `DetectLabels`."""
    return operation.title().replace("_", "")


def _allow(
    sid: str, actions: list[str], resource: str, condition: JsonObject | None = None
) -> JsonObject:
    statement: JsonObject = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement
