"""A flow run's page in the Prefect UI, as a person uses it."""

from playwright.sync_api import Browser, Locator, expect

from tests.support.prefect_server import PrefectServer

PATIENCE = 120_000
"""ms until a page must have shown what a run does; the UI itself asks now and then."""

WIDTH, HEIGHT = 1280, 1600
"""px of the window: the page draws cards only where they can be seen."""


class FlowRunPage:
    """The page, open."""

    def __init__(self, browser: Browser, server: PrefectServer, flow_run_id: str) -> None:
        self.page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        self.address = f"{server.ui}/runs/flow-run/{flow_run_id}"
        self.open()

    def open(self) -> None:
        """Go to the page."""
        self.page.goto(self.address)
        expect(self.head).to_be_visible(timeout=PATIENCE)
        # Until all is there the page may turn back to its first tab.
        self.page.wait_for_load_state("networkidle")

    @property
    def head(self) -> Locator:
        """What stands above the tabs: name, tags, state, the buttons."""
        return self.page.locator(".page-heading-flow-run")

    def tab(self, name: str) -> Locator:
        """Turn to a tab; what is in it."""
        self.page.locator(".p-tab", has_text=name).click()
        return self.page.locator(".p-tabs__content:visible")

    def artifact(self, key: str) -> Locator:
        """Go to an artifact from its card; its content."""
        self.tab("Artifacts").locator(".artifact-card", has_text=key).click()
        return self.page.locator(".artifact-data-markdown")

    def expect_state(self, name: str) -> None:
        """Wait until the head of the page shows the state."""
        expect(self.head.locator(".state-badge")).to_have_text(name, timeout=PATIENCE)

    def retry(self) -> None:
        """Press Retry, and Retry again where the page asks whether to."""
        self.head.get_by_role("button", name="Retry").click()
        self.page.get_by_role("dialog").get_by_role("button", name="Retry").click()
