"""Sources and cells as people have them, through `image-tags run` to the published tables."""

import base64
import json

import pandas as pd
import pytest

from image_tags import read_tables, tag_images
from tests.support.command import image_tags
from tests.support.site import png


@pytest.fixture
def run(prefect_server, rekognition, tmp_path):
    """Run on a source; the command's result and the published tables."""
    env = {**prefect_server.env, **rekognition.environment()}
    store = str(tmp_path / "store")

    def run_on(name, data, *options, code=0):
        source = tmp_path / name
        source.write_bytes(data if isinstance(data, bytes) else data.encode())
        words = ["run", str(source), "--store", store, "--analyzer", "rekognition", "--json"]
        words += ["--operations", "detect_labels", "--allow-private-addresses", *options]
        done = image_tags(*words, env=env)
        assert done.code == code, done.err + done.out
        return done, read_tables(store) if code == 0 else {}

    return run_on


def cells_of(site):
    """Cells by name, each with the number of pictures behind it."""
    one, two = site.picture("/p/1.png", 1), site.picture("/p/w_3,h_4/2.png", 2)
    entity = site.picture("/p/640?width=640&s=x", 3)
    blanks = site.picture("/upload/My%20Photo%201.png", 4)
    host = one.removeprefix("http:")
    data = f"data:image/png;base64,{base64.b64encode(png(5)).decode()}"
    photo = f"Photo(previewUrl='{one}?small', fullUrl='{one}')"
    return {
        "numpy": (f"['{one}' '{two}']", 2),
        "array": (f"array(['{one}', '{two}'], dtype=object)", 2),
        "dataclass": (f"[{photo}, Video(thumbnailUrl='{two}', variants=[])]", 2),
        "dict": (f"[{{'type': 'photo', 'media_url_https': '{one}'}}]", 1),
        "objects": ([{"type": "photo", "media_url_https": one, "url": "https://t.co/x"}], 1),
        "unquoted": (f"[{one}, {two}]", 2),
        "postgres": (f"{{{one},{two}}}", 2),
        "semicolon": (f"{one};{two}", 2),
        "entity": (entity.replace("&", "&amp;"), 1),
        "json escape": (entity.replace("&", "\\u0026"), 1),
        "slashes": (one.replace("/", "\\/"), 1),
        "blanks": (blanks.replace("%20", " "), 1),
        "zero width": (f"\u200b{one}\u200b", 1),
        "byte order mark": (f"\ufeff{one}", 1),
        "direction marks": (f"\u202a{one}\u202c", 1),
        "typographic quotes": (f"\u201c{one}\u201d", 1),
        "angle brackets": (f"<{one}>", 1),
        "markdown": (f"![x]({one})", 1),
        "full stop": (f"{one}.", 1),
        "bracket": (f"{one})", 1),
        "prose": (f"Look at this {one} and (see {two}).", 2),
        "protocol-relative": (host, 1),
        "data": (data, 1),
        "words": ("not a url", 0),
        "number": (42, 0),
        "empty": (None, 0),
    }


def test_each_link_of_each_cell_is_tagged(run, site):
    cells = cells_of(site)
    lines = [json.dumps({"name": name, "media": cell}) for name, (cell, _) in cells.items()]
    done, tables = run("cells.jsonl", "\n".join([*lines, '{"name": "typo", "media": "htp:/x"}']))
    tagged = tables["tagged"]
    found = {
        name: (sorted(set(rows["status"])), len(rows)) for name, rows in tagged.groupby("name")
    }
    assert found.pop("typo") == (["rejected"], 1)
    assert found == {
        name: (["tagged"], links) if links else (["no_link"], 1)
        for name, (_, links) in cells.items()
    }
    assert done.summary["reasons"] == {"invalid_url": 1}
    assert done.summary["images"] == 5
    assert site.asked["/p/640?width=640&s=x"] == 2, "by the entity and by the JSON escape"
    assert site.asked["/p/640?width=640&amp;s=x"] == 1, "first as it is written"


@pytest.mark.parametrize(
    ("name", "form", "guess"),
    [
        ("t.txt", "{0}\n{1}\n", "the first line holds a link, so it is data"),
        ("t.tsv", "a cat\t{0}\na dog\t{1}\n", "the columns are called 'column_1', 'column_2'"),
        ("t.csv", "id|u\n1|{0}\n2|{1}\n", "the delimiter is the bar"),
        ("t.csv", "sep=;\nid;u\n1;{0}\n2;{1}\n", "the delimiter is the semicolon"),
        ("t.csv", 'id,t,u\n1,"\\"vote, now\\"",{0}\n2,x,{1}\n', "escaped by backslashes"),
        ("t.csv", "id,u\n1,{0}\n2\0,{1}\n", "1 nul character was dropped"),
        ("t.csv", '"n","u"\n"1",5,"{0}"\n"2",6,"{1}"\n', "row names, as r writes"),
        ("t.csv", "url,photo\n{0}/post.html,{0}\n{1}/post.html,{1}\n", "from the column 'photo'"),
    ],
)
def test_guesses_are_in_the_summary_and_every_row_is_tagged(run, site, name, form, guess):
    links = [site.picture("/p/1.png?fill=w_3,h_4", 1), site.picture("/p/2.png", 2)]
    if "," in form:
        links[0] = site.picture("/p/1.png", 1)
    done, tables = run(name, form.format(*links))
    assert guess in " ".join(done.summary["remarks"]).lower()
    assert guess in done.err.lower()
    images = tables["images"]
    assert images["url"].tolist() == links
    assert images["status"].tolist() == ["tagged", "tagged"]


def test_a_utf_16_table_with_tabs_called_csv(run, site):
    link = site.picture("/p/1.png", 1)
    _, tables = run("t.csv", f"id\tlink\n1542657904481796104\t{link}\n".encode("utf-16"))
    tagged = tables["tagged"]
    assert tagged["id"].tolist() == [1542657904481796104]
    assert tagged.merge(pd.DataFrame({"id": [1542657904481796104], "n": [1]}))["n"].tolist() == [1]


def test_a_twitter_archive(run, site):
    links = [site.picture(f"/p/{n}.png", n) for n in (1, 2)]
    media = [{"media_url_https": link} for link in links]
    tweets = [{"tweet": {"id_str": "9", "extended_entities": {"media": media}}}]
    _, tables = run("tweets.js", f"window.YTD.tweets.part0 = {json.dumps(tweets)}")
    assert tables["images"]["url"].tolist() == links


@pytest.mark.parametrize("rows", [[], ["1,", "2,n/a"]], ids=["no rows", "no link"])
def test_a_batch_with_nothing_in_it_is_published_with_a_remark(run, site, tmp_path, rows):
    link = site.picture("/p/1.png", 1)
    run("t.csv", f"id,media\n1,{link}\n")
    done, tables = run("t.csv", "\n".join(["id,media", *rows, ""]), "--metric", "id")
    assert done.summary["published"]
    assert (done.summary["rows"], done.summary["links"]) == (len(rows), 0)
    assert tables["images"]["status"].tolist() == ["no_link"] * len(rows)
    assert list(tables["tagged"].columns)[:2] == ["id", "media"]
    assert len(tables["tags_long"]) == len(tables["tags_wide"]) == 0
    remark = "No row has a link" if rows else "The source has no rows: the tables are empty."
    assert remark in " ".join(done.summary["remarks"])
    assert "report.html" in {path.name for path in (tmp_path / "store").rglob("*.html")}


def test_a_frame_without_rows_gives_empty_tables(prefect_server, tmp_path, monkeypatch):
    for name, value in prefect_server.env.items():
        monkeypatch.setenv(name, value)
    frame = pd.DataFrame({"id": [1, 2], "media": ["http://127.0.0.1/1.png", None]}).iloc[:0]
    result = tag_images(frame, store=tmp_path, operations=["detect_text"])
    assert list(result.tagged.columns)[:2] == ["id", "media"]
    assert len(result.images) == len(result.tagged) == len(result.tags_long) == 0


def test_columns_that_may_be_meant_are_named(run):
    text = "photo_a,photo_b\nhttp://a.example/1.jpg,http://a.example/2.jpg\n"
    done, _ = run("t.csv", text, code=2)
    assert "not clear which leads to the pictures: 'photo_a', 'photo_b'" in done.err
    assert "--url-column" in done.err
