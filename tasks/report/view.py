"""What a report is made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa


@dataclass(frozen=True)
class ReportInput:
    """Everything the report says.

    Attributes:
        summary: summary.json of this run.
        tables: `images`, `tags_long`, `tags_dropped`, `tagged`, and `tag_effects` if there is one; others are not read.
        findings: the gate's, each with `table`, `severity`, `success`, `says`, `detail`.
        plan: plan.json of the run, of which `operations.<name>.cost_usd` is read; None if there is none.
        previous: summary.json of the version published before this one; None if this is the first.
        thumbnail: the stored picture's bytes by image_id; None where it cannot be had. Called from several threads.

    """

    summary: Mapping[str, Any]
    tables: Mapping[str, pa.Table]
    findings: Sequence[Mapping[str, Any]] = ()
    plan: Mapping[str, Any] | None = None
    previous: Mapping[str, Any] | None = None
    thumbnail: Callable[[str], bytes | None] = field(default=lambda _: None)

    def frame(self, table: str, *columns: str) -> pd.DataFrame:
        """Some columns of a table; an empty frame with them if the table is not there."""
        if table not in self.tables:
            return pd.DataFrame({column: [] for column in columns})
        frame: pd.DataFrame = self.tables[table].select(list(columns)).to_pandas()
        return frame


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows as plain records."""
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False, name=None)]
