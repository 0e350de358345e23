"""Prefect as a part of this program: no analytics, no prompts, its log in its UI only."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from image_tags.tasks.contracts.errors import ImageTagsError

PREFECT_DEFAULTS = {
    # The first start of Prefect's own server takes longer than the 20 s that it is given.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_PROMPT": "false",
}

# The terminal shows progress and the closing summary; the log is in the Prefect UI.
CONSOLE = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
}


def set_defaults() -> None:
    """Set up the environment of a process of our own. To be called before Prefect is imported."""
    for name, value in (PREFECT_DEFAULTS | CONSOLE).items():
        os.environ.setdefault(name, value)
    # When the Prefect server cannot be reached, logging to it must not print tracebacks.
    logging.raiseExceptions = False


@contextmanager
def quiet_prefect() -> Iterator[None]:
    """The same while the block runs, in a process that may use Prefect for flows of its own.

    Settings of the process itself take precedence. Afterwards, logs and warnings are shown again.
    """
    for name, value in PREFECT_DEFAULTS.items():
        os.environ.setdefault(name, value)
    # Prefect reads its settings from the environment when it is imported, so not before this.
    import prefect.main  # sets up its logging
    import prefect.settings

    known = {
        name: value for name, value in PREFECT_DEFAULTS.items() if hasattr(prefect.settings, name)
    }
    defaults = {getattr(prefect.settings, name): value for name, value in known.items()}
    with ExitStack() as stack:
        stack.enter_context(prefect.settings.temporary_settings(set_defaults=defaults))
        stack.enter_context(warnings.catch_warnings())
        # Great Expectations imports tqdm, which warns about missing ipywidgets in a notebook.
        warnings.filterwarnings("ignore", message="IProgress not found")
        stack.callback(_release_warnings, warnings.showwarning)
        for handler in logging.getLogger().handlers:
            handler.addFilter(_not_of_prefect)
            stack.callback(handler.removeFilter, _not_of_prefect)
        yield


def log_errors_once() -> None:
    """Keep errors that were raised on purpose out of the log: the flow has logged them already."""
    logging.getLogger("prefect.flow_runs").addFilter(_not_on_purpose)


def _not_on_purpose(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], ImageTagsError))


def _release_warnings(shown_by: Callable[..., None]) -> None:
    """Undo a side effect of importing Great Expectations: all warnings go to the log."""
    if warnings.showwarning is not shown_by:
        logging.captureWarnings(False)


def _not_of_prefect(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.CRITICAL or record.name.partition(".")[0] != "prefect"
