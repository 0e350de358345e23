"""The command line, run as a user runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
from click.testing import CliRunner
from prefect.settings import PREFECT_API_URL, temporary_settings

from image_tags.flows.cli import main
from image_tags.tasks.adapters.files.tables import parquet_table
from image_tags.tasks.adapters.store.store import Store

PROGRAM = "from image_tags.flows.cli import main; main()"
"""What the installed command does."""


@dataclass
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The last line of `--json`."""
        assert self.out.strip(), f"nothing was printed; standard error says:\n{self.err[-3000:]}"
        found = json.loads(self.out.strip().splitlines()[-1])
        assert isinstance(found, dict)
        return found


def image_tags(*words: str, env: Mapping[str, str] | None = None) -> Result:
    """Run `image-tags` with these words in this process, which has paid for the imports already.

    `env` has PREFECT_API_URL if the command starts a flow. No traceback is ever printed.
    """
    given = dict(env or {})
    with (
        patch.dict(os.environ, given),
        temporary_settings({PREFECT_API_URL: given.get("PREFECT_API_URL")}),
    ):
        done = CliRunner().invoke(main, list(words))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert "Traceback" not in done.stdout + done.stderr, done.stderr[-4000:]
    return Result(done.exit_code, done.stdout, done.stderr)


def image_tags_process(
    *words: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 240,
    before: Sequence[str] = (),
) -> Result:
    """Run `image-tags` with these words in a process of its own; it never prints a traceback.

    `before`: a command that runs it.
    """
    program = [sys.executable, "-c", PROGRAM, *words]
    command = [*before, *program]
    done = subprocess.run(
        command,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        timeout=timeout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr[-4000:]
    return Result(done.returncode, done.stdout, done.stderr)


def published(store: Store) -> dict[str, pa.Table]:
    """The tables that readers see now."""
    version = json.loads(store.read("published/current.json"))["version"]
    keys = [key for key in store.keys(f"published/{version}/") if key.endswith(".parquet")]
    return {Path(key).stem: parquet_table(store.read(key)) for key in keys}


def check_accounted(summary: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> None:
    """Rows in = rows accounted for, in every table and in the summary."""
    images = tables["images"].to_pylist()
    assert {row["row"] for row in images} == set(range(summary["rows"]))
    assert sum(row["status"] != "no_link" for row in images) == summary["links"]
    assert sum(summary["statuses"].values()) == len(images) == tables["tagged"].num_rows
    assert (
        sum(summary["reasons"].values())
        == summary["statuses"]["rejected"] + summary["statuses"]["pending"]
    )
    assert {
        name: table.num_rows for name, table in tables.items() if name in summary["tables"]
    } == summary["tables"]
