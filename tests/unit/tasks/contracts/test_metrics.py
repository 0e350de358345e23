"""Metrics: numeric columns of any type, and one sentence for anything else."""

import pyarrow as pa
import pytest

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.metrics import check_metrics, read_clusters, read_metric


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, None]),
        pa.array([1.0, float("nan")]),
        pa.array([True, None]),
        pa.array(["1", None]),
        pa.array(["1e0", None], pa.large_string()),
        pa.array([1, None], pa.decimal128(5, 0)),
        pa.array([1, None], pa.uint8()),
    ],
)
def test_numbers_of_any_type_are_numbers(column):
    assert read_metric(pa.table({"likes": column}), "likes").tolist() == pytest.approx(
        [1.0, float("nan")], nan_ok=True
    )


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (pa.array(["many", "1"]), "'likes' holds text that is no number"),
        (pa.array([None, None]), r"'likes' is not numeric \(null\)"),
        (pa.array([[1], [2]]), "'likes' is not numeric"),
        (pa.array([0, 1], pa.timestamp("s")), "'likes' is not numeric"),
        (pa.array([b"1", b"2"]), "'likes' is not numeric"),
    ],
)
def test_a_metric_that_is_not_numeric_is_one_sentence(column, says):
    with pytest.raises(UsageError, match=says):
        read_metric(pa.table({"likes": column}), "likes")


def test_a_metric_that_is_no_column_is_one_sentence():
    with pytest.raises(UsageError, match="no column called 'hearts'"):
        check_metrics(pa.table({"likes": [1]}), ["likes", "hearts"])


def test_metrics_that_can_be_compared_by_are_let_through():
    check_metrics(pa.table({"likes": [1]}), ["likes"])


def test_a_misspelt_metric_gets_a_suggestion():
    with pytest.raises(UsageError, match="Did you mean 'likes'"):
        check_metrics(pa.table({"likes": [1]}), ["like"])


def test_a_cluster_column_may_be_of_any_type_and_must_exist():
    source = pa.table({"likes": [1, 2], "author": [7, None]})
    assert read_clusters(source, "author") == ["7", None]
    assert read_clusters(source, None) is None
    with pytest.raises(UsageError, match="no column called 'writer' to group rows by"):
        check_metrics(source, ["likes"], "writer")
