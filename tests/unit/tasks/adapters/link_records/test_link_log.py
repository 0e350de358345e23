"""Link records come back as they were written, at a cost that does not grow with their number."""

import time
from collections import Counter
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.link_records import LinkLog, LinkRecord
from image_tags.tasks.adapters.link_records.record import record_outcome
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Fetched, Picture
from image_tags.tasks.contracts.settings import FetchSettings
from image_tags.tasks.ingest.step import iterate_settled

SETTINGS = FetchSettings()
URL = "https://example.com/a.jpg"
PICTURE = Picture("ab" * 32, "images/ab/x.jpg", 10, 100, 90)

utf8 = st.text(st.characters(codec="utf-8"))
moments = st.integers(0, 10**10).map(float)
pictures = st.builds(
    Picture,
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=5),
    utf8,
    *[st.integers(0, 2**31 - 1)] * 3,
)
optional = st.none() | utf8


@st.composite
def records(draw):
    reason = draw(st.none() | st.sampled_from(Reason))
    picture = draw(st.none() | pictures if reason else pictures)
    outcome = draw(
        st.builds(
            Fetched,
            url=utf8,
            picture=st.just(picture),
            format=optional,
            bytes=st.none() | st.integers(0, 10**12),
            reason=st.just(reason),
            detail=optional,
            etag=optional,
            last_modified=optional,
            time=moments,
        )
    )
    attempts, first = draw(st.integers(0, 1000)), draw(st.none() | moments)
    return LinkRecord(outcome, draw(utf8), attempts, first, draw(optional), draw(optional))


def test_the_last_pictures_are_those_of_the_newest_hosts(tmp_path):
    with closing(LinkLog(FolderStore(str(tmp_path)))) as log:
        assert log.find_last_pictures() == []
        for number, host in enumerate("abcdab"):
            url = f"http://{host}.example/{number}.jpg"
            log.add(record_outcome(Fetched(url, PICTURE, time=float(number)), SETTINGS))
        gone = Fetched("http://e.example/9.jpg", reason=Reason.NOT_FOUND, time=9.0)
        log.add(record_outcome(gone, SETTINGS))
        log.flush()
        found = [one.url for one in log.find_last_pictures(3)]
    assert found == [f"http://{name}.jpg" for name in ("b.example/5", "a.example/4", "d.example/3")]


class CountingStore(FolderStore):
    """Counts what is asked of it."""

    def __init__(self, folder):
        super().__init__(folder)
        self.asked = Counter()

    def read(self, key):
        self.asked["read"] += 1
        return super().read(key)

    def size(self, key):
        self.asked["size"] += 1
        return super().size(key)

    def list_sizes(self, prefix):
        self.asked["list"] += 1
        return super().list_sizes(prefix)


def good(number, fetched=0.0):
    picture = Picture(f"{number:064x}", f"images/00/{number}.jpg", 10, 100, 90)
    return Fetched(f"https://example.com/{number}.jpg", picture, "JPEG", 10, time=fetched)


def fill(store, outcomes):
    log = LinkLog(store)
    for outcome in outcomes:
        log.add(record_outcome(outcome, SETTINGS))
    log.close()


@given(st.lists(records(), unique_by=lambda record: record.outcome.url, max_size=5))
def test_every_record_is_read_back_as_it_was(tmp_path_factory, many):
    store = FolderStore(str(tmp_path_factory.mktemp("store")))
    log = LinkLog(store)
    for record in many:
        log.add(record)
    log.close()
    urls = [record.outcome.url for record in many]
    assert LinkLog(store).find(urls) == {record.outcome.url: record for record in many}
    assert LinkLog(store).find([url + "?" for url in urls if url + "?" not in urls]) == {}


def test_the_newest_record_counts_also_in_memory(tmp_path):
    store = FolderStore(str(tmp_path))
    fill(store, [good(1)])
    log = LinkLog(store)
    (record,) = log.find([good(1).url]).values()
    log.keep_in_memory(record)
    gone = record_outcome(Fetched(good(1).url, reason=Reason.NOT_FOUND), SETTINGS)
    log.add(gone)
    assert log.find([good(1).url]) == {good(1).url: gone}
    log.close()
    assert LinkLog(store).find([good(1).url]) == {good(1).url: gone}


@pytest.mark.parametrize(
    "url", ["https://example.com/\ud800", "data:image/png;base64," + "A" * 9000]
)
def test_links_that_have_no_record_are_asked_each_time(tmp_path, url):
    log = LinkLog(FolderStore(str(tmp_path)))
    log.add(record_outcome(Fetched(url, reason=Reason.INVALID_URL), SETTINGS))
    log.close()
    assert log.find([url, URL]) == {}


def test_text_of_a_server_that_is_no_utf8_does_not_stop_others(tmp_path):
    store = FolderStore(str(tmp_path))
    odd = Fetched(URL, reason=Reason.HTTP_ERROR, detail="half \ud800 pair", time=1.0)
    fill(store, [odd, good(1)])
    assert LinkLog(store).find([URL])[URL].outcome.detail == "half ? pair"


def test_two_runs_at_the_same_time_lose_nothing(tmp_path):
    stores = [FolderStore(str(tmp_path)) for _ in range(2)]
    logs = [LinkLog(store) for store in stores]
    for log in logs:
        assert log.find([good(n).url for n in range(30)]) == {}
    for number in range(30):
        for log, mine in zip(logs, ((0, 20), (10, 30)), strict=True):
            if mine[0] <= number < mine[1]:
                log.add(record_outcome(good(number), SETTINGS))
    for log in logs:
        log.close()
    assert len(LinkLog(stores[0]).find([good(n).url for n in range(30)])) == 30


def test_a_damaged_segment_costs_only_its_own_records(tmp_path):
    store = FolderStore(str(tmp_path))
    fill(store, [good(1)])
    (key,) = store.list_sizes("links/")
    fill(store, [good(2)])
    for other in store.list_sizes("links/"):
        if other != key:
            store.write("keep", store.read(other), "x")
    store.delete_all(list(store.list_sizes("links/")))
    store.write(key, b"no parquet", "x")
    store.write(key.replace(".parquet", "x.parquet"), store.read("keep"), "x")
    assert good(2).url in LinkLog(store).find([good(1).url, good(2).url])


def test_ten_thousand_known_links_take_a_second_and_hardly_a_request(tmp_path):
    fill(FolderStore(str(tmp_path)), (good(n, fetched=1000.0) for n in range(10_000)))
    store = CountingStore(str(tmp_path))
    urls = [good(n).url for n in range(10_000)] + ["https://example.com/new.jpg"]
    began = time.process_time()
    parts = list(iterate_settled(urls, LinkLog(store), SETTINGS, 1001.0, part_size=3_000))
    assert time.process_time() - began < 3  # about 0.5 s on a quiet machine
    assert [len(part) for part in parts] == [3_000, 3_000, 3_000, 1_000]
    assert {one.url for part in parts for one in part} == set(urls[:-1])
    assert sum(store.asked.values()) < 10


def test_links_that_must_be_asked_again_are_not_settled_and_stay_in_memory(tmp_path):
    fill(FolderStore(str(tmp_path)), [good(1, fetched=0.0), good(2, fetched=1e6)])
    store = CountingStore(str(tmp_path))
    log = LinkLog(store)
    urls = [good(1).url, good(2).url]
    ((settled,),) = iterate_settled(urls, log, SETTINGS, 1e6)
    assert settled.url == good(2).url
    before = sum(store.asked.values())
    assert log.find([good(1).url])[good(1).url].outcome == good(1)
    assert sum(store.asked.values()) == before
