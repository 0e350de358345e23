"""One contract, two stores: a folder and a real S3 server."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.adapters.store.store import JSON, NotInStore
from image_tags.tasks.contracts.settings import StoreSettings
from tests.support.s3_server import BUCKET


def race(n, move):
    """Let n threads make the same move at the same time; the list of what they got."""
    start = threading.Barrier(n)

    def one(i):
        start.wait()
        return move(i)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(one, range(n)))


class TestContract:
    def test_reads_back_what_was_written(self, store):
        store.write("a/b.json", b"old", JSON)
        store.write("a/b.json", b"\x00new", JSON)
        assert store.read("a/b.json") == b"\x00new"
        assert store.exists("a/b.json")

    def test_an_empty_object_is_an_object(self, store):
        store.write("empty", b"", "text/plain")
        assert store.read("empty") == b""
        assert store.exists("empty")

    def test_what_need_not_last_is_put_all_the_same_and_counted(self, store):
        assert store.size("images/1.jpg") is None
        assert store.add("images/1.jpg", b"123", JSON, durable=False)
        assert not store.add("images/1.jpg", b"12345", JSON, durable=False)
        assert store.size("images/1.jpg") == 3
        store.write("images/1.jpg", b"12345", JSON, durable=False)
        assert store.size("images/1.jpg") == 5

    def test_takes_large_objects(self, store):
        data = bytes(range(256)) * 70_000  # 17.9 MB, more than any picture
        store.write("large", data, "application/octet-stream")
        assert store.read("large") == data

    def test_files_go_in_and_come_out_as_they_are(self, store, tmp_path):
        given, folder = tmp_path / "given", tmp_path / "folder"
        folder.mkdir()
        given.write_bytes(bytes(range(256)) * 70_000)
        store.put_file("files/one", given, "application/octet-stream")
        assert store.read("files/one") == given.read_bytes()
        assert store.fetch_file("files/one", folder).read_bytes() == given.read_bytes()
        with pytest.raises(NotInStore):
            store.fetch_file("files/two", folder)

    def test_a_copy_is_an_object_of_its_own(self, store):
        store.write("copies/one", b"old", JSON)
        store.copy("copies/one", "copies/two")
        store.write("copies/one", b"new", JSON)
        assert store.read("copies/two") == b"old"
        with pytest.raises(NotInStore):
            store.copy("copies/none", "copies/three")
        assert not store.exists("copies/three")

    def test_says_what_is_missing(self, store):
        with pytest.raises(NotInStore):
            store.read("not/there")
        assert not store.exists("not/there")
        assert store.read_tagged("not/there") is None
        assert list(store.keys("not/")) == []

    def test_a_prefix_of_keys_is_no_object(self, store):
        store.write("a/b/c", b"1", JSON)
        assert not store.exists("a/b")
        with pytest.raises(NotInStore):
            store.read("a/b")

    def test_adds_only_where_nothing_is(self, store):
        assert store.add("k", b"first", JSON)
        assert not store.add("k", b"second", JSON)
        assert store.read("k") == b"first"

    def test_of_many_who_add_one_wins(self, store):
        for n in range(3):
            won = race(4, lambda i, n=n: store.add(f"race/{n}", f"{i}".encode(), JSON))
            assert won.count(True) == 1
            assert store.read(f"race/{n}") == f"{won.index(True)}".encode()

    def test_deletes_and_does_not_mind_what_is_gone(self, store):
        store.write("k", b"1", JSON)
        store.delete("k")
        store.delete("k")
        assert not store.exists("k")
        assert store.add("k", b"2", JSON)

    def test_deletes_many_at_once(self, store):
        for n in range(5):
            store.write(f"many/{n}", b"1", JSON)
        store.delete_all(f"many/{n}" for n in (0, 2, 4, 99))
        assert list(store.keys("many/")) == ["many/1", "many/3"]
        store.delete_all([])

    def test_lists_the_keys_below_a_prefix_in_order(self, store):
        keys = ["p/a/1", "p/a/10", "p/a/2", "p/b", "p/B", "p/ä ö+&%.txt", "pp/x", "q"]
        for key in keys:
            store.write(key, b"1", JSON)
        assert list(store.keys("p/")) == sorted(key for key in keys if key.startswith("p/"))
        assert list(store.keys("p/a/")) == ["p/a/1", "p/a/10", "p/a/2"]
        for key in keys:
            assert store.read(key) == b"1"

    def test_lists_sizes(self, store):
        for key in ["p/b", "p/a/1", "q"]:
            store.write(key, key.encode(), JSON)
        assert store.list_sizes("p/") == {"p/a/1": 5, "p/b": 3}
        assert list(store.list_sizes("p/")) == ["p/a/1", "p/b"]
        assert store.list_sizes("missing/") == {}

    def test_a_listing_shows_an_object_or_what_replaced_it(self, store):
        over = threading.Event()

        def list_all_the_time():
            looks = 0
            while not over.is_set():
                assert store.list_sizes("chain/"), "neither the old one nor the new one"
                looks += 1
            return looks

        store.write("chain/000", b"1", JSON)
        with ThreadPoolExecutor(3) as pool:
            looking = [pool.submit(list_all_the_time) for _ in range(2)]
            try:
                for n in range(1, 150):
                    store.write(f"chain/{n:03}", b"1", JSON)
                    store.delete_all([f"chain/{n - 1:03}"])
            finally:
                over.set()
            assert all(look.result() for look in looking)

    def test_reads_a_range(self, store):
        store.write("k", b"0123456789", JSON)
        assert store.read_range("k", 0, 4) == b"0123"
        assert store.read_range("k", 6, 100) == b"6789"
        with pytest.raises(NotInStore):
            store.read_range("missing", 0, 1)

    def test_lists_more_than_a_page(self, store):
        keys = [f"many/{n:05}" for n in range(1003)]
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: store.write(key, b"", JSON), keys))
        assert list(store.keys("many/")) == keys
        assert list(store.list_sizes("many/")) == keys

    def test_swaps_only_what_is_still_the_same(self, store):
        assert store.swap("pointer", b"1", JSON, None)
        assert not store.swap("pointer", b"x", JSON, None)
        data, token = store.read_tagged("pointer")
        assert data == b"1"
        assert store.swap("pointer", b"2", JSON, token)
        assert not store.swap("pointer", b"x", JSON, token)
        assert store.read("pointer") == b"2"
        _, token = store.read_tagged("pointer")
        store.delete("pointer")
        assert not store.swap("pointer", b"x", JSON, token)
        assert not store.exists("pointer")

    def test_of_many_who_swap_in_the_first_version_one_wins(self, store):
        assert race(4, lambda i: store.swap("first", f"{i}".encode(), JSON, None)).count(True) == 1

    def test_is_writable(self, store):
        store.check_writable()
        assert list(store.keys(".check/")) == []

    @pytest.mark.parametrize("key", ["../out", "a/../../out", "/etc/passwd"])
    def test_no_key_leads_out_of_it(self, store, key):
        with pytest.raises(ValueError, match="not a key"):
            store.write(key, b"1", JSON)
        with pytest.raises(ValueError, match="not a key"):
            store.read(key)

    def test_says_where_an_object_lies(self, store):
        assert store.locate("images/ab/x.jpg") == f"{store.address}/images/ab/x.jpg"
        assert not store.address.endswith("/")
        where = store.bucket_and_key("images/ab/x.jpg")
        if isinstance(store, FolderStore):
            assert where is None
        else:
            assert where is not None
            assert f"s3://{where[0]}/{where[1]}" == store.locate("images/ab/x.jpg")

    def test_many_threads_share_it(self, store):
        def one(n):
            key = f"threads/{n}"
            store.write(key, key.encode(), JSON)
            return store.read(key) == key.encode()

        with ThreadPoolExecutor(32) as pool:
            assert all(pool.map(one, range(200)))


def test_a_whole_bucket_is_a_store(s3):
    bucket = f"b-{uuid.uuid4().hex}"
    s3.create_bucket(bucket)
    store = open_store(StoreSettings(store=f"s3://{bucket}"))
    store.check_writable()
    store.write("a/b", b"1", JSON)
    assert list(store.keys("a/")) == ["a/b"]
    assert store.read("a/b") == b"1"
    assert store.locate("a/b") == f"s3://{bucket}/a/b"


def test_what_is_put_has_its_type_class_and_encryption(s3):
    settings = StoreSettings(store=f"s3://{BUCKET}/kept", sse="AES256", storage_class="STANDARD_IA")
    store = S3Store(settings)
    store.add("images/ab/x.jpg", b"1", "image/jpeg")
    about = store.client.head_object(Bucket=BUCKET, Key="kept/images/ab/x.jpg")
    assert (about["ContentType"], about["StorageClass"]) == ("image/jpeg", "STANDARD_IA")
    assert about["ServerSideEncryption"] == "AES256"
