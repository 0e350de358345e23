"""From responses to one long table of tags, and to what became of each image."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.adapters.ledger.entry import Entry
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.contracts.operations import read_all
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import Calls, Failure, Tag, Verdict, distinct_pictures
from image_tags.tasks.contracts.tables import TAGS_LONG, schema_of
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import load_failures, load_fetched, save_calls
from image_tags.tasks.execution.staged_tables import StagedTables
from image_tags.tasks.execution.task_options import timed

CHUNK = 5_000
"""Images whose responses are in memory at the same time."""

LONG_SCHEMA = schema_of(TAGS_LONG)

VERDICTS = pa.schema(
    [
        ("image_id", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
"""The staged table `verdicts`: one row per image, in order of first appearance."""


@dataclass(frozen=True)
class Reshaped:
    """Some images' tags before cleaning and their verdicts."""

    tags: pa.Table
    verdicts: list[Verdict]


@task(task_run_name="reshape the responses", cache_policy=NO_CACHE)
@timed
def reshape_tags(resources: RunResources, digests: Sequence[str]) -> int:
    """Stage the tags before cleaning and the verdicts, and count the calls; returns the tags."""
    store, run = resources.store, resources.run
    image_ids = [
        picture.image_id for picture in distinct_pictures(load_fetched(store, run, digests))
    ]
    calls = {operation: Calls() for operation in resources.settings.operations}
    failures, analyzer = load_failures(store, run), resources.settings.analyzer
    parts = reshape_responses(image_ids, resources.ledgers, failures, calls, run, analyzer)
    with StagedTables(store, run) as tables:
        count = stage_reshaped(tables, parts)
    save_calls(store, run, calls)
    get_run_logger().info("%d tags of %d images", count, len(image_ids))
    return count


def stage_reshaped(tables: StagedTables, parts: Iterable[Reshaped]) -> int:
    """Stage `all_tags` and `verdicts` part by part; returns the number of tags."""
    with (
        tables.write("all_tags", LONG_SCHEMA) as all_tags,
        tables.write("verdicts", VERDICTS) as verdicts,
    ):
        for part in parts:
            all_tags.append(part.tags)
            verdicts.append(tabulate_verdicts(part.verdicts))
    return all_tags.rows


def tabulate_verdicts(verdicts: Sequence[Verdict]) -> pa.Table:
    """Verdicts as a table (VERDICTS)."""
    columns = [
        [one.image_id for one in verdicts],
        [str(one.status) for one in verdicts],
        [one.reason and str(one.reason) for one in verdicts],
        [one.detail for one in verdicts],
    ]
    return pa.table(columns, schema=VERDICTS)


def reshape_responses(
    image_ids: Sequence[str],
    ledgers: Mapping[str, Ledger],
    failures: Iterable[Failure],
    calls: Mapping[str, Calls],
    run: str,
    analyzer: str,
) -> Iterator[Reshaped]:
    """Read every response to the images and write their tags as rows, some images at a time.

    A pending image gives no tags: no image is published half read. One that an operation refused
    for good gives the tags of the others.

    Args:
        image_ids: the images, in the order of the tables.
        ledgers: by operation.
        failures: why some images have no answer.
        calls: the account by operation, to which every image is added.
        run: this run.
        analyzer: its name.
    """
    known = {(failure.image_id, failure.operation): failure for failure in failures}
    for entries in _read_by_image(image_ids, ledgers):
        verdicts: list[Verdict] = []
        rows: list[dict[str, object]] = []
        for image_id, answered in entries.items():
            _count_calls(calls, answered, run)
            verdict = decide_verdict(image_id, answered, known)
            verdicts.append(verdict)
            if verdict.status is not Status.PENDING:
                rows += read_rows(image_id, answered, analyzer)
        yield Reshaped(pa.Table.from_pylist(rows, schema=LONG_SCHEMA), verdicts)


def decide_verdict(
    image_id: str, answered: Mapping[str, Entry | None], failures: Mapping[tuple[str, str], Failure]
) -> Verdict:
    """One image's status.

    Pending while any operation may still answer, else rejected if any refused, else tagged.
    """
    problems: list[tuple[str, Reason, str]] = []
    for operation, entry in answered.items():
        if entry is None:
            failure = failures.get((image_id, operation))
            reason = failure.reason if failure else Reason.ANALYZER_UNAVAILABLE
            problems.append(
                (operation, reason, failure.detail if failure else "The call was not made.")
            )
        elif entry.refusal is not None:
            problems.append((operation, entry.refusal.reason, entry.refusal.detail))
    if not problems:
        remarks = [entry.remark for entry in answered.values() if entry and entry.remark]
        return Verdict(image_id, Status.TAGGED, detail="; ".join(dict.fromkeys(remarks)) or None)
    problems.sort(key=lambda problem: problem[1].status is not Status.PENDING)
    detail = " ".join(f"{operation}: {text}" for operation, _, text in problems)
    return Verdict(image_id, problems[0][1].status, problems[0][1], detail)


def read_rows(
    image_id: str, answered: Mapping[str, Entry | None], analyzer: str
) -> list[dict[str, object]]:
    """The rows of `tags_long` in one image's responses, in the table's order."""
    responses = [
        (op, entry.response)
        for op, entry in answered.items()
        if entry is not None and entry.response is not None
    ]
    versions = {op: entry.model_version for op, entry in answered.items() if entry is not None}
    return [_tag_as_row(image_id, tag, analyzer, versions) for tag in read_all(responses)]


def _tag_as_row(
    image_id: str, tag: Tag, analyzer: str, versions: Mapping[str, str | None]
) -> dict[str, object]:
    # Not dataclasses.asdict, which copies what is in details: a third of the time.
    row = dict(vars(tag))
    row["details"] = (
        json.dumps(tag.details, ensure_ascii=False, sort_keys=True) if tag.details else None
    )
    version = versions.get(tag.details["operation"])
    return {"image_id": image_id, **row, "analyzer": analyzer, "model_version": version}


def _count_calls(
    calls: Mapping[str, Calls], answered: Mapping[str, Entry | None], run: str
) -> None:
    for operation, entry in answered.items():
        if entry is None or (entry.response is None and entry.run == run):
            calls[operation].failed += 1
        elif entry.run == run:
            calls[operation].billed += 1
        else:
            calls[operation].reused += 1


def _read_by_image(
    image_ids: Sequence[str], ledgers: Mapping[str, Ledger]
) -> Iterator[dict[str, dict[str, Entry | None]]]:
    for at in range(0, len(image_ids), CHUNK):
        chunk = image_ids[at : at + CHUNK]
        found = {
            op: {entry.image_id: entry for entry in ledger.read_entries(chunk)}
            for op, ledger in ledgers.items()
        }
        yield {image_id: {op: found[op].get(image_id) for op in ledgers} for image_id in chunk}
