"""`image-tags demo`."""

from pathlib import Path

import click

from image_tags.flows.cli_options import json_option, read_settings
from image_tags.flows.commands.run import run_flow
from image_tags.flows.demo import OPERATIONS, serve_feed
from image_tags.tasks.contracts.errors import UsageError


@click.command()
@click.option(
    "--store", default="image-tags-demo", show_default=True, help="folder that keeps everything"
)
@json_option
def demo(store: str, as_json: bool) -> int:
    """Run on a small feed of real pictures, with local models and without an account."""
    try:
        with serve_feed(Path(store).expanduser() / "demo") as (tweets, people):
            given = {
                "source": str(tweets),
                "url_column": "media",
                "store": store,
                "people": str(people),
                "operations": ",".join(OPERATIONS),
                # The feed is served from the loopback address.
                "allow_private_addresses": True,
            }
            return run_flow(read_settings(given), as_json)
    except OSError as error:
        raise UsageError(f"The store {store!r} cannot be written: {error.strerror}.") from None
