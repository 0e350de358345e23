"""The public face: `image_tags.__all__` is the list, and docs/tables.md describes each name."""

import re
from pathlib import Path

import pytest

import image_tags

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", image_tags.__all__)
def test_every_public_name_is_there_and_documented(name):
    found = getattr(image_tags, name)
    assert found.__name__ == name
    assert found.__doc__


def test_every_function_that_is_imported_late_is_public():
    assert set(image_tags.MODULES) < set(image_tags.__all__)


def test_what_the_documents_import_is_public():
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "docs/example.ipynb"]
    imports = [
        name.strip()
        for path in documents
        for line in re.findall(r"from image_tags import ([\w, ]+)", path.read_text("utf-8"))
        for name in line.split(",")
    ]
    assert "tag_images" in imports, "the notebook's"
    assert set(imports) <= set(image_tags.__all__)


def test_any_other_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'tag_image'"):
        image_tags.tag_image  # noqa: B018 - asking is the test
