"""Takes the docs' pictures of a flow run's page: `uv run python -m tests.support.page_screenshots
docs/images`.

A feed that is partly broken is tagged on a Prefect server of its own; then it is mended, and Retry
pressed on the page.
"""

import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from tests.support.broken_feed import BrokenFeed
from tests.support.browser import open_browser
from tests.support.flow_run_page import HEIGHT, WIDTH, FlowRunPage
from tests.support.prefect_client import ended, start, task_runs
from tests.support.prefect_server import PrefectServer
from tests.support.rekognition_endpoint import RekognitionEndpoint

COLOURS, GAP = 128, 20
"""Of a picture; px between its two parts."""

HEAD = 570
"""px of the flow run's page down to its tabs."""

STARTS = 270
"""px from the left where the page's own menu ends."""


def main(folder: str) -> None:
    """Write the pictures."""
    feed_folder = Path(tempfile.gettempdir()) / "feed"
    feed_folder.mkdir()
    with (
        tempfile.TemporaryDirectory() as home,
        RekognitionEndpoint(latency=0.05).running() as endpoint,
    ):
        server, feed = PrefectServer(Path(home)), BrokenFeed(feed_folder, endpoint)
        server.start()
        try:
            with feed.deployed(server, "hourly") as deployment, open_browser() as browser:
                run_id = start(server, deployment, feed.parameters)
                ended(server, run_id)
                page = FlowRunPage(browser, server, run_id)
                _recorded(server, run_id, tries=1)
                _save(Path(folder) / "flow-run-failed.png", page)
                feed.mend()
                page.open()
                page.retry()
                ended(server, run_id, count=2)
                _recorded(server, run_id, tries=2)
                _save(Path(folder) / "flow-run-published.png", page)
        finally:
            server.stop()
            feed.site.close()
            shutil.rmtree(feed_folder)


def _recorded(server: PrefectServer, run_id: str, tries: int) -> None:
    """Wait for the server to record the last task run of so many tries."""
    task_runs(
        server, run_id, lambda runs: sum(run["name"] == "explain the run" for run in runs) == tries
    )


def _save(path: Path, page: FlowRunPage) -> None:
    """The page's head, and below it what its first artifact says."""
    page.open()
    expect(page.tab("Artifacts").locator(".artifact-card").last).to_be_visible()
    page.page.wait_for_load_state("networkidle")
    above = _shot(page).crop((STARTS, 0, WIDTH, HEAD))
    shown = page.artifact("how-the-run-ended")
    expect(shown).to_contain_text("From rows to tagged links")
    below = _shot(page).crop((STARTS, 0, WIDTH, HEIGHT))
    both = Image.new("RGB", (above.width, above.height + GAP + below.height), "#8a8f94")
    both.paste(above, (0, 0))
    both.paste(below, (0, above.height + GAP))
    both.quantize(COLOURS).save(path, optimize=True)


def _shot(page: FlowRunPage) -> Image.Image:
    return Image.open(BytesIO(page.page.screenshot()))


if __name__ == "__main__":
    main(*sys.argv[1:])
