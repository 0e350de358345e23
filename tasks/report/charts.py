"""The charts, drawn by Altair into SVG while the report is made.

Colours are the page's own custom properties, so that a chart follows the reader's light or dark
scheme, and the SVG carries no style attribute, so that the page's content security policy can
forbid them. Widths suit a phone: text stays readable.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import vl_convert
from markupsafe import Markup

from image_tags.tasks.contracts.display import number, shown
from image_tags.tasks.report.facts import Stage

WIDTH = 310
"""px of the plotting area; axis labels come on top of it."""

NAME_LIMIT = 22
"""Characters of a name next to a bar.

Vega must not shorten names itself: it can cut an emoji in half, and then fails.
"""

_BIN = 5


def draw_funnel(stages: Sequence[Stage]) -> Markup:
    """Draw how many are left at each step from rows to tagged images."""
    rows = [
        {"step": s.name, "n": s.n, "text": f"{s.name}: {number(s.n)}", "lost": s.lost}
        for s in stages
    ]
    widest = max(1, *(s.n for s in stages))
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=alt.Y("step:N", sort=None, axis=None))
    bars = base.mark_bar(color="var(--accent)", height=14).encode(
        x=alt.X("n:Q", axis=None, scale=alt.Scale(domain=[0, widest]))
    )
    names = base.mark_text(align="left", dy=-16, x=0, fontSize=14, color="var(--ink)").encode(
        text="text:N"
    )
    lost = base.mark_text(align="right", dy=-16, x=WIDTH, fontSize=13, color="var(--soft)").encode(
        text="lost:N"
    )
    chart = (bars + names + lost).properties(width=WIDTH, height=alt.Step(46))
    return render_svg(
        chart, "From rows to tagged images: " + ", ".join(f"{s.name} {number(s.n)}" for s in stages)
    )


def draw_confidence(kind: str, kept: np.ndarray, dropped: np.ndarray) -> Markup:
    """Draw the confidences of the tags of one kind, kept and removed, in bins of five."""
    rows = _count_by_bin("kept", kept) + _count_by_bin("removed", dropped)
    top = max(
        sum(row["n"] for row in rows if row["from"] == start) for start in range(0, 100, _BIN)
    )
    ticks = alt.Axis(values=sorted({0, top // 2, top}), format=",d", grid=True)
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar()
        .encode(
            x=alt.X(
                "from:Q",
                bin="binned",
                scale=alt.Scale(domain=[0, 100]),
                axis=alt.Axis(values=[0, 25, 50, 75, 100], labelFlush=False),
                title=None,
            ),
            x2="to:Q",
            y=alt.Y(
                "n:Q",
                stack=True,
                title=None,
                scale=alt.Scale(domain=[0, top], nice=False),
                axis=ticks,
            ),
            color=alt.Color(
                "what:N",
                scale=alt.Scale(
                    domain=["kept", "removed"], range=["var(--accent)", "var(--faint)"]
                ),
                legend=None,
            ),
            order=alt.Order("what:N"),
        )
        .properties(width=WIDTH - 60, height=110)
    )
    return render_svg(
        chart, f"Confidence of {kind} tags, 0 to 100: {len(kept)} kept, {len(dropped)} removed"
    )


def draw_seconds(seconds: dict[str, float]) -> Markup:
    """Draw how long each step took."""
    rows = [
        {"step": shown(step, NAME_LIMIT), "s": round(s, 3), "text": f"{s:,.1f} s"}
        for step, s in seconds.items()
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("step:N", sort=None, title=None),
        x=alt.X(
            "s:Q", axis=None, scale=alt.Scale(domain=[0, 1.25 * max([0.1, *seconds.values()])])
        ),
    )
    bars = base.mark_bar(color="var(--accent)", height=14)
    text = base.mark_text(align="left", dx=6, fontSize=13, color="var(--soft)").encode(
        text="text:N"
    )
    return render_svg(
        (bars + text).properties(width=WIDTH - 40, height=alt.Step(28)), "Seconds by step"
    )


def _count_by_bin(what: str, confidences: np.ndarray) -> list[dict[str, Any]]:
    counts, _ = np.histogram(np.clip(confidences, 0, 100), bins=np.arange(0, 101, _BIN))
    return [
        {"what": what, "from": i * _BIN, "to": (i + 1) * _BIN - 0.4, "n": int(n)}
        for i, n in enumerate(counts)
        if n
    ]


def render_svg(chart: Any, label: str) -> Markup:
    """Render a chart as a figure in the colours of the page."""
    # The page's font may be wider than the one Vega measures with: the padding absorbs that.
    styled = chart.configure(
        background="transparent",
        font="sans-serif",
        padding={"left": 18, "right": 18, "top": 4, "bottom": 4},
    )
    styled = styled.configure_view(stroke=None)
    styled = styled.configure_axis(
        labelColor="var(--soft)", titleColor="var(--soft)", gridColor="var(--line)",
        domain=False, ticks=False, labelFontSize=13, titleFontSize=13, titleFontWeight="normal",
        labelLimit=0, titleLimit=0, labelPadding=8,
        labelOverlap="greedy", grid=False,
    )  # fmt: skip
    svg = vl_convert.vegalite_to_svg(styled.to_dict(), allowed_base_urls=[])
    return Markup('<figure class="chart" role="img" aria-label="{}">{}</figure>').format(
        shown(label),
        Markup(svg),  # noqa: S704 - made here from escaped data
    )
