"""The public face: what `image_tags` promises is there, and nothing else is promised."""

import pytest

import image_tags

PUBLIC = {
    "StopRun",
    "UsageError",
    "athena_table",
    "expand_faces",
    "plan_images",
    "read_tables",
    "tag_images",
    "tags_matrix",
}


def test_the_public_names_are_these():
    assert set(image_tags.__all__) == PUBLIC
    assert set(image_tags.MODULES) | {"StopRun", "UsageError"} == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_there_and_documented(name):
    assert getattr(image_tags, name).__doc__


def test_any_other_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'tag_image'"):
        image_tags.tag_image  # noqa: B018 - asking is the test
