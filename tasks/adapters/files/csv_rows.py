"""Python's reader of CSV, for cells of any length."""

import csv
import io
import sys
from collections.abc import Iterator
from typing import Any


def iterate_rows(text: str, delimiter: str, **options: Any) -> Iterator[list[str]]:
    """Yield the rows of a text, without empty lines; see `csv.reader` for the options.

    Raises:
        csv.Error: from `strict=True`, where quotes cannot be read.
    """
    csv.field_size_limit(sys.maxsize)  # 131,072 characters by default; a picture in a cell has more
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **options)
    return (row for row in reader if row)
