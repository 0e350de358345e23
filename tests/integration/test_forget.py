"""Forgetting someone after real runs on a real S3 server: no byte of the store speaks of them."""

import hashlib
import uuid

import pandas as pd
import pytest

from image_tags import read_tables, tag_images
from image_tags.tasks.adapters.files.tables import parquet_table
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.contracts.settings import StoreSettings
from tests.support.command import image_tags
from tests.support.s3_server import BUCKET
from tests.support.site import Answer, png

ANN = "ann-the-author"
OPTIONS = {
    "analyzer": "rekognition",
    "operations": ["detect_labels", "detect_text"],
    "allow_private_addresses": True,
    "effect_min_rows": 2,
    "metric": ["likes"],
    "csv": True,
    "task_retries": 0,
    "fetch_retries": 0,
}
SELFIE, MEME = (hashlib.sha256(png(n)).hexdigest() for n in (1, 2))


@pytest.fixture
def store(s3, prefect_server, rekognition, monkeypatch):
    """An empty store, in the environment that runs need."""
    for name, value in prefect_server.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_REKOGNITION", rekognition.url)
    return open_store(StoreSettings(store=f"s3://{BUCKET}/{uuid.uuid4().hex}"))


@pytest.fixture
def frame(site):
    """Ann's own picture under two links, one that bob shows too, and links that are dead or busy.

    The first of her rows has two links, one of them shared.
    """
    selfie, meme = site.picture("/ann/selfie.png", 1), site.picture("/meme.png", 2)
    site.answers["/ann/again.png"] = Answer(png(1), headers={"Content-Type": "image/png"})
    site.answers["/ann/busy.png"] = Answer(b"", 503)
    hers = [
        f"{selfie} {meme}",
        f"{site.url}/ann/again.png {site.url}/ann/gone.png",
        f"{site.url}/ann/busy.png",
    ]
    others = [meme, *(site.picture(f"/{n}.png", n) for n in range(3, 9))]
    authors = [ANN] * 3 + ["bob"] + [f"author {n}" for n in range(3, 9)]
    return pd.DataFrame({"author": authors, "media": hers + others, "likes": range(10)})


def read_everything(store):
    """Each key with all its bytes as text; of Parquet also the values and the footer."""
    texts = {}
    for key in store.keys(""):
        data = store.read(key)
        texts[key] = key + data.decode("utf-8", "replace")
        if key.endswith(".parquet"):
            table = parquet_table(data)
            texts[key] += f"{table.to_pylist()} {table.schema.metadata}"
    return texts


def find_places(texts, what):
    """The uppermost folders of the keys whose text has it."""
    return {key.split("/")[0] for key, text in texts.items() if what in text}


def test_nothing_of_a_person_is_left_and_all_of_the_others(store, frame):
    with pytest.warns(UserWarning, match="pending"):
        tag_images(frame.iloc[:9], "media", store=store.address, **OPTIONS)
    tag_images(frame, "media", store=store.address, **OPTIONS)
    before = read_everything(store)
    tables = {"published", "runs", "sources"}
    assert find_places(before, ANN) == tables
    assert find_places(before, "/ann/") == tables | {"links"}
    assert find_places(before, SELFIE) == {
        "published", "runs", "links", "images", "responses", "derived",
    }  # fmt: skip
    assert len([key for key in before if key.endswith("/tagged.parquet")]) == 4

    words = ["--store", store.address, "--row-value", f"author={ANN}"]
    planned = image_tags("forget", *words, "--dry-run")
    assert read_everything(store) == before
    done = image_tags("forget", *words)
    after = read_everything(store)
    for what in (ANN, "/ann/", SELFIE):
        assert find_places(after, what) == set()
    assert find_places(after, MEME) >= {"published", "images", "responses"}
    assert planned.out.replace("Would change or remove", "Changed or removed") == done.out
    for line in ("3 rows", "pictures: 1", "answers: 2", "link records: ", MEME):
        assert line in done.out
    for version in {key.split("/")[1] for key in after if key.endswith("/images.parquet")}:
        left = read_tables(store.address, version)
        assert set(left["rows"]["author"]) == set(left["tagged"]["author"]) != set()
        assert ANN not in set(left["rows"]["author"])
        assert left["images"]["row"].min() == 3

    again = tag_images(frame.iloc[3:], "media", store=store.address, **OPTIONS)
    assert {account["billed"] for account in again.summary["calls"].values()} == {0}
    assert len(again.rows) == 7
