"""What `tag_images` says before anything is run, and how a result looks."""

import inspect
import subprocess
import sys

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from image_tags import plan_images, tag_images
from image_tags.flows.cli_options import read_keywords
from image_tags.flows.notebook import Result
from image_tags.tasks.contracts.errors import StopRun, UsageError

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
        (FRAME, None, {"metric": "like"}, "Did you mean 'likes'"),
        (FRAME, None, {"max_cots": 1}, "no setting 'max_cots'; did you mean 'max_cost'"),
        (FRAME, None, {"max_cost": "much"}, r"max_cost: .*\(given: 'much'\)"),
        (FRAME, None, {"operations": [1]}, "operations: "),
        (FRAME, None, {"operations": ["detect_cats"]}, "no operation 'detect_cats'"),
        (FRAME, None, {"source": "t.csv"}, "the frame is the source"),
        (FRAME, None, {"store": "ftp://x"}, "neither a folder nor s3://"),
        (FRAME, None, {"people": "nobody"}, "people folder 'nobody' does not exist"),
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
    result = Result(FRAME, FRAME, FRAME, FRAME, FRAME, FRAME, None, {}, "", lines)
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


def test_an_interrupted_cell_gets_one_sentence(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("image_tags.flows.notebook.launch_run", interrupt)
    with pytest.raises(StopRun, match="Nothing is lost; run the cell again") as raised:
        tag_images(FRAME, "media", store=str(tmp_path))
    assert raised.value._render_traceback_() == [
        "StopRun: Interrupted. Nothing is lost; run the cell again."
    ]


def test_a_notebook_shows_an_error_as_one_line():
    shell = InteractiveShell.instance()
    with pytest.raises(UsageError) as raised:
        tag_images(FRAME, nope=1)
    shown = []
    shell._showtraceback = lambda _type, _value, lines: shown.extend(lines)
    shell.showtraceback((raised.type, raised.value, raised.tb))
    assert shown == ["UsageError: There is no setting 'nope'."]


def test_every_setting_is_a_keyword_with_its_type():
    for function in (tag_images, plan_images):
        signature = inspect.signature(function)
        assert list(signature.parameters)[:2] == ["frame", "url_column"]
        assert {"store", "metric", "max_cost", "effect_cluster"} <= set(signature.parameters)
        assert "source" not in signature.parameters
        assert signature.parameters["store"].annotation is str
        assert signature.parameters["store"].default == "image-tags-store"


def test_a_plan_makes_no_run_and_reads_as_sentences(tmp_path):
    store = tmp_path / "store"
    planned = plan_images(FRAME, "media", fetch=False, store=str(store))
    assert repr(planned).startswith("2 rows, 1 link")
    assert planned.as_json()["links"] == 1
    assert not (store / "runs").exists()
    assert not (store / "published").exists()


def test_a_report_shows_in_a_frame_of_its_own():
    page = '<script>alert("1")</script>'
    result = Result(FRAME, FRAME, FRAME, FRAME, FRAME, FRAME, None, {}, page, ("Done.",))
    shown = result.show_report(height=500)._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "height: 500px" in shown
    assert "<script" not in shown


def test_a_results_matrix_has_the_index_of_the_frame():
    index = pd.Index(["x", "y", "x"], name="tweet")
    links = {"row": [0, 1, 2, 2], "status": ["tagged", "no_link", "tagged", "tagged"]}
    images = pd.DataFrame(
        {**links, "image_id": ["a", None, "a", "b"]}, index=index.take([0, 1, 2, 2])
    )
    tags = pd.DataFrame(
        {
            "image_id": ["a", "b", "b"],
            "kind": ["label", "label", "word"],
            "name": ["Cat", "Dog", "sale"],
            "confidence": [90.0, 80.0, 70.0],
            "instances": [1, 0, None],
        }
    )
    rows = FRAME.take([0, 1, 0]).set_axis(index)
    result = Result(images, tags, tags, tags, rows, rows, None, {}, "", ())
    matrix = result.tags_matrix("label")
    assert matrix.index.tolist() == ["x", "x"]
    assert matrix.index.name == "tweet"
    assert matrix.to_dict("list") == {"Cat": [1, 1], "Dog": [0, 1]}
    assert result.tags_matrix("word", "image").index.tolist() == ["a", "b"]
