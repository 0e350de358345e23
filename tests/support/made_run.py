"""Made runs for the report's tests: any number of images with tags, boxes, words, people, rejected
and pending links.
"""

import hashlib
import json
import random
from io import BytesIO

import pyarrow as pa
from PIL import Image, ImageDraw

from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.tables import (
    IMAGES,
    TAG_EFFECTS,
    TAGS_DROPPED,
    TAGS_LONG,
    schema_of,
)
from image_tags.tasks.published.counts import count_links, rank_names
from image_tags.tasks.report.view import ReportInput
from image_tags.tasks.summary.changes import compare_images

LABELS = (
    "Person",
    "Coffee",
    "Cup",
    "Cat",
    "Food",
    "Car",
    "Beach",
    "Tree",
    "Building",
    "Phone",
    "Shoe",
    "Flower",
    "Dog",
    "Sky",
)
PEOPLE = ("Grace Hopper", "Eileen Collins", "Ada Lovelace")
WORDS = ("SALE", "NEW", "50%", "COFFEE", "OPEN", "DAILY", "USA", "NASA")


def image_id_of(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def picture_of(image_id, side=320):
    """A small picture that differs from image to image."""
    rng = random.Random(image_id)
    picture = Image.new(
        "RGB",
        (side, side * rng.choice((2, 3, 4)) // 3),
        tuple(rng.randrange(40, 220) for _ in range(3)),
    )
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y = rng.randrange(side), rng.randrange(side)
        draw.ellipse(
            (x, y, x + rng.randrange(20, 90), y + rng.randrange(20, 90)),
            tuple(rng.randrange(256) for _ in range(3)),
        )
    data = BytesIO()
    picture.save(data, "JPEG", quality=80)
    return data.getvalue()


def tags_of(number, rng):
    """The rows of tags_long of one image."""
    tags = [("label", name) for name in rng.sample(LABELS, rng.randrange(2, 8))]
    tags += [("word", name) for name in rng.sample(WORDS, rng.randrange(0, 4))]
    tags += [("celebrity", rng.choice(PEOPLE))] if number % 9 == 0 else []
    ranks = {}
    rows = []
    for kind, name in tags:
        ranks[kind] = ranks.get(kind, 0) + 1
        box = {side: rng.uniform(0.05, 0.45) for side in ("left", "top", "width", "height")}
        placed = box if kind != "label" or rng.random() < 0.5 else {}
        rows.append(
            {
                "image_id": image_id_of(number),
                "kind": kind,
                "rank": ranks[kind],
                "name": name,
                "confidence": round(100 - rng.expovariate(0.08) % 50, 3),
                **placed,
                "instances": (1 if placed else 0) if kind == "label" else None,
                "details": json.dumps({"operation": "detect_labels"}),
                "analyzer": "local",
            }
        )
    return rows


def made_run(n_images, **changes):
    """A run of `n_images` pictures, some of them behind several links, with a link in ten rejected
    or pending.
    """
    rng = random.Random(n_images)
    images, long, row = [], [], 0
    for number in range(n_images):
        for _ in range(5 if number == 3 else 1):
            url = f"https://img{number % 7}.example.org/photos/2026/{number:05d}.jpg?size=large"
            images.append(
                {
                    "row": row,
                    "position": 0,
                    "url": url,
                    "image_id": image_id_of(number),
                    "status": "tagged",
                    "object": f"store/images/{image_id_of(number)[:2]}/{image_id_of(number)}.jpg",
                    "format": "JPEG",
                    "bytes": 1000,
                    "width": 320,
                    "height": 240,
                }
            )
            row += 1
        long += tags_of(number, rng)
        if number % 10 == 0:
            reason = rng.choice(
                [r for r in Reason if r not in (Reason.THROTTLED, Reason.REFUSED_BY_ANALYZER)]
            )
            url = f"https://gone.example.net/{number}.jpg"
            images.append(
                {
                    "row": row,
                    "position": 0,
                    "url": url,
                    "status": reason.status,
                    "reason": reason,
                    "detail": "It was so.",
                }
            )
            row += 1
    dropped = [{**tag, "rule": "minimum_confidence", "confidence": 40.0} for tag in long[::7]]
    return report_input(images, long, dropped, **changes)


def link(row, image=None, status="tagged", reason=None, url=None):
    """A row of `images`."""
    return {
        "row": row,
        "position": 0,
        "url": url or f"https://a.example/{row}",
        "image_id": image,
        "status": status,
        "reason": reason,
    }


def report_input(images, long, dropped=(), **changes):
    """A ReportInput of rows, with a summary that fits them."""
    tables = {
        "images": pa.Table.from_pylist(list(images), schema=schema_of(IMAGES)),
        "tags_long": pa.Table.from_pylist(list(long), schema=schema_of(TAGS_LONG)),
        "tags_dropped": pa.Table.from_pylist(list(dropped), schema=schema_of(TAGS_DROPPED)),
    }
    rows = len({image["row"] for image in images})
    summary = {
        "version": "20261123T140000-ab12",
        "run": "20261123T140000-calm-otter",
        "started": "2026-11-23T14:00:00+00:00",
        "finished": "2026-11-23T14:02:31+00:00",
        "source": "feed.csv",
        "store": "image-tags-store",
        "analyzer": "local",
        "rows": rows,
        **count_links(tables["images"]),
        "changes": {"since": None, **compare_images(None, tables["images"])},
        "top_labels": rank_names(tables["tags_long"], "label"),
        "people": rank_names(tables["tags_long"], "celebrity"),
        "calls": {
            "detect_labels": {"billed": 10, "reused": 2, "failed": 1},
            "detect_text": {"billed": 12, "reused": 0, "failed": 0},
        },
        "cost_usd": 0.022,
        "seconds": {"read": 0.4, "ingest": 21.3, "plan": 0.2, "analyze": 95.0, "publish": 3.1},
        "checks": {"critical": 0, "warning": 1},
        "tables": {name: table.num_rows for name, table in tables.items()},
        "remarks": [],
        "published": True,
    }
    findings = [
        {
            "table": "images",
            "severity": "critical",
            "success": True,
            "description": "Every row is accounted for.",
            "detail": "",
        },
        {
            "table": "images",
            "severity": "warning",
            "success": False,
            "description": "Few links share a picture.",
            "detail": "5 links, 1 picture.",
        },
    ]
    made = {"summary": summary, "tables": tables, "findings": findings, "thumbnail": picture_of}
    made["tables"] = tables | changes.pop("tables", {})
    made["summary"] = summary | changes.pop("summary", {})
    return ReportInput(**(made | changes))


def made_effects():
    """A tag_effects table of two metrics."""
    rng = random.Random(7)
    rows = []
    for metric in ("likes", "comments"):
        for kind, name in [
            ("any", "has_text"),
            ("any", "has_celebrity"),
            *(("label", name) for name in LABELS),
        ]:
            difference = rng.gauss(0, 30)
            half = rng.uniform(5, 30)
            rows.append(
                {
                    "kind": kind, "name": name, "metric": metric,
                    "with_n": rng.randrange(20, 400), "without_n": 500,
                    "with_mean": 100 + difference, "without_mean": 100.0, "difference": difference,
                    "with_median": 80.0, "without_median": 70.0, "with_images": 20,
                    "without_images": 400, "with_clusters": 20, "without_clusters": 400,
                    "superiority": 0.5 + difference / 200,
                    "low": 0.5 + (difference - half) / 200, "high": 0.5 + (difference + half) / 200,
                    "also": [],
                    "p_value": 0.01 if abs(difference) > half else 0.3,
                    "p_corrected": 0.02 if abs(difference) > half else 0.5,
                }
            )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema_of(TAG_EFFECTS))


HOSTILE = (
    "<script>pwned=1</script><img src=x onerror=pwned=1>",
    "\"><svg onload=pwned=1> ' onmouseover=pwned=1 x='",
    "</script><!--<script>pwned=1</script>--></style></title>",
    "&lt;b&gt;&amp;&#60;script&#62;{{ 7*7 }}{% raw %}",
    '=HYPERLINK("http://evil.example","x") +1 @SUM(A1) $x^2$',
    "javascript:pwned=1//\u2028\u2029\r\n\ttwo lines",
    "\u202egnp.exe\u202c \u0645\u0631\u062d\u0628\u0627 "
    "\u05e9\u05dc\u05d5\u05dd \U0001f600 \x00\x01\x7f\x9b",
    "m<" * 500_000,
)
"""What the web and a source may hold: markup, templates, formulas, line breaks, directions,
controls, a million letters.
"""


def hostile_run(text):
    """A run that has the text wherever text from outside can be."""
    url = f"https://host.example/{text}"
    images = []
    long = []
    for number in range(4):
        one = image_id_of(number)
        for address in (url, text):
            images.append(
                {
                    "row": len(images),
                    "position": 0,
                    "url": address,
                    "image_id": one,
                    "status": "tagged",
                    "object": text,
                }
            )
        for rank, kind in enumerate(
            ("label", "word", "line", "celebrity", "face", "moderation"), start=1
        ):
            box = {"left": 0.1 * rank, "top": 0.1, "width": 0.2, "height": 0.3}
            details = json.dumps({"flag": text, "instances": []})
            tag = {
                "image_id": one,
                "kind": kind,
                "rank": rank,
                "name": f"{kind} {text}",
                "confidence": 90.0,
                **box,
            }
            long.append({**tag, "instances": 2, "details": details, "analyzer": text})
    for reason, status in (("timeout", "pending"), ("not_found", "rejected")):
        images.append(
            {
                "row": len(images),
                "position": 0,
                "url": text,
                "status": status,
                "reason": reason,
                "detail": text,
            }
        )
    dropped = [{**tag, "rule": text} for tag in long]
    effects = made_effects().slice(0, 3).to_pylist()
    wide = pa.table({"image_id": [image_id_of(n) for n in range(4)]})
    source = {
        text: [text] * len(images),
        "url": [image["url"] for image in images],
        "likes": [[text]] * len(images),
    }
    columns = schema_of(IMAGES).names
    ours = {f"image_tags_{name}": [image.get(name) for image in images] for name in columns}
    return report_input(
        images,
        long,
        dropped,
        tables={
            "tag_effects": pa.Table.from_pylist(
                [{**effect, "name": text, "metric": text, "also": [text]} for effect in effects]
            ),
            "tags_wide": wide,
            "tagged": pa.table(source | ours),
        },
        summary={
            **dict.fromkeys(
                ("version", "run", "started", "finished", "source", "store", "analyzer"), text
            ),
            "calls": {text: {"billed": 1, "reused": 1, "failed": 1}},
            "seconds": {text: 1.0},
            "remarks": [text],
            "changes": {"since": text},
        },
        findings=[
            {
                "table": text,
                "severity": severity,
                "success": success,
                "description": text,
                "detail": text,
            }
            for severity in ("critical", "warning")
            for success in (True, False)
        ],
        previous={"version": text, "finished": text, "rows": 1, "people": [[text, 1]]},
    )
