"""The charts of a metric: how it is distributed, and how it goes with each tag."""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
from markupsafe import Markup

from image_tags.tasks.contracts.display import amount, number, shown
from image_tags.tasks.report.charts import WIDTH, render_svg

SURE = 0.05
"""Corrected p-value below which an effect is drawn filled."""

NAME_LIMIT = 26
"""Characters of a tag with its kind, such as `Grace Hopper (celebrity)`."""

LETTER = 7
"""px of a letter, at the least: readers may have wider fonts than the one measured here."""

GAP = 10
"""px between two numbers below an axis."""

LARGEST = 1e300
"""The end of the axis, so that the differences of any two values are numbers."""

MARGIN = 60
"""px that the names and numbers next to an axis take of a chart's width."""

BINS = 24
"""Bars of a distribution at most."""

SKEWED = 20
"""A metric whose mean is this many times its median, or more, is drawn on a logarithmic axis."""


def draw_effects(metric: str, effects: Sequence[dict[str, Any]]) -> Markup:
    """Draw each tag's superiority with its interval; filled where it survives the correction."""
    names = distinguish_names(
        [e["name"].replace("_", " ") if e["kind"] == "any" else e["name"] for e in effects],
        ["" if e["kind"] in ("any", "label") else f" ({e['kind']})" for e in effects],
    )
    rows = [
        {
            "tag": name,
            **{end: _finite_or_none(e[end]) for end in ("superiority", "low", "high")},
            "fill": "var(--accent)" if e["p_corrected"] < SURE else "var(--card)",
        }
        for name, e in zip(names, effects, strict=True)
    ]
    room = LETTER * max((len(name) for name in names), default=0)
    tags = alt.Y("tag:N", sort=None, title=None, axis=alt.Axis(minExtent=room))
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=tags)
    axis = alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1], grid=True, labelFlush=False)
    even = (
        alt.Chart(alt.InlineData(values=[{"even": 0.5}]))
        .mark_rule(color="var(--soft)", strokeDash=[3, 3])
        .encode(x="even:Q")
    )
    span = base.mark_rule(color="var(--accent)", strokeWidth=2).encode(
        x=alt.X(
            "low:Q",
            axis=axis,
            scale=alt.Scale(domain=[0, 1]),
            title="probability of more with the tag",
        ),
        x2="high:Q",
    )
    points = base.mark_point(stroke="var(--accent)", strokeWidth=2, size=60, opacity=1).encode(
        x="superiority:Q", fill=alt.Fill("fill:N", scale=None)
    )
    chart = (even + span + points).properties(width=WIDTH - MARGIN, height=alt.Step(24))
    return render_svg(
        chart,
        f"Probability that a picture with the tag has more {shown(metric, 60)} than one without, "
        "with 95% intervals",
    )


def draw_distribution(metric: str, values: "np.ndarray[Any, Any]") -> Markup:
    """Draw how many rows have which values of a metric.

    A skewed metric without negative values is drawn on a logarithmic axis that starts at 0.
    """
    values = np.clip(values, -LARGEST, LARGEST)
    logarithmic = bool(values.min() >= 0 and values.max() >= SKEWED * max(np.median(values), 1))
    edges = _choose_edges(values, logarithmic=logarithmic)
    counts, _ = np.histogram(values, edges)
    rows = [
        {"from": float(start), "to": float(end), "n": int(n)}
        for start, end, n in zip(edges[:-1], edges[1:], counts, strict=True)
        if n
    ]
    top = max(1, int(counts.max()))
    ends = [float(edges[0]), float(edges[-1])]
    scale = alt.Scale(domain=ends, type="symlog" if logarithmic else "linear", nice=False)
    ticks = _choose_powers(ends[1]) if logarithmic else _choose_ticks(*ends)
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(color="var(--accent)")
        .encode(
            x=alt.X(
                "from:Q",
                scale=scale,
                title=shown(metric, 45),
                axis=alt.Axis(format=",.12~g", values=ticks, labelFlush=True),
            ),
            x2="to:Q",
            y2=alt.datum(0),
            y=alt.Y(
                "n:Q",
                title=None,
                scale=alt.Scale(domain=[0, top], nice=False),
                axis=alt.Axis(values=sorted({0, top // 2, top}), format=",d", grid=True),
            ),
        )
        .properties(width=WIDTH - MARGIN, height=110)
    )
    low, middle, high = (amount(float(value)) for value in (*ends[:1], np.median(values), ends[1]))
    return render_svg(
        chart,
        f"Distribution of {shown(metric, 60)} over {number(len(values))} rows: "
        f"from {low} to {high}, median {middle}",
    )


def distinguish_names(names: Sequence[str], endings: Sequence[str] = ()) -> list[str]:
    """Shorten names, so that each is another: each needs a line of its own.

    Names that would be the same show their end as well, and a number if that is the same too.
    `endings` are put after them uncut.
    """
    both = list(zip(map(shown, names), endings or [""] * len(names), strict=True))
    short = [shown(name, NAME_LIMIT - len(ending)) + ending for name, ending in both]
    alike = Counter(short)
    short = [
        one if alike[one] == 1 else _cut_middle(name, NAME_LIMIT - len(ending)) + ending
        for one, (name, ending) in zip(short, both, strict=True)
    ]
    counts = Counter(short)
    taken = {name for name, n in counts.items() if n == 1}
    distinct = []
    for name in short:
        if counts[name] == 1:
            distinct.append(name)
            continue
        suffixes = (f" ({n})" for n in itertools.count(1))
        numbered = (shown(name, NAME_LIMIT - len(suffix)) + suffix for suffix in suffixes)
        chosen = next(one for one in numbered if one not in taken)
        taken.add(chosen)
        distinct.append(chosen)
    return distinct


def _choose_edges(values: "np.ndarray[Any, Any]", *, logarithmic: bool) -> "np.ndarray[Any, Any]":
    low, high = float(values.min()), float(values.max())
    finest = 4 * float(np.spacing(max(abs(low), abs(high))))
    if high - low <= BINS * finest:
        # All the same, or so close that bins between them could not be told apart.
        return np.array([low - max(0.5, finest), high + max(0.5, finest)])
    if logarithmic:
        edges: np.ndarray[Any, Any] = np.expm1(np.linspace(0, np.log1p(high), BINS + 1))
        edges[-1] = np.nextafter(max(edges[-1], high), np.inf)
        return edges
    return np.histogram_bin_edges(values, bins=min(BINS, max(5, int(np.sqrt(len(values))))))


def _choose_ticks(low: float, high: float) -> list[float]:
    """Choose round numbers, as many as have room next to each other."""
    power = int(np.floor(np.log10(high - low))) - 1
    for step in (digit * 10.0**p for p in (power, power + 1, power + 2) for digit in (1, 2, 5)):
        numbers = range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)
        ticks = [n * step for n in numbers]
        room = max((LETTER + 1) * len(f"{tick:,.12g}") for tick in ticks or [0.0]) + GAP
        if len(ticks) <= 2 or room * len(ticks) <= WIDTH - MARGIN:
            break
    return ticks


def _choose_powers(high: float) -> list[float]:
    """Choose up to about five: 0 and powers of ten."""
    powers = range(int(np.log10(max(high, 1))) + 1)
    step = max(1, -(-len(powers) // 5))
    return [0.0, *(float(10**power) for power in powers[::step])]


def _cut_middle(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[head + 1 - limit :]}"


def _finite_or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
