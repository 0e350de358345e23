"""`image-tags run`."""

import json
from typing import Any

import click

from image_tags.flows.cli_options import json_option, read_settings, setting_options
from image_tags.flows.launch import launch_run
from image_tags.flows.preflight import check_run
from image_tags.tasks.adapters import progress
from image_tags.tasks.contracts.settings import Settings


@click.command()
@click.argument("source")
@setting_options()
@json_option
def run(as_json: bool, **given: Any) -> int:
    """Tag the pictures behind the links in SOURCE and publish the tables."""
    return run_flow(read_settings(given), as_json)


def run_flow(settings: Settings, as_json: bool) -> int:
    """Check the request, run the flow and print its summary; returns the exit code."""
    # Before Prefect starts, which takes seconds.
    preflight = check_run(settings)
    for remark in preflight.source.remarks:
        click.echo(remark, err=True)
    progress.show_progress()
    outcome = launch_run(preflight)
    for line in outcome.lines:
        click.echo(line)
    if as_json:
        click.echo(json.dumps(outcome.summary, ensure_ascii=False))
    return outcome.exit_code
