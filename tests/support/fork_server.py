"""Python programs forked from a server that has paid for their imports: see `ForkedPython`.

`serve` is the server. What it imports ahead neither starts threads of Python nor reads what differs
between a process and the next; Prefect's settings, which do, are read again by each program, and
what depends on them (`prefect.main`, our own modules) is imported by the program itself.
"""

import functools
import gc
import importlib
import json
import logging
import os
import resource
import runpy
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
import types
from collections.abc import Sequence
from typing import Any

IMPORTED = (
    "altair",
    "boto3",
    "dns.resolver",
    "duckdb",
    "great_expectations",
    "jinja2",
    "pandas",
    "PIL.Image",
    "psutil",
    "pyarrow.parquet",
    "requests",
    "rich.progress",
    "scipy.stats",
    "sqlalchemy",
    "vl_convert",
    "prefect.blocks.notifications",
    "prefect.blocks.system",
    "prefect.client.cloud",
    "prefect.client.orchestration",
    "prefect.flows",
    "prefect.futures",
    "prefect.logging.configuration",
    "prefect.tasks",
    "prefect.variables",
)
"""What programs import and takes long. Of Prefect, what sets nothing up for the whole process."""

HEADER = struct.Struct("!I")
"""How long the request is that follows; the process id in an answer."""
STREAMS = 3
"""Standard input, output and error come with a request."""


def serve(number: int) -> None:
    """Fork a program for each request that comes from the socket with this number.

    Returns only in a program, once it has ended; exits when the other end is closed.
    """
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    import_ahead()
    client = socket.socket(fileno=number)
    while True:
        header, files, _, _ = socket.recv_fds(client, HEADER.size, STREAMS)
        if not header:
            sys.exit()
        request = json.loads(_read(client, HEADER.unpack(header)[0]))
        (born, bear), (adopted, adopt) = os.pipe(), os.pipe()
        between = os.fork()
        if not between:
            program = os.fork()
            if not program:
                break
            os.write(bear, HEADER.pack(program))
            os._exit(0)
        os.close(bear)
        program_id = os.read(born, HEADER.size)
        os.waitpid(between, 0)  # now the program is a child of whoever asked for it
        os.write(adopt, b"!")
        os.read(born, 1)  # it is ready, or has failed
        client.sendall(program_id)
        for file in (born, adopted, adopt, *files):
            os.close(file)
    client.close()
    os.read(adopted, 1)
    for standard, file in enumerate(files):
        os.dup2(file, standard)
    signal.signal(signal.SIGINT, interrupt)
    become(request)
    os.write(bear, b"!")
    for file in (born, bear, adopted, adopt, *files):
        os.close(file)
    run(request["words"])


def import_ahead() -> None:
    """Import what takes long, and leave the process as it was."""
    for name in IMPORTED:
        importlib.import_module(name)
    # Great Expectations has warnings logged; by default they go to standard error.
    logging.captureWarnings(False)
    assert "prefect.main" not in sys.modules, "it sets up logging"
    assert threading.active_count() == 1
    assert not logging.getLogger().handlers
    # Else each program would go through all these objects at its end, which takes a second.
    gc.collect()
    gc.freeze()


def become(request: dict[str, Any]) -> None:
    """Take over what a new process takes over from the one that starts it."""
    if request["new_session"]:
        os.setsid()
    resource.setrlimit(resource.RLIMIT_NOFILE, request["open_files"])
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    tempfile.tempdir = None
    sys.modules["numpy"].random.seed()
    _read_settings_at_first_use()


def _read_settings_at_first_use() -> None:
    """Forget the settings that Prefect read when the server imported it.

    A new process reads them when Prefect is imported, after the command has set up its environment.
    """
    context = importlib.import_module("prefect.context")
    kept = context.SettingsContext.__dict__["get"]

    @functools.wraps(kept.__func__)
    def get(_: type) -> Any:
        context.SettingsContext.get = kept
        del context.GLOBAL_SETTINGS_CONTEXT  # as it is while Prefect is imported
        context.refresh_global_settings_context()
        return context.SettingsContext.get()

    context.SettingsContext.get = classmethod(get)


def run(words: Sequence[str]) -> None:
    """Do what `python -c PROGRAM ...` or `python -m MODULE ...` does."""
    option, program, *rest = words
    sys.argv = [option, *rest]
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    main.__annotations__ = {}
    if option == "-m":
        sys.path[0] = os.getcwd()  # noqa: PTH109 - a string, as Python puts it there
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        exec(compile(program, "<string>", "exec"), main.__dict__)


def _read(client: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        received += client.recv(size - len(received))
    return received
