"""The gate: good tables pass, and for every expectation there is a table that breaks it."""

import pytest

from tasks.gate import check
from tests.support.staged import Staged


def failed(staged):
    return [finding for finding in check(staged.files, staged.context).findings if not finding.success]


def test_good_tables_pass():
    staged = Staged()
    checked = check(staged.files, staged.context)
    assert [finding for finding in checked.findings if not finding.success] == []
    assert {finding.table for finding in checked.findings} == set(staged.tables)
