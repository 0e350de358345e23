"""Fetching pictures again that are known but gone from the store."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from prefect.logging import get_run_logger

from image_tags.tasks.contracts.display import counted
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.contracts.settings import FetchSettings
from image_tags.tasks.execution.batches import Batch
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import load_fetched
from image_tags.tasks.ingest.follow_links import LinkFollower, follow_links

THREADS = 32


def restore_pictures(
    resources: RunResources, known: Iterable[str], batches: Iterable[Batch[Picture]]
) -> int:
    """Make sure that the pictures to be asked about are in the store; returns how many were not.

    Ingest trusts the link records and looks at no picture, so one that was deleted since is noticed
    only here, where it is needed. Pictures of links that were fetched in this run are not checked.

    Args:
        resources: of the run.
        known: the digests of the outcomes that came from link records.
        batches: the analysis to be made.

    """
    wanted = {picture.image_id: picture for batch in batches for picture in batch.items}
    urls = {
        one.picture.image_id: one.url
        for one in load_fetched(resources.store, resources.run, known)
        if one.picture and one.picture.image_id in wanted
    }
    with ThreadPoolExecutor(THREADS, thread_name_prefix="restore") as pool:
        sizes = pool.map(lambda image_id: resources.store.size(wanted[image_id].key), urls)
        missing = [
            url
            for (image_id, url), size in zip(urls.items(), sizes, strict=True)
            if size != wanted[image_id].size
        ]
    if not missing:
        return 0
    settings = resources.settings.only(FetchSettings)
    follower = LinkFollower(
        resources.web, resources.store, resources.link_log, settings, resources.run, time.time
    )
    follow_links(missing, follower, settings.fetch_threads, lambda _: None, ignore_records=True)
    get_run_logger().warning(
        "%s gone from the store although known; fetched again.",
        f"{counted(len(missing), 'picture')} {'was' if len(missing) == 1 else 'were'}",
    )
    return len(missing)
