"""Fetching the links and asking about their pictures: at the same time, or the plan in between."""

from collections.abc import Mapping

from image_tags.tasks.analyze import analyze_images
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.records import Picture, distinct_pictures
from image_tags.tasks.execution.batches import Batch
from image_tags.tasks.execution.mapping import may_overlap, run_batches, run_overlapping
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import load_fetched
from image_tags.tasks.ingest.restore import restore_pictures
from image_tags.tasks.ingest.step import LinkWork, ingest_images
from image_tags.tasks.plan.backlog import Backlog
from image_tags.tasks.plan.cutting import analysis_batches
from image_tags.tasks.plan.step import plan_ahead, plan_analysis, plan_rest


def fetch_and_ask(resources: RunResources, links: LinkWork) -> StopRun | None:
    """Fetch the links and ask the analyzer about their pictures.

    Returns:
        Why the analyzer could not be asked, or no longer, if so.

    Raises:
        StopRun: fetching had to stop.

    """
    if feed := PictureFeed.open(resources, links):
        return run_overlapping(ingest_images, links.batches, analyze_images, feed, resources)
    run_batches(ingest_images, links.batches, resources)
    try:
        images = plan_analysis(resources, links.digests)
        restore_pictures(resources, links.known, images)
        run_batches(analyze_images, images, resources)
    except StopRun as error:
        return error
    return None


class PictureFeed:
    """Makes batches for the analysis of the pictures that batches of links bring.

    Args:
        resources: of the run.
        links: of the run.
        backlog: with the pictures that were known before.
        todo: which of those are to be asked, by operation.

    """

    def __init__(
        self,
        resources: RunResources,
        links: LinkWork,
        backlog: Backlog,
        todo: Mapping[str, list[Picture]],
    ) -> None:
        self._resources = resources
        self._links = links
        self._backlog = backlog
        self._to_restore = analysis_batches(todo, None)

    @classmethod
    def open(cls, resources: RunResources, links: LinkWork) -> "PictureFeed | None":
        """None if the plan has to come first, or cannot be made: it says why, after fetching."""
        if not links.batches or not may_overlap(resources.settings):
            return None
        known = distinct_pictures(load_fetched(resources.store, resources.run, links.known))
        to_fetch = sum(len(batch.items) for batch in links.batches)
        try:
            ahead = plan_ahead(resources, known, to_fetch)
        except StopRun:
            return None
        return cls(resources, links, *ahead) if ahead else None

    def add(self, batch: Batch[str]) -> None:
        """Take the pictures of a batch of links; one that failed has saved what it got."""
        fetched = load_fetched(self._resources.store, self._resources.run, [batch.digest])
        self._backlog.add(distinct_pictures(fetched))

    def next_batches(self, running: Mapping[str, int]) -> list[Batch[Picture]]:
        """The batches that are worth beginning now."""
        if self._to_restore:
            to_restore, self._to_restore = self._to_restore, []
            restore_pictures(self._resources, self._links.known, to_restore)
        return self._backlog.cut(running)

    def last_batches(self) -> list[Batch[Picture]]:
        """What has not begun, once all links are fetched."""
        return plan_rest(self._resources, self._backlog)
