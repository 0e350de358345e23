"""Forget: find what belongs to someone, and remove it from every place.

What says which rows, links and pictures belong together goes last: first pictures, then the records
of links, then tables. So after an interruption, the same command finds the rest.
"""

from collections import Counter
from collections.abc import Iterable

from image_tags.tasks.adapters.ledger.ledger import remove_answers
from image_tags.tasks.adapters.link_records.link_log import remove_records
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.adapters.store.store_format import check_existing_format
from image_tags.tasks.contracts.display import counted
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.forget.changes import Change, change_pictures, change_tables
from image_tags.tasks.forget.mentions import mark_mentions
from image_tags.tasks.forget.selection import Found, Selection, find_selection


def forget(store: Store, selection: Selection, *, dry_run: bool = False) -> list[str]:
    """Remove what belongs to the selection; returns sentences on what was removed and what is left.

    Do not run it while a run is at work in the store: the run could write what it has in memory.

    Args:
        store: the store.
        selection: whose data.
        dry_run: only say what would be removed.

    Raises:
        UsageError: not exactly one thing is selected, no version has the column, or the store is
            empty or has another format.
        StopRun: a run is merging the ledger or the link records.
    """
    given = [one for one in (selection.row_value, selection.url, selection.image_id) if one]
    if len(given) != 1:
        raise UsageError("Give exactly one of --row-value, --url and --image-id.")
    check_existing_format(store)
    found = find_selection(store, selection)
    removed: Counter[str] = Counter()

    def make(changes: Iterable[Change]) -> None:
        for change in changes:
            removed[change.what] += 1
            if not dry_run:
                change.apply(store)

    if found.images:
        removed["answers"] = remove_answers(store, found.images, dry_run=dry_run)
        make(change_pictures(store, found))
    if found.identifiers:
        removed["link records"] = remove_records(
            store, lambda table: mark_mentions(table, found.identifiers), dry_run=dry_run
        )
    make(change_tables(store, selection, found))
    return _describe(store, found, +removed, dry_run=dry_run)


def _describe(store: Store, found: Found, removed: Counter[str], *, dry_run: bool) -> list[str]:
    verb = "Would change or remove" if dry_run else "Changed or removed"
    most = max(map(len, found.rows.values()), default=0)
    lines = [
        f"Found: {counted(most, 'row')} (in the version or run that has most), "
        f"{counted(len(found.urls), 'link')} and {counted(len(found.images), 'picture')}."
    ]
    lines += [f"{verb} {what}: {n:,}" for what, n in sorted(removed.items())]
    if found.shared:
        lines.append(
            f"Left: {counted(len(found.shared), 'picture')} that other rows show too; remove one "
            f"from all of them with --image-id: {', '.join(sorted(found.shared)[:3])}"
        )
    if any(True for _ in store.keys("damaged/")):
        lines.append("Left: files below damaged/ that cannot be read; delete them by hand.")
    lines.append(
        "Left, outside the store: your own source files, what readers have copied, logs and "
        "artifacts on the Prefect server, and older object versions if the bucket keeps them."
    )
    return lines
