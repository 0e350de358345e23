"""The generated parts of docs/tables.md and docs/reasons.md.

`uv run python -m docs.generate` updates them, with `--check` it only compares. They are between
`<!-- begin NAME -->` and `<!-- end NAME -->`; the rest of the files is written by hand.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

import image_tags
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

DOCUMENTS = (Path("docs/tables.md"), Path("docs/reasons.md"))

COLUMNS = {
    "images": IMAGES,
    "tags_long": TAGS_LONG,
    "tags_dropped": TAGS_DROPPED[-1:],
    "tags_wide": wide_columns(dict.fromkeys(WIDE_KINDS, 1)),
    "rows": ROWS,
    "tag_effects": TAG_EFFECTS,
}


def make_parts() -> dict[str, str]:
    """Every generated part by its name."""
    return {
        "public names": _table(("name", "description"), map(_public_name, image_tags.__all__)),
        **{f"columns of {table}": _columns(columns) for table, columns in COLUMNS.items()},
        "rules": _table(
            ("rule", "removes"), ((f"`{rule.name}`", rule.description) for rule in RULES)
        ),
        **{f"checks of {table}": _checks(table) for table in published_tables(["any"])},
        **{f"{status} reasons": _reasons(status) for status in (Status.REJECTED, Status.PENDING)},
    }


def update_parts(text: str) -> str:
    """A document with its generated parts updated.

    Raises:
        KeyError: it has a part of an unknown name.
    """
    made = make_parts()
    return re.sub(
        r"(<!-- begin (.+?) -->\n).*?(<!-- end \2 -->)",
        lambda found: found[1] + made[found[2]] + found[3],
        text,
        flags=re.DOTALL,
    )


def main(arguments: Sequence[str]) -> int:
    """Update the documents; with `--check` only compare them. Returns the exit code."""
    outdated = [
        path
        for path in DOCUMENTS
        if update_parts(path.read_text("utf-8")) != path.read_text("utf-8")
    ]
    if "--check" in arguments:
        for path in outdated:
            print(f"{path} is outdated: uv run python -m docs.generate", file=sys.stderr)
        return int(bool(outdated))
    for path in outdated:
        path.write_text(update_parts(path.read_text("utf-8")), "utf-8")
    return 0


def _public_name(name: str) -> tuple[str, str]:
    documented = inspect.getdoc(getattr(image_tags, name)) or ""
    return f"`{name}`", " ".join(documented.partition("\n\n")[0].split())


def _columns(columns: Iterable[Column]) -> str:
    return _table(
        ("column", "type", "description"),
        ((f"`{c.name}`", _type(c), c.description) for c in columns),
    )


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
    sys.exit(main(sys.argv[1:]))
