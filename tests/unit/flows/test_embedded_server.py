"""What keeps Prefect's embedded server from starting is said before two minutes are over."""

import sqlite3
from contextlib import closing

import pytest
from prefect.settings import (
    PREFECT_HOME,
    PREFECT_SERVER_DATABASE_CONNECTION_URL,
    PREFECT_SERVER_EPHEMERAL_ENABLED,
    temporary_settings,
)

from image_tags.flows.embedded_server import check_embedded_server, explain_failed_start
from image_tags.tasks.contracts.errors import StopRun


def check(home, url=None, enabled=True):
    url = url or f"sqlite+aiosqlite:///{home}/prefect.db"
    with temporary_settings(
        {
            PREFECT_HOME: home,
            PREFECT_SERVER_DATABASE_CONNECTION_URL: url,
            PREFECT_SERVER_EPHEMERAL_ENABLED: enabled,
        }
    ):
        check_embedded_server()


def test_a_home_that_is_new_or_in_use_is_all_right(tmp_path):
    home = tmp_path / "new/home"
    check(home)
    assert list(home.iterdir()) == []
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        database.execute("CREATE TABLE flow (id)")
        database.execute("BEGIN EXCLUSIVE")
        check(home)


def test_a_damaged_database_is_one_sentence_that_says_what_to_do(tmp_path):
    (tmp_path / "prefect.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StopRun, match=r"prefect\.db is damaged .*: move it away"):
        check(tmp_path)
    check(tmp_path, "postgresql+asyncpg://me:hidden@db.example/prefect")
    check(tmp_path, "sqlite+aiosqlite:///:memory:")


def test_a_home_that_cannot_be_written_is_one_sentence_that_says_what_to_do(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StopRun, match=r"cannot be written: .*Set PREFECT_HOME"):
        check(tmp_path / "file")


def test_a_server_that_is_switched_off_is_one_sentence_that_says_what_to_do(tmp_path):
    with pytest.raises(StopRun, match="PREFECT_API_URL is not set"):
        check(tmp_path, enabled=False)


def test_a_start_that_takes_too_long_is_told_from_other_errors():
    late = RuntimeError("Timed out while attempting to connect to ephemeral Prefect API server.")
    assert "did not start within" in explain_failed_start(late)
    assert explain_failed_start(RuntimeError("something else")) is None
