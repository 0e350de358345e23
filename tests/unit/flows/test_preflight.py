"""What was checked and read before a run is neither checked nor read again by it."""

import logging

import pyarrow as pa
import pytest

from image_tags.flows import preflight
from image_tags.flows.preflight import check_run, hand_over, take_over
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.source import step


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "feed.csv").write_text("link,likes\nhttps://example.org/1.png,3\n")
    return Settings(source=str(tmp_path / "feed.csv"), store=str(tmp_path / "store"))


def test_a_run_takes_over_the_preflight_of_its_own_settings_only(settings):
    passed = check_run(settings)
    assert passed.source.table.num_rows == 1
    assert take_over(settings) is None
    with hand_over(passed):
        # The flow gets its settings as parameters, and validates them once more.
        again = Settings.model_validate(settings.model_dump(exclude_unset=True))
        assert take_over(again) is passed
        assert take_over(settings.model_copy(update={"max_labels": 3})) is None
    assert take_over(settings) is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"operations": ("detect_cats",)}, "no operation 'detect_cats'"),
        ({"people": "/nowhere"}, "people folder '/nowhere' does not exist"),
        ({"url_column": "picture"}, "no column 'picture'"),
        ({"metric": ("shares",)}, "shares"),
        ({"price_list": "/nowhere.json", "analyzer": "rekognition", "region": "eu-west-1"}, "json"),
    ],
)
def test_what_cannot_be_is_found_by_the_preflight(settings, changes, sentence):
    with pytest.raises(UsageError, match=sentence):
        check_run(settings.model_copy(update=changes))


def test_the_source_is_read_once(settings, monkeypatch):
    reads = []

    def load(source_settings, *_):
        reads.append(source_settings.source)
        return preflight.Source(pa.table({"link": ["https://example.org/1.png"]}), "link", True)

    monkeypatch.setattr(preflight, "load_source_of", load)
    passed = check_run(settings)
    assert reads == [settings.source]
    monkeypatch.setattr(step, "load_source_of", load)
    monkeypatch.setattr(step, "get_run_logger", lambda: logging.getLogger("test"))
    resources = RunResources("run", settings, passed.source)
    assert step.read_source.fn(resources).rows == 1
    assert reads == [settings.source]
    assert resources.take_source() is None, "its memory is free"
    assert step.read_source.fn(resources).rows == 1
    assert reads == [settings.source] * 2, "a run without a preflight reads it itself"
