"""Progress on a terminal, below a notebook's cell, and elsewhere."""

import io

import pytest
from IPython.core import display_functions
from IPython.core.interactiveshell import InteractiveShell
from rich.console import Console

from image_tags.tasks.adapters import progress


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would be told to display, in order."""
    told = []
    monkeypatch.setattr(
        display_functions, "publish_display_data", lambda **bundle: told.append(bundle)
    )
    monkeypatch.setattr(InteractiveShell, "initialized", lambda: True)
    return told


def work(console, monkeypatch):
    monkeypatch.setattr(progress, "_console", console)
    with progress.track_step("fetch <b>", 3):
        for _ in range(3):
            progress.advance_step("fetch <b>")


def test_a_notebook_gets_one_line_that_is_replaced(shown, monkeypatch):
    monkeypatch.setattr(progress, "EVERY_IN_PLACE", 0.0)
    work(Console(file=io.StringIO(), force_jupyter=True), monkeypatch)
    assert len(shown) == 4
    assert len({bundle["transient"]["display_id"] for bundle in shown}) == 1
    assert [bundle["update"] for bundle in shown[1:]] == [True] * 3
    assert not shown[0].get("update")
    last = shown[-1]["data"]
    assert last["text/plain"].startswith("fetch <b>: 3 of 3 done")
    assert '<progress value="3" max="3"' in last["text/html"]
    assert "<b>" not in last["text/html"]


def test_a_terminal_gets_a_bar(monkeypatch):
    out = io.StringIO()
    work(Console(file=out, force_terminal=True, width=80), monkeypatch)
    assert "3/3" in out.getvalue()


def test_elsewhere_the_end_is_a_line(monkeypatch):
    out = io.StringIO()
    work(Console(file=out), monkeypatch)
    assert out.getvalue().startswith("fetch <b>: 3 of 3 done")
    assert out.getvalue().count("\n") == 1


def test_lines_in_a_notebook_are_plain_output(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_console", Console(file=io.StringIO(), force_jupyter=True))
    progress.print_line("11 distinct images.")
    assert capsys.readouterr().out == "11 distinct images.\n"
