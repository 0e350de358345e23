"""The gate: good tables pass, whatever the source, and what cannot be evaluated blocks."""

import socket
import tempfile

import pytest

from image_tags.tasks.check import gate
from image_tags.tasks.check.gate import check_files, check_opened
from image_tags.tasks.contracts.checks import Severity
from image_tags.tasks.contracts.settings import CleaningSettings
from image_tags.tasks.contracts.tables import published_tables
from tests.support.breakers import LAST, drop_column, make_broken, put_value
from tests.support.staged import Staged


@pytest.mark.parametrize(
    "cleaning",
    [
        CleaningSettings(),
        CleaningSettings(celebrity_only=False, words_not_lines=False, parents_implied=True),
    ],
)
def test_good_tables_pass(cleaning):
    staged = Staged(cleaning=cleaning, last=LAST, metrics=("likes",))
    checked = check_files(staged.files, staged.context)
    assert [finding for finding in checked.findings if not finding.success] == []
    assert list(dict.fromkeys(finding.table for finding in checked.findings)) == list(
        published_tables(["likes"])
    )
    assert checked.profile["rows"] == 30


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_tiny_table_is_not_flagged(rows):
    staged = Staged(rows=rows, last=LAST | {"rows": rows + 2})
    assert [
        finding
        for finding in check_files(staged.files, staged.context).findings
        if not finding.success
    ] == []


def test_tables_without_any_tag_are_not_published_unless_that_is_allowed():
    staged = Staged(reachable=False)
    (blocking,) = [one for one in check_files(staged.files, staged.context).findings if one.blocks]
    assert blocking.description == "Something is tagged, if there are links."
    staged = Staged(reachable=False, allow_empty=True)
    assert staged.tables["tags_long"].num_rows == staged.tables["tags_wide"].num_rows == 0
    failed = [
        finding
        for finding in check_files(staged.files, staged.context).findings
        if not finding.success
    ]
    assert {finding.description for finding in failed} == {
        "Enough of the links are tagged.",
        "Not too many links are rejected.",
    }


def test_thresholds_of_zero_and_of_everything():
    staged = Staged(min_tagged_share=0.0, max_rejected_share=1.0, max_links_an_image=2)
    assert [
        one
        for one in check_opened(staged.table_files, staged.context, ["images"]).findings
        if not one.success
    ] == []


def test_an_expectation_that_cannot_be_looked_at_blocks_whatever_its_severity():
    staged = make_broken([drop_column("images", "position")])
    found = {
        one.description: one
        for one in check_opened(staged.table_files, staged.context, ["images"]).findings
    }
    pending = found["Few links are pending."]
    assert (pending.success, pending.severity, pending.exception) == (
        False,
        Severity.CRITICAL,
        True,
    )
    assert "could not be evaluated" in pending.detail
    assert found["Every link has a status."].success


@pytest.mark.parametrize(
    ("data", "words"),
    [(None, "not staged"), (b"PAR1 half a file", "cannot be read"), (b"", "cannot be read")],
)
def test_a_file_that_is_missing_or_damaged_blocks(data, words):
    staged = Staged(rows=3)
    given = {name: file for name, file in staged.files.items() if name != "tags_wide"}
    checked = check_files(given if data is None else {**given, "tags_wide": data}, staged.context)
    assert [(one.table, one.blocks) for one in checked.findings] == [("tags_wide", True)]
    assert words in checked.findings[0].detail
    assert checked.profile is None


def test_details_of_hostile_cells_are_short():
    staged = make_broken([put_value("tags_long", "kind", "<script>" * 200_000)])
    kinds = [
        one
        for one in check_opened(staged.table_files, staged.context, ["tags_long"]).findings
        if "closed list" in one.description
    ]
    assert not kinds[0].success
    assert len(kinds[0].detail) < 500


def test_details_of_hostile_cells_command_no_terminal_and_turn_no_text_around():
    staged = make_broken([put_value("tags_wide", "image_id", "\x1b[2Jclear\u202e\n")])
    seen = "".join(
        one.detail
        for one in check_opened(staged.table_files, staged.context, ["tags_wide"]).findings
    )
    assert "[2Jclear" in seen
    assert seen.isprintable()


def test_a_source_with_columns_named_like_ours_passes():
    staged = Staged(rename={"likes": "status", "url": "image_tags_url"})
    assert {"status", "image_tags_status", "image_tags_url"} <= set(
        staged.tables["tagged"].column_names
    )
    assert [
        one for one in check_files(staged.files, staged.context).findings if not one.success
    ] == []


def test_the_gate_writes_no_file_and_asks_no_network(tmp_path, monkeypatch):
    def no_network(*_):
        raise AssertionError("the gate wants the network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", no_network)
    staged = Staged(rows=3)
    assert check_files(staged.files, staged.context).findings
    assert list(tmp_path.iterdir()) == []


def test_great_expectations_is_told_to_report_to_nobody(monkeypatch):
    made = []
    get_context = gate.gx.get_context
    monkeypatch.setattr(
        gate.gx, "get_context", lambda **given: made.append(get_context(**given)) or made[0]
    )
    staged = Staged()
    check_files(staged.files, staged.context)
    assert [context.config.analytics_enabled for context in made] == [False]
