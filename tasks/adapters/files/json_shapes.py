"""Where the rows are in JSON that is not simply a list of objects: archives and answers of APIs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from image_tags.tasks.contracts.errors import UsageError

ROW_LISTS = frozenset(
    {"data", "results", "items", "posts", "tweets", "statuses", "records", "rows", "features"}
    | {"entries", "children", "edges", "value", "documents", "hits", "objects", "response"}
)
"""Names under which APIs and exports keep their rows."""

WRAPPERS = frozenset({"tweet", "node", "post", "item", "status", "data", "_source", "properties"})
"""Names of the object around each row: Twitter, GraphQL, Reddit, Elasticsearch, GeoJSON."""

MAX_DEPTH = 3
"""Levels that are searched for rows."""


@dataclass(frozen=True)
class JsonRows:
    """Rows found, objects unless the file is odd, and sentences on where they were found."""

    rows: list[Any]
    remarks: list[str] = field(default_factory=list)


def rows_in_list(values: Any) -> JsonRows:
    """Rows of a list: its objects, the objects inside wrappers, or texts as a column `url`."""
    if not isinstance(values, list):
        return JsonRows([values])
    if values and all(isinstance(value, str) for value in values):
        return JsonRows(
            [{"url": value} for value in values], ["A list of texts; the column is called 'url'."]
        )
    if any(_has_media_apart(value) for value in values) and all(map(_is_page, values)):
        rows = [row for page in values for row in _rows_of_page(page)]
        return JsonRows(
            rows,
            [
                "Each object is an API's answer: its rows are in 'data', with a "
                "column 'media' of the links in 'includes'."
            ],
        )
    rows, remarks = _unwrap(values)
    if rows and _add_media(rows):
        remarks.append("The column 'media' holds the links of each post's media objects.")
    return JsonRows(rows, remarks)


def rows_in_document(name: str, document: dict[str, Any]) -> JsonRows:
    """Rows of a file that is one object: a list inside it, columns as pandas writes, or one row.

    Raises:
        UsageError: it holds objects, but it is not clear which of them are rows.
    """
    if by_column := _rows_of_columns(document) or _rows_of_lists(document):
        return JsonRows(by_column, ["An object of columns, as pandas writes it."])
    if _has_media_apart(document) and isinstance(document.get("data"), dict):
        return rows_in_list([document])
    found = list(_row_lists(document, "", 0))
    if len(found) == 1:
        place, values = found[0]
        inner = rows_in_list(values)
        remarks = [f"The rows are the list {place!r} of the file's one object.", *inner.remarks]
        if _add_included_media(inner.rows, document.get("includes")):
            remarks.append("The column 'media' holds the links of the pictures in 'includes'.")
        return JsonRows(inner.rows, remarks)
    nested = [key for key, value in document.items() if _holds_objects(value)]
    if found or nested:
        lists = ", ".join(repr(place) for place, _ in found) or ", ".join(map(repr, nested[:5]))
        raise UsageError(
            f"The file {name!r} is one nested JSON object, not a table: it is not clear where its "
            f"rows are (it has {lists}). Save the list of rows as JSON Lines, one object per line."
        )
    return JsonRows([document])


def _unwrap(values: list[Any]) -> tuple[list[Any], list[str]]:
    """The objects inside wrappers that have one member, or, as Reddit's, also a `kind`."""
    if not values or not all(isinstance(value, dict) for value in values):
        return values, []
    for wrapper in WRAPPERS.intersection(values[0]):
        others = {"kind", "type", "geometry", "id", "_id", "_index", "_score", "cursor", "_type"}
        if all(
            isinstance(value.get(wrapper), dict) and value.keys() <= {wrapper, *others}
            for value in values
        ):
            return [value[wrapper] for value in values], [f"Each row is the object {wrapper!r}."]
    return values, []


def _add_media(rows: list[Any]) -> bool:
    """Add `media`, the links of Twitter's media objects, to rows that have them elsewhere."""
    if not all(isinstance(row, dict) and "media" not in row for row in rows):
        return False
    links = [_media_links(row) for row in rows]
    if any(links):
        for row, found in zip(rows, links, strict=True):
            row["media"] = found
    return any(links)


def _media_links(row: dict[str, Any]) -> list[str]:
    for key in ("extended_entities", "entities"):
        entities = row.get(key)
        media = entities.get("media") if isinstance(entities, dict) else None
        if isinstance(media, list):
            links = (
                one.get("media_url_https") or one.get("media_url")
                for one in media
                if isinstance(one, dict)
            )
            return [link for link in links if isinstance(link, str)]
    return []


def _is_page(value: Any) -> bool:
    """Whether this is an answer of Twitter's API v2: posts, or a post, in `data`; perhaps none."""
    if not isinstance(value, dict) or not value.keys() & {"data", "meta"}:
        return False
    return all(isinstance(post, dict) for post in _as_list(value.get("data", [])))


def _has_media_apart(value: Any) -> bool:
    return isinstance(value, dict) and "data" in value and isinstance(value.get("includes"), dict)


def _rows_of_page(page: dict[str, Any]) -> list[dict[str, Any]]:
    rows = _as_list(page.get("data", []))
    if not _add_included_media(rows, page.get("includes")):
        _add_included_media(rows, {"media": []})
    return rows


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _add_included_media(rows: list[Any], includes: Any) -> bool:
    """Add `media` to rows of Twitter's API v2, which keeps media objects apart, by their keys."""
    media = includes.get("media") if isinstance(includes, dict) else None
    if not isinstance(media, list) or not all(isinstance(row, dict) for row in rows):
        return False
    links = {
        one.get("media_key"): one.get("url") or one.get("preview_image_url")
        for one in media
        if isinstance(one, dict)
    }
    for row in rows:
        attachments = row.get("attachments")
        keys = attachments.get("media_keys") if isinstance(attachments, dict) else None
        row.setdefault("media", [links[key] for key in keys or () if links.get(key)])
    return True


def _row_lists(value: dict[str, Any], path: str, depth: int) -> Iterator[tuple[str, list[Any]]]:
    """The lists of objects under names that APIs use for rows, with their paths."""
    for key, member in value.items():
        place = f"{path}.{key}".lstrip(".")
        if key not in ROW_LISTS:
            continue
        if isinstance(member, list) and all(isinstance(one, dict) for one in member):
            yield place, member
        elif isinstance(member, dict) and depth < MAX_DEPTH:
            yield from _row_lists(member, place, depth + 1)


def _rows_of_columns(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of `{"column": {"0": cell, "1": cell}}`; none where it is not written like that."""
    columns = list(document.values())
    if not columns or not all(isinstance(column, dict) and column for column in columns):
        return []
    labels = list(columns[0])
    if not all(label.isdecimal() for label in labels):
        return []
    if any(column.keys() != columns[0].keys() for column in columns):
        return []
    return [{key: column[label] for key, column in document.items()} for label in labels]


def _rows_of_lists(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of `{"column": [cell, cell]}` or `{"columns": [name], "data": [[cell]]}`; else none."""
    names, data = document.get("columns"), document.get("data")
    if isinstance(names, list) and isinstance(data, list) and _are_rows(data, len(names)):
        return [dict(zip(map(str, names), row, strict=True)) for row in data]
    columns = list(document.values())
    if len(columns) < 2 or not all(isinstance(column, list) for column in columns):
        return []
    size = len(columns[0])
    if size < 2 or _holds_objects(columns) or any(len(column) != size for column in columns):
        return []
    return [dict(zip(document, row, strict=True)) for row in zip(*columns, strict=True)]


def _are_rows(data: list[Any], width: int) -> bool:
    return bool(data) and all(isinstance(row, list) and len(row) == width for row in data)


def _holds_objects(value: Any) -> bool:
    return any(isinstance(one, dict) for one in _as_list(value))
