"""Fixtures of the integration tests."""

import uuid

import pytest

from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.settings import StoreSettings
from tests.support.s3_server import BUCKET


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path) -> Store:
    if request.param == "folder":
        return open_store(StoreSettings(store=str(tmp_path / "store")))
    request.getfixturevalue("s3")
    return open_store(StoreSettings(store=f"s3://{BUCKET}/{uuid.uuid4().hex}/deep/"))
