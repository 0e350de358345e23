"""Which parts of a robots.txt reach its parser, and how much is kept in memory."""

import pytest

from image_tags.tasks.adapters.web import robots
from image_tags.tasks.adapters.web.robots import Robots, keep_our_rules
from image_tags.tasks.contracts.errors import Rejected, Transient
from image_tags.tasks.contracts.reasons import Reason

RULES = "User-agent: *\nDisallow: /private\n"


def agents(text):
    return [
        line.partition(":")[2].strip()
        for line in keep_our_rules(text).splitlines()
        if line.startswith("User-agent")
    ]


def test_rules_for_other_robots_are_kept_under_one_name():
    text = (
        "User-agent: Googlebot # theirs\nuseragent:*\nUSER-AGENT : Image-Tags\n"
        "user agent bingbot\nDisallow: /\n"
    )
    assert agents(text) == ["other", "*", "image-tags", "other"]
    assert keep_our_rules(text).endswith("Disallow: /\n")


def test_the_work_does_not_grow_with_robots_times_rules():
    many = "".join(f"User-agent: bot{n}\n" for n in range(20_000)) + "".join(
        f"Disallow: /{n}\n" for n in range(10_000)
    )
    assert len(set(agents(many))) == 1
    Robots().check_url("http://a.test/x", lambda _: many, lambda: 1.0)


def test_patterns_made_to_take_forever_do_not():
    hostile = "User-agent: *\nDisallow: /" + "*a" * 5000 + "b\n"
    Robots().check_url("http://a.test/" + "a" * 8000, lambda _: hostile, lambda: 1.0)


@pytest.mark.parametrize(
    ("url", "allowed"), [("http://a.test/x", True), ("http://a.test/private/x", False)]
)
def test_rules_are_kept_to(url, allowed):
    if allowed:
        Robots().check_url(url, lambda _: RULES, lambda: 1.0)
    else:
        with pytest.raises(Rejected, match=r"opted_out.*robots\.txt"):
            Robots().check_url(url, lambda _: RULES, lambda: 1.0)


def test_sites_are_told_apart_by_scheme_and_port():
    asked = []
    rules = Robots()
    for url in ("http://a.test/", "https://a.test/", "http://a.test:81/", "http://a.test/y"):
        rules.check_url(url, lambda site: asked.append(site) or "", lambda: 1.0)
    assert asked == [
        "http://a.test/robots.txt",
        "https://a.test/robots.txt",
        "http://a.test:81/robots.txt",
    ]


def test_only_so_much_is_remembered(monkeypatch):
    monkeypatch.setattr(robots, "ROOM", 10 * len(RULES))
    asked = []
    rules = Robots()
    for n in (*range(11), 0, 10):
        rules.check_url(f"http://a{n}.test/", lambda site: asked.append(site) or RULES, lambda: 1.0)
    assert [site for site in asked if "a0.test" in site] == ["http://a0.test/robots.txt"] * 2
    assert [site for site in asked if "a10.test" in site] == ["http://a10.test/robots.txt"]


def test_what_went_wrong_is_said_and_asked_again():
    def fail(_):
        raise Transient(Reason.SERVER_ERROR, "the server answered 500", 5.0)

    rules = Robots()
    with pytest.raises(Transient, match=r"robots\.txt: the server answered 500") as caught:
        rules.check_url("http://a.test/", fail, lambda: 1.0)
    assert caught.value.retry_after == 5.0
    rules.check_url("http://a.test/", lambda _: "", lambda: 1.0)
