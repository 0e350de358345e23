"""Ways to ask the local analyzer."""

import os

import pytest
from PIL import Image

from image_tags.tasks.adapters.analyzers.local.analyzer import LocalAnalyzer
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.contracts.settings import AnalysisSettings
from tests.support.pictures import ASTRONAUT, HOPPER


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """A cache folder of the tests' own.

    Models load once per process, so all tests share one.
    """
    before = os.environ.get("IMAGE_TAGS_CACHE")
    os.environ["IMAGE_TAGS_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("IMAGE_TAGS_CACHE") if before is None else os.environ.update(
        IMAGE_TAGS_CACHE=before
    )


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path / "store"))


@pytest.fixture
def ask(store):
    """Ask an operation about a file or about bytes."""

    def ask(operation, source, **settings):
        data = source if isinstance(source, bytes) else source.read_bytes()
        key = f"images/aa/{'bytes' if isinstance(source, bytes) else source.name}"
        store.write(key, data, "image/png")
        picture = Picture("aa", key, len(data), 0, 0)
        return (
            LocalAnalyzer(AnalysisSettings(**settings), store).answer(operation, picture).response
        )

    return ask


@pytest.fixture
def people(tmp_path):
    """Grace Hopper and Eileen Collins, each in another rendition than the picture that tests ask
    about.
    """
    folder = tmp_path / "people"
    (folder / "Eileen_Collins").mkdir(parents=True)
    with Image.open(HOPPER) as image:
        image.crop((100, 50, 450, 420)).resize((240, 254)).save(
            folder / "Grace_Hopper.jpg", quality=60
        )
    with Image.open(ASTRONAUT) as image:
        image.crop((110, 10, 370, 270)).resize((200, 200)).save(
            folder / "Eileen_Collins" / "1.webp", quality=70
        )
    return folder
