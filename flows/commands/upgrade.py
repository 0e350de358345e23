"""`image-tags upgrade`."""

import click

from image_tags.tasks.adapters.ledger.old_entries import convert_entries
from image_tags.tasks.adapters.link_records.old_records import convert_link_records
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.store_format import FORMAT, mark_format, read_format
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import StoreSettings


@click.command()
@click.argument("store")
@click.option("--region", help="AWS region; by default the one that boto3 finds")
def upgrade(store: str, region: str | None) -> int:
    """Convert the STORE of an older version of image-tags to this version's format.

    No run may use the store at the same time. If it is interrupted, run it again: no answer is
    lost.
    """
    place = open_store(StoreSettings(store=store, region=region))
    place.check_writable()
    found = read_format(place)
    if found is not None and found > FORMAT:
        raise UsageError(
            f"The store {store!r} has format {found}, which is newer than this version of "
            f"image-tags knows (format {FORMAT})."
        )
    if found == FORMAT:
        click.echo(f"The store {store!r} has format {FORMAT} already.")
        return 0
    answers = convert_entries(place)
    links = convert_link_records(place)
    mark_format(place)
    click.echo(
        f"The store {store!r} has format {FORMAT} now: {answers:,} answers converted, "
        f"and the records of {links:,} links."
    )
    return 0
