"""Everything in a store is read; damage is named, and repaired where data can be had again."""

import hashlib
import io
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from image_tags.flows.store_verification import find_picture_problem, verify_store
from image_tags.tasks.adapters.pictures.verify import verify_picture
from image_tags.tasks.adapters.segments.names import new_name
from image_tags.tasks.adapters.segments.parquet_segments import encode_segment
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import JSON, PARQUET
from image_tags.tasks.contracts.settings import FetchSettings
from tests.support.site import png
from tests.support.synthetic import encoded

KEPT = png(1)
CONVERTED = png(2)
CONVERTED_JPEG = verify_picture(encoded("WEBP"), FetchSettings()).data


@pytest.fixture
def store(tmp_path):
    store = FolderStore(str(tmp_path))
    for image_id, data in ((hashlib.sha256(KEPT).hexdigest(), KEPT), ("ab" * 32, CONVERTED)):
        store.write(f"images/{image_id[:2]}/{image_id}.png", data, "image/png")
    store.write(f"images/cd/{'cd' * 32}.jpg", CONVERTED_JPEG, "image/jpeg")
    table = pa.table({"image_id": ["a"], "response": [random.Random(1).randbytes(20_000).hex()]})
    for prefix in ("responses/detect_labels-0123", "links", "derived/tags-1"):
        store.write(f"{prefix}/{new_name('me')}", encode_segment(table, {}), PARQUET)
    out = io.BytesIO()
    pq.write_table(table, out)
    store.write("published/v1/images.parquet", out.getvalue(), PARQUET)
    store.write("published/v1/summary.json", b'{"finished": "2026"}', JSON)
    pointer = {"version": "v1", "published": "2026", "tables": {}, "history": []}
    store.write("published/current.json", json.dumps(pointer).encode(), JSON)
    return store


def test_a_whole_store_has_no_damage(store):
    assert list(verify_store(store)) == []


def damage_of(store, repair=False):
    return {damage.key: damage for damage in verify_store(store, repair=repair)}


@pytest.mark.parametrize(
    "prefix", ["images/", "responses/", "links/", "derived/", "published/v1/i"]
)
@pytest.mark.parametrize("cut", [0, -30])
def test_what_is_empty_or_cut_is_named(store, prefix, cut):
    key = next(key for key in store.keys(prefix.rpartition("/")[0] + "/") if key.startswith(prefix))
    store.write(key, store.read(key)[: cut or 0], PARQUET)
    assert list(damage_of(store)) == [key]


def test_a_changed_byte_is_noticed_in_pictures_and_segments(store):
    for key in [*store.keys("images/"), *store.keys("responses/")]:
        data = bytearray(store.read(key))
        data[len(data) // 2] ^= 0x01
        store.write(key, bytes(data), PARQUET)
    assert len(damage_of(store)) == 4


def test_repair_removes_what_can_be_had_again_and_touches_nothing_else(store):
    picture, segment = next(store.keys("images/")), next(store.keys("responses/"))
    for key in (picture, segment):
        store.write(key, store.read(key)[:-30], PARQUET)
    others = [key for prefix in ("links/", "derived/", "published/") for key in store.keys(prefix)]
    before = {key: store.read(key) for key in others}
    repaired = damage_of(store, repair=True)
    assert set(repaired) == {picture, segment}
    assert repaired[picture].remedy == "Removed; no link to it is known."
    assert damage_of(store) == {}
    assert not store.exists(picture)
    assert store.exists(f"damaged/{segment}")
    assert {key: store.read(key) for key in others} == before


def test_a_converted_picture_is_judged_by_its_pixels():
    out = io.BytesIO()
    Image.new("RGB", (90, 90), "red").save(out, "JPEG")
    assert find_picture_problem("ab" * 32, out.getvalue()) is None
    assert "empty" in find_picture_problem("ab" * 32, b"")
    assert "decoded" in find_picture_problem("ab" * 32, b"nonsense")
