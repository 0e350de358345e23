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
    TaskID,
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
        # Not a dependency of ours: a cell exists only where IPython runs.
        from IPython.display import display

        bar = f'<progress value="{done}" max="{total}" aria-label="{html.escape(line)}"></progress>'
        shown = {"text/plain": line, "text/html": f"{bar} {html.escape(line)}"}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(shown, raw=True)  # type: ignore[no-untyped-call]


class Bar:
    """One step's progress; shown from the first item on."""

    def __init__(self, step: str, console: Console) -> None:
        self.step, self.total, self.done = step, 0, 0
        self._console = console
        self._started = self._printed = time.monotonic()
        self._row: TaskID | None = None
        self._cell = Cell() if console.is_jupyter else None

    def add_items(self, items: int) -> None:
        """Count more items that are to be done."""
        self.total += items
        if self._console.is_terminal:
            if self._row is None:
                self._row = _rows.add(self.step, self._console)
            _rows.show(self._row, self.done, self.total)

    def advance(self, by: int) -> None:
        """Count more items as done, and show that from time to time."""
        self.done = min(self.done + by, self.total)
        if self._row is not None:
            _rows.show(self._row, self.done, self.total)
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
        if self._row is not None:
            _rows.close()
        elif self.total:
            self.print_progress()


class _Rows:
    """The bars on a terminal, one below the other: a terminal has one live display."""

    def __init__(self) -> None:
        self._display: Progress | None = None
        self._open = 0

    def add(self, step: str, console: Console) -> TaskID:
        if self._display is None:
            self._display = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                Rate(),
                TimeRemainingColumn(),
                console=console,
            )
            self._display.start()
        self._open += 1
        return self._display.add_task(step)

    def show(self, row: TaskID, done: int, total: int) -> None:
        if self._display is not None:
            self._display.update(row, completed=done, total=total)

    def close(self) -> None:
        self._open -= 1
        if self._open == 0 and self._display is not None:
            self._display.stop()
            self._display = None


_rows = _Rows()


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
def track_step(step: str, total: int = 0) -> Iterator[None]:
    """Show a step's progress on standard error while the block runs, once it has items."""
    if _console is None:
        yield
        return
    bar = Bar(step, _console)
    with _lock:
        _bars[step] = bar
    add_to_step(step, total)
    try:
        yield
    finally:
        with _lock:
            _bars.pop(step).close()


def add_to_step(step: str, items: int) -> None:
    """Add items to do to a step that is tracked."""
    with _lock:
        if items and step in _bars:
            _bars[step].add_items(items)


def advance_step(step: str, by: int = 1) -> None:
    """Count items of the step as done; ignored in a process that shows no progress."""
    with _lock:
        if step in _bars:
            _bars[step].advance(by)
