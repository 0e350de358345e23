"""`image-tags plan`."""

import json
from typing import Any

import click

from image_tags.flows.cli_options import json_option, read_settings, setting_options
from image_tags.flows.dry_run import plan_run
from image_tags.flows.preflight import check_request
from image_tags.tasks.adapters import progress


@click.command()
@click.argument("source")
@setting_options()
@click.option(
    "--fetch/--no-fetch",
    default=True,
    help="fetch new links first, so that the plan is exact; nothing is paid",
)
@json_option
def plan(fetch: bool, as_json: bool, **given: Any) -> int:
    """Show what a run on SOURCE would fetch, call and cost; makes no paid call."""
    settings = read_settings(given)
    check_request(settings)
    progress.show_progress()
    planned = plan_run(settings, fetch)
    for line in planned.lines:
        click.echo(line)
    if as_json:
        click.echo(json.dumps(planned.as_json(), ensure_ascii=False))
    return 0
