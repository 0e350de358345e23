"""Guess what separates the cells of a text table, by looking at its first rows."""

import re
from dataclasses import dataclass

from image_tags.tasks.adapters.files.csv_rows import iterate_rows
from image_tags.tasks.adapters.files.preambles import find_preamble
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.link_text import PICTURE_ENDINGS, WEB

CANDIDATES = (",", "\t", ";", "|")
NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar", " ": "space"}
"""Delimiters that have a name; `--delimiter` takes the names too, as a tab is hard to type."""

NO_DELIMITER = "\x1f"
"""Stands for "one column": the unit separator, which no text table contains."""

SAMPLE = 200_000
"""Characters that are looked at."""

_SEP_LINE = re.compile(r'"?sep=(.)"?[ \t,;]*\r?\n', re.IGNORECASE)
_QUOTED_NAMES = re.compile(r'"[^"]*"(?: "[^"]*")*')
_WHOLE_PICTURE = re.compile(rf"\.(?:{PICTURE_ENDINGS})$", re.IGNORECASE)
_CONTINUES_LINK = re.compile(r"[a-z]{1,4}_[\w.:~%-]|[^\s\"]*[/=&%]", re.IGNORECASE)


@dataclass(frozen=True)
class Delimiter:
    """What separates cells, where the table's text begins, and how that is known, as a sentence."""

    character: str
    begin: int = 0
    remark: str | None = None


def parse_delimiter(given: str) -> str:
    """Return the character that `--delimiter` asks for: itself or its name.

    Raises:
        UsageError: it is neither.
    """
    named = {name: character for character, name in NAMES.items()} | {"pipe": "|", r"\t": "\t"}
    character = named.get(given.lower(), given)
    if len(character) != 1 or character in '"\r\n\0':
        names = ", ".join(NAMES.values())
        raise UsageError(f"--delimiter takes one character or its name ({names}), not {given!r}.")
    return character


def find_delimiter(
    name: str, text: str, given: str | None, header: bool | None = None
) -> Delimiter:
    """Find the delimiter: the one given, Excel's `sep=;` line, or the one that fits the first rows.

    Args:
        name: of the file; `.tsv` prefers tabs.
        text: of the file.
        given: by `--delimiter`.
        header: by `--header`; None: the table may begin below a title.
    """
    declared = _SEP_LINE.match(text)
    begin = declared.end() if declared else 0
    character = parse_delimiter(given) if given is not None else None
    remark = None
    if declared and character is None:
        character = declared.group(1)
        remark = f"The delimiter is the {_named(character)} that the first line names."
    sample = _whole_lines(text[begin:] if begin else text)
    above = find_preamble(sample, [character] if character else CANDIDATES)
    if above and header is None:
        return Delimiter(above.delimiter, begin + above.end, above.remark)
    return Delimiter(character, begin, remark) if character else _find_by_looking(name, sample)


def _find_by_looking(name: str, sample: str) -> Delimiter:
    expected = "\t" if name.lower().removesuffix(".gz").endswith(".tsv") else ","
    character = _best_fit(sample, expected)
    remark = None
    if character == NO_DELIMITER:
        if any(candidate in sample for candidate in CANDIDATES) or _is_odd_table(name, sample):
            remark = "Each line is one cell, as no delimiter fits the lines (see --delimiter)."
    elif character != expected:
        remark = f"The delimiter is the {_named(character)}, found by looking (see --delimiter)."
    return Delimiter(character, 0, remark)


def continues_link(before: str, after: str) -> bool:
    """Whether a delimiter between two pieces belongs to a link: `.../w_303,h_170/1.jpg`."""
    if (
        not WEB.match(before.lstrip())
        or not after
        or WEB.match(after)
        or _WHOLE_PICTURE.search(before[-6:])
    ):
        return False
    return _CONTINUES_LINK.match(after) is not None


def join_links(row: list[str], delimiter: str, width: int) -> list[str]:
    """Join the pieces of links in a row that is too long; unchanged where that does not fit."""
    joined: list[str] = []
    for cell in row:
        if joined and continues_link(joined[-1], cell):
            joined[-1] += delimiter + cell
        else:
            joined.append(cell)
    return joined if len(joined) == width else row


def _best_fit(sample: str, expected: str) -> str:
    """The candidate by which most rows have as many cells as the first; if none, one column."""
    lines = [line for line in sample.splitlines() if line.strip()]
    best, best_score = NO_DELIMITER, (0.0, 0)
    for candidate in sorted(CANDIDATES, key=lambda one: one != expected):
        if lines and all(_is_one_link(line, candidate) for line in lines):
            continue
        rows = list(iterate_rows(sample, candidate))
        width = len(rows[0]) if rows else 1
        if width == 1 and not _names_are_one_short(rows, lines):
            continue
        score = (_fitting_share(rows, width), width)
        if score > best_score or best == NO_DELIMITER:
            best, best_score = candidate, score
    if best == NO_DELIMITER and lines and _QUOTED_NAMES.fullmatch(lines[0]):
        rows = list(iterate_rows(sample, " "))  # R's write.table
        if len(rows) > 1 and {len(row) - len(rows[0]) for row in rows[1:]} <= {1}:
            return " "
    return best


def _names_are_one_short(rows: list[list[str]], lines: list[str]) -> bool:
    """Whether a single quoted name heads quoted pairs, as R writes a table of one column."""
    return (
        len(rows) > 1
        and all(len(row) == 2 for row in rows[1:])
        and all(line.startswith('"') for line in lines)
    )


def _fitting_share(rows: list[list[str]], width: int) -> float:
    """The share of rows with as many cells as the first; for all with one more, it is as good."""
    widths = [len(row) for row in rows[1:]]
    if not widths or set(widths) == {width + 1}:
        return 1.0
    return sum(one == width for one in widths) / len(widths)


def _is_one_link(line: str, candidate: str) -> bool:
    """Whether the line is a single link, and the candidate only occurs inside it."""
    first, *pieces = line.strip().split(candidate)
    whole = first
    for piece in pieces:
        if not continues_link(whole, piece):
            return False
        whole += candidate + piece
    return WEB.match(first) is not None and not re.search(r'[\s"]', line.strip())


def _is_odd_table(name: str, sample: str) -> bool:
    """Whether a file called a table has text before its links: perhaps an unknown delimiter."""
    return name.lower().removesuffix(".gz").endswith((".csv", ".tsv")) and any(
        re.match(r"[\w.-]+[^\w\s:/.-]{1,2}\s?https?://", line) for line in sample.splitlines()
    )


def _whole_lines(text: str) -> str:
    if len(text) <= SAMPLE:
        return text
    return text[: max(text.rfind("\n", 0, SAMPLE), 0)] or text[:SAMPLE]


def _named(character: str) -> str:
    return NAMES.get(character, repr(character))
