"""Prefect as a part of this program: no analytics, no prompts, and its log in its UI instead of on
the screen.
"""

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
    """Set up the environment of a process that does nothing else; before Prefect is imported."""
    for name, value in (PREFECT_DEFAULTS | CONSOLE).items():
        os.environ.setdefault(name, value)
    # A log that does not reach the Prefect server is no news for the terminal either.
    logging.raiseExceptions = False


@contextmanager
def quietly() -> Iterator[None]:
    """The same for a while in a process that may have flows of its own, and Prefect imported
    already.

    What the process itself has set stays. Afterwards logs and warnings are shown again as before.
    """
    for name, value in PREFECT_DEFAULTS.items():
        os.environ.setdefault(name, value)
    import prefect.main  # sets up its logging
    import prefect.settings

    known = {
        name: value for name, value in PREFECT_DEFAULTS.items() if hasattr(prefect.settings, name)
    }
    defaults = {getattr(prefect.settings, name): value for name, value in known.items()}
    with ExitStack() as stack:
        stack.enter_context(prefect.settings.temporary_settings(set_defaults=defaults))
        stack.enter_context(warnings.catch_warnings())
        # Great Expectations brings tqdm, which misses ipywidgets in a notebook; its bars are never
        # shown.
        warnings.filterwarnings("ignore", message="IProgress not found")
        stack.callback(_release_warnings, warnings.showwarning)
        for handler in logging.getLogger().handlers:
            handler.addFilter(_not_of_prefect)
            stack.callback(handler.removeFilter, _not_of_prefect)
        yield


def say_once() -> None:
    """Leave out of the log that a process ends with an error that was raised on purpose: it has how
    the run ended.
    """
    logging.getLogger("prefect.flow_runs").addFilter(_not_on_purpose)


def _not_on_purpose(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], ImageTagsError))


def _release_warnings(shown_by: Callable[..., None]) -> None:
    """Undo what Great Expectations does when it is imported: it sends all warnings of the process
    to the log.
    """
    if warnings.showwarning is not shown_by:
        logging.captureWarnings(False)


def _not_of_prefect(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.CRITICAL or record.name.partition(".")[0] != "prefect"
