"""Real files, damaged at random: each is a table or one sentence, within a bound of time."""

import time

import pytest
from hypothesis import given

from image_tags.tasks.adapters.files.tables import read_table
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.source.step import links_of
from image_tags.tasks.source.url_column import choose_url_column
from tests.support.damaged_tables import FILES, ROWS, damaged_files

MOST_SECONDS = 5
"""CPU time of one input of a few KB; measured: below 0.1."""


@given(damaged_files())
def test_a_damaged_file_is_a_table_or_a_sentence(file):
    name, data = file
    begun = time.process_time()
    try:
        table = read_table(name, data).table
        assert table.num_rows <= len(data)
        links_of(table, choose_url_column(table, None).name)
    except UsageError as error:
        sentence = str(error)
    else:
        sentence = ""
    assert "\n" not in sentence
    assert time.process_time() - begun < MOST_SECONDS


@pytest.mark.parametrize("name", FILES)
def test_the_files_themselves_are_read_whole(name):
    table = read_table(name, FILES[name]).table
    assert table.num_rows == len(ROWS)
    assert len(links_of(table, choose_url_column(table, None).name)) == 2 * len(ROWS)
