"""The page: facts, charts and pictures put into one HTML document by jinja2."""

import base64
import hashlib
from datetime import datetime
from importlib.resources import files
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import pyarrow.compute as pc
from markupsafe import Markup

from image_tags.tasks.contracts import display as text
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.contracts.tables import KINDS
from image_tags.tasks.report import charts, facts, tops
from image_tags.tasks.report.gallery import make_gallery, pictures_of, striking
from image_tags.tasks.report.pictures import TINY, chosen, smaller, thumbnails
from image_tags.tasks.report.view import ReportInput, records
from image_tags.tasks.summary.changes import describe_changes

TOP_LABELS, TOP_PEOPLE, TOP_WORDS = 15, 12, 30
"""How many names of each kind are listed."""

STRIP = 9
"""Pictures shown at the head of the page."""

HEAD_SIDE = 180
"""px of their longer side; they are shown about 100 CSS px wide."""

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
"""What the head of the page takes from summary.json as it stands."""


def render_report(view: ReportInput) -> str:
    """The report as one HTML document that needs nothing else, below 5 MB whatever the size of the
    run.
    """
    style, script = _asset("report.css"), _asset("report.js")
    page = _environment().get_template("page.html.jinja")
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {_hashed(style)}; script-src {_hashed(script)}"
    )
    html = page.render(policy=Markup(policy), style=style, script=script, **_content(view))  # noqa: S704 - made of hashes
    return html.encode("utf-8", "replace").decode()


def _content(view: ReportInput) -> dict[str, Any]:
    pictures = pictures_of(view)
    labels = tops.top_names(view, "label", TOP_LABELS)
    people = tops.top_names(view, "celebrity", TOP_PEOPLE)
    shared = tops.shared_pictures(view)
    groups = [one.examples for one in (*people, *labels)] + [[one.image_id] for one in shared]
    thumbs = thumbnails(chosen(groups, pictures["image_id"]), view.thumbnail)
    gallery = make_gallery(view, pictures, thumbs)
    strip = striking(gallery.cards, STRIP)
    carded = {card.image_id for card in gallery.cards}
    beside_names = dict.fromkeys(
        image_id for group in groups for image_id in group if image_id in carded
    )
    stages = facts.funnel(view)
    seconds = {str(step): float(s) for step, s in (view.summary.get("seconds") or {}).items()}
    return {
        "summary": {name: view.summary.get(name) for name in HEAD},
        "remarks": view.summary.get("remarks") or [],
        "links": stages[1].n,
        "tagged_images": stages[-1].n,
        "statuses": {
            status.value: int(facts.dig(view.summary, f"statuses.{status}") or 0)
            for status in Status
        },
        "tags": view.tables["tags_long"].num_rows,
        "took": _took(view),
        "stages": stages,
        "funnel": charts.funnel_chart(stages),
        "rejected": facts.left_behind(view, Status.REJECTED),
        "pending": facts.left_behind(view, Status.PENDING),
        "failed_checks": [f for f in view.findings if not f["success"]],
        "passed_checks": [f for f in view.findings if f["success"]],
        "labels": labels,
        "people": people,
        "words": tops.top_names(view, "word", TOP_WORDS),
        "shared": shared,
        "removed": tops.removed(view),
        "confidences": _confidences(view),
        "effects": _effects(view),
        "calls": facts.calls(view),
        "seconds": seconds,
        "seconds_chart": charts.seconds_chart(seconds) if seconds else "",
        "previous": view.previous,
        "changes": facts.changes(view),
        "turnover": facts.turnover(view),
        "news": describe_changes(view.summary["changes"]) if view.summary.get("changes") else "",
        "tables": {name: table.num_rows for name, table in view.tables.items()},
        "gallery": gallery,
        "strip": strip,
        "strip_thumbs": {card.image_id: smaller(card.thumb, HEAD_SIDE) for card in strip},
        "tiny": {image_id: smaller(thumbs[image_id], TINY) for image_id in beside_names},
    }


def _confidences(view: ReportInput) -> list[tuple[str, Markup]]:
    found = {
        kind: [_confidence_of(view, table, kind) for table in ("tags_long", "tags_dropped")]
        for kind in KINDS
    }
    return [
        (kind, charts.confidence_chart(kind, *both))
        for kind, both in found.items()
        if any(map(len, both))
    ]


def _confidence_of(view: ReportInput, name: str, kind: str) -> "np.ndarray[Any, Any]":
    table = view.table(name, "kind", "confidence")
    return np.asarray(table.filter(pc.equal(table["kind"], kind))["confidence"].drop_null())


def _effects(view: ReportInput) -> list[tuple[str, Markup, list[dict[str, Any]]]]:
    if "tag_effects" not in view.tables:
        return []
    metrics = []
    for metric, rows in list(view.tables["tag_effects"].to_pandas().groupby("metric", sort=True))[
        :METRICS
    ]:
        whole = rows[rows["kind"] == "any"]
        strongest = (
            rows[rows["kind"] != "any"]
            .sort_values(["p_corrected", "p_value", "kind", "name"])
            .head(EFFECTS)
        )
        by_size = strongest.sort_values(["difference", "name"], ascending=[False, True])
        ordered = records(pd.concat([whole, by_size]))
        metrics.append((str(metric), charts.effects_chart(str(metric), ordered), ordered))
    return metrics


def _took(view: ReportInput) -> str:
    try:
        ends = [
            datetime.fromisoformat(str(view.summary.get(end))) for end in ("started", "finished")
        ]
    except ValueError:
        return text.DASH
    return text.duration((ends[1] - ends[0]).total_seconds())


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("image_tags.tasks.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # The one place that every piece of text passes: nothing long or invisible gets out,
        # whichever field it came from.
        finalize=lambda value: (
            text.shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
        ),
    )
    environment.filters |= {
        "number": text.number,
        "percent": text.percent,
        "money": text.money,
        "moment": text.moment,
        "link_text": text.link_text,
    }
    environment.globals["href"] = _href
    return environment


def _href(url: str) -> Markup | None:
    """A link's address for an attribute, escaped and whole; None if it may not be clicked."""
    checked = text.href(url)
    return None if checked is None else Markup("{}").format(checked)


def _asset(name: str) -> Markup:
    return Markup(files("image_tags.tasks.report").joinpath(name).read_text("utf-8"))  # noqa: S704 - the project's own file


def _hashed(part: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"
