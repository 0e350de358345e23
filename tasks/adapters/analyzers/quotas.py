"""How many calls per second the account may make, per operation."""

import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import boto3

from image_tags.tasks.adapters.aws.client import AWS_ERRORS, client_config, code_of
from image_tags.tasks.contracts.settings import AnalysisSettings

if TYPE_CHECKING:
    from mypy_boto3_service_quotas import ServiceQuotasClient

logger = logging.getLogger(__name__)

LARGE_REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
"""Regions with the larger default quotas (AWS General Reference, "Amazon Rekognition endpoints and
quotas").
"""


def quotas_for(
    settings: AnalysisSettings, session: boto3.Session, operations: Iterable[str]
) -> dict[str, float]:
    """Calls per second that this process may make, by operation.

    Set by hand, the account's quota, or the region's published quota.
    """
    names = list(operations)
    quotas = {name: settings.tps or published_quota(name, session.region_name) for name in names}
    if settings.tps is None and settings.tps_from_service_quotas:
        quotas |= account_quotas(session.client("service-quotas", config=client_config()), names)
    return {name: quota * settings.rate_share for name, quota in quotas.items()}


def published_quota(operation: str, region: str) -> float:
    """The default quota in calls per second; same source as LARGE_REGIONS."""
    if operation == "detect_faces":
        return 100.0 if region in LARGE_REGIONS else 25.0
    return 50.0 if region in LARGE_REGIONS else 5.0


def account_quotas(client: "ServiceQuotasClient", operations: Iterable[str]) -> dict[str, float]:
    """The account's own quotas.

    Operations that Service Quotas does not list, or does not let us see, are missing.
    """
    wanted = {
        name: re.compile(rf"\b{name.replace('_', '')}\b", re.IGNORECASE) for name in operations
    }
    found: dict[str, float] = {}
    try:
        for page in client.get_paginator("list_service_quotas").paginate(ServiceCode="rekognition"):
            for quota in page.get("Quotas", []):
                title, value = quota.get("QuotaName", ""), quota.get("Value")
                for name, pattern in wanted.items():
                    if value and "per second" in title.lower() and pattern.search(title):
                        # Should more than one quota name the operation, the tightest holds.
                        found[name] = min(value, found.get(name, value))
    except AWS_ERRORS as error:
        logger.warning(
            "Service Quotas cannot be read (%s): it needs servicequotas:ListServiceQuotas.",
            code_of(error),
        )
    for name in wanted.keys() - found.keys():
        logger.warning(
            "Service Quotas gives no rate for %s: keeping to the region's published quota.", name
        )
    return found
