"""Links to the AWS console."""

import pytest

from image_tags.tasks.adapters.store.console import console_page
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.contracts.settings import StoreSettings


@pytest.fixture
def on_s3(monkeypatch):
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    return lambda: S3Store(StoreSettings(store="s3://pictures/feed one", region="eu-west-1"))


def test_an_object_in_amazons_s3_has_a_page(on_s3):
    assert console_page(on_s3(), "published/v/report.html") == (
        "https://eu-west-1.console.aws.amazon.com/s3/object/pictures"
        "?region=eu-west-1&prefix=feed%20one%2Fpublished%2Fv%2Freport.html"
    )


def test_elsewhere_there_is_none(on_s3, tmp_path, monkeypatch):
    assert console_page(FolderStore(str(tmp_path)), "x") is None
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    assert console_page(on_s3(), "x") is None
