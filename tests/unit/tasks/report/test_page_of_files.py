"""The report of a run whose tables are in files: the same page, and no large table in memory."""

import dataclasses

from image_tags.tasks.report import gallery
from image_tags.tasks.report.page import render_report
from tests.support.made_run import made_effects, made_run
from tests.support.staged import Staged
from tests.support.watched_tables import watch_tables


def test_the_page_is_the_same_and_tags_are_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "CARDS_BUDGET", 20_000)  # so that rows without a card are left
    view = made_run(40, tables={"tag_effects": made_effects()})
    files = watch_tables(tmp_path, dict(view.tables))
    assert render_report(dataclasses.replace(view, tables=files)) == render_report(view)
    assert files["tags_long"].whole == set()
    assert files["tags_dropped"].whole == {"rule", "name"}
    assert "details" not in files["tags_dropped"].in_parts


def test_cells_of_the_source_are_read_in_parts(tmp_path):
    staged = Staged(rows=30)
    tables = {name: staged.tables[name] for name in ("images", "tags_long", "tags_dropped")}
    tables |= {name: staged.tables[name] for name in ("tagged", "tags_wide")}
    view = dataclasses.replace(made_run(3), tables=tables)
    files = watch_tables(tmp_path, tables)
    assert render_report(dataclasses.replace(view, tables=files)) == render_report(view)
    assert files["tagged"].whole == set()
    assert files["tagged"].in_parts == {"likes", "url"}
