"""Progress of a step: items done, rate and time left.

On a terminal and below a notebook's cell it is a bar, elsewhere a line every few seconds.
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
"""Seconds between two lines without a terminal."""

EVERY_IN_PLACE = 0.25
"""Seconds between two lines in a notebook, where each replaces the one before."""

_console: Console | None = None
_lock = threading.Lock()
_bars: dict[str, "Bar"] = {}


class Rate(ProgressColumn):
    """Items per second."""

    def render(self, task: Task) -> Text:
        """As `12.3/s`."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "-/s")


class Cell:
    """A line below a notebook's cell that is replaced in place.

    It needs no widgets, and a saved notebook keeps the last one.
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
        self._started = self._printed = time.monotonic()
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
        """Count more items as done, and show that from time to time."""
        self.done = min(self.done + by, self.total)
        if self._live:
            self._live.update(self._live.task_ids[0], completed=self.done)
        elif time.monotonic() - self._printed >= (EVERY_IN_PLACE if self._cell else EVERY):
            self.print_progress()

    def print_progress(self) -> None:
        """Print the current progress."""
        self._printed = time.monotonic()
        rate = self.done / max(self._printed - self._started, 1e-9)
        left = (self.total - self.done) / rate if rate else 0.0
        line = f"{self.step}: {self.done:,} of {self.total:,} done, {rate:.1f}/s, {left:.0f} s left"
        if self._cell:
            self._cell.show(line, self.done, self.total)
        else:
            self._console.print(line, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Show the end of the step."""
        if self._live:
            self._live.stop()
        else:
            self.print_progress()


def show_progress() -> None:
    """Show the progress of this process on standard error; a worker's processes do not."""
    global _console  # noqa: PLW0603 - a process has one terminal
    _console = Console(file=sys.stderr)


def print_line(line: str) -> None:
    """Print a line without breaking the bar."""
    if _console and _console.is_jupyter:
        sys.stdout.write(f"{line}\n")  # rich would put each line into a block of its own
    elif _console:
        _console.print(line, highlight=False, soft_wrap=True, markup=False)


@contextmanager
def track_step(step: str, total: int) -> Iterator[None]:
    """Show a step's progress on standard error while the block runs, if it has items."""
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
    """Count items of the step as done; ignored in a process that shows no progress."""
    with _lock:
        if step in _bars:
            _bars[step].advance(by)
