"""What `tag_images` says before anything is run, and how a result looks."""

import subprocess
import sys

import pandas as pd
import pytest

from image_tags import tag_images
from image_tags.flows.cli_options import read_keywords
from image_tags.flows.notebook import Result
from image_tags.tasks.contracts.errors import UsageError

FRAME = pd.DataFrame(
    {"media": ["http://127.0.0.1/a.png", None], "likes": [1, 2], "text": ["a", "b"]}
)


@pytest.mark.parametrize(
    ("frame", "url_column", "options", "sentence"),
    [
        ([1, 2], None, {}, "takes a pandas DataFrame, not list"),
        (FRAME["media"], None, {}, "takes a pandas DataFrame, not Series"),
        (FRAME[[]], None, {}, "no columns"),
        (FRAME, "nope", {}, "no column 'nope'"),
        (FRAME[["text"]], None, {}, "holds links"),
        (FRAME, None, {"metric": "text"}, "text that is no number"),
        (FRAME, None, {"max_cots": 1}, "no setting 'max_cots'; did you mean 'max_cost'"),
        (FRAME, None, {"max_cost": "much"}, r"max_cost: .*\(given: 'much'\)"),
        (FRAME, None, {"operations": [1]}, "operations: "),
        (FRAME, None, {"operations": ["detect_cats"]}, "no operation 'detect_cats'"),
        (FRAME, None, {"source": "t.csv"}, "the frame is the source"),
        (FRAME, None, {"store": "ftp://x"}, "neither a folder nor s3://"),
        (FRAME, None, {"people": "nobody"}, "no folder of people 'nobody'"),
    ],
)
def test_what_cannot_be_gets_one_sentence(frame, url_column, options, sentence, tmp_path):
    with pytest.raises(UsageError, match=sentence) as raised:
        tag_images(frame, url_column, **{"store": str(tmp_path), **options})
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "sources").exists()


def test_options_are_settings_as_python_has_them(tmp_path):
    given = {
        "source": "x",
        "operations": "detect_text, detect_labels",
        "metric": "a, b",
        "store": tmp_path,
        "region": None,
    }
    settings = read_keywords({**given, "blocked_names": ["www"]})
    assert settings.operations == ("detect_text", "detect_labels")
    assert settings.metric == ("a, b",)
    assert settings.blocked_names == ("www",)
    assert settings.store == str(tmp_path)
    assert read_keywords({"source": "x", "metric": ["a", "b"]}).metric == ("a", "b")


def test_a_result_shows_the_closing_summary_and_escapes_what_came_from_the_web():
    lines = (
        "2 rows, 1 link.",
        "Top labels: <script>alert(1)</script> (1).",
        "Published version 1.",
    )
    result = Result(FRAME, FRAME, FRAME, FRAME, FRAME, None, {}, "", lines)
    assert repr(result) == "\n".join(lines)
    page = result._repr_html_()
    assert "<strong>Published version 1.</strong>" in page
    assert "2 rows, 1 link." in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page


def test_importing_flows_imports_nothing_slow():
    slow = "{'pandas', 'pyarrow', 'prefect', 'pydantic'}"
    code = f"import image_tags, sys; print({slow} & set(sys.modules)); image_tags.tag_images"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"
