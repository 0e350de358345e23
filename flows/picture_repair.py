"""Fetching pictures again that were damaged in the store, from the links that led to them."""

import time
from collections.abc import Collection

from image_tags.tasks.adapters.link_records import LinkLog
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.adapters.web import Web
from image_tags.tasks.contracts.display import link_address, shown
from image_tags.tasks.contracts.records import Fetched
from image_tags.tasks.contracts.settings import FetchSettings
from image_tags.tasks.ingest.follow_links import LinkFollower, follow_links

NAME = "verify"
"""The name of the run in the records of the links."""

TRIES = 3
"""Links that are tried for one picture at most."""


def fetch_pictures_again(
    store: Store, image_ids: Collection[str], settings: FetchSettings
) -> dict[str, str]:
    """Fetch pictures that were removed from the store; their links' records are renewed.

    Returns:
        For each picture a sentence that tells what came of it.
    """
    link_log = LinkLog(store)
    links = link_log.find_links(image_ids)
    left = {image_id: links.get(image_id, [])[:TRIES] for image_id in image_ids}
    said = dict.fromkeys(image_ids, "Removed; no link to it is known.")
    with Web(settings) as web:
        follower = LinkFollower(web, store, link_log, settings, NAME, time.time)
        while urls := {tried.pop(0): image_id for image_id, tried in left.items() if tried}:
            done = follow_links(
                list(urls), follower, settings.fetch_threads, lambda _: None, ignore_records=True
            )
            for outcome in done:
                image_id = urls[outcome.url]
                said[image_id] = _describe_outcome(image_id, outcome)
                if outcome.picture and outcome.picture.image_id == image_id:
                    left[image_id] = []
    link_log.close()
    return said


def _describe_outcome(image_id: str, outcome: Fetched) -> str:
    link = link_address(outcome.url)
    if outcome.picture is None:
        cause = f"{outcome.reason}: {shown(outcome.detail or '')}"
        return f"Removed; its link {link} could not be fetched again ({cause})."
    if outcome.picture.image_id != image_id:
        return f"Removed; its link {link} leads to another picture now."
    return f"Fetched again from {link}."
