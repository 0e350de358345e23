"""`image-tags discard`."""

import re

import click

from image_tags.flows.cli_options import store_option
from image_tags.tasks.adapters.ledger.ledger import remove_answers
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.store_format import check_existing_format
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import StoreSettings


@click.command()
@click.argument("image_ids", metavar="IMAGE_ID...", nargs=-1, required=True)
@store_option
def discard(image_ids: tuple[str, ...], store: str) -> int:
    """Remove answers from the ledger; a later run with their images pays for them again.

    No run may use the store at the same time.
    """
    for image_id in image_ids:
        if not re.fullmatch(r"[0-9a-f]{64}", image_id):
            raise UsageError(f"{image_id!r} is not an image id (64 hexadecimal digits).")
    place = open_store(StoreSettings(store=store))
    check_existing_format(place)
    click.echo(f"{remove_answers(place, image_ids):,} answers removed.")
    return 0
