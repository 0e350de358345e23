"""JSON as people have it: archives, answers of APIs, what pandas and jq write."""

import gzip
import json

import pytest

from image_tags.tasks.adapters.files.tables import read_table
from image_tags.tasks.contracts.errors import UsageError

A, B = "http://a.example/1.jpg", "http://a.example/2.jpg"
MEDIA = [{"media_url_https": A, "url": "https://t.co/x"}, {"media_url": B}]


def read(document, name="t.json"):
    text = document if isinstance(document, str) else json.dumps(document)
    found = read_table(name, text.encode())
    return found.table.to_pylist(), " ".join(found.remarks)


@pytest.mark.parametrize("name", ["tweets.js", "tweets.json", "tweets.txt", "tweet.js.gz"])
@pytest.mark.parametrize("begin", ["window.YTD.tweets.part0 = ", "window.YTD.tweet.part12=", ""])
def test_a_twitter_archive_is_a_table_of_tweets_with_their_media(name, begin):
    if not begin and name == "tweets.txt":
        return
    tweets = [
        {"tweet": {"id_str": "1", "full_text": "hi", "extended_entities": {"media": MEDIA}}},
        {"tweet": {"id_str": "2", "full_text": "no", "entities": {"media": [{"media_url": A}]}}},
        {"tweet": {"id_str": "3", "full_text": "none", "entities": {"hashtags": []}}},
    ]
    data = f"{begin}{json.dumps(tweets, indent=2)};\n".encode() if begin else json.dumps(tweets)
    if not begin:
        data = data.encode()
    data = gzip.compress(data) if name.endswith("gz") else data
    found = read_table(name, data)
    rows = found.table.to_pylist()
    assert [row["id_str"] for row in rows] == ["1", "2", "3"]
    assert [row["media"] for row in rows] == [[A, B], [A], []]
    assert found.remarks == (
        "Each row is the object 'tweet'.",
        "The column 'media' holds the links of each post's media objects.",
    )


def test_an_answer_of_twitters_api_with_its_media_apart():
    document = {
        "data": [
            {"id": "1", "attachments": {"media_keys": ["3_1", "3_2"]}},
            {"id": "2", "attachments": {"media_keys": ["7_1"]}},
            {"id": "3"},
        ],
        "includes": {
            "media": [
                {"media_key": "3_1", "type": "photo", "url": A},
                {"media_key": "3_2", "type": "photo", "url": B},
                {"media_key": "7_1", "type": "video", "preview_image_url": B},
            ]
        },
        "meta": {"result_count": 3},
    }
    rows, remarks = read(document)
    assert [row["media"] for row in rows] == [[A, B], [B], []]
    assert "The rows are the list 'data'" in remarks


def test_answers_of_an_api_one_per_line():
    """As twarc2 writes pages, and as the filtered stream sends posts."""
    media = [{"media_key": "k", "url": A}]
    page = {
        "data": [{"id": "1", "attachments": {"media_keys": ["k"]}}, {"id": "2"}],
        "includes": {"media": media, "users": [{"id": "9", "url": B}]},
    }
    post = {"data": {"id": "4", "attachments": {"media_keys": ["k"]}}, "includes": page["includes"]}
    lines = [page, {"data": [{"id": "3"}], "meta": {}}, {"meta": {"result_count": 0}}, post]
    rows, remarks = read("\n".join(map(json.dumps, lines)), "t.jsonl")
    assert [(row["id"], row["media"]) for row in rows] == [
        ("1", [A]),
        ("2", []),
        ("3", []),
        ("4", [A]),
    ]
    assert "its rows are in 'data'" in remarks
    assert read(post)[0] == read(post, "t.jsonl")[0] == [rows[3]]


@pytest.mark.parametrize("name", ["t.csv", "t.txt", "t"])
def test_json_is_known_by_its_first_line_whatever_the_name(name):
    rows = [{"id": 1, "u": A}, {"id": 2, "u": B}]
    for text in (json.dumps(rows), json.dumps(rows, indent=2), "\n".join(map(json.dumps, rows))):
        found, remarks = read(text, name)
        assert found == rows
        assert ("The file holds JSON" in remarks) == (name == "t.csv")
    assert read(json.dumps([A, B]), name)[0] == [{"url": A}, {"url": B}]
    array = f'{{"{A}","{B}"}}\n'
    assert [row["url"] for row in read(f"url\n{array}", "t.csv")[0]] == [array.strip()]


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        ({"data": [{"u": A}, {"u": B}], "paging": {"next": "x"}}, [{"u": A}, {"u": B}]),
        ({"count": 2, "results": [{"u": A}]}, [{"u": A}]),
        (
            {"kind": "Listing", "data": {"children": [{"kind": "t3", "data": {"u": A}}]}},
            [{"u": A}],
        ),
        (
            {
                "type": "FeatureCollection",
                "features": [{"type": "Feature", "properties": {"u": A}}],
            },
            [{"u": A}],
        ),
        ({"data": {"posts": {"edges": [{"node": {"u": A}}]}}}, [{"u": A}]),
        ({"hits": {"total": 1, "hits": [{"_id": "1", "_source": {"u": A}}]}}, [{"u": A}]),
        ({"u": {"0": A, "1": B}, "n": {"0": 1, "1": 2}}, [{"u": A, "n": 1}, {"u": B, "n": 2}]),
        ({"u": [A, B], "n": [1, 2]}, [{"u": A, "n": 1}, {"u": B, "n": 2}]),
        (
            {"columns": ["u", "n"], "index": [0, 1], "data": [[A, 1], [B, 2]]},
            [{"u": A, "n": 1}, {"u": B, "n": 2}],
        ),
        ({"u": A, "n": 1}, [{"u": A, "n": 1}]),
        ({"u": A, "tags": ["a", "b"]}, [{"u": A, "tags": ["a", "b"]}]),
        ([A, B], [{"url": A}, {"url": B}]),
        ({"results": []}, []),
        ([], []),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_rows_are_found_where_apis_and_tools_keep_them(document, rows, indent):
    assert read(json.dumps(document, indent=indent))[0] == rows


def test_objects_over_several_lines_follow_one_another():
    text = "\n".join(json.dumps({"u": link, "n": [1]}, indent=2) for link in (A, B))
    assert read(text)[0] == read(text, "t.jsonl")[0] == [{"u": A, "n": [1]}, {"u": B, "n": [1]}]


@pytest.mark.parametrize(
    "row", [{"media": [{"url": A}]}, {"data": [{"u": A}]}, {"u": A}, {"tweet": {"u": A}, "n": 1}]
)
def test_one_object_per_line_is_one_row(row):
    assert read(row, "t.jsonl")[0] == [row]


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"accounts": [{"a": 1}], "x": {"y": 2}}, "one nested JSON object.*'accounts', 'x'"),
        ({"posts": [{"a": 1}], "items": [{"b": 2}]}, "nested.*it has 'posts', 'items'.*JSON Lines"),
        ([1, 2], "record 1 is not an object"),
        ([[1], [2]], "record 1 is not an object"),
        ("{not json}", "is not JSON Lines"),
        ("5", "record 1 is not an object"),
        ('{"a": 1}\n{"a": ', "is not JSON Lines"),
        ("[" * 100_000, "is not JSON Lines"),
        ("window.x = [1", "is not JSON Lines"),
        (f'{{"u": "{A}"}}\n\n{{"u": "{A}', "Unterminated string starting at: line 3 column 7"),
    ],
)
def test_other_json_is_named_in_one_sentence(document, sentence):
    with pytest.raises(UsageError, match=sentence) as raised:
        read(document)
    assert "\n" not in str(raised.value)
