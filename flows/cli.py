"""The command line `image-tags` and its commands."""

import atexit
import gc
import sys
from importlib import import_module
from typing import Any

import click

from image_tags.flows.prefect_setup import set_defaults
from image_tags.flows.signals import listen
from image_tags.tasks.contracts.errors import ImageTagsError, UsageError

COMMANDS = {
    "demo": "Run on a small feed of real pictures, with local models and without an account.",
    "run": "Tag the pictures behind the links in SOURCE and publish the tables.",
    "plan": "Show what a run on SOURCE would fetch, call and cost; makes no paid call.",
    "doctor": "Check credentials, bucket, permissions and region; each failure comes with its fix.",
    "discard": "Remove answers from the ledger; a later run with their images pays for them again.",
    "upgrade": "Convert the STORE of an older version of image-tags to this version's format.",
    "policy": "Print the least-privilege IAM policy for a bucket.",
    "versions": "List the published versions that are kept, the latest first.",
    "rollback": "Point readers back to a published VERSION.",
    "forget": "Remove a person's rows, pictures and answers from versions, runs and sources.",
    "verify": "Read everything in a store and name what is damaged; --repair fixes what it can.",
}
"""Each command's summary; the command itself is in the module of its name in `commands/`."""


class LazyGroup(click.Group):
    """Imports a command's module when it is used: `run` takes 3 s to import, `versions` 0.5 s."""

    def list_commands(self, _: click.Context) -> list[str]:
        """The names of the commands, in the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """The command of this name; None if there is none."""
        if name not in COMMANDS:
            return None
        # Prefect reads its settings from the environment when it is imported.
        set_defaults()
        command = getattr(import_module(f"image_tags.flows.commands.{name}"), name)
        assert isinstance(command, click.Command)  # noqa: S101 - a fact about our own modules
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, context: click.Context) -> Any:
        """Run the command; exit with its code, or with one sentence and the code of its error."""
        # Looking for garbage among all that was imported would add a second to the exit.
        atexit.register(gc.freeze)
        try:
            with listen():
                code = super().invoke(context)
        except UsageError as error:
            click.echo(f"Error: {error}", err=True)
            code = 2
        except ImageTagsError as error:
            click.echo(f"Stopped: {error}", err=True)
            code = 1
        sys.stdout.flush()
        sys.exit(code)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(package_name="image-tags")
def main() -> None:
    """Turn a table of image links into checked, tidy tables of labels, words and celebrities.

    Each distinct picture is fetched once, stored once, analysed once and paid for once.
    """
