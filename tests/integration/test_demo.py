"""The demo as a newcomer runs it: no account, no server, real models on real pictures.

Nothing phones home: it connects to nobody outside this machine, and looks up no name.
"""

import json
import subprocess
import sys

import pytest

from image_tags.tasks.adapters.store.folder import FolderStore
from tests.support.command import check_accounted, image_tags_process, published
from tests.support.tracing import can_trace, read_trace, tracing

needs_strace = pytest.mark.skipif(
    not can_trace(), reason="strace shows whom a process tries to reach"
)

BILLED = "billed"

pytestmark = pytest.mark.timeout(650)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The folder in which the demos run."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def two_demos(home):
    """Two runs of `demo` on one store, with Prefect's embedded server, in a home of their own.

    The first one is traced, if it can be, and nothing in its environment asks it to be quiet.
    """
    env = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    env |= {"PREFECT_HOME": str(home / "prefect")}
    words = ("demo", "--store", "store", "--json")
    before = tracing(home / "connects.txt") if can_trace() else []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PREFECT_API_URL", "DO_NOT_TRACK", "ORT_DISABLE_TELEMETRY"):
            patch.delenv(name, raising=False)
        first = image_tags_process(*words, cwd=home, env=env, before=before, timeout=600)
        second = image_tags_process(*words, cwd=home, env=env)
    return first, second, FolderStore(str(home / "store"))


@pytest.fixture
def tags_of(two_demos):
    """The tags of the picture behind a link, by the end of its name."""
    tables = published(two_demos[2])
    images = tables["images"].to_pylist()

    def of(name, table="tags_long"):
        found = {row["image_id"] for row in images if row["url"] and row["url"].endswith(name)}
        return [row for row in tables[table].to_pylist() if row["image_id"] in found]

    return of


def names(tags, kind):
    return [tag["name"] for tag in tags if tag["kind"] == kind]


def test_it_publishes_and_says_so(two_demos):
    first, _, store = two_demos
    assert first.code == 0, first.err
    summary = first.summary
    assert summary["published"]
    assert summary["checks"]["critical"] == 0
    assert (summary["rows"], summary["links"]) == (20, 21)
    assert summary["statuses"] == {"tagged": 18, "rejected": 3, "pending": 0, "no_link": 1}
    assert summary["reasons"] == {"not_found": 1, "not_an_image": 1, "too_small": 1}
    for words in (
        "20 rows, 21 links",
        "not_found",
        "Top labels: ",
        "People: Grace Hopper",
        "Tables and report: ",
    ):
        assert words in first.out
    assert "done, " in first.err
    assert "s left" in first.err
    check_accounted(two_demos[1].summary, published(store))


def test_a_second_demo_asks_the_analyzer_nothing_and_says_what_it_reused(two_demos):
    first, second, _ = two_demos
    assert second.code == 0, second.err
    assert sum(account[BILLED] for account in first.summary["calls"].values()) == 60
    assert second.summary["calls"] == {
        op: {"billed": 0, "reused": 15, "failed": 0} for op in second.summary["operations"]
    }
    assert "0 calls made, 60 answers reused" in second.out


def test_two_links_with_the_same_picture_share_an_image(two_demos):
    images = published(two_demos[2])["images"].to_pylist()
    cats = {
        row["image_id"]
        for row in images
        if row["url"] and row["url"].endswith(("/cat.png", "/cat-again.png"))
    }
    assert len(cats) == 1


def test_the_cat_is_a_cat_and_an_animal(tags_of):
    labels = {tag["name"]: tag["parents"] for tag in tags_of("/cat.png") if tag["kind"] == "label"}
    assert "Animal" in labels
    assert "Animal" in labels["Cat"]


@pytest.mark.parametrize("path", ["/page.png", "/page-on-its-side.png"])
def test_print_gives_its_words_also_on_its_side(tags_of, path):
    words = " ".join(names(tags_of(path), "word")).lower()
    assert "region-based segmentation" in words
    assert "these markers are pixels that we can label unambiguously" in words


def test_the_enrolled_person_is_recognised_and_keeps_no_other_labels(tags_of):
    kept, dropped = tags_of("/admiral.jpg"), tags_of("/admiral.jpg", "tags_dropped")
    assert names(kept, "celebrity") == ["Grace Hopper"]
    assert not names(kept, "label")
    assert {"Person", "Face"} <= {tag["name"] for tag in dropped if tag["rule"] == "celebrity_only"}


def test_another_face_stays_without_a_name(tags_of):
    tags = tags_of("/astronaut.png")
    assert not names(tags, "celebrity")
    assert names(tags, "face") == ["Face"]
    boxes = [tag for tag in tags if tag["name"] in ("Person", "Face") and tag["kind"] == "label"]
    assert len(boxes) == 2
    assert all(0 <= tag["left"] <= 1 and tag["instances"] == 1 for tag in boxes)


@pytest.mark.parametrize(
    ("path", "faces"), [("/selfie.jpg", 1), ("/photographer.png", 1), ("/wall.jpg", 4)]
)
def test_faces_tilted_in_profile_and_of_a_group_are_people(tags_of, path, faces):
    tags = tags_of(path, "tags_dropped") + tags_of(path)
    (person,) = [tag for tag in tags if tag["kind"] == "label" and tag["name"] == "Person"]
    assert person["instances"] == faces
    assert person["parents"] == ["Human"]


def test_one_of_the_group_is_recognised(tags_of):
    tags = tags_of("/wall.jpg")
    assert names(tags, "celebrity") == ["Grace Hopper"]
    assert len(names(tags, "face")) == 3


def test_a_meme_has_its_words_and_its_cat(tags_of):
    tags = tags_of("/meme.jpg")
    assert {"ONE", "DOES", "NOT", "SIMPLY", "CLOSE", "THE", "LAPTOP"} <= set(names(tags, "word"))
    assert "Cat" in names(tags, "label")


def test_the_main_thing_has_a_box_around_it(tags_of):
    (motorcycle,) = [tag for tag in tags_of("/motorcycle.png") if tag["name"] == "Motorcycle"]
    assert motorcycle["instances"] == 1
    left, right = motorcycle["left"], motorcycle["left"] + motorcycle["width"]
    assert left < 0.45 < right, "where its engine is"
    assert motorcycle["width"] * motorcycle["height"] < 0.8


def test_harmless_pictures_were_asked_for_moderation_and_have_none(two_demos):
    summary, tables = two_demos[0].summary, published(two_demos[2])
    assert summary["calls"]["detect_moderation_labels"]["billed"] == 15
    assert "moderation" not in tables["tags_long"].column("kind").to_pylist()


def test_current_json_names_the_newest_version(two_demos):
    pointer = json.loads(two_demos[2].read("published/current.json"))
    assert pointer["version"] == two_demos[1].summary["version"] > two_demos[0].summary["version"]


@needs_strace
def test_an_attempt_would_be_seen(tmp_path):
    """192.0.2.1 is nobody's (RFC 5737)."""
    script = """
import socket
for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET, "127.0.0.1")):
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        try: one.connect((address, 443))
        except OSError: pass
"""
    log = tmp_path / "connects.txt"
    subprocess.run([*tracing(log), sys.executable, "-c", script], check=True, timeout=60)
    assert read_trace(log) == (["192.0.2.1"], 2)


@needs_strace
def test_it_reaches_nobody_outside(two_demos, home):
    assert two_demos[0].code == 0
    outside, attempts = read_trace(home / "connects.txt")
    assert outside == []
    assert attempts > 10, "the feed and Prefect's own server are on this machine"
    leftovers = [path.name for path in home.rglob("*") if path.name.startswith(".onnxruntime")]
    assert leftovers == [], "onnxruntime's database for what it would report"
