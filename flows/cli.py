"""The command line: image-tags demo | run | plan | doctor | policy | versions | rollback."""

import sys
from collections.abc import Callable
from typing import Any

import click

from image_tags.flows import commands
from image_tags.flows.cli_options import options, settings_from
from image_tags.flows.prefect_setup import set_defaults
from image_tags.flows.signals import listen
from image_tags.tasks.contracts.errors import StopRun, UsageError
from image_tags.tasks.contracts.settings import AnalysisSettings, StoreSettings

STORE = StoreSettings.model_fields["store"].default
json_option = click.option(
    "--json", "as_json", is_flag=True, help="print the summary as JSON, as the last line"
)
store_option = click.option(
    "--store", default=STORE, show_default=True, help="folder, or s3://bucket/prefix"
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="image-tags")
def main() -> None:
    """A table of image links in; tidy tables of labels, words and celebrities out, each picture
    paid for once.
    """
    click.get_current_context().with_resource(listen())
    set_defaults()


@main.command()
@click.option(
    "--store", default="image-tags-demo", show_default=True, help="folder that keeps everything"
)
@json_option
def demo(store: str, as_json: bool) -> None:
    """Run on a small feed served on this machine: real pictures, local models, no account."""
    _exit_with(lambda: commands.run_demo(store, as_json))


@main.command()
@click.argument("source")
@options()
@json_option
def run(as_json: bool, **given: Any) -> None:
    """Tag the pictures behind the links in SOURCE and publish the tables."""
    _exit_with(lambda: commands.run_flow(settings_from(given), as_json))


@main.command()
@click.argument("source")
@options()
@click.option(
    "--fetch/--no-fetch",
    default=True,
    help="fetch new links first, so that the plan is exact; nothing is paid",
)
@json_option
def plan(fetch: bool, as_json: bool, **given: Any) -> None:
    """Say what a run on SOURCE would fetch, call and cost; makes no paid call."""
    _exit_with(lambda: commands.show_plan(settings_from(given), fetch, as_json))


@main.command()
@options(StoreSettings, AnalysisSettings)
@click.option(
    "--spend", is_flag=True, help="make one paid call an operation, on a tiny built-in picture"
)
@click.option(
    "--create-bucket",
    is_flag=True,
    help="make the bucket if it is not there, with public access blocked",
)
def doctor(spend: bool, create_bucket: bool, **given: Any) -> None:
    """Check credentials, bucket, permissions and region: one line a check, each failure with its
    fix.
    """
    _exit_with(
        lambda: commands.check_up(settings_from({"source": "-", **given}), spend, create_bucket)
    )


@main.command()
@click.option("--bucket", required=True, help="the store's bucket")
@click.option("--prefix", default="", help="the store's prefix in it")
@click.option(
    "--operations", default=None, metavar="A,B,...", help="what a run asks; by default as `run`"
)
@click.option("--sse-kms-key", default=None, help="ARN of the KMS key that a run uses")
@click.option("--tps-from-service-quotas", is_flag=True, help="a run reads the account's quota")
def policy(bucket: str, prefix: str, **given: Any) -> None:
    """Print the least-privilege IAM policy for a bucket."""
    _exit_with(
        lambda: commands.show_policy(bucket, prefix, settings_from({"source": "-", **given}))
    )


@main.command()
@store_option
def versions(store: str) -> None:
    """List the published versions that are kept, the latest first."""
    _exit_with(lambda: commands.list_versions(store))


@main.command()
@click.argument("version")
@store_option
def rollback(version: str, store: str) -> None:
    """Point readers back to a published VERSION."""
    _exit_with(lambda: commands.roll_back(version, store))


def _exit_with(work: Callable[[], int]) -> None:
    try:
        code = work()
    except UsageError as error:
        click.echo(f"Error: {error}", err=True)
        code = 2
    except StopRun as error:
        click.echo(f"Stopped: {error}", err=True)
        code = 1
    sys.stdout.flush()
    sys.exit(code)
