"""Which column of a table holds the links to pictures: the one asked for, or the likeliest."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlsplit

import pyarrow as pa

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.link_text import DATA, is_link, is_picture_path, link_spellings
from image_tags.tasks.source.url_cells import holds_links, is_empty, links_in, read_cell

SAMPLE = 1000
"""Filled cells that a column is judged by."""

CLEAR = 0.15
"""By how much the best column must lead; a picture's name counts 0.4, its address up to 1."""

PICTURES = 0.8
"""Score from which a column looks like pictures, if another one was asked for."""

_MAY_HOLD_LINK = re.compile(r"//|www\.|data:|\\/|\\\\|[a-z]/", re.IGNORECASE)

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PICTURE_WORDS = frozenset(
    [
        "image",
        "images",
        "img",
        "imgs",
        "photo",
        "photos",
        "picture",
        "pictures",
        "pic",
        "pics",
        "media",
    ]
)
_SMALL_WORDS = frozenset(
    ["thumbnail", "thumb", "thumbs", "preview", "avatar", "icon", "logo", "small", "cover"]
)
_PAGE_WORDS = frozenset(
    [
        "permalink",
        "page",
        "post",
        "website",
        "homepage",
        "site",
        "profile",
        "expanded",
        "video",
        "user",
        "author",
        "tweet",
    ]
)
_LINK_WORDS = frozenset(["url", "urls", "link", "links", "href", "src", "uri"])

_PICTURE_HOST = re.compile(
    r"(?:^|\.)(?:pbs\.twimg|i\.imgur|[ip]review\.redd|i\.redd|upload\.wikimedia|res\.cloudinary|"
    r"images?|imgs?|pics?|photos?|thumbs?|media|static|cdn)[\w-]*\.|(?:fbcdn|cdninstagram|staticflickr)\.",
    re.IGNORECASE,
)
_PICTURE_FOLDER = re.compile(r"/(?:images?|imgs?|photos?|pics?|pictures?|media|uploads?)/", re.I)
_PICTURE_FORMAT = re.compile(r"(?:^|[?&;])(?:format|fm|ext)=(?:jpe?g|png|webp)", re.IGNORECASE)
_PAGE_PATH = re.compile(r"^/?$|/status(?:es)?/\d|\.(?:html?|php|aspx?)$|/watch$", re.IGNORECASE)


@dataclass(frozen=True)
class UrlColumn:
    """The column with the links, and sentences on how it was chosen."""

    name: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    """A column, the share of its cells that hold links, and how much it looks like pictures."""

    name: str
    share: float
    score: float
    cells: Sequence[object]


def find_url_column(table: pa.Table, wanted: str | None) -> str:
    """Return the name of the column with the links; see `choose_url_column`."""
    return choose_url_column(table, wanted).name


def choose_url_column(table: pa.Table, wanted: str | None) -> UrlColumn:
    """Choose the column with the links: the one asked for, or the one most like pictures.

    Columns are judged by a sample of their values: hosts, paths and endings of pictures, then by
    their names. Where no row has a link, the name decides.

    Raises:
        UsageError: there is no such column, it plainly holds other values than links, none holds
            links, or several may be meant.
    """
    names = table.column_names
    listed = ", ".join(repr(name) for name in names[:20]) + (", ..." if len(names) > 20 else "")
    if wanted is not None:
        if wanted not in names:
            raise UsageError(f"There is no column {wanted!r} in the source; it has {listed}.")
        return UrlColumn(wanted, _remarks_without_links(table, wanted))
    candidates = _candidates(table, whole_cells=True) or _candidates(table, whole_cells=False)
    if candidates:
        return _clear_winner(candidates)
    by_name = max(names, key=_name_score_of_link, default=None)
    if by_name is None or (table.num_rows and _name_score_of_link(by_name) <= 0):
        raise UsageError(
            f"No column of the source holds links; it has {listed}. Name one with --url-column."
        )
    return UrlColumn(
        by_name,
        (f"No row has a link; the column {by_name!r} is taken by its name (--url-column).",),
    )


def picture_likeness(link: str) -> float:
    """How much a link looks like a picture's, from 0 (a page) to 1; 0.3 where nothing tells."""
    if DATA.match(link) or is_picture_path(link):
        return 1.0
    try:
        parts = urlsplit(link_spellings(link)[0])
        host = parts.hostname or ""
    except ValueError:
        return 0.0
    if _PICTURE_FORMAT.search(parts.query):
        return 1.0
    if _PAGE_PATH.search(parts.path):
        return 0.0
    return 0.8 if _PICTURE_HOST.search(host) or _PICTURE_FOLDER.search(parts.path) else 0.3


def name_score(name: str) -> float:
    """How much a column's name sounds like pictures (0.4), small ones (0.2) or pages (-0.3)."""
    words = {word.lower() for word in _WORD.findall(name)}
    score = 0.4 if words & _PICTURE_WORDS else 0.0
    if words & _SMALL_WORDS:
        score = 0.2
    return score - 0.3 if words & _PAGE_WORDS else score


def _name_score_of_link(name: str) -> float:
    words = {word.lower() for word in _WORD.findall(name)}
    return name_score(name) + (0.1 if words & _LINK_WORDS else 0.0)


def _candidates(table: pa.Table, *, whole_cells: bool) -> list[_Candidate]:
    """Columns in which cells hold links, only links or also in prose, the likeliest first."""
    found = []
    for name in table.column_names:
        cells = _sample(table.column(name))
        links = [_links_of_cell(cell, whole_cells) for cell in cells]
        share = sum(map(bool, links)) / len(cells) if cells else 0.0
        if share:
            likeness = [picture_likeness(one[0]) for one in islice(filter(None, links), 100)]
            score = sum(likeness) / len(likeness) + name_score(name) + 0.3 * share
            found.append(_Candidate(name, share, score, cells))
    most = max((one.share for one in found), default=0.0)
    found = [one for one in found if one.share >= 0.1 * most]
    return sorted(found, key=lambda one: -one.score)


def _clear_winner(candidates: list[_Candidate]) -> UrlColumn:
    best, *others = candidates
    rivals = [one for one in others if best.score - one.score < CLEAR and one.cells != best.cells]
    if rivals:
        listed = ", ".join(repr(one.name) for one in [best, *rivals])
        raise UsageError(
            "Several columns hold links, and it is not clear which leads to the pictures: "
            f"{listed}. Name one with --url-column."
        )
    remark = f"Links were taken from the column {best.name!r}, found by looking at the values"
    if others:
        listed = ", ".join(repr(one.name) for one in others[:5])
        remark += f"; there are links in {listed} too (--url-column)"
    return UrlColumn(best.name, (f"{remark}.",))


def _remarks_without_links(table: pa.Table, name: str) -> tuple[str, ...]:
    """A sentence if no row has a link in the column, with the columns that have some.

    Raises:
        UsageError: it is plainly the wrong column: it has values, none of them is meant as a link,
            and another column looks like pictures.
    """
    cells = [cell for chunk in table.column(name).chunks for cell in chunk.to_pylist()]
    if any(map(holds_links, cells)):
        return ()
    others = [one for one in _candidates(table, whole_cells=True) if one.name != name]
    listed = ", ".join(repr(one.name) for one in others[:5])
    if others and others[0].score >= PICTURES and _are_other_values(cells):
        raise UsageError(
            f"There are no links in the column {name!r}; there are some in {listed}. "
            "Name the right one with --url-column."
        )
    hint = f" There are links in {listed}." if others else ""
    return (f"No row has a link in the column {name!r}.{hint}",)


def _are_other_values(cells: Iterable[object]) -> bool:
    """Whether cells hold values that are no links, not just one word for "none" or no value."""
    values = {str(cell).strip() for cell in cells if not is_empty(cell)}
    return len(values) > 1 and not any(map(links_in, values))


def _sample(column: pa.ChunkedArray) -> list[object]:
    kind = column.type
    if pa.types.is_primitive(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return []  # numbers and times hold no links
    filled = column.slice(0, 20 * SAMPLE).drop_null()
    cells = (cell for cell in filled.slice(0, SAMPLE).to_pylist() if cell not in ("", []))
    return list(cells)


def _links_of_cell(cell: object, whole_cells: bool) -> list[str]:
    if isinstance(cell, str) and not _MAY_HOLD_LINK.search(cell):
        return []
    found = read_cell(cell)
    links = [link for link in found.links if is_link(link)]
    return links if found.only_links or not whole_cells else []
