"""Progress: done of all, rate, time left.

A bar on a terminal or below a notebook's cell, a line now and then elsewhere.
"""

import html
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from IPython.display import DisplayHandle

EVERY = 5.0
"""Seconds between two lines where there is no terminal."""

EVERY_IN_PLACE = 0.25
"""Seconds between two lines in a notebook, where each takes the place of the one before."""

_console: Console | None = None
_lock = threading.Lock()
_bars: dict[str, "Bar"] = {}


class Rate(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        """As `12.3/s`."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "-/s")


class Cell:
    """A line below a notebook's cell that is replaced in place; it needs no widgets, and a saved
    notebook keeps its end.
    """

    def __init__(self) -> None:
        self._handle: DisplayHandle | None = None

    def show(self, line: str, done: int, total: int) -> None:
        """Show the line with a bar."""
        from IPython.display import display

        bar = f'<progress value="{done}" max="{total}" aria-label="{html.escape(line)}"></progress>'
        shown = {"text/plain": line, "text/html": f"{bar} {html.escape(line)}"}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(shown, raw=True)  # type: ignore[no-untyped-call]


class Bar:
    """One step's progress."""

    def __init__(self, step: str, total: int, console: Console) -> None:
        self.step, self.total, self.done = step, total, 0
        self._console = console
        self._begun = self._said = time.monotonic()
        self._live: Progress | None = None
        self._cell = Cell() if console.is_jupyter else None
        if console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                Rate(),
                TimeRemainingColumn(),
            )
            self._live = Progress(*columns, console=console)
            self._live.add_task(step, total=total)
            self._live.start()

    def advance(self, by: int) -> None:
        """So many more are done."""
        self.done = min(self.done + by, self.total)
        if self._live:
            self._live.update(self._live.task_ids[0], completed=self.done)
        elif time.monotonic() - self._said >= (EVERY_IN_PLACE if self._cell else EVERY):
            self.say()

    def say(self) -> None:
        """Print where things stand."""
        self._said = time.monotonic()
        rate = self.done / max(self._said - self._begun, 1e-9)
        left = (self.total - self.done) / rate if rate else 0.0
        line = f"{self.step}: {self.done:,} of {self.total:,} done, {rate:.1f}/s, {left:.0f} s left"
        if self._cell:
            self._cell.show(line, self.done, self.total)
        else:
            self._console.print(line, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """The step is over."""
        if self._live:
            self._live.stop()
        else:
            self.say()


def show_progress() -> None:
    """Show progress of this process on standard error from now on; a worker's processes do not."""
    global _console  # noqa: PLW0603 - one terminal a process
    _console = Console(file=sys.stderr)


def print_line(line: str) -> None:
    """Print a line among the progress."""
    if _console and _console.is_jupyter:
        sys.stdout.write(f"{line}\n")  # rich would make a block of its own of each line
    elif _console:
        _console.print(line, highlight=False, soft_wrap=True, markup=False)


@contextmanager
def track_step(step: str, total: int) -> Iterator[None]:
    """Show a step's progress on standard error while it works; nothing for a step without work."""
    if not total or _console is None:
        yield
        return
    bar = Bar(step, total, _console)
    with _lock:
        _bars[step] = bar
    try:
        yield
    finally:
        with _lock:
            _bars.pop(step).close()


def advance_step(step: str, by: int = 1) -> None:
    """One or more items of the step are done; ignored in a process that shows no progress."""
    with _lock:
        if step in _bars:
            _bars[step].advance(by)
