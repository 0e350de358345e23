"""Programs that import much, in processes of their own that cost little."""

import ctypes
import functools
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

from tests.support.fork_server import HEADER

SERVER = "from tests.support.fork_server import serve; serve({})"
ROOT = Path(__file__).parents[2]
FIXED = ("PYTHON", "LANG", "LC_", "OMP_", "OPENBLAS_")
"""Variables with these beginnings are read when an interpreter or a library starts."""
ADOPT = 36
"""PR_SET_CHILD_SUBREAPER of Linux' prctl(2)."""


class ForkedPython:
    """`python -c PROGRAM ...` or `python -m MODULE ...`, as `subprocess.Popen` would start it.

    It is a child of this process, with the environment, folder, session, streams and end that it
    would have; but it is forked from a server that has imported Prefect, Great Expectations, pandas
    and more, which takes four seconds of a processor. To be used where a test is about what the
    program does; not where it is about its start, its memory or its open files.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | str | None = None,
        stdout: IO[bytes] | int | None = None,
        stderr: IO[bytes] | int | None = None,
        start_new_session: bool = False,
    ) -> None:
        self.args = [sys.executable, *words]
        self.returncode: int | None = None
        environment = dict(os.environ if env is None else env)
        request = {
            "words": list(words),
            "environment": environment,
            "folder": str(cwd or Path.cwd()),
            "new_session": start_new_session,
            "open_files": resource.getrlimit(resource.RLIMIT_NOFILE),
        }
        with open(os.devnull, "wb") as devnull:  # noqa: PTH123
            files = [0, *(_number(*one, devnull) for one in ((stdout, 1), (stderr, 2)))]
            self.pid = fork_server().fork(request, files)

    def poll(self) -> int | None:
        """The exit code, negative after a signal, if it has ended."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended; subprocess.TimeoutExpired after so many seconds."""
        if self.poll() is None:
            ended = os.pidfd_open(self.pid)
            try:
                if not select.select([ended], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
            finally:
                os.close(ended)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)


def start_python(words: Sequence[str], **options: Any) -> "Program":
    """Start such a program, forked where that is possible."""
    if sys.platform == "linux":
        return ForkedPython(words, **options)
    return subprocess.Popen([sys.executable, *words], **options)


def run_python(
    words: Sequence[str], env: Mapping[str, str], timeout: float, cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run such a program to its end, and capture what it prints."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = start_python(words, env=env, cwd=cwd, stdout=out, stderr=err)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
            process.wait()
        texts = [os.pread(file.fileno(), 1 << 30, 0).decode() for file in (out, err)]
        return subprocess.CompletedProcess(process.args, code, *texts)


Program: TypeAlias = "ForkedPython | subprocess.Popen[bytes]"


class ForkServer:
    """The server of this process; it ends with it."""

    def __init__(self) -> None:
        self.environment = dict(os.environ)
        self._lock = threading.Lock()
        self._socket, there = socket.socketpair()
        number = there.fileno()
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")
        }
        subprocess.Popen(
            [sys.executable, "-c", SERVER.format(number)],
            cwd=ROOT,
            env={**inherited, "DO_NOT_TRACK": "1"},
            pass_fds=[number],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        there.close()

    def fork(self, request: Mapping[str, object], files: Sequence[int]) -> int:
        """Start a program; its process id."""
        for name in {*self.environment, *request["environment"]}:
            same = self.environment.get(name) == request["environment"].get(name)
            assert same or not name.startswith(FIXED), f"{name} needs a process of its own"
        body = json.dumps(request).encode()
        with self._lock:
            # Its parent ends at once, and it goes to the nearest process that adopts.
            _adopt(True)
            try:
                socket.send_fds(self._socket, [HEADER.pack(len(body))], files)
                self._socket.sendall(body)
                answer = self._socket.recv(HEADER.size, socket.MSG_WAITALL)
            finally:
                _adopt(False)
        assert len(answer) == HEADER.size, "the fork server has ended"
        return int(HEADER.unpack(answer)[0])


@functools.cache
def fork_server() -> ForkServer:
    """The one that was started when it was first needed."""
    return ForkServer()


def _adopt(yes: bool) -> None:
    failed = ctypes.CDLL(None, use_errno=True).prctl(ADOPT, int(yes), 0, 0, 0)
    assert not failed, os.strerror(ctypes.get_errno())


def _number(stream: IO[bytes] | int | None, inherited: int, devnull: IO[bytes]) -> int:
    """The file descriptor that a program gets for a stream."""
    if stream is None:
        return inherited
    if stream == subprocess.DEVNULL:
        return devnull.fileno()
    return stream if isinstance(stream, int) else stream.fileno()
