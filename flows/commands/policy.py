"""`image-tags policy`."""

import json
from typing import Any

import click

from image_tags.flows.cli_options import read_settings
from image_tags.tasks.adapters.aws.policy import policy as build_policy


@click.command()
@click.option("--bucket", required=True, help="the store's bucket")
@click.option("--prefix", default="", help="the store's prefix in the bucket")
@click.option(
    "--operations",
    default=None,
    metavar="A,B,...",
    help="operations that a run requests; by default those of `run`",
)
@click.option("--sse-kms-key", default=None, help="ARN of the KMS key that a run uses")
@click.option(
    "--tps-from-service-quotas", is_flag=True, help="also allow runs to read the account's quota"
)
def policy(bucket: str, prefix: str, **given: Any) -> int:
    """Print the least-privilege IAM policy for a bucket."""
    # `Settings` needs a source, which the policy does not depend on.
    settings = read_settings({"source": "-", **given})
    statements = build_policy(
        bucket,
        prefix,
        settings.operations,
        kms_key=settings.sse_kms_key,
        quotas=settings.tps_from_service_quotas,
    )
    click.echo(json.dumps(statements, indent=2))
    return 0
