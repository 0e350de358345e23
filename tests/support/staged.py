"""Tables as a run stages them, made by the product's own steps from invented links and tags."""

import hashlib
import json

import pyarrow as pa

from image_tags.tasks.adapters.files.table_files import TableFile
from image_tags.tasks.adapters.files.tables import parquet_bytes
from image_tags.tasks.adapters.store.json_records import OBJECT, save_record
from image_tags.tasks.assemble.images import make_images, tabulate_fetched
from image_tags.tasks.assemble.rows import gather_facts, make_rows
from image_tags.tasks.assemble.tagged import make_tagged
from image_tags.tasks.assemble.wide import make_wide
from image_tags.tasks.clean.rules import clean_table
from image_tags.tasks.contracts.checks import CheckContext
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import Fetched, Link, Picture, Verdict
from image_tags.tasks.contracts.settings import CheckSettings, CleaningSettings, EffectSettings
from image_tags.tasks.contracts.tables import PUBLISHED, TAGS_LONG, schema_of
from image_tags.tasks.effects.statistics import compare_tags
from image_tags.tasks.execution.run_folder import links_table, run_key, stage
from image_tags.tasks.published.counts import count_links
from image_tags.tasks.reshape.verdicts import tabulate_verdicts

WIDTHS = {"celebrity": 2, "label": 4, "word": 4}


def stage_run(store, run, staged, version=None):
    """Put a run's tables, source and summary into the store, as its steps would; returns the
    summary.
    """
    links = links_table(staged.links)
    tags = pa.table({"n": range(staged.n_tags)})
    for name, table in {
        **staged.tables,
        "source": staged.source,
        "links": links,
        "all_tags": tags,
    }.items():
        stage(store, run, name, table)
    tables = {name: table.num_rows for name, table in staged.tables.items()}
    counts = count_links(staged.tables["images"])
    summary = {
        "version": version or f"v-{run}",
        "run": run,
        "tables": tables,
        "published": True,
        **counts,
    }
    save_record(store, run_key(run, "summary.json"), OBJECT, summary)
    store.write(run_key(run, "report.html"), b"<!doctype html>", "text/html")
    return summary


def image_id_of(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def a_tag(image, kind, rank, name, **more):
    plain = {
        "image_id": image_id_of(image),
        "kind": kind,
        "rank": rank,
        "name": name,
        "confidence": 90.0,
    }
    return {
        **plain,
        "parents": [],
        "categories": [],
        "details": json.dumps({"operation": "x"}),
        "analyzer": "local",
        **more,
    }


def tags_of(image):
    """Four labels with a box on the first, two words with their line; every fifth image also has a
    celebrity.
    """
    box = {"left": 0.1, "top": 0.2, "width": 0.5, "height": 0.8}
    names = ("Cat", "Animal", "Pet", f"Thing {image % 7}")
    tags = [
        a_tag(image, "label", n, name, confidence=100.0 - n, **(box if n == 1 else {}))
        for n, name in enumerate(names, 1)
    ]
    tags += [
        a_tag(image, "word", n, name, **box) for n, name in enumerate(("SALE", f"{image}%"), 1)
    ]
    tags += [a_tag(image, "line", 1, f"SALE {image}%", **box)]
    return tags + ([a_tag(image, "celebrity", 1, "Grace Hopper", **box)] if image % 5 == 0 else [])


class Staged:
    """A whole run's tables that pass the gate; tests break one thing each.

    Rows 0, 10, 20, ... have no link, rows 1, 11, ... two links of which the second is rejected; the
    others lead to one picture each, the last two rows to the same.

    Args:
        rows: rows of the source, which has the columns `likes` and `url`.
        cleaning: settings to clean by.
        last: the profile of the last version.
        reachable: whether any link leads to a picture.
        metrics: what tags are compared by: `likes`.
        rename: other names for these two.
        more: more columns of the source.
        thresholds: settings of the gate.
    """

    def __init__(
        self,
        rows=30,
        cleaning=None,
        last=None,
        *,
        reachable=True,
        metrics=(),
        rename=None,
        more=None,
        **thresholds,
    ):
        self.cleaning = cleaning or CleaningSettings()
        self.thresholds = CheckSettings(**thresholds)
        self.last = last
        self.metrics = metrics
        numbers = [row for row in range(rows) if row % 10]
        picture_of = {row: min(row, rows - 2) for row in numbers}
        urls = [f"http://x/{row}.jpg" if row % 10 else None for row in range(rows)]
        columns = {
            "likes": pa.array([float(row) for row in range(rows)]),
            "url": pa.array(urls, pa.string()),
        }
        named = {(rename or {}).get(name, name): column for name, column in columns.items()}
        self.source = pa.table({**named, **(more or {})})
        self.links = [Link(row, 0, urls[row]) for row in numbers] + [
            Link(row, 1, "x:bad") for row in numbers if row % 10 == 1
        ]
        self.links.sort(key=lambda link: (link.row, link.position))
        fetched = {"x:bad": Fetched("x:bad", reason=Reason.INVALID_URL, detail="not http")}
        for row in numbers if reachable else []:
            image = image_id_of(picture_of[row])
            picture = Picture(image, f"images/{image[:2]}/{image}.jpg", 900, 320, 240)
            fetched[urls[row]] = Fetched(urls[row], picture, "JPEG", 900)
        if not reachable:
            fetched |= {
                url: Fetched(url, reason=Reason.NOT_FOUND, detail="404") for url in urls if url
            }
        self.read = sorted(set(picture_of.values())) if reachable else []
        verdicts = tabulate_verdicts(
            [Verdict(image_id_of(image), Status.TAGGED) for image in self.read]
        )
        all_tags = [tag for image in self.read for tag in tags_of(image)]
        self.n_tags = len(all_tags)
        long, dropped = clean_table(
            pa.Table.from_pylist(all_tags, schema=schema_of(TAGS_LONG)), self.cleaning
        )
        known = tabulate_fetched(fetched.values(), "store/{}".format)
        images = pa.concat_tables(make_images(rows, links_table(self.links), known, verdicts))
        ids = verdicts["image_id"].combine_chunks()
        wide = make_wide(ids, long, WIDTHS)
        facts = gather_facts(ids, long, wide)
        tagged = make_tagged(self.source, 0, images, wide)
        by_row = make_rows(self.source, 0, images, ids, facts)
        made = (images, long, dropped, wide, tagged, by_row)
        self.tables = dict(zip(PUBLISHED, made, strict=True))

        if metrics:
            effects = EffectSettings(effect_min_rows=3)
            self.tables["tag_effects"] = compare_tags(self.source, images, long, metrics, effects)

    def change(self, table, column, values):
        """Put other values into a column: a function of the row number and the old value, or None
        for 'leave it'.
        """
        old = self.tables[table]
        at = old.schema.get_field_index(column)
        field = old.schema.field(at)
        new = [values(number, value) for number, value in enumerate(old[column].to_pylist())]
        self.tables[table] = old.set_column(at, field, pa.array(new, field.type))

    @property
    def context(self):
        return CheckContext(
            len(self.links),
            self.n_tags,
            WIDTHS,
            self.cleaning,
            self.thresholds,
            self.last,
            metrics=self.metrics,
            effect_min_rows=3,
        )

    @property
    def files(self):
        tables = {"source": self.source, **self.tables}
        return {name: parquet_bytes(table) for name, table in tables.items()}

    @property
    def table_files(self):
        return {name: TableFile(data) for name, data in self.files.items()}
