"""A program that is forked finds itself as one that Python has just started."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.support.forked_python import ForkedPython, run_python
from tests.support.processes import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked elsewhere")

LOOK = """
import json, logging, os, resource, signal, sys, tempfile, threading, time, warnings

found = {
    "arguments": sys.argv,
    "folder": os.getcwd(),
    "path": sys.path,
    "environment": dict(os.environ),
    "parent": os.getppid(),
    "session": os.getsid(0) == os.getpid(),
    "group": os.getpgrp() == os.getpid() or os.getpgrp(),
    "files": [os.path.exists(f"/proc/self/fd/{n}") for n in range(20)],
    "open files": resource.getrlimit(resource.RLIMIT_NOFILE),
    "umask": os.umask(0o22),
    "handlers": {number.name: str(signal.getsignal(number)) for number in signal.valid_signals()
                 if number in list(signal.Signals)},
    "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "threads": [str(one.name) for one in threading.enumerate()],
    "main": sorted(vars(sys.modules["__main__"])),
    "module": [__name__, __spec__],
    "streams": [[one.encoding, one.errors, one.line_buffering, one.write_through, one.name]
                for one in (sys.stdin, sys.stdout, sys.stderr)],
    "flags": list(sys.flags),
    "temporary": tempfile.gettempdir(),
    "zone": time.tzname,
    "logging": [logging.raiseExceptions, logging.getLogger().level, logging.getLogger().handlers],
    "shown by": warnings.showwarning.__module__,
}
os.environ["PREFECT_API_URL"] = "http://set-by-the-program/api"
import prefect, prefect.main
from prefect.context import get_settings_context

context = get_settings_context()
found["settings"] = json.loads(context.settings.model_dump_json(context={"include_secrets": True}))
found["profile"] = [context.profile.name, str(context.profile.source)]
found["loggers"] = {
    name: [one.level, one.propagate, one.disabled, [[type(at), at.level] for at in one.handlers]]
    for name, one in sorted(logging.root.manager.loggerDict.items())
    if isinstance(one, logging.Logger) and name.startswith("prefect.") or name == "prefect"
}
print(json.dumps(found, default=str))
"""
OPTIONS = {
    "PREFECT_API_URL": "http://elsewhere/api",
    "PREFECT_CLIENT_MAX_RETRIES": "3",
    "PREFECT_TASKS_DEFAULT_RETRIES": "2",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "TZ": "Asia/Kolkata",
}


@pytest.fixture
def env(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home/profiles.toml").write_text(
        'active = "mine"\n[profiles.mine]\nPREFECT_API_KEY = "a-key"\n'
    )
    (tmp_path / "tmp").mkdir()
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return (
        kept | OPTIONS | {"PREFECT_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    )


@pytest.mark.parametrize("new_session", [False, True])
def test_it_sees_what_a_new_process_sees(env, tmp_path, new_session):
    def look(start, words):
        with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
            process = start(
                words, env=env, cwd=tmp_path, stdout=out, stderr=err, start_new_session=new_session
            )
            assert process.wait(120) == 0, (tmp_path / "err").read_text()
        assert not (tmp_path / "err").read_text()
        return json.loads((tmp_path / "out").read_text())

    words = ["-c", LOOK, "run", "--json"]
    new = look(subprocess.Popen, [sys.executable, *words])
    assert new["settings"]["api"]["url"] == "http://set-by-the-program/api"
    assert new["profile"][0] == "mine"
    assert new["parent"] == os.getpid()
    assert look(ForkedPython, words) == new


@pytest.mark.parametrize(
    ("words", "code", "out", "err"),
    [
        (["-c", "print('said', flush=False)"], 0, "said\n", ""),
        (["-c", "import sys; sys.exit(3)"], 3, "", ""),
        (["-c", "import sys; sys.exit('a reason')"], 1, "", "a reason\n"),
        (["-c", "import atexit; atexit.register(print, 'at the end')"], 0, "at the end\n", ""),
        (["-c", "import os; os._exit(4)"], 4, "", ""),
        (["-c", "import os; os.abort()"], -signal.SIGABRT, "", ""),
        (["-m", "calendar", "2024", "2"], 0, "   February 2024\n", None),
    ],
)
def test_it_ends_as_it_would(words, code, out, err):
    done = run_python(words, dict(os.environ), 60)
    assert done.returncode == code
    assert done.stdout.startswith(out)
    assert err is None or done.stderr == err


def test_an_error_that_nobody_catches_is_a_traceback():
    done = run_python(["-c", "1 / 0"], dict(os.environ), 60)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_it_is_waited_for_and_gets_signals(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = ForkedPython(
            ["-c", "import time; print('here', flush=True); time.sleep(600)"],
            stdout=out,
            stderr=out,
        )
        until(log.read_text, 60)
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT
    assert log.read_text().endswith("KeyboardInterrupt\n")
    process.kill()
    assert process.wait() == -signal.SIGINT


def test_a_variable_that_python_reads_when_it_starts_needs_a_process_of_its_own():
    with pytest.raises(AssertionError, match="PYTHONUTF8 needs"):
        ForkedPython(["-c", ""], env={**os.environ, "PYTHONUTF8": "1"})
