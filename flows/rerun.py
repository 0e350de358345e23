"""The commands that do what is missing of a run: as a retry of its flow run, or as a new run."""

import shlex

from prefect.runtime import deployment, flow_run

from image_tags.flows.cli_options import option_name
from image_tags.flows.flow_parameters import list_settings
from image_tags.tasks.contracts.settings import Settings

ENTRYPOINT = "image_tags.flows.pipeline.image_tags"
"""Where Prefect finds the flow, wherever the package is installed."""


def advise_retry(start: str = "Retry") -> str:
    """A sentence that starts with `start` and ends before the command of a new run."""
    again = "or run it again; only what is missing is done:"
    return f"{start} this flow run ({retry_command()}), {again}"


def retry_command() -> str:
    """The command that does what the button Retry does.

    A run without a deployment has no worker: there the command does the work itself.
    """
    entrypoint = "" if deployment.id else f" --entrypoint {ENTRYPOINT}"
    return f"prefect flow-run retry {flow_run.id}{entrypoint}"


def rerun_command(settings: Settings) -> str:
    """The command that starts the same run again, without the settings that have their default."""
    words = ["image-tags", "run", settings.source]
    for name, field in list_settings().items():
        value = getattr(settings, name)
        if name == "source" or value == field.get_default():
            continue
        if isinstance(value, bool):
            words.append(option_name(name) if value else option_name(f"no_{name}"))
        elif name == "metric":
            words += [word for column in value for word in (option_name(name), column)]
        else:
            words += [
                option_name(name),
                ",".join(map(str, value)) if isinstance(value, tuple) else str(value),
            ]
    return shlex.join(words)
