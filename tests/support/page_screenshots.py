"""Takes the docs' pictures of a flow run's page: `uv run python -m tests.support.page_screenshots docs/images`.

A feed that is partly broken is tagged on a Prefect server of its own; then it is mended, and Retry pressed on the page.
"""

import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.broken_feed import BrokenFeed
from tests.support.browser import open_browser
from tests.support.flow_run_page import FlowRunPage
from tests.support.prefect_client import ended, start, task_runs
from tests.support.prefect_server import PrefectServer
from tests.support.rekognition_endpoint import RekognitionEndpoint

WIDTH, HEIGHT = 1280, 880
COLOURS = 128


def main(folder: str) -> None:
    """Write the pictures."""
    feed_folder = Path(tempfile.gettempdir()) / "feed"
    feed_folder.mkdir()
    with tempfile.TemporaryDirectory() as home, RekognitionEndpoint(latency=0.05).running() as endpoint:
        server, feed = PrefectServer(Path(home)), BrokenFeed(feed_folder, endpoint)
        server.start()
        try:
            with feed.deployed(server, "hourly") as deployment, open_browser() as browser:
                run_id = start(server, deployment, feed.parameters)
                ended(server, run_id)
                window = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
                page = _settled(server, window, run_id)
                _save(Path(folder) / "flow-run-failed.png", window)
                feed.mend()
                page.retry()
                ended(server, run_id, count=2)
                _settled(server, window, run_id, tries=2)
                _save(Path(folder) / "flow-run-published.png", window)
        finally:
            server.stop()
            feed.site.close()


def _settled(server: PrefectServer, window: Page, run_id: str, tries: int = 1) -> FlowRunPage:
    """The page, its artifacts turned to, once the server has recorded the last task run of so many tries."""
    task_runs(server, run_id, lambda runs: sum(run["name"] == "explain the run" for run in runs) == tries)
    page = FlowRunPage(window, server, run_id)
    expect(page.tab("Artifacts").locator(".artifact-card").first).to_contain_text("how-the-run-ended")
    window.wait_for_load_state("networkidle")
    return page


def _save(path: Path, window: Page) -> None:
    """The page as it stands, and below it what the first artifact says."""
    above = Image.open(BytesIO(window.screenshot()))
    window.locator(".artifact-card").first.click()
    expect(window.locator(".artifact-data-markdown")).to_contain_text("From rows to tagged links")
    below = Image.open(BytesIO(window.screenshot()))
    window.go_back()
    both = Image.new("RGB", (above.width, above.height + below.height + 20), "#8a8f94")
    both.paste(above, (0, 0))
    both.paste(below, (0, above.height + 20))
    both.quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
