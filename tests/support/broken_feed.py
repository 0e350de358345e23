"""A feed of which some links and one picture fail until they are mended, a deployment that tags it,
and its worker.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.prefect_client import Worker, ask, prefect
from tests.support.prefect_server import PrefectServer
from tests.support.rekognition_endpoint import Fault, RekognitionEndpoint
from tests.support.site import Answer, Site, png

PICTURES = 12
DOWN = (4, 9)
THROTTLED = 6
"""Two pictures whose site is down, and one whose text the analyzer is always too busy to read."""

HOSTILE = "/gone/%3Cimg%20src=x%20onerror=pwned=1%3E*b*~~c~~(javascript:pwned=1)_d_.png"
"""The path of a link that would do harm where it is not shown as text.

A `<` or a backtick ends a link in a cell, so no link has one; unit tests escape those.
"""
OPERATIONS = ["detect_labels", "detect_text"]


class BrokenFeed:
    """Made in a folder: the site, the source, and the parameters of a run."""

    def __init__(self, folder: Path, endpoint: RekognitionEndpoint) -> None:
        self.folder, self.endpoint, self.site = folder, endpoint, Site()
        links = [self.site.picture(f"/photos/{n}.png", n) for n in range(PICTURES)]
        self.site.answers["/moved.html"] = Answer(
            b"<!doctype html><p>Moved.", headers={"Content-Type": "text/html"}
        )
        links += [
            f"{self.site.url}{path}" for path in ("/photos/deleted.png", "/moved.html", HOSTILE)
        ]
        links += [links[0], ""]
        rows = [f'{1000 + number},"{link}"\n' for number, link in enumerate(links)]
        (folder / "tweets.csv").write_text("tweet_id,media\n" + "".join(rows), encoding="utf-8")
        for number in DOWN:
            self.site.answers[f"/photos/{number}.png"] = Answer(b"", 503)
        picture = hashlib.sha256(png(THROTTLED)).hexdigest()
        endpoint.faults = [
            Fault("ThrottlingException", operation="DetectText", image=picture, times=None)
        ]

    @property
    def parameters(self) -> dict[str, Any]:
        """Of a run of the deployment; it does not wait for what won't come."""
        return {
            "source": str(self.folder / "tweets.csv"),
            "url_column": "media",
            "store": str(self.folder / "store"),
            "analyzer": "rekognition",
            "operations": OPERATIONS,
            "allow_private_addresses": True,
            "batch_size": 3,
            "fetch_retries": 0,
            "analyzer_retries": 0,
            "task_retries": 0,
        }

    def mend(self) -> None:
        """Nothing fails any more."""
        for number in DOWN:
            self.site.picture(f"/photos/{number}.png", number)
        self.endpoint.faults = []

    @contextmanager
    def deployed(self, server: PrefectServer, name: str) -> Iterator[str]:
        """A deployment with a worker; its name for `start`."""
        ask(server, "work_pools/", name=name, type="process")
        words = ["deploy", "image_tags.flows.pipeline.image_tags", "--name", name, "--pool", name]
        prefect(server, "--no-prompt", *words, cwd=self.folder)
        worker = Worker(server, name, self.endpoint.environment(), self.folder / "worker.log")
        worker.start()
        try:
            yield f"image-tags/{name}"
        finally:
            worker.stop()
