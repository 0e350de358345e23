"""Takes the docs' pictures of a report: `uv run python -m tests.support.screenshots REPORT.html
docs/images`.
"""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.support.browser import open_browser, opened

GAP = 20
"""px between two pictures side by side."""


def views(address: str) -> Iterator[tuple[str, bytes]]:
    """Names and PNGs: the head on a desktop, the gallery with boxes in the dark, and both on a
    phone side by side.
    """
    with open_browser() as browser:
        with opened(browser, address, width=1180) as seen:
            yield "report-desktop", seen.page.screenshot()
        with opened(browser, address, width=1180, dark=True) as seen:
            yield "report-gallery", _gallery(seen.page)
        with opened(browser, address, width=390) as seen:
            head = seen.page.screenshot()
            yield "report-phone", _beside(head, _gallery(seen.page))


def _gallery(page: Page) -> bytes:
    page.check("#boxes")
    page.locator(".card[data-kinds*=celebrity]").first.evaluate(
        "card => card.scrollIntoView({block: 'center'})"
    )
    return page.screenshot()


def _beside(*pictures: bytes) -> bytes:
    # A phone has two pixels where the page has one; half of them are enough here.
    halves = [picture.reduce(2) for picture in map(Image.open, map(BytesIO, pictures))]
    both = Image.new("RGB", (sum(half.width for half in halves) + GAP, halves[0].height), "#8a8f94")
    at = 0
    for half in halves:
        both.paste(half, (at, 0))
        at += half.width + GAP
    data = BytesIO()
    both.save(data, "PNG")
    return data.getvalue()


def main(report: str, folder: str) -> None:
    """Write the pictures."""
    for name, data in views(Path(report).absolute().as_uri()):
        Image.open(BytesIO(data)).convert("RGB").save(Path(folder) / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
