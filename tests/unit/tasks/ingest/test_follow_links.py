"""Each distinct link is asked once, and not again while what is known of it holds."""

import hashlib
import threading
from contextlib import closing

import pytest

from image_tags.tasks.adapters.link_records import LinkLog
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.web import Page
from image_tags.tasks.contracts.errors import Rejected, StopRun, Transient
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.settings import FetchSettings
from image_tags.tasks.ingest.follow_links import LinkFollower, follow_links
from tests.support.synthetic import encoded, numbered

JPEG = encoded("JPEG")
GIF = encoded("GIF", mode="P")
SETTINGS = FetchSettings(fresh_for=100, retry_rejected_after=1000, fetch_threads=4)


class Web:
    """Stands in for the web: a URL's page, or the error it raises."""

    def __init__(self, online=True, **pages):
        self.heard_anything = online
        self.pages = pages
        self.asked = []

    def fetch(self, url, etag=None, last_modified=None):
        self.asked.append((url, etag, last_modified))
        found = self.pages[url]
        if isinstance(found, Exception):
            raise found
        if isinstance(found, bytes):
            return Page(found, etag=None, last_modified=None)
        return found


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path / "store"))


def ingest(web, store, *urls, now=0.0, run="run", **changes):
    settings = SETTINGS.model_copy(update=changes)
    with closing(LinkLog(store)) as log:
        follower = LinkFollower(web, store, log, settings, run, lambda: now)
        return follow_links(urls, follower, 4, lambda _: None)


class TestOutcomes:
    def test_a_picture_is_stored_under_the_hash_of_what_was_downloaded(self, store):
        (one,) = ingest(Web(a=JPEG), store, "a", now=7.0)
        digest = hashlib.sha256(JPEG).hexdigest()
        assert one.picture.image_id == digest
        assert one.picture.key == f"images/{digest[:2]}/{digest}.jpg"
        assert store.read(one.picture.key) == JPEG
        assert (one.format, one.bytes, one.picture.size, one.reason, one.time) == (
            "JPEG",
            len(JPEG),
            len(JPEG),
            None,
            7.0,
        )
        assert (one.picture.width, one.picture.height) == (160, 120)

    def test_a_converted_picture_keeps_the_name_of_its_origin(self, store):
        (one,) = ingest(Web(a=GIF), store, "a")
        assert one.picture.image_id == hashlib.sha256(GIF).hexdigest()
        assert one.picture.key.endswith(".png")
        assert store.size(one.picture.key) == one.picture.size
        assert (one.format, one.bytes, one.detail) == ("GIF", len(GIF), "converted from GIF to PNG")

    def test_bad_links_come_back_with_their_reasons_and_none_raises(self, store):
        web = Web(
            gone=Rejected(Reason.NOT_FOUND, "the server answered 404"),
            slow=Transient(Reason.TIMEOUT, "too slow"),
            page=b"<html></html>",
            good=JPEG,
        )
        done = ingest(web, store, "gone", "slow", "page", "good")
        assert [one.url for one in done] == ["gone", "slow", "page", "good"]
        assert [one.reason for one in done] == ["not_found", "timeout", "not_an_image", None]
        assert done[0].detail == "the server answered 404"

    def test_each_distinct_link_is_asked_once_and_the_order_kept(self, store):
        web = Web(**{f"u{n}": numbered(JPEG, n) for n in range(50)})
        urls = [f"u{n}" for n in range(50)]
        done = ingest(web, store, *urls, *reversed(urls), *urls)
        assert [one.url for one in done] == urls
        assert sorted(url for url, _, _ in web.asked) == sorted(urls)
        assert len({one.picture.image_id for one in done}) == 50

    def test_links_to_the_same_bytes_share_an_image(self, store):
        first, second = ingest(Web(a=JPEG, b=JPEG), store, "a", "b")
        assert first.picture == second.picture

    def test_nothing_to_do(self, store):
        assert ingest(Web(), store) == []

    @pytest.mark.parametrize("urls", [["a"], ["a", "b", "c"]])
    def test_news_comes_in_the_callers_thread(self, store, urls):
        heard = []
        here = threading.current_thread()
        web = Web(a=JPEG, b=GIF, c=b"")
        follower = LinkFollower(web, store, LinkLog(store), SETTINGS, "run", lambda: 0.0)
        done = follow_links(
            urls, follower, 4, lambda one: heard.append((one, threading.current_thread()))
        )
        assert {one.url for one, _ in heard} == set(urls)
        assert {thread for _, thread in heard} == {here}
        assert len(done) == len(urls)

    @pytest.mark.parametrize("urls", [["bad"], ["bad", "a", "b", "c"]])
    def test_what_only_a_person_can_fix_stops_everything(self, store, urls):
        with pytest.raises(StopRun):
            ingest(Web(bad=StopRun("the bucket is gone"), a=JPEG, b=JPEG, c=JPEG), store, *urls)

    def test_an_unexpected_error_shows_its_cause_and_rejects_only_its_link(self, store):
        web = Web(bad=RuntimeError("a mistake of ours"), a=JPEG)
        bad, good = ingest(web, store, "bad", "a")
        assert (bad.reason, good.reason) == ("http_error", None)
        assert bad.detail == "unexpected error, twice: RuntimeError: a mistake of ours"
        assert [url for url, _, _ in web.asked].count("bad") == 2

    def test_an_unexpected_error_does_not_show_the_link_s_signature(self, store, caplog):
        url = "http://a.example/x?X-Amz-Signature=5ec2e7"
        (bad,) = ingest(Web(**{url: RuntimeError(f"a mistake at {url}")}), store, url)
        assert "a.example/x?X-Amz-Signature=…" in bad.detail
        assert "a mistake at" in caplog.text
        assert "5ec2e7" not in caplog.text + bad.detail

    def test_a_whole_picture_behind_a_response_that_ended_early(self, store):
        early = "the response ended early, after 9 bytes, each time"
        whole, part = ingest(
            Web(
                whole=Page(JPEG, None, None, cut_short=early),
                part=Page(JPEG[: len(JPEG) // 2], None, None, cut_short=early),
            ),
            store,
            "whole",
            "part",
        )
        assert whole.picture
        assert part.reason == "truncated"
        assert part.detail.startswith(f"{early}; the JPEG is cut off")


class TestLaterRuns:
    def test_a_fresh_link_is_not_asked_again(self, store):
        before = ingest(Web(a=JPEG), store, "a", now=0.0)
        web = Web()
        assert ingest(web, store, "a", now=99.0) == before
        assert not web.asked

    def test_an_older_one_only_for_what_changed(self, store):
        ingest(Web(a=Page(JPEG, '"1"', "Tue, 14 Nov 2023 22:13:20 GMT")), store, "a", now=0.0)
        web = Web(a=Page(b"", None, None, not_modified=True))
        (one,) = ingest(web, store, "a", now=100.0)
        assert web.asked == [("a", '"1"', "Tue, 14 Nov 2023 22:13:20 GMT")]
        assert (one.picture.image_id, one.time, one.etag) == (
            hashlib.sha256(JPEG).hexdigest(),
            100.0,
            '"1"',
        )
        web = Web()
        assert ingest(web, store, "a", now=199.0) == [one]
        assert not web.asked

    def test_a_changed_picture_takes_the_place_of_the_old_one(self, store):
        ingest(Web(a=Page(JPEG, '"1"', None)), store, "a", now=0.0)
        (one,) = ingest(Web(a=Page(GIF, '"2"', None)), store, "a", now=100.0)
        assert (one.picture.image_id, one.etag) == (hashlib.sha256(GIF).hexdigest(), '"2"')

    def test_a_picture_that_was_cut_short_by_a_power_cut_is_put_right(self, store):
        (one,) = ingest(Web(a=JPEG), store, "a")
        store.write(one.picture.key, JPEG[:100], "image/jpeg")
        ingest(Web(b=JPEG), store, "b", now=1.0)
        assert store.read(one.picture.key) == JPEG

    def test_what_was_rejected_is_asked_again_only_after_long(self, store):
        gone = Rejected(Reason.NOT_FOUND, "the server answered 404")
        before = ingest(Web(a=gone), store, "a", now=0.0)
        web = Web(a=JPEG)
        assert ingest(web, store, "a", now=999.0) == before
        assert not web.asked
        (one,) = ingest(web, store, "a", now=1000.0)
        assert one.picture

    def test_or_when_the_settings_it_rests_on_changed(self, store):
        ingest(Web(a=Rejected(Reason.UNSAFE_ADDRESS, "a loopback address")), store, "a", now=0.0)
        (one,) = ingest(Web(a=JPEG), store, "a", now=1.0, allow_private_addresses=True)
        assert one.picture
        (one,) = ingest(
            Web(a=Rejected(Reason.UNSAFE_ADDRESS, "a loopback address")), store, "a", now=2.0
        )
        assert one.reason == "unsafe_address"

    def test_what_was_pending_is_always_asked_again(self, store):
        ingest(Web(a=Transient(Reason.TIMEOUT, "slow")), store, "a", now=0.0)
        (one,) = ingest(Web(a=JPEG), store, "a", now=0.0)
        assert one.picture

    def test_a_failed_second_look_leaves_what_was_known(self, store):
        ingest(Web(a=Page(JPEG, '"1"', None)), store, "a", now=0.0)
        (one,) = ingest(Web(a=Transient(Reason.SERVER_ERROR, "500")), store, "a", now=100.0)
        assert (one.reason, one.picture) == ("server_error", None)
        web = Web(a=Page(b"", None, None, not_modified=True))
        (one,) = ingest(web, store, "a", now=101.0)
        assert web.asked == [("a", '"1"', None)]
        assert one.picture

    def test_a_good_link_that_is_gone_is_rejected(self, store):
        ingest(Web(a=JPEG), store, "a", now=0.0)
        (one,) = ingest(Web(a=Rejected(Reason.NOT_FOUND, "404")), store, "a", now=100.0)
        assert (one.reason, one.picture) == ("not_found", None)
        assert ingest(Web(), store, "a", now=101.0) == [one]

    def test_a_dead_link_is_given_up_and_tried_again_later(self, store):
        dead = Web(a=Transient(Reason.CONNECTION_FAILED, "refused"))
        day = 86400.0
        reasons = [
            ingest(dead, store, "a", now=now, run=run, retry_rejected_after=30 * day)[0].reason
            for now, run in [(0, "1"), (0, "1"), (day, "2"), (2 * day, "3"), (20 * day, "4")]
        ]
        assert reasons == ["connection_failed"] * 3 + ["given_up"] * 2
        assert len(dead.asked) == 4  # not again while it is given up
        (one,) = ingest(Web(a=JPEG), store, "a", now=33 * day, retry_rejected_after=30 * day)
        assert one.picture

    def test_failures_of_a_machine_that_is_offline_do_not_count(self, store):
        dead = Transient(Reason.CONNECTION_FAILED, "the host's name cannot be resolved")
        ingest(Web(good=Page(JPEG, '"1"', None)), store, "good", now=0.0)
        for run in range(1, 6):
            offline = Web(online=False, a=dead, good=dead)
            (one,) = ingest(offline, store, "a", now=run * 86400.0, run=str(run))
            assert one.reason == "connection_failed"
            # A link that led to a picture before is asked once, to find out.
            assert offline.asked == [("a", None, None), ("good", '"1"', None)]
        (one,) = ingest(Web(a=dead), store, "a", now=6 * 86400.0, run="6")
        assert one.reason == "connection_failed"

    def test_a_link_is_given_up_though_nothing_else_is_asked_in_its_runs(self, store):
        """The other links are known and fresh; one of them shows that the machine is online."""

        class Recovering(Web):
            def fetch(self, url, etag=None, last_modified=None):
                self.heard_anything = self.heard_anything or url == "good"
                return super().fetch(url, etag, last_modified)

        ingest(Web(good=JPEG), store, "good", now=0.0)
        dead = Transient(Reason.TIMEOUT, "no connection within 5 s (connect_timeout)")
        reasons = []
        for run in range(1, 4):
            web = Recovering(online=False, a=dead, good=JPEG)
            reasons += [
                one.reason for one in ingest(web, store, "a", now=run * 86400.0, run=str(run))
            ]
        assert reasons == ["timeout", "timeout", "given_up"]

    def test_a_picture_that_comes_back_keeps_its_remark(self, store):
        ingest(Web(a=Page(GIF, '"1"', None)), store, "a", now=0.0)
        ingest(Web(a=Transient(Reason.TIMEOUT, "slow")), store, "a", now=100.0)
        web = Web(a=Page(b"", None, None, not_modified=True))
        (one,) = ingest(web, store, "a", now=101.0)
        assert (one.reason, one.detail) == (None, "converted from GIF to PNG")

    def test_a_record_from_the_future_is_not_trusted(self, store):
        ingest(Web(a=JPEG), store, "a", now=500.0)
        web = Web(a=JPEG)
        ingest(web, store, "a", now=0.0)
        assert len(web.asked) == 1
