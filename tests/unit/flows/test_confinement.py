"""What a worker's environment does not allow is refused before anything is read."""

import pytest

from image_tags.flows.preflight import PLACES, check_confinement, check_request
from image_tags.tasks.adapters.files.confinement import BUCKETS, FOLDERS, PUBLIC_ONLY
from image_tags.tasks.adapters.files.files import read_bytes
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import Settings


@pytest.fixture
def allowed(tmp_path, monkeypatch):
    folder = tmp_path / "allowed"
    folder.mkdir()
    monkeypatch.setenv(FOLDERS, str(folder))
    monkeypatch.setenv(BUCKETS, "mine")
    return folder


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("address", ["/etc/passwd", "s3://theirs/x"])
def test_every_setting_that_names_a_place_is_confined(allowed, name, address):
    given = {"source": str(allowed / "feed.csv"), "store": str(allowed / "store"), name: address}
    with pytest.raises(UsageError, match=f"may not use {name} '{address}'"):
        check_request(Settings(**given))
    assert not (allowed / "store").exists()


def test_every_setting_with_a_path_is_in_the_list():
    texts = ("folder", "file", "s3://")
    named = {
        name
        for name, field in Settings.model_fields.items()
        if any(text in (field.description or "").lower() for text in texts)
        and "str" in str(field.annotation)
    }
    assert set(PLACES) <= named


def test_a_file_behind_a_symbolic_link_is_not_read(allowed, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("link\n")
    (allowed / "feed.csv").symlink_to(secret)
    with pytest.raises(UsageError, match="may not use source"):
        read_bytes(str(allowed / "feed.csv"))


@pytest.mark.parametrize(
    ("name", "value"), [("allow_private_addresses", True), ("extra_ports", (8080,))]
)
def test_links_into_the_worker_s_network_are_refused(allowed, monkeypatch, name, value):
    asked = {"source": str(allowed / "feed.csv"), "store": str(allowed / "store"), name: value}
    check_confinement(Settings(**asked))
    for no in ("", "0", "no"):
        monkeypatch.setenv(PUBLIC_ONLY, no)
        check_confinement(Settings(**asked))
    monkeypatch.setenv(PUBLIC_ONLY, "1")
    with pytest.raises(UsageError, match=f"may not use {name}: {PUBLIC_ONLY} allows"):
        check_request(Settings(**asked))
    assert not (allowed / "store").exists()
