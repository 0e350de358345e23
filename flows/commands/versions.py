"""`image-tags versions`."""

import click

from image_tags.flows.cli_options import store_option
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.contracts.settings import StoreSettings
from image_tags.tasks.published.pointer import read_pointer


@click.command()
@store_option
def versions(store: str) -> int:
    """List the published versions that are kept, the latest first."""
    pointer, _ = read_pointer(open_store(StoreSettings(store=store)))
    if pointer is None:
        click.echo(f"Nothing has been published yet in the store {store!r}.")
        return 0
    for one in pointer.history:
        mark = "  <- current" if one.version == pointer.version else ""
        click.echo(f"{one.version}  published {one.published}{mark}")
    return 0
