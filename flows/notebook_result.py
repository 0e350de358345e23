"""What a notebook gets back: the published tables of a run, and its report."""

import html
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from image_tags.tasks.matrix import tags_matrix


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """The tables that a run published, and how it ended.

    Attributes:
        images: one row per link, with the frame's index.
        tags_long: one row per tag.
        tags_dropped: one row per tag that a cleaning rule removed.
        tags_wide: one row per image.
        tagged: one row per link: the frame's columns, then those of `images` and `tags_wide`; with
            the frame's index.
        rows: one row per row of the frame: its columns, then labels, words, people and counts; with
            the frame's index.
        tag_effects: one row per tag and metric; None without `metric=`.
        summary: `summary.json`.
        report: `report.html`, a whole page.
        lines: the closing summary.

    """

    images: pd.DataFrame
    tags_long: pd.DataFrame
    tags_dropped: pd.DataFrame
    tags_wide: pd.DataFrame
    tagged: pd.DataFrame
    rows: pd.DataFrame
    tag_effects: pd.DataFrame | None
    summary: dict[str, Any]
    report: str
    lines: tuple[str, ...]

    def __repr__(self) -> str:
        """The closing summary."""
        return "\n".join(self.lines)

    def show_report(self, height: int = 800) -> "Report":
        """Show the report in the notebook, `height` px high."""
        return Report(self.report, height)

    def tags_matrix(
        self,
        kind: str = "label",
        level: Literal["row", "image"] = "row",
        values: Literal["binary", "count", "confidence"] = "binary",
        min_count: int = 1,
        *,
        sparse: bool = False,
    ) -> pd.DataFrame:
        """Turn the tags of one kind into a matrix, as `image_tags.tags_matrix` does.

        Returns:
            A column per tag, and a line per row of the frame whose pictures were read, with the
            frame's index; or one per image (`level="image"`).

        """
        tables = {"images": self.images, "tags_long": self.tags_long}
        matrix = tags_matrix(tables, kind, level, values, min_count, sparse=sparse)
        if level == "row":
            matrix.index = self.rows.index.take(matrix.index.to_numpy(dtype="int64"))
        return matrix

    def _repr_html_(self) -> str:
        """The closing summary, for a notebook."""
        *lines, how_it_ended = (html.escape(line) for line in self.lines)
        return (
            f"<p><strong>{how_it_ended}</strong></p>"
            f'<p style="white-space: pre-wrap">{"<br>".join(lines)}</p>'
        )


@dataclass(frozen=True, repr=False)
class Report:
    """A report as a notebook shows it: a frame of its own in the cell's output."""

    page: str
    height: int

    def __repr__(self) -> str:
        """What shows where there is no notebook."""
        return "The report shows in a notebook; result.report is the page."

    def _repr_html_(self) -> str:
        """The page in a frame, so that neither its style nor its script reaches the notebook."""
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" title="image-tags report" '
            f'style="width: 100%; height: {self.height}px; border: 0"></iframe>'
        )
