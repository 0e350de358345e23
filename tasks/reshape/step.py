"""The step that turns responses into one long table of tags, and says what became of each image.

Tags that an earlier run has read from the same answers are used again (`derived.py`), so the work
follows what is new. Putting them in the order of this run's images is a sort that may be larger
than memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.adapters.files.errors import TemporaryFilesFailed
from image_tags.tasks.adapters.files.sorted_tables import read_in_order
from image_tags.tasks.adapters.files.table_files import write_table_file
from image_tags.tasks.adapters.ledger.ledger import Ledger, fingerprint
from image_tags.tasks.contracts.display import counted
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.contracts.records import Calls, Verdict, distinct_pictures, distinct_urls
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import (
    load_failures,
    load_fetched,
    load_links,
    save_calls,
)
from image_tags.tasks.execution.staged_tables import StagedTables
from image_tags.tasks.execution.task_options import timed
from image_tags.tasks.reshape import reading
from image_tags.tasks.reshape.derived import DerivedTags, make_stamp
from image_tags.tasks.reshape.reading import LONG_SCHEMA, read_images, tabulate_tags
from image_tags.tasks.reshape.verdicts import (
    CallFailures,
    Heard,
    count_calls,
    decide_verdict,
    find_answers,
    index_failures,
    tabulate_verdicts,
)


@dataclass(frozen=True)
class Answers:
    """Everything that the tags of a run are made of.

    Attributes:
        image_ids: the images, in the order of the tables.
        ledgers: by operation.
        failures: why images have no answer.
        analyzer: its name.
        run: this run.
    """

    image_ids: Sequence[str]
    ledgers: Mapping[str, Ledger]
    failures: CallFailures
    analyzer: str
    run: str


@dataclass(frozen=True)
class Reshaped:
    """How many tags were staged, how many images were read anew, and the calls by operation."""

    tags: int
    images_read: int
    calls: dict[str, Calls]


@task(task_run_name="reshape the responses", cache_policy=NO_CACHE)
@timed
def reshape_tags(resources: RunResources, digests: Sequence[str]) -> int:
    """Stage the tags before cleaning and the verdicts, and count the calls; returns the tags."""
    store, run = resources.store, resources.run
    # Links that were known have no batch: the order of the tables is that of the source.
    order = {url: n for n, url in enumerate(distinct_urls(load_links(store, run)))}
    fetched = sorted(load_fetched(store, run, digests), key=lambda one: order[one.url])
    pictures = distinct_pictures(fetched)
    answers = Answers(
        [picture.image_id for picture in pictures],
        resources.ledgers,
        index_failures(load_failures(store, run)),
        resources.settings.analyzer,
        run,
    )
    prints = {name: fingerprint(ledger.settings) for name, ledger in answers.ledgers.items()}
    derived = DerivedTags(store, answers.analyzer, prints)
    with StagedTables(store, run) as tables:
        try:
            reshaped = stage_reshaped(tables, derived, answers)
        except TemporaryFilesFailed:
            # Another run replaced the derived tags meanwhile, or they are damaged: do without them.
            get_run_logger().warning("The derived tags cannot be read; reading all responses")
            reshaped = stage_reshaped(tables, None, answers)
    save_calls(store, run, reshaped.calls)
    get_run_logger().info(
        "%s of %s; the responses of %s were read, the rest is known from earlier runs",
        counted(reshaped.tags, "tag"),
        counted(len(pictures), "image"),
        counted(reshaped.images_read, "image"),
    )
    return reshaped.tags


def stage_reshaped(tables: StagedTables, derived: DerivedTags | None, answers: Answers) -> Reshaped:
    """Stage `all_tags` and `verdicts`.

    A pending image gives no tags: no image is published half read. One that an operation refused
    for good gives the tags of the others.

    Args:
        tables: the run's staged tables.
        derived: tags that were read before; None to read all answers again.
        answers: what to read.

    """
    heard = {op: find_answers(one, answers.image_ids) for op, one in answers.ledgers.items()}
    stamps = {image_id: _stamp(heard, image_id) for image_id in answers.image_ids}
    known = derived.find(stamps, tables.folder) if derived else {}
    left = [image_id for image_id in answers.image_ids if image_id not in known]
    # The ledger's larger segments are in the order of the ids: each is read once, not per part.
    in_parts = len(left) > reading.CHUNK
    left = sorted(left) if in_parts else left
    fresh = tables.folder / "fresh.parquet"
    verdicts = {
        image_id: decide_verdict(image_id, _of_image(heard, image_id), answers.failures)
        for image_id in known
    }
    with write_table_file(fresh, LONG_SCHEMA) as writer:
        for tags, decided in _read_images(answers, left):
            writer.append(tags)
            verdicts.update(decided)
    tables.stage("verdicts", tabulate_verdicts([verdicts[one] for one in answers.image_ids]))
    if known or in_parts:
        _stage_in_order(tables, answers.image_ids, known, fresh)
    else:
        tables.put_file("all_tags", fresh)
    if derived:
        # What a pending image has is not all of it.
        settled = {one: stamps[one] for one in left if verdicts[one].status is not Status.PENDING}
        derived.save(settled, fresh)
        derived.limit_files({**settled, **{one: stamps[one] for one in known}}, tables)
    calls = {op: count_calls(one, answers.image_ids, answers.run) for op, one in heard.items()}
    return Reshaped(tables.open("all_tags").num_rows, len(left), calls)


def _of_image(heard: Mapping[str, Mapping[str, Heard]], image_id: str) -> dict[str, Heard | None]:
    return {operation: answers.get(image_id) for operation, answers in heard.items()}


def _stamp(heard: Mapping[str, Mapping[str, Heard]], image_id: str) -> str | None:
    answered = _of_image(heard, image_id).values()
    return make_stamp(one and one.answered for one in answered)


def _read_images(
    answers: Answers, image_ids: Sequence[str]
) -> Iterator[tuple[pa.Table, dict[str, Verdict]]]:
    """The tags of some images, read from their responses, with their verdicts, part by part."""
    for entries in read_images(image_ids, answers.ledgers):
        verdicts = {
            image_id: decide_verdict(image_id, of_image, answers.failures)
            for image_id, of_image in entries.items()
        }
        settled = {
            image_id: of_image
            for image_id, of_image in entries.items()
            if verdicts[image_id].status is not Status.PENDING
        }
        yield tabulate_tags(settled, answers.analyzer), verdicts


def _stage_in_order(
    tables: StagedTables, image_ids: Sequence[str], known: Mapping[str, Path], fresh: Path
) -> None:
    """Stage `all_tags` out of files with the tags of some images each."""
    columns = {
        "image_id": image_ids,
        "file": [str(known.get(image_id, fresh)) for image_id in image_ids],
        "place": range(len(image_ids)),
    }
    with tables.write("all_tags", LONG_SCHEMA) as all_tags:
        for part in read_in_order(pa.table(columns), LONG_SCHEMA, tables.folder):
            all_tags.append(part)
