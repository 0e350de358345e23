"""Prefect's embedded server: whether it can start here, and what to do if it did not."""

import signal
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings
from sqlalchemy.engine import make_url

from image_tags.tasks.contracts.errors import StopRun

NOT_STARTED = "ephemeral Prefect API server"
"""In the message of the RuntimeError with which Prefect gives up waiting for it."""


def check_embedded_server() -> None:
    """Check what its start needs, which would otherwise be tried for two minutes.

    Raises:
        StopRun: it is switched off, its folder cannot be written, or its database is damaged.

    """
    settings = get_current_settings()
    if not settings.server.ephemeral.enabled:
        raise StopRun(
            "There is no Prefect server: PREFECT_API_URL is not set, and the embedded server is "
            "switched off. Set one, or PREFECT_SERVER_EPHEMERAL_ENABLED=true."
        )
    home = Path(settings.home).expanduser()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(bytes(4096))
    except OSError as error:
        raise StopRun(
            f"Prefect keeps the history of runs in {home}, which cannot be written: "
            f"{error.strerror}. Set PREFECT_HOME to another folder."
        ) from None
    url = settings.server.database.connection_url
    if url is not None:
        _check_database(url.get_secret_value())


def start_embedded_server() -> None:
    """Start the embedded server, if no other is configured, out of reach of interrupts.

    Jupyter and terminals interrupt a whole group of processes. The server is one of them, and
    without it a run that was interrupted would wait for it for a minute. Prefect starts it with
    the first client, and a process inherits which signals are blocked.

    Raises:
        RuntimeError: it did not start; see `explain_failed_start`.

    """
    if get_current_settings().api.url is None:
        import prefect.server.api.server  # noqa: F401 - takes 2 s, which only this start needs

        with _importing_the_gate(), _block_interrupts(), get_client(sync_client=True):
            pass


def explain_failed_start(error: RuntimeError) -> str | None:
    """Why the run could not start, if it is because the server did not; None otherwise."""
    if NOT_STARTED not in str(error):
        return None
    seconds = get_current_settings().server.ephemeral.startup_timeout_seconds
    return (
        f"Prefect's embedded server did not start within {seconds} seconds: this machine is very "
        "busy, or its database is. Run the same command again, or set PREFECT_API_URL to a server "
        "of yours."
    )


@contextmanager
def _importing_the_gate() -> Iterator[None]:
    """Import Great Expectations, which takes seconds too, while nothing else is imported here."""
    gate = threading.Thread(target=import_module, args=("image_tags.tasks.check.gate",))
    gate.start()
    try:
        yield
    finally:
        gate.join()


@contextmanager
def _block_interrupts() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _check_database(address: str) -> None:
    url = make_url(address)
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith(":"):
        return
    file = Path(url.database)
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(file.absolute().as_uri() + "?mode=ro", uri=True)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:  # locked, or not readable just now: the server will wait
        return
    except sqlite3.DatabaseError as error:
        raise StopRun(
            f"Prefect's database {file} is damaged ({error}). It holds the history of flow runs "
            "and nothing that was paid for: move it away, and a new one is made."
        ) from None
