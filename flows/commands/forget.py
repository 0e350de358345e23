"""`image-tags forget`."""

import click

from image_tags.flows.cli_options import store_option
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import StoreSettings
from image_tags.tasks.forget.forget import forget as forget_selection
from image_tags.tasks.forget.selection import Selection


@click.command()
@store_option
@click.option("--row-value", metavar="COLUMN=VALUE", help="rows of the source with this value")
@click.option("--url", help="a link, with its picture and all rows that lead to it")
@click.option("--image-id", help="a picture, with all rows that lead to it")
@click.option("--dry-run", is_flag=True, help="only show what would be removed")
def forget(
    store: str, row_value: str | None, url: str | None, image_id: str | None, dry_run: bool
) -> int:
    """Remove a person's rows, pictures and answers from versions, runs and sources."""
    column, equals, value = (row_value or "").partition("=")
    if row_value and not equals:
        raise UsageError("--row-value must have the form COLUMN=VALUE, such as author=ann.")
    chosen = Selection((column, value) if row_value else None, url, image_id)
    for line in forget_selection(open_store(StoreSettings(store=store)), chosen, dry_run=dry_run):
        click.echo(line)
    return 0
