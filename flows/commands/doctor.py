"""`image-tags doctor`."""

from collections.abc import Iterable
from typing import Any

import click

from image_tags.flows.cli_options import read_settings, setting_options
from image_tags.flows.doctor import run_doctor
from image_tags.flows.doctor_checks import Check, close_checkup, render_check
from image_tags.flows.doctor_deployment import check_deployment
from image_tags.tasks.contracts.settings import AnalysisSettings, StoreSettings


@click.command()
@setting_options(StoreSettings, AnalysisSettings)
@click.option(
    "--spend", is_flag=True, help="make one paid call per operation, on a tiny built-in picture"
)
@click.option(
    "--deployment",
    metavar="NAME",
    help="check this deployment instead, with its parameters, server, pool and source: "
    "image-tags/hourly, or hourly",
)
@click.option(
    "--create-bucket",
    is_flag=True,
    help="create the bucket if it does not exist, with public access blocked",
)
def doctor(spend: bool, create_bucket: bool, deployment: str | None, **given: Any) -> int:
    """Check credentials, bucket, permissions and region; each failure comes with its fix."""
    if deployment is not None:
        return _print_checks(check_deployment(deployment, spend=spend))
    # `Settings` needs a source, which the doctor never reads.
    settings = read_settings({"source": "-", **given})
    examination = run_doctor(
        settings.only(StoreSettings),
        settings.only(AnalysisSettings),
        spend=spend,
        create_bucket=create_bucket,
    )
    return _print_checks(examination)


def _print_checks(examination: Iterable[Check]) -> int:
    checks = []
    for check in examination:
        click.echo("  ".join(line.strip() for line in render_check(check)))
        checks.append(check)
    click.echo(close_checkup(checks))
    return int(any(check.ok is False for check in checks))
