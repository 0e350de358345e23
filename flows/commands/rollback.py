"""`image-tags rollback`."""

import click

from image_tags.flows.cli_options import store_option
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.contracts.settings import StoreSettings
from image_tags.tasks.published.versions import roll_back


@click.command()
@click.argument("version")
@store_option
def rollback(version: str, store: str) -> int:
    """Point readers back to a published VERSION."""
    pointer = roll_back(open_store(StoreSettings(store=store)), version)
    click.echo(f"Readers see version {pointer.version} again.")
    return 0
