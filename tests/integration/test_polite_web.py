"""Manners on a real server: waiting, pace, opt-outs, robots.txt and conditional requests."""

import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import trustme

from image_tags.tasks.adapters.web import Web, client, sockets
from image_tags.tasks.contracts.errors import LinkError, Transient
from image_tags.tasks.contracts.settings import FetchSettings
from tests.support.answers import GOOD, Pause, head, page, redirect, status
from tests.support.hostile_server import HostileServer


@pytest.fixture
def server():
    with HostileServer({"/good.jpg": page()}) as server:
        yield server


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(client, "FIRST_BACKOFF", 0.01)


def web_for(**settings):
    return Web(FetchSettings(allow_private_addresses=True, **{"deadline": 10.0, **settings}))


def reason_of(web, link):
    with pytest.raises(LinkError) as caught:
        web.fetch(link)
    return caught.value.reason


class TestRetries:
    def test_a_passing_failure_is_tried_again(self, server):
        server.answers["/later"] = lambda request: (status(500) if request.before < 2 else page())(
            request
        )
        with web_for(fetch_retries=2) as web:
            assert web.fetch(server.url("/later")).body == GOOD
        assert len(server.asked("/later")) == 3

    def test_and_pending_in_the_end(self, server):
        server.answers["/never"] = status(500)
        with (
            web_for(fetch_retries=1) as web,
            pytest.raises(Transient, match="server_error: the server answered 500"),
        ):
            web.fetch(server.url("/never"))
        assert len(server.asked("/never")) == 2

    def test_what_is_rejected_is_not_tried_again(self, server):
        with web_for() as web:
            server.answers["/gone"] = status(404)
            assert reason_of(web, server.url("/gone")) == "not_found"
        assert len(server.asked("/gone")) == 1

    @pytest.mark.parametrize("form", ["seconds", "date"])
    def test_retry_after_is_waited_for(self, server, form, monkeypatch):
        slept = []
        monkeypatch.setattr(client.time, "sleep", slept.append)
        now = time.time()
        header = (
            "2"
            if form == "seconds"
            else time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now + 4))
        )
        server.answers["/busy"] = lambda request: (
            page() if request.before else status(429, Retry_After=header)
        )(request)
        with web_for() as web:
            assert web.fetch(server.url("/busy")).body == GOOD
        assert max(slept) == pytest.approx(2.0 if form == "seconds" else 3.5, abs=0.6)

    def test_a_wait_beyond_the_deadline_is_left_for_the_next_run(self, server):
        server.answers["/busy"] = status(429, Retry_After="3600")
        with (
            web_for() as web,
            pytest.raises(Transient, match=r"429 and asks to wait 3,600 s") as caught,
        ):
            web.fetch(server.url("/busy"))
        assert caught.value.retry_after == 3600
        assert len(server.asked("/busy")) == 1

    def test_one_link_that_is_told_to_wait_does_not_hold_up_the_others(self, server):
        server.answers["/busy"] = status(503, Retry_After="3600")
        with web_for(deadline=3.0) as web:
            assert reason_of(web, server.url("/busy")) == "server_error"
            assert web.fetch(server.url("/good.jpg")).body == GOOD

    def test_a_host_that_is_down_is_left_alone_for_a_while(self, monkeypatch):
        with HostileServer() as gone:
            link = gone.url("/good.jpg")
        tried = []
        connect_address = sockets._connect_address
        monkeypatch.setattr(
            sockets,
            "_connect_address",
            lambda one, budget: tried.append(one) or connect_address(one, budget),
        )
        with web_for(fetch_retries=0) as web:
            assert {reason_of(web, link) for _ in range(20)} == {"connection_failed"}
        assert len(tried) == 5


class TestConnections:
    def test_no_more_at_once_to_a_host_than_allowed(self, server):
        now, most, lock = 0, 0, threading.Lock()

        def slow(_):
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            yield Pause()
            with lock:
                now -= 1
            yield head(Content_Length=len(GOOD)) + GOOD

        server.answers["/slow"] = slow
        with web_for(per_host=3) as web, ThreadPoolExecutor(12) as pool:
            assert all(pool.map(lambda _: web.fetch(server.url("/slow")).body == GOOD, range(24)))
        assert 1 < most <= 3

    def test_a_kept_connection_that_the_server_has_closed_is_no_failure(self, server):
        with web_for(fetch_retries=0) as web:
            for _ in range(20):  # the server says that it keeps connections, and closes each
                assert web.fetch(server.url("/good.jpg")).body == GOOD

    def test_nothing_is_remembered_between_requests(self, server):
        server.answers["/first"] = redirect("/second")
        server.answers["/second"] = page(Set_Cookie="id=1; Path=/")
        server.answers["/first"] = status(302, Location="/second", Set_Cookie="id=1; Path=/")
        with web_for(contact="https://example.com/bot") as web:
            web.fetch(server.url("/first"))
            web.fetch(server.url("/second"))
        for request in server.requests:
            assert not {"referer", "authorization"} & request.headers.keys()
            assert request.headers["user-agent"].startswith("image-tags/")
            assert request.headers["user-agent"].endswith("(+https://example.com/bot)")
        # A cookie is sent back within the redirects of one link, and never to the next link.
        first, redirected, second = server.requests
        assert "cookie" not in first.headers
        assert redirected.headers["cookie"] == "id=1"
        assert "cookie" not in second.headers

    def test_no_password_of_a_netrc_is_sent(self, server, tmp_path, monkeypatch):
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        with web_for() as web:
            web.fetch(server.url("/good.jpg"))
        assert "authorization" not in server.requests[0].headers


class TestConditional:
    def test_only_what_changed_is_sent(self, server):
        def answer(request):
            same = request.headers.get("if-none-match") == '"1"'
            return (
                status(304)
                if same
                else page(ETag='"1"', Last_Modified="Tue, 14 Nov 2023 22:13:20 GMT")
            )(request)

        server.answers["/a"] = answer
        with web_for() as web:
            first = web.fetch(server.url("/a"))
            again = web.fetch(server.url("/a"), first.etag, first.last_modified)
        assert (first.not_modified, first.etag) == (False, '"1"')
        assert (again.not_modified, again.body) == (True, b"")
        assert server.requests[1].headers["if-modified-since"] == first.last_modified

    @pytest.mark.parametrize("etag", ["é", "a\x01b", "x" * 2000, ""])
    def test_a_mark_that_cannot_be_sent_back_is_dropped(self, server, etag):
        server.answers["/a"] = page(ETag=etag)
        with web_for() as web:
            assert web.fetch(server.url("/a")).etag is None


class TestOptOuts:
    def test_are_honoured_unless_a_setting_says_otherwise(self, server):
        server.answers["/a"] = page(X_Robots_Tag="otherbot: all, noimageai")
        server.answers["/b"] = lambda _: [
            head(Content_Length=len(GOOD), X_Robots_Tag="all\r\nX-Robots-Tag: noai"),
            GOOD,
        ]
        with web_for() as web:
            assert reason_of(web, server.url("/b")) == "opted_out"
        with web_for(respect_opt_outs=False) as web:
            assert web.fetch(server.url("/b")).body == GOOD

    def test_of_a_page_that_only_redirects_do_not_count(self, server):
        server.answers["/short"] = status(302, Location="/good.jpg", X_Robots_Tag="noindex")
        with web_for() as web:
            assert web.fetch(server.url("/short")).body == GOOD


class TestRobotsTxt:
    RULES = b"User-agent: *\nDisallow: /private/\n\nUser-agent: image-tags\nDisallow: /no/*.jpg$\n"

    def test_is_read_once_a_site_and_kept_to(self, server):
        server.answers |= {
            "/robots.txt": page(self.RULES),
            "/private/a.jpg": page(),
            "/no/a.jpg": page(),
        }
        with web_for(respect_robots_txt=True) as web, ThreadPoolExecutor(8) as pool:
            bodies = pool.map(lambda _: web.fetch(server.url("/good.jpg")).body, range(16))
            assert set(bodies) == {GOOD}
            assert (
                web.fetch(server.url("/private/a.jpg")).body == GOOD
            )  # our own rules replace those for all
            assert reason_of(web, server.url("/no/a.jpg")) == "opted_out"
        assert len(server.asked("/robots.txt")) == 1
        assert not server.asked("/no/a.jpg")

    def test_is_not_asked_for_unless_a_setting_says_so(self, server):
        with web_for() as web:
            web.fetch(server.url("/good.jpg"))
        assert not server.asked("/robots.txt")

    def test_of_where_a_redirect_leads_counts_too(self, server):
        server.answers |= {
            "/robots.txt": page(self.RULES),
            "/a": redirect("/no/a.jpg"),
            "/no/a.jpg": page(),
        }
        with web_for(respect_robots_txt=True) as web:
            assert reason_of(web, server.url("/a")) == "opted_out"

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (status(404), None),
            (status(403), None),
            (status(500), "server_error"),
            (redirect("/rules"), "opted_out"),
            (page(b"\xff\x00" * 99), None),
        ],
    )
    def test_that_is_missing_or_odd(self, server, answer, reason):
        server.answers |= {"/robots.txt": answer, "/rules": page(self.RULES), "/no/a.jpg": page()}
        with web_for(respect_robots_txt=True, fetch_retries=0) as web:
            if reason:
                assert reason_of(web, server.url("/no/a.jpg")) == reason
            else:
                assert web.fetch(server.url("/no/a.jpg")).body == GOOD

    def test_that_could_not_be_read_is_asked_for_again(self, server):
        server.answers["/robots.txt"] = lambda request: (
            page(b"") if request.before else status(500)
        )(request)
        with web_for(respect_robots_txt=True, fetch_retries=1) as web:
            assert web.fetch(server.url("/good.jpg")).body == GOOD


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


class TestTLS:
    @staticmethod
    def server(authority, *names):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(context)
        silent = [head(Content_Length=10_000), *[Pause()] * 10_000]
        return HostileServer({"/good.jpg": page(), "/silent": lambda _: iter(silent)}, tls=context)

    @pytest.fixture
    def _trusted(self, authority, tmp_path, monkeypatch):
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        sockets.make_tls_context.cache_clear()
        yield
        sockets.make_tls_context.cache_clear()

    @pytest.mark.usefixtures("_trusted")
    def test_with_a_trusted_certificate(self, authority):
        with (
            self.server(authority, "127.0.0.1") as server,
            web_for(read_timeout=0.2, fetch_retries=0) as web,
        ):
            assert web.fetch(server.url("/good.jpg")).body == GOOD
            assert reason_of(web, server.url("/silent")) == "timeout"

    @pytest.mark.usefixtures("_trusted")
    def test_with_a_certificate_for_another_name(self, authority):
        with self.server(authority, "other.test") as server, web_for() as web:
            with pytest.raises(
                LinkError, match="http_error: the server's certificate is not valid"
            ):
                web.fetch(server.url("/good.jpg"))
            assert not server.requests

    def test_with_a_certificate_that_nobody_vouches_for(self, authority):
        with self.server(authority, "127.0.0.1") as server, web_for() as web:
            with pytest.raises(
                LinkError, match="http_error: the server's certificate is not valid"
            ):
                web.fetch(server.url("/good.jpg"))
            assert not server.requests

    def test_with_a_server_that_never_shakes_hands(self, server):
        with web_for(connect_timeout=0.2, fetch_retries=0) as web:
            assert reason_of(web, server.url("/good.jpg").replace("http:", "https:")) == "timeout"


class TestSpellings:
    """A link is tried as written, then as it was probably meant."""

    def test_entities_are_undone_if_the_link_as_written_fails(self, server):
        server.answers["/p?a=1&b=2"] = page()
        server.answers["/p?a=1&amp;b=2"] = status(403)
        with web_for() as web:
            assert web.fetch(server.url("/p?a=1&amp;b=2")).body == GOOD
        assert [request.path for request in server.requests] == ["/p?a=1&amp;b=2", "/p?a=1&b=2"]

    def test_a_link_that_works_as_written_is_asked_once(self, server):
        server.answers["/p?a=1&amp;b=2"] = page()
        with web_for() as web:
            assert web.fetch(server.url("/p?a=1&amp;b=2")).body == GOOD
        assert len(server.requests) == 1

    def test_a_transient_failure_leaves_the_link_as_written(self, server):
        server.answers["/p?a=1&amp;b=2"] = status(500)
        with web_for(fetch_retries=0) as web:
            assert reason_of(web, server.url("/p?a=1&amp;b=2")) == "server_error"
        assert len(server.requests) == 1

    def test_a_link_without_a_scheme_falls_back_to_http(self, server):
        link = server.url("/good.jpg").removeprefix("http:")
        with web_for(fetch_retries=0, connect_timeout=0.5) as web:
            assert web.fetch(link).body == GOOD

    def test_and_uses_https_where_the_server_speaks_it(self):
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        with (
            authority.cert_pem.tempfile() as trusted,
            pytest.MonkeyPatch.context() as patch,
            HostileServer({"/good.jpg": page()}, tls=context) as server,
        ):
            patch.setenv("SSL_CERT_FILE", trusted)
            sockets.make_tls_context.cache_clear()
            with web_for(fetch_retries=0) as web:
                assert web.fetch(server.url("/good.jpg").removeprefix("https:")).body == GOOD
            sockets.make_tls_context.cache_clear()

    @pytest.mark.parametrize("host", ["my_host.test", "xn--i-7iq.test", "i❤.test", "bücher.test"])
    def test_hosts_that_browsers_open(self, server, host):
        asked = []

        def lookup(name, port, *_):
            asked.append(name)
            address = ("127.0.0.1", server.port)
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address)]

        with Web(FetchSettings(allow_private_addresses=True, deadline=10), lookup) as web:
            assert web.fetch(f"http://{host}/good.jpg").body == GOOD
        known = {"i❤.test": "xn--i-7iq.test", "bücher.test": "xn--bcher-kva.test"}
        assert asked == [known.get(host, host)]

    @pytest.mark.parametrize(
        "location", ["http://i❤.test:{}/good.jpg", "//bücher.test:{}/good.jpg"]
    )
    def test_hosts_that_browsers_open_behind_a_redirect(self, server, location):
        asked = []

        def lookup(name, port, *_):
            asked.append(name)
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

        server.answers["/to"] = status(
            302, Location=location.format(server.port).encode().decode("latin-1")
        )
        with Web(FetchSettings(allow_private_addresses=True, deadline=10), lookup) as web:
            assert web.fetch(server.url("/to")).body == GOOD
            assert web.heard_anything
        assert asked == ["xn--i-7iq.test" if "❤" in location else "xn--bcher-kva.test"]

    @pytest.mark.parametrize("link", ["www.shop.test:{}/good.jpg", "//i❤.test:{}/good.jpg"])
    def test_links_without_a_scheme_over_the_network(self, server, link):
        """First with https, which this server does not speak."""

        def lookup(_, port, *__):
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

        settings = FetchSettings(
            allow_private_addresses=True, deadline=10, fetch_retries=0, connect_timeout=0.5
        )
        with Web(settings, lookup) as web:
            assert web.fetch(link.format(server.port)).body == GOOD
