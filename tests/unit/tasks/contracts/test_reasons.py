"""Each reason code comes about: one case per code, run through the code that gives it."""

import io
import socket
import threading

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from image_tags.tasks.adapters.analyzers.rekognition import Rekognition
from image_tags.tasks.adapters.link_records.record import record_failure
from image_tags.tasks.adapters.pictures.verify import verify_picture
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.web.client import Web
from image_tags.tasks.contracts.errors import LinkError, Rejected
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import Fetched, Picture
from image_tags.tasks.contracts.settings import AnalysisSettings, FetchSettings
from tests.support.processes import free_port
from tests.support.site import Answer, png

HEIC = b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf"


class Cases:
    """Brings about each reason by its own method, `raise_<code>`."""

    def __init__(self, site, folder, monkeypatch):
        self.site, self.monkeypatch = site, monkeypatch
        self.store = FolderStore(str(folder))
        self.store.write("images/aa/a.png", png(1), "image/png")

    def fetch(self, link, *, lookup=None, **settings):
        allowed = {"allow_private_addresses": True, "fetch_retries": 0} | settings
        with Web(FetchSettings(**allowed), lookup=lookup, is_denied=lambda *_: True) as web:
            web.fetch(link)

    def fetch_answer(self, answer, **settings):
        self.site.answers["/a.png"] = answer
        self.fetch(f"{self.site.url}/a.png", **settings)

    def analyze(self, code):
        """Ask Rekognition, which answers with an error."""

        def refuse(*_):
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "DetectLabels")

        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            self.monkeypatch.setenv(name, "x")
        self.monkeypatch.setattr("botocore.client.BaseClient._make_api_call", refuse)
        settings = AnalysisSettings(analyzer_retries=0)
        analyzer = Rekognition(settings, self.store, "eu-west-1")
        analyzer.answer("detect_labels", Picture("a", "images/aa/a.png", 9, 96, 96))

    def raise_invalid_url(self):
        self.fetch("http://[half/a.png")

    def raise_unsafe_address(self):
        self.fetch("http://127.0.0.1/a.png", allow_private_addresses=False)

    def raise_not_found(self):
        self.fetch(f"{self.site.url}/nothing")

    def raise_no_such_host(self):
        def lookup(*_):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")

        self.fetch("http://gone.example/a.png", lookup=lookup)

    def raise_forbidden(self):
        self.fetch_answer(Answer(status=403))

    def raise_http_error(self):
        self.fetch_answer(Answer(status=418))

    def raise_opted_out(self):
        self.fetch_answer(Answer(png(1), headers={"X-Robots-Tag": "noai"}), respect_opt_outs=True)

    def raise_not_an_image(self):
        verify_picture(b"<!doctype html><title>Removed</title>", FetchSettings())

    def raise_unsupported_format(self):
        verify_picture(HEIC, FetchSettings())

    def raise_truncated(self):
        verify_picture(png(1)[:60], FetchSettings())

    def raise_too_large(self):
        self.fetch_answer(Answer(b"x" * 2000), max_bytes=1000)

    def raise_too_small(self):
        picture = Picture("a", "images/aa/a.png", 9, 40, 96)
        analyzer = Rekognition(AnalysisSettings(), self.store, "eu-west-1")
        raise analyzer.refusal("detect_labels", picture)

    def raise_decompression_bomb(self):
        bomb = io.BytesIO()
        Image.new("L", (2000, 2000)).save(bomb, "PNG")
        verify_picture(bomb.getvalue(), FetchSettings(max_pixels=1_000_000))

    def raise_too_many_redirects(self):
        self.fetch_answer(Answer(status=302, headers={"Location": "/a.png"}), max_redirects=2)

    def raise_given_up(self):
        settings = FetchSettings(give_up_after_runs=2, give_up_after=10.0)
        first = Fetched("http://a.example", reason=Reason.TIMEOUT, time=0.0)
        again = Fetched("http://a.example", reason=Reason.TIMEOUT, time=20.0)
        record = record_failure(None, first, "run 1", settings)
        outcome = record_failure(record, again, "run 2", settings).outcome
        raise Rejected(outcome.reason, outcome.detail)

    def raise_refused_by_analyzer(self):
        self.analyze("InvalidImageFormatException")

    def raise_timeout(self):
        never = threading.Event()
        try:
            self.fetch_answer(Answer(png(1), when=never), read_timeout=0.2)
        finally:
            never.set()

    def raise_connection_failed(self):
        self.fetch(f"http://127.0.0.1:{free_port()}/a.png")

    def raise_server_error(self):
        self.fetch_answer(Answer(status=500))

    def raise_rate_limited(self):
        self.fetch_answer(Answer(status=429))

    def raise_analyzer_unavailable(self):
        self.analyze("InternalServerError")

    def raise_throttled(self):
        self.analyze("ThrottlingException")


@pytest.mark.parametrize("reason", Reason, ids=str)
def test_each_reason_comes_about(reason, site, tmp_path, monkeypatch):
    raise_it = getattr(Cases(site, tmp_path, monkeypatch), f"raise_{reason}")
    with pytest.raises(LinkError) as caught:
        raise_it()
    assert caught.value.reason is reason
    assert isinstance(caught.value, Rejected) is (reason.status is Status.REJECTED)
    assert caught.value.detail.strip()
