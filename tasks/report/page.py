"""The page: facts, charts and pictures put into one HTML document by jinja2."""

import base64
import hashlib
from datetime import datetime
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from tasks.contracts.reasons import Status
from tasks.contracts.tables import KINDS
from tasks.report import charts, facts, text, tops
from tasks.report.gallery import make_gallery, pictures_of
from tasks.report.pictures import TINY, Thumb, chosen, shrink, thumbnails
from tasks.report.view import ReportInput, records

TOP_LABELS, TOP_PEOPLE, TOP_WORDS = 15, 12, 40
"""How many names of each kind are listed."""

EFFECTS = 20
"""Tags drawn for each metric."""


def render_report(view: ReportInput) -> str:
    """The report as one HTML document that needs nothing else, below 5 MB whatever the size of the run."""
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
    stages = facts.funnel(view)
    seconds = {str(step): float(s) for step, s in (facts.dig(view.summary, "seconds") or {}).items()}
    return {
        "summary": view.summary,
        "statuses": {status.value: int(facts.dig(view.summary, f"statuses.{status}") or 0) for status in Status},
        "took": _took(view),
        "stages": stages,
        "funnel": charts.funnel_chart(stages),
        "rejected": facts.left_behind(view, Status.REJECTED),
        "pending": facts.left_behind(view, Status.PENDING),
        "failed_checks": [f for f in view.findings if not f.get("success")],
        "passed_checks": [f for f in view.findings if f.get("success")],
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
        "gallery": make_gallery(view, pictures, thumbs),
        "tiny": _tiny(view, thumbs, groups),
    }


def _tiny(view: ReportInput, thumbs: dict[str, Thumb], groups: list[list[str]]) -> dict[str, Thumb]:
    """Thumbnails beside names: of the pictures that are in the gallery, so that a click can lead there."""
    wanted = dict.fromkeys(image_id for group in groups for image_id in group if image_id in thumbs)
    small = {image_id: shrink(view.thumbnail(image_id), TINY) for image_id in wanted}
    return {image_id: thumb for image_id, thumb in small.items() if thumb}


def _confidences(view: ReportInput) -> list[tuple[str, Markup]]:
    kept, dropped = (view.frame(table, "kind", "confidence").dropna() for table in ("tags_long", "tags_dropped"))
    return [
        (kind, charts.confidence_chart(kind, *(list(t.loc[t["kind"] == kind, "confidence"]) for t in (kept, dropped))))
        for kind in KINDS
        if (kept["kind"] == kind).any() or (dropped["kind"] == kind).any()
    ]


def _effects(view: ReportInput) -> list[tuple[str, Markup, list[dict[str, Any]]]]:
    if "tag_effects" not in view.tables:
        return []
    effects = view.tables["tag_effects"].to_pandas()
    metrics = []
    for metric, rows in effects.groupby("metric", sort=True):
        strongest = rows.sort_values(["p_corrected", "p_value", "kind", "name"]).head(EFFECTS)
        ordered = records(strongest.sort_values(["difference", "name"], ascending=[False, True]))
        metrics.append((str(metric), charts.effects_chart(str(metric), ordered), ordered))
    return metrics


def _took(view: ReportInput) -> str:
    try:
        ends = [datetime.fromisoformat(str(facts.dig(view.summary, end))) for end in ("started", "finished")]
    except ValueError:
        return text.DASH
    return text.duration((ends[1] - ends[0]).total_seconds())


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tasks.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # The one place that every piece of text passes: nothing long or invisible gets out, whichever field it came from.
        finalize=lambda value: text.shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.filters |= {
        "number": text.number,
        "percent": text.percent,
        "money": text.money,
        "moment": text.moment,
        "duration": text.duration,
        "link_text": text.link_text,
    }
    environment.globals["href"] = _href
    environment.globals["reason_meaning"] = facts.meaning_of
    return environment


def _href(url: str) -> Markup | None:
    """A link's address for an attribute, escaped and whole; None if it may not be clicked."""
    checked = text.href(url)
    return None if checked is None else Markup("{}").format(checked)


def _asset(name: str) -> Markup:
    return Markup(files("tasks.report").joinpath(name).read_text("utf-8"))  # noqa: S704 - the project's own file


def _hashed(part: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"
