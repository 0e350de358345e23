"""The input of a report."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from image_tags.tasks.adapters.files.table_files import AnyTable, find_rows


@dataclass(frozen=True)
class ReportInput:
    """Everything the report shows.

    Attributes:
        summary: summary.json of this run.
        tables: those published, and `tag_effects` if there is one, in files or in memory.
            `images`, `tags_long` and `tags_dropped` are needed.
        findings: the gate's, each with `table`, `severity`, `success`, `says`, `detail`.
        plan: plan.json of the run, of which `operations.<name>.cost_usd` is read; None if there is
            none.
        previous: summary.json of the version published before this one; None if this is the first.
        thumbnail: the stored picture's bytes by image_id; None where it cannot be had. Called from
            several threads.
        metrics: the finite values of each metric that tags are compared by.
        methods: methods.md of this run.

    """

    summary: Mapping[str, Any]
    tables: Mapping[str, AnyTable]
    findings: Sequence[Mapping[str, Any]] = ()
    plan: Mapping[str, Any] | None = None
    previous: Mapping[str, Any] | None = None
    thumbnail: Callable[[str], bytes | None] = field(default=lambda _: None)
    metrics: Mapping[str, "np.ndarray[Any, Any]"] = field(default_factory=dict)
    methods: str = ""

    def select_table(self, name: str, *columns: str) -> pa.Table:
        """Select some columns of a table."""
        return self.tables[name].select(list(columns))

    def select_frame(self, name: str, *columns: str) -> pd.DataFrame:
        """Select some columns of a table, as a DataFrame."""
        frame: pd.DataFrame = self.select_table(name, *columns).to_pandas()
        return frame

    def find_rows(
        self, name: str, columns: Sequence[str], column: str, values: Iterable[object]
    ) -> pa.Table:
        """Find the rows of a table whose `column` is one of the values; nothing else is kept."""
        return find_rows(self.tables[name], columns, column, values)


def to_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn a frame's rows into plain records."""
    return [
        dict(zip(frame.columns, row, strict=True))
        for row in frame.itertuples(index=False, name=None)
    ]
