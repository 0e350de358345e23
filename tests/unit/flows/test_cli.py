"""The command line: its commands are imported when used, its errors are one sentence each."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from image_tags.flows.cli import COMMANDS, main
from image_tags.tasks.contracts.errors import (
    BatchFailed,
    OverBudget,
    Rejected,
    StopRun,
    UsageError,
)
from image_tags.tasks.contracts.reasons import Reason


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_found_and_its_own_help_starts_with_its_summary(name):
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    command = main.get_command(click.Context(main), name)
    assert (command.help or "").splitlines()[0] == COMMANDS[name]


def test_help_lists_every_command_and_imports_none():
    words = (
        "import sys; from image_tags.flows.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print(sorted({'prefect', 'pandas', 'pyarrow', 'boto3'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, check=True, timeout=60
    )
    for name, summary in COMMANDS.items():
        assert f"{name} {summary}" in " ".join(done.stdout.split())
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_unknown_command_is_a_usage_error():
    result = CliRunner().invoke(main, ["runn"])
    assert result.exit_code == 2
    assert "No such command 'runn'" in result.output


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("There is no file."), 2, "Error: There is no file.\n"),
        (StopRun("No credentials."), 1, "Stopped: No credentials.\n"),
        (OverBudget("Too expensive.", 2.0), 1, "Stopped: Too expensive.\n"),
        (BatchFailed("1 link left pending."), 1, "Stopped: 1 link left pending.\n"),
        (Rejected(Reason.NOT_FOUND, "404"), 1, "Stopped: not_found: 404\n"),
    ],
)
def test_an_error_of_ours_is_one_sentence_and_an_exit_code(monkeypatch, error, code, line):
    @click.command()
    def fail():
        raise error

    monkeypatch.setattr(type(main), "get_command", lambda *_: fail)
    result = CliRunner().invoke(main, ["run"])
    assert (result.exit_code, result.output) == (code, line)


def test_an_error_that_nobody_expected_keeps_its_traceback(monkeypatch):
    @click.command()
    def fail():
        raise ZeroDivisionError

    monkeypatch.setattr(type(main), "get_command", lambda *_: fail)
    with pytest.raises(ZeroDivisionError):
        CliRunner().invoke(main, ["run"], catch_exceptions=False)


def test_the_exit_code_is_the_commands(monkeypatch):
    @click.command()
    def give_seven():
        return 7

    monkeypatch.setattr(type(main), "get_command", lambda *_: give_seven)
    assert CliRunner().invoke(main, ["run"]).exit_code == 7
