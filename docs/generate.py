"""The generated parts of docs/tables.md and docs/reasons.md: `uv run python -m docs.generate`
writes them anew.

They stand between `<!-- begin NAME -->` and `<!-- end NAME -->`; everything else in the files is
written by hand.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from image_tags.tasks.clean.rules import RULES
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.tables import (
    IMAGES,
    ROWS,
    TAG_EFFECTS,
    TAGS_DROPPED,
    TAGS_LONG,
    WIDE_KINDS,
    Column,
    published_tables,
    wide_columns,
)

COLUMNS = {
    "images": IMAGES,
    "tags_long": TAGS_LONG,
    "tags_dropped": TAGS_DROPPED[-1:],
    "tags_wide": wide_columns(dict.fromkeys(WIDE_KINDS, 1)),
    "rows": ROWS,
    "tag_effects": TAG_EFFECTS,
}


def parts() -> dict[str, str]:
    """Every generated part by its name."""
    return {
        **{f"columns of {table}": _columns(columns) for table, columns in COLUMNS.items()},
        "rules": _table(("rule", "removes"), ((f"`{rule.name}`", rule.says) for rule in RULES)),
        **{f"checks of {table}": _checks(table) for table in published_tables(["any"])},
        **{f"{status} reasons": _reasons(status) for status in (Status.REJECTED, Status.PENDING)},
    }


def renewed(text: str) -> str:
    """A document with its generated parts written anew.

    Raises:
        KeyError: it has a part of an unknown name.
    """
    made = parts()
    return re.sub(
        r"(<!-- begin (.+?) -->\n).*?(<!-- end \2 -->)",
        lambda found: found[1] + made[found[2]] + found[3],
        text,
        flags=re.DOTALL,
    )


def main(paths: Sequence[str]) -> None:
    """Write the generated parts of some documents anew."""
    for path in map(Path, paths or ("docs/tables.md", "docs/reasons.md")):
        path.write_text(renewed(path.read_text("utf-8")), "utf-8")


def _columns(columns: Iterable[Column]) -> str:
    return _table(("column", "type", "says"), ((f"`{c.name}`", _type(c), c.says) for c in columns))


def _type(column: Column) -> str:
    return str(column.type).replace("list<item: string>", "list of string")


def _checks(table: str) -> str:
    suite = json.loads((files("image_tags.expectations") / f"{table}.json").read_text("utf-8"))
    return _table(
        ("", "expectation"),
        ((entry["severity"], entry["description"]) for entry in suite["expectations"]),
    )


def _reasons(status: Status) -> str:
    return _table(
        ("reason", "meaning"),
        ((f"`{code}`", code.meaning) for code in Reason if code.status is status),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )


if __name__ == "__main__":
    main(sys.argv[1:])
