"""A headless Chromium for tests: the one that is installed, or the distribution's own where we may
install it.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def chromium() -> str:
    """Where the browser is.

    Installs Debian's if there is none and we are root; RuntimeError if there is still none.
    """
    found = _on_path()
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "chromium"],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=200)
        found = _on_path()
    if found is None:
        raise RuntimeError(
            "These tests need Chromium or Google Chrome on the PATH: `apt-get install chromium`."
        )
    return found


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """A headless browser, closed at the end.

    While it is open no event loop can run in this thread.
    """
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Opened:
    """A page that has been opened, with everything that it asked for or complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def violations(self) -> list[dict[str, Any]]:
        """What axe-core has against the page and calls serious or critical."""
        found = Axe().run(self.page).response["violations"]
        return [v for v in found if v["impact"] in ("serious", "critical")]


@contextlib.contextmanager
def opened(
    browser: Browser, address: str, width: int = 1280, dark: bool = False, scripts: bool = True
) -> Iterator[Opened]:
    """A page in a context of its own, loaded; `width` in CSS px, a phone below 600."""
    phone = width < 600
    context = browser.new_context(
        viewport={"width": width, "height": 844 if phone else 800},
        device_scale_factor=2 if phone else 1,
        has_touch=phone,
        is_mobile=phone,
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    try:
        seen = Opened(context.new_page())
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        seen.page.on("console", lambda message: seen.complaints.append(message.text))
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.goto(address, wait_until="load")
        yield seen
    finally:
        context.close()


def _on_path() -> str | None:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or (str(MACOS) if MACOS.exists() else None)
