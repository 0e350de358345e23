"""The command line: image-tags demo | run | plan | doctor | policy."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from flows.options import options, settings_from
from tasks.contracts.errors import ImageTagsError, StopRun, UsageError
from tasks.contracts.settings import Settings

PREFECT_DEFAULTS = {
    # The first start of Prefect's own server takes longer than the 20 s that it is given.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_PROMPT": "false",
    # The terminal shows progress and the closing summary; the log is in the Prefect UI.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
}


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="image-tags")
def main() -> None:
    """A table of image links in; tidy tables of labels, words and celebrities out, each picture paid for once."""
    for name, value in PREFECT_DEFAULTS.items():
        os.environ.setdefault(name, value)


@main.command()
@click.argument("source")
@options()
@click.option("--json", "as_json", is_flag=True, help="print summary.json as the last line")
def run(as_json: bool, **given: Any) -> None:
    """Tag the pictures behind the links in SOURCE and publish the tables."""
    _exit_with(lambda: _run(settings_from(given), as_json))


@main.command()
@click.argument("source")
@options()
@click.option("--fetch/--no-fetch", default=True, help="fetch new links first (nothing is paid), so that the plan is exact")
@click.option("--json", "as_json", is_flag=True, help="print the plan as JSON as the last line")
def plan(fetch: bool, as_json: bool, **given: Any) -> None:
    """Say what a run on SOURCE would fetch, call and cost; makes no paid call."""
    _exit_with(lambda: _plan(settings_from(given), fetch, as_json))


@main.command()
@click.option("--store", default="image-tags-demo", show_default=True, help="folder that keeps everything")
@click.option("--json", "as_json", is_flag=True, help="print summary.json as the last line")
def demo(store: str, as_json: bool) -> None:
    """Run on a small feed served on this machine: real pictures, local models, no account."""
    _exit_with(lambda: _demo(store, as_json))


@main.command()
@click.option("--store", default=Settings.model_fields["store"].default, show_default=True, help="the store")
def versions(store: str) -> None:
    """List the published versions that are kept, the latest first."""
    _exit_with(lambda: _versions(store))


@main.command()
@click.argument("version")
@click.option("--store", default=Settings.model_fields["store"].default, show_default=True, help="the store")
def rollback(version: str, store: str) -> None:
    """Point readers back to a published VERSION."""
    _exit_with(lambda: _rollback(version, store))


def _versions(address: str) -> int:
    from tasks.adapters.store import open_store
    from tasks.contracts.settings import StoreSettings
    from tasks.versions import read_pointer

    pointer, _ = read_pointer(open_store(StoreSettings(store=address)))
    if pointer is None:
        click.echo(f"Nothing was published yet in the store {address!r}.")
        return 0
    for one in pointer.history:
        click.echo(f"{one.version}  published {one.published}{'  <- current' if one.version == pointer.version else ''}")
    return 0


def _rollback(version: str, address: str) -> int:
    from tasks.adapters.store import open_store
    from tasks.contracts.settings import StoreSettings
    from tasks.versions import rollback

    back = rollback(open_store(StoreSettings(store=address)), version)
    click.echo(f"Readers see version {back.version} again.")
    return 0


def _demo(store: str, as_json: bool) -> int:
    from flows.demo import feed

    try:
        with feed(Path(store).expanduser() / "demo") as (tweets, people):
            given = {"source": str(tweets), "url_column": "media", "store": store, "people": str(people)}
            return _run(settings_from({**given, "allow_private_addresses": True}), as_json)
    except OSError as error:
        raise UsageError(f"The store {store!r} cannot be written: {error.strerror}.") from None


def _plan(settings: Settings, fetch: bool, as_json: bool) -> int:
    from flows.planning import plan_run
    from flows.start import check_request
    from tasks.adapters import progress

    check_request(settings)
    progress.show()
    planned = plan_run(settings, fetch)
    for line in planned.lines:
        click.echo(line)
    if as_json:
        click.echo(json.dumps(planned.as_json(), ensure_ascii=False))
    return 0


def _run(settings: Settings, as_json: bool) -> int:
    from flows.start import check_request
    from tasks.adapters import progress
    from tasks.source import load_source

    # A look before Prefect starts: what cannot be is said at once.
    check_request(settings)
    source = load_source(settings.source, settings.url_column)
    if source.guessed:
        click.echo(f"Links are taken from the column {source.url_column!r}.", err=True)
    from flows.image_tags import image_tags

    progress.show()
    state = image_tags(**settings.model_dump(exclude_unset=True), return_state=True)
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, ImageTagsError):
        raise outcome
    if isinstance(outcome, BaseException):
        raise click.ClickException(f"The run broke off: {outcome!r}. Nothing is lost; run the same command again.")
    for line in outcome.lines:
        click.echo(line)
    if as_json:
        click.echo(json.dumps(outcome.summary, ensure_ascii=False))
    return int(outcome.exit_code)


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
