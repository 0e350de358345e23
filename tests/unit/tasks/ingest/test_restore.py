"""A picture that is gone from the store is fetched again when it is needed."""

from prefect.logging import disable_run_logger

from image_tags.tasks.contracts.settings import FetchSettings, Settings
from image_tags.tasks.execution.batches import Batch
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import save_fetched
from image_tags.tasks.ingest.follow_links import LinkFollower, follow_links
from image_tags.tasks.ingest.restore import restore_pictures
from tests.support.answers import GOOD, page
from tests.support.hostile_server import HostileServer


def test_only_what_is_missing_is_fetched_and_only_if_it_is_to_be_asked_about(tmp_path):
    settings = Settings(source="-", store=str(tmp_path), allow_private_addresses=True)
    answers = {"/a.jpg": page(), "/b.jpg": page(GOOD + b"b"), "/c.jpg": page(GOOD + b"c")}
    with HostileServer(answers) as server, RunResources("run", settings) as resources:
        store = resources.store
        follower = LinkFollower(
            resources.web,
            store,
            resources.link_log,
            settings.only(FetchSettings),
            "run",
            lambda: 0.0,
        )
        done = follow_links([server.url(path) for path in answers], follower, 1, lambda _: None)
        save_fetched(store, "run", "known", done)
        a, b, c = (one.picture for one in done)
        store.delete(a.key)
        store.delete(c.key)
        batches = [Batch("detect_labels", 1, 1, (a, b), "digest")]
        with disable_run_logger():
            assert restore_pictures(resources, ["known"], batches) == 1
            assert restore_pictures(resources, ["known"], batches) == 0
        assert store.read(a.key) == GOOD
        assert not store.exists(c.key)
        assert [request.path for request in server.requests].count("/a.jpg") == 2
        assert len(server.requests) == 4
