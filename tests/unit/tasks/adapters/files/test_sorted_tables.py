"""DuckDB, as it is used here, fetches nothing from the network."""

import duckdb
import pytest

from image_tags.tasks.adapters.files.sorted_tables import open_database


def test_extensions_are_neither_fetched_nor_loaded(tmp_path):
    with open_database(tmp_path) as database:
        for name in ("autoinstall_known_extensions", "autoload_known_extensions"):
            assert database.sql(f"SELECT current_setting('{name}')").fetchall() == [(False,)]


def test_an_address_of_the_web_is_refused_before_anybody_is_asked(tmp_path, site):
    with open_database(tmp_path) as database, pytest.raises(duckdb.Error, match="httpfs"):
        database.sql(f"SELECT * FROM read_parquet('{site.url}/x.parquet')").fetchall()
    assert not site.asked
