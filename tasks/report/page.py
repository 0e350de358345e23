"""The page: facts, charts and pictures put into one HTML document by jinja2."""

import base64
import hashlib
from datetime import datetime
from importlib.resources import files
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from image_tags.tasks.contracts import display as text
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.contracts.tables import KINDS
from image_tags.tasks.published.counts import count_reasons
from image_tags.tasks.report import charts, effect_charts, facts, tops
from image_tags.tasks.report.gallery import list_pictures, make_gallery, pick_striking
from image_tags.tasks.report.pictures import (
    TINY,
    choose_pictures,
    make_thumbnails,
    shrink_thumbnail,
)
from image_tags.tasks.report.view import ReportInput, to_records
from image_tags.tasks.summary.changes import describe_changes

TOP_LABELS, TOP_PEOPLE, TOP_WORDS = 15, 12, 30
"""How many names of each kind are listed."""

EXAMPLES = 3
"""Links shown of each reason."""

STRIP = 9
"""Pictures shown at the head of the page."""

HEAD_SIDE = 180
"""px of their longer side; they are shown about 100 CSS px wide."""

ALSO = 5
"""Other names of a comparison that are listed."""

EFFECTS, METRICS = 20, 6
"""Tags drawn for each metric (besides having a picture, text or a celebrity at all), and metrics
drawn.
"""

HEAD = (
    "version",
    "run",
    "started",
    "finished",
    "source",
    "store",
    "analyzer",
    "cost_usd",
    "published",
)
"""What the head of the page takes from summary.json unchanged."""


def render_report(view: ReportInput) -> str:
    """Render the report as one self-contained HTML document, below 5 MB for any run."""
    style, script = _read_asset("report.css"), _read_asset("report.js")
    page = _make_environment().get_template("page.html.jinja")
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {_hash_source(style)}; script-src {_hash_source(script)}"
    )
    html = page.render(policy=Markup(policy), style=style, script=script, **_build_content(view))  # noqa: S704 - made of hashes
    return html.encode("utf-8", "replace").decode()


def _build_content(view: ReportInput) -> dict[str, Any]:
    pictures = list_pictures(view)
    labels = tops.find_top_names(view, "label", TOP_LABELS)
    people = tops.find_top_names(view, "celebrity", TOP_PEOPLE)
    shared = tops.find_shared_pictures(view)
    groups = [one.examples for one in (*people, *labels)] + [[one.image_id] for one in shared]
    thumbs = make_thumbnails(choose_pictures(groups, pictures["image_id"]), view.thumbnail)
    gallery = make_gallery(view, pictures, thumbs)
    strip = pick_striking(gallery.cards, STRIP)
    carded = {card.image_id for card in gallery.cards}
    next_to_names = dict.fromkeys(
        image_id for group in groups for image_id in group if image_id in carded
    )
    stages = facts.count_stages(view)
    seconds = {str(step): float(s) for step, s in (view.summary.get("seconds") or {}).items()}
    return {
        "summary": {name: view.summary.get(name) for name in HEAD},
        "remarks": view.summary.get("remarks") or [],
        "links": stages[1].n,
        "tagged_images": stages[-1].n,
        "statuses": {
            status.value: int(facts.find_member(view.summary, f"statuses.{status}") or 0)
            for status in Status
        },
        "tags": view.tables["tags_long"].num_rows,
        "took": _format_duration(view),
        "stages": stages,
        "funnel": charts.draw_funnel(stages),
        "rejected": count_reasons(view.tables["images"], EXAMPLES, Status.REJECTED),
        "pending": count_reasons(view.tables["images"], EXAMPLES, Status.PENDING),
        "failed_checks": [f for f in view.findings if not f["success"]],
        "passed_checks": [f for f in view.findings if f["success"]],
        "labels": labels,
        "people": people,
        "words": tops.find_top_names(view, "word", TOP_WORDS),
        "shared": shared,
        "removed": tops.list_removed(view),
        "confidences": _draw_confidences(view),
        "effects": _draw_effects(view),
        "most_also": ALSO,
        "calls": facts.list_calls(view),
        "seconds": seconds,
        "seconds_chart": charts.draw_seconds(seconds) if seconds else "",
        "previous": view.previous,
        "changes": facts.list_changes(view),
        "turnover": facts.list_turnover(view),
        "news": describe_changes(view.summary["changes"]) if view.summary.get("changes") else "",
        "tables": {name: table.num_rows for name, table in view.tables.items()},
        # A paragraph has its whole length, unlike any other text on the page.
        "methods": [escape(text.shown(line, 2 * len(line))) for line in view.methods.splitlines()],
        "gallery": gallery,
        "strip": strip,
        "strip_thumbs": {card.image_id: shrink_thumbnail(card.thumb, HEAD_SIDE) for card in strip},
        "tiny": {image_id: shrink_thumbnail(thumbs[image_id], TINY) for image_id in next_to_names},
    }


def _draw_confidences(view: ReportInput) -> list[tuple[str, Markup]]:
    found = {
        kind: [_read_confidences(view, table, kind) for table in ("tags_long", "tags_dropped")]
        for kind in KINDS
    }
    return [
        (kind, charts.draw_confidence(kind, *both))
        for kind, both in found.items()
        if any(map(len, both))
    ]


def _read_confidences(view: ReportInput, name: str, kind: str) -> "np.ndarray[Any, Any]":
    found = view.find_rows(name, ["confidence"], "kind", [kind])
    return np.asarray(found["confidence"].drop_null())


def _draw_effects(view: ReportInput) -> list[dict[str, Any]]:
    if "tag_effects" not in view.tables:
        return []
    effects = view.select_frame("tag_effects", *view.tables["tag_effects"].column_names)
    metrics = []
    for metric, rows in list(effects.groupby("metric", sort=True))[:METRICS]:
        whole = rows[rows["kind"] == "any"]
        strongest = (
            rows[rows["kind"] != "any"]
            .sort_values(["p_corrected", "p_value", "kind", "name"])
            .head(EFFECTS)
        )
        by_size = strongest.sort_values(["superiority", "name"], ascending=[False, True])
        ordered = to_records(pd.concat([whole, by_size]))
        values = view.metrics.get(str(metric), np.empty(0))
        metrics.append(
            {
                "metric": str(metric),
                "chart": effect_charts.draw_effects(str(metric), ordered),
                "rows": [{**row, "also": list(row["also"])} for row in ordered],
                "found": int((rows["p_corrected"] < effect_charts.SURE).sum()),
                "compared": len(rows),
                "distribution": effect_charts.draw_distribution(str(metric), values)
                if len(values)
                else "",
            }
        )
    return metrics


def _format_duration(view: ReportInput) -> str:
    try:
        ends = [
            datetime.fromisoformat(str(view.summary.get(end))) for end in ("started", "finished")
        ]
    except ValueError:
        return text.DASH
    return text.duration((ends[1] - ends[0]).total_seconds())


def _make_environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("image_tags.tasks.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Every piece of text passes here: nothing long or invisible reaches the page, whichever
        # field it came from.
        finalize=lambda value: (
            text.shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
        ),
    )
    environment.filters |= {
        "number": text.number,
        "amount": text.amount,
        "percent": text.percent,
        "money": text.money,
        "moment": text.moment,
        "link_text": text.link_text,
    }
    environment.globals["href"] = _escape_href
    return environment


def _escape_href(url: str) -> Markup | None:
    """Escape a link's address for an attribute; None if it may not be clicked."""
    checked = text.href(url)
    return None if checked is None else Markup("{}").format(checked)


def _read_asset(name: str) -> Markup:
    return Markup(files("image_tags.tasks.report").joinpath(name).read_text("utf-8"))  # noqa: S704 - the project's own file


def _hash_source(part: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"
