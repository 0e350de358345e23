"""`images`: one row per link, and one for each source row without any."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import Fetched
from image_tags.tasks.contracts.tables import IMAGES, schema_of

PART = 1 << 17
"""Rows of `images` that are made at a time."""

NOT_FETCHED = "The batch with this link did not finish."

LINK_FACTS = pa.schema(
    [
        ("url", pa.string()),
        ("image_id", pa.string()),
        ("object", pa.string()),
        ("format", pa.string()),
        ("bytes", pa.int64()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
"""What became of one distinct URL; `status` and `reason` only where there is no picture."""


def tabulate_fetched(fetched: Iterable[Fetched], locate: Callable[[str], str]) -> pa.Table:
    """What became of each URL, as a table (LINK_FACTS); of several records of one the last counts.

    Args:
        fetched: the records, in any order.
        locate: a picture's address from its key.

    """
    rows = {one.url: _tabulate_one(one, locate) for one in fetched}
    columns = zip(*rows.values(), strict=True) if rows else [[] for _ in LINK_FACTS]
    arrays = [pa.array(values, f.type) for values, f in zip(columns, LINK_FACTS, strict=True)]
    return pa.Table.from_arrays(arrays, schema=LINK_FACTS)


def _tabulate_one(one: Fetched, locate: Callable[[str], str]) -> tuple[object, ...]:
    if one.picture is None:
        reason = one.reason or Reason.CONNECTION_FAILED
        status = (str(reason.status), str(reason), one.detail)
        return (one.url, None, None, one.format, one.bytes, None, None, *status)
    picture = one.picture
    file = (picture.image_id, locate(picture.key), one.format, one.bytes)
    return (one.url, *file, picture.width, picture.height, None, None, one.detail)


def make_images(
    rows: int, links: pa.Table, fetched: pa.Table, verdicts: pa.Table
) -> Iterator[pa.Table]:
    """The parts of `images`, in order of row and position.

    Args:
        rows: number of rows of the source.
        links: all links: `row`, `position`, `url`.
        fetched: what became of each URL (LINK_FACTS); one that is missing was not finished and is
            pending.
        verdicts: the status of each image: `image_id`, `status`, `reason`, `detail`.

    Raises:
        ValueError: an image has no verdict.

    """
    places = _order_links(rows, links)
    of_url = pc.index_in(places["url"], fetched["url"].combine_chunks(), skip_nulls=True)
    of_image = pc.index_in(fetched["image_id"], verdicts["image_id"].combine_chunks())
    if missing := len(fetched) - fetched["image_id"].null_count - pc.count(of_image).as_py():
        raise ValueError(f"{missing} images have no verdict")
    for start in range(0, places.num_rows, PART):
        part, spots = places.slice(start, PART), of_url.slice(start, PART).combine_chunks()
        yield _join(part, fetched.take(spots), verdicts.take(of_image.take(spots)))


def _order_links(rows: int, links: pa.Table) -> pa.Table:
    """The links and the rows without any, by row and position."""
    without = np.setdiff1d(np.arange(rows), links["row"].to_numpy())
    empty = pa.table(
        [
            pa.array(without, pa.int64()),
            pa.nulls(len(without), pa.int64()),
            pa.nulls(len(without), pa.string()),
        ],
        names=["row", "position", "url"],
    )
    whole = pa.concat_tables([links.select(["row", "position", "url"]), empty])
    return whole.sort_by([("row", "ascending"), ("position", "ascending")]).combine_chunks()


def _join(places: pa.Table, fetched: pa.Table, verdicts: pa.Table) -> pa.Table:
    no_link = pc.is_null(places["url"])
    unfinished = pc.and_(pc.invert(no_link), pc.is_null(fetched["url"]))
    has_picture = pc.is_valid(fetched["image_id"])

    def choose(verdict: pa.Array, without: pa.Array, not_fetched: str) -> pa.Array:
        found = pc.if_else(has_picture, verdict, without)
        return pc.if_else(unfinished, not_fetched, found)

    # An empty text is no detail.
    detail = pc.if_else(pc.not_equal(verdicts["detail"], ""), verdicts["detail"], None)
    columns = {
        **{name: places[name] for name in places.column_names},
        **{name: fetched[name] for name in LINK_FACTS.names[1:7]},
        "status": pc.if_else(
            no_link,
            str(Status.NO_LINK),
            choose(verdicts["status"], fetched["status"], str(Status.PENDING)),
        ),
        "reason": choose(verdicts["reason"], fetched["reason"], str(Reason.CONNECTION_FAILED)),
        "detail": choose(pc.coalesce(detail, fetched["detail"]), fetched["detail"], NOT_FETCHED),
    }
    schema = schema_of(IMAGES)
    return pa.table([columns[name] for name in schema.names], schema=schema)
