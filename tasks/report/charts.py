"""The charts, drawn by Altair into SVG while the report is made.

Colours are the page's own custom properties, so that a chart follows the reader's light or dark scheme, and the SVG carries
no style attribute, so that the page's content security policy can forbid them. Widths suit a phone: text stays readable.
"""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from tasks.report.facts import Stage
from tasks.report.text import number, shown

WIDTH = 300
"""px of the plotting area; axis labels come on top of it."""

NAME_LIMIT = 34
"""Characters of a name beside a bar."""

SURE = 0.05
"""Corrected p-value below which an effect is drawn filled."""

_BIN = 5


def funnel_chart(stages: Sequence[Stage]) -> Markup:
    """How many are left at each step from rows to tagged images."""
    import altair as alt

    rows = [{"step": s.name, "n": s.n, "text": f"{number(s.n)}   {s.lost}".rstrip()} for s in stages]
    widest = max(1, *(s.n for s in stages))
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("step:N", sort=None, title=None), x=alt.X("n:Q", axis=None, scale=alt.Scale(domain=[0, widest]))
    )
    bars = base.mark_bar(color="var(--accent)", cornerRadiusEnd=3, height=18)
    text = base.mark_text(align="left", baseline="top", dy=11, x=0, fontSize=12, color="var(--soft)").encode(text="text:N")
    return _svg((bars + text).properties(width=WIDTH, height=alt.Step(48)), "From rows to tagged images, step by step")


def confidence_chart(kind: str, kept: Sequence[float], dropped: Sequence[float]) -> Markup:
    """How sure the analyzer was of the tags of one kind, kept and removed, in bins of five."""
    import altair as alt

    rows = _binned("kept", kept) + _binned("removed", dropped)
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(cornerRadiusTopLeft=1, cornerRadiusTopRight=1)
        .encode(
            x=alt.X(
                "from:Q",
                bin="binned",
                scale=alt.Scale(domain=[0, 100]),
                axis=alt.Axis(values=[0, 25, 50, 75, 100]),
                title=None,
            ),
            x2="to:Q",
            y=alt.Y("n:Q", stack=True, title=None, axis=alt.Axis(tickCount=3, format="~s", grid=True)),
            color=alt.Color(
                "what:N",
                scale=alt.Scale(domain=["kept", "removed"], range=["var(--accent)", "var(--faint)"]),
                legend=None,
            ),
            order=alt.Order("what:N"),
        )
        .properties(width=WIDTH - 60, height=110)
    )
    return _svg(chart, f"Confidence of {kind} tags, 0 to 100: {len(kept)} kept, {len(dropped)} removed")


def seconds_chart(seconds: dict[str, float]) -> Markup:
    """How long each step took."""
    import altair as alt

    rows = [{"step": shown(step, NAME_LIMIT), "s": round(s, 3), "text": f"{s:,.1f} s"} for step, s in seconds.items()]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("step:N", sort=None, title=None),
        x=alt.X("s:Q", axis=None, scale=alt.Scale(domain=[0, 1.25 * max([0.1, *seconds.values()])])),
    )
    bars = base.mark_bar(color="var(--accent)", cornerRadiusEnd=3, height=12)
    text = base.mark_text(align="left", dx=6, color="var(--soft)").encode(text="text:N")
    return _svg((bars + text).properties(width=WIDTH - 40, height=alt.Step(24)), "Seconds by step")


def effects_chart(metric: str, effects: Sequence[dict[str, Any]]) -> Markup:
    """The difference that goes with each tag, with its interval; filled where it stands up to the correction."""
    import altair as alt

    rows = [
        {
            "tag": shown(f"{e['name']} ({e['kind']})" if e["kind"] != "any" else e["name"], NAME_LIMIT),
            "difference": e["difference"],
            "low": e["low"],
            "high": e["high"],
            "fill": "var(--accent)" if e["p_corrected"] < SURE else "var(--card)",
        }
        for e in effects
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=alt.Y("tag:N", sort=None, title=None))
    axis = alt.Axis(format="~s", tickCount=5, grid=True)
    zero = (
        alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color="var(--soft)", strokeDash=[3, 3]).encode(x="zero:Q")
    )
    span = base.mark_rule(color="var(--accent)", strokeWidth=2).encode(
        x=alt.X("low:Q", axis=axis, title=shown(f"difference in {metric}", 60)), x2="high:Q"
    )
    points = base.mark_point(stroke="var(--accent)", strokeWidth=2, size=60, opacity=1).encode(
        x="difference:Q", fill=alt.Fill("fill:N", scale=None)
    )
    chart = (zero + span + points).properties(width=WIDTH - 60, height=alt.Step(24))
    return _svg(chart, f"Difference in {shown(metric, 60)} with and without each tag, with 95% intervals")


def _binned(what: str, confidences: Sequence[float]) -> list[dict[str, Any]]:
    bins = [0] * (100 // _BIN)
    for confidence in confidences:
        bins[min(int(max(confidence, 0) // _BIN), len(bins) - 1)] += 1
    return [{"what": what, "from": i * _BIN, "to": (i + 1) * _BIN - 0.4, "n": n} for i, n in enumerate(bins) if n]


def _svg(chart: Any, label: str) -> Markup:
    import vl_convert

    styled = chart.configure(background="transparent", font="system-ui, sans-serif").configure_view(stroke=None)
    styled = styled.configure_axis(
        labelColor="var(--soft)", titleColor="var(--soft)", gridColor="var(--line)", domain=False, ticks=False,
        labelFontSize=12, titleFontSize=12, titleFontWeight="normal", labelLimit=200, labelPadding=8, grid=False,
    )  # fmt: skip
    svg = vl_convert.vegalite_to_svg(styled.to_dict(), allowed_base_urls=[])
    return Markup('<figure class="chart" role="img" aria-label="{}">{}</figure>').format(shown(label), Markup(svg))  # noqa: S704 - Vega escapes
