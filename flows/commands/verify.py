"""`image-tags verify`."""

import click

from image_tags.flows.cli_options import store_option
from image_tags.flows.store_verification import verify_store
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.contracts.display import counted
from image_tags.tasks.contracts.settings import FetchSettings, StoreSettings


@click.command()
@store_option
@click.option(
    "--repair", is_flag=True, help="fetch again, or set aside, what is damaged and can be replaced"
)
@click.option(
    "--allow-private-addresses",
    is_flag=True,
    help=FetchSettings.model_fields["allow_private_addresses"].description,
)
def verify(store: str, repair: bool, allow_private_addresses: bool) -> int:
    """Read everything in a store and name what is damaged; --repair fixes what it can.

    The exit code is 1 if anything is damaged. Readable answers that were paid for are never
    touched.
    """
    found = 0
    fetching = FetchSettings(allow_private_addresses=allow_private_addresses)
    opened = open_store(StoreSettings(store=store))
    for damage in verify_store(opened, repair=repair, fetching=fetching):
        found += 1
        click.echo(f"{damage.key}: {damage.problem} {damage.remedy}".rstrip())
    if not found:
        click.echo("Everything in the store can be read.")
        return 0
    click.echo(f"{counted(found, 'damaged object')}.")
    return 1
