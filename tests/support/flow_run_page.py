"""A flow run's page in the Prefect UI, as a person uses it."""

from playwright.sync_api import Locator, Page, expect

from tests.support.prefect_server import PrefectServer

PATIENCE = 60_000
"""ms until a page must have shown what a run does; the UI itself asks now and then."""


class FlowRunPage:
    """The page, open."""

    def __init__(self, page: Page, server: PrefectServer, flow_run_id: str) -> None:
        self.page, self.address = page, f"{server.ui}/runs/flow-run/{flow_run_id}"
        self.open()

    def open(self) -> None:
        """Go to the page."""
        self.page.goto(self.address)
        expect(self.page.locator(".flow-run__tabs, .p-tabs").first).to_be_visible(timeout=PATIENCE)

    def tab(self, name: str) -> Locator:
        """Turn to a tab; what is in it."""
        self.page.locator(".p-tab", has_text=name).first.click()
        return self.page.locator(".p-tabs__content").first

    def expect_state(self, name: str) -> None:
        """Wait until the head of the page shows the state."""
        expect(self.page.locator(".page-heading-flow-run").get_by_text(name, exact=True)).to_be_visible(timeout=PATIENCE)

    def retry(self) -> None:
        """Press Retry, and Retry again where the page asks whether to."""
        self.page.locator(".page-heading-flow-run").get_by_role("button", name="Retry").click()
        self.page.locator(".p-modal").get_by_role("button", name="Retry").click()
