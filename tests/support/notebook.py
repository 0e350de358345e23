"""The example notebook: run it as Jupyter does, and `uv run python -m tests.support.notebook` keeps
what it shows.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nbformat
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient import NotebookClient
from nbformat import NotebookNode

EXAMPLE = Path("docs/example.ipynb")


CHANGING = re.compile(r"\d{8}T[\d.]+Z-[0-9a-f]+|[\d.]+|\s+|-+")
"""What differs from run to run: versions and numbers, and with them the white space and rules of a
table.
"""


def executed(path: Path, folder: Path, env: Mapping[str, str]) -> NotebookNode:
    """The notebook after all its cells were run in a folder, in a kernel of its own; a cell that
    fails raises.

    What Prefect has in the environment is not handed on, but for what `env` says.
    """
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    with patch.dict(os.environ, _environment(folder, env), clear=True):
        NotebookClient(notebook, timeout=200, record_timing=False, resources=resources).execute()
    return notebook


class Kernel:
    """A kernel of its own, in a folder, whose cells can be interrupted as Jupyter does it."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager, self._client = manager, client

    def begin(self, code: str) -> str:
        """Begin to run a cell; returns its id."""
        cell: str = self._client.execute(code)
        return cell

    def interrupt(self) -> None:
        """Interrupt the cell that runs."""
        self._manager.interrupt_kernel()

    def end(self, cell: str) -> list[NotebookNode]:
        """Wait until a cell has ended; returns its outputs."""
        outputs = []
        while True:
            message = self._client.get_iopub_msg(timeout=200)
            content = message["content"]
            if message["parent_header"].get("msg_id") != cell:
                continue
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                return outputs
            if message["msg_type"] in ("stream", "error", "execute_result"):
                outputs.append(nbformat.v4.output_from_msg(message))


@contextmanager
def running_kernel(folder: Path, env: Mapping[str, str]) -> Iterator[Kernel]:
    """A kernel while the block runs; it and all that it started are killed at the end."""
    with patch.dict(os.environ, _environment(folder, env), clear=True):
        manager, client = start_new_kernel(startup_timeout=120, cwd=str(folder))
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _environment(folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a kernel: this one's without what Prefect has in it, and `env`."""
    own = {
        name: str(folder / ".jupyter")
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {**others, **own, **env}


def is_progress(output: NotebookNode) -> bool:
    """Whether it is a line that moves while a cell works."""
    return "<progress" in output.get("data", {}).get("text/html", "")


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Its code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def settled(cell: NotebookNode) -> list[NotebookNode]:
    """What a cell shows in the end: neither its progress nor what it says on the way, which hold
    times.
    """
    return [
        output
        for output in cell.outputs
        if output.output_type == "execute_result" or not _passing(output)
    ]


def outline(cell: NotebookNode) -> list[dict[str, Any]]:
    """What a cell shows but for its numbers: addresses change, and other machines' confidences
    differ in the last digit.
    """
    return [
        {
            kind: CHANGING.sub(" ", text) if kind == "text/plain" else ""
            for kind, text in output.data.items()
        }
        for output in settled(cell)
        if "data" in output
    ]


def _passing(output: NotebookNode) -> bool:
    return is_progress(output) or output.output_type == "stream"


def main() -> None:
    """Run the notebook in an empty folder and keep it with what it shows in the end."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = executed(EXAMPLE, Path(folder), {"PREFECT_HOME": f"{folder}/prefect"})
    for cell in code_cells(notebook):
        cell.outputs = settled(cell)
    nbformat.write(notebook, EXAMPLE)


if __name__ == "__main__":
    main()
