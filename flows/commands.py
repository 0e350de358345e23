"""What each command does; `image_tags.flows.cli` says how it is called.

Each returns the exit code.
"""

import json
from pathlib import Path

import click

from image_tags.flows.cli_options import settings_from
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import (
    AnalysisSettings,
    Settings,
    SourceSettings,
    StoreSettings,
)


def run_demo(store: str, as_json: bool) -> int:
    """The main job on a feed that this machine serves."""
    from image_tags.flows.demo import serve_feed

    try:
        with serve_feed(Path(store).expanduser() / "demo") as (tweets, people):
            given = {
                "source": str(tweets),
                "url_column": "media",
                "store": store,
                "people": str(people),
            }
            return run_flow(settings_from({**given, "allow_private_addresses": True}), as_json)
    except OSError as error:
        raise UsageError(f"The store {store!r} cannot be written: {error.strerror}.") from None


def run_flow(settings: Settings, as_json: bool) -> int:
    """The main job."""
    from image_tags.flows.start import check_request
    from image_tags.tasks.adapters import progress
    from image_tags.tasks.effects.metric import check_metrics
    from image_tags.tasks.source.step import load_source_of

    # A look before Prefect starts: what cannot be is said at once.
    check_request(settings)
    source = load_source_of(settings.only(SourceSettings), settings.store)
    check_metrics(source.table, settings.metric)
    for remark in source.remarks:
        click.echo(remark, err=True)
    from image_tags.flows.launch import launch_run

    progress.show_progress()
    outcome = launch_run(settings)
    for line in outcome.lines:
        click.echo(line)
    if as_json:
        click.echo(json.dumps(outcome.summary, ensure_ascii=False))
    return outcome.exit_code


def show_plan(settings: Settings, fetch: bool, as_json: bool) -> int:
    """What a run would do."""
    from image_tags.flows.dry_run import plan_run
    from image_tags.flows.start import check_request
    from image_tags.tasks.adapters import progress

    check_request(settings)
    progress.show_progress()
    planned = plan_run(settings, fetch)
    for line in planned.lines:
        click.echo(line)
    if as_json:
        click.echo(json.dumps(planned.as_json(), ensure_ascii=False))
    return 0


def check_up(settings: Settings, spend: bool, create_bucket: bool) -> int:
    """Whether everything is there that a run needs."""
    from image_tags.flows.doctor import closing, render, run_doctor

    looks = run_doctor(
        settings.only(StoreSettings),
        settings.only(AnalysisSettings),
        spend=spend,
        create_bucket=create_bucket,
    )
    checks = []
    for check in looks:
        click.echo("  ".join(line.strip() for line in render(check)))
        checks.append(check)
    click.echo(closing(checks))
    return int(any(check.ok is False for check in checks))


def show_policy(bucket: str, prefix: str, settings: Settings) -> int:
    """The IAM policy that a run needs."""
    from image_tags.tasks.adapters.aws.policy import policy

    statements = policy(
        bucket,
        prefix,
        settings.operations,
        kms_key=settings.sse_kms_key,
        quotas=settings.tps_from_service_quotas,
    )
    click.echo(json.dumps(statements, indent=2))
    return 0


def list_versions(address: str) -> int:
    """The versions that are kept."""
    from image_tags.tasks.adapters.store.opening import open_store
    from image_tags.tasks.published.pointer import read_pointer

    pointer, _ = read_pointer(open_store(StoreSettings(store=address)))
    if pointer is None:
        click.echo(f"Nothing was published yet in the store {address!r}.")
        return 0
    for one in pointer.history:
        click.echo(
            f"{one.version}  published {one.published}{'  <- current' if one.version == pointer.version else ''}"
        )
    return 0


def roll_back(version: str, address: str) -> int:
    """Point readers back to a version."""
    from image_tags.tasks.adapters.store.opening import open_store
    from image_tags.tasks.published.versions import roll_back

    back = roll_back(open_store(StoreSettings(store=address)), version)
    click.echo(f"Readers see version {back.version} again.")
    return 0
