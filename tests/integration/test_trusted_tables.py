"""What users may rely on, through whole runs: the gate, the versions, and hostile cells that come
out as they went in.
"""

import csv
import io
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from image_tags.expectations import suite
from image_tags.tasks.adapters.files.tables import parquet_bytes, parquet_table
from image_tags.tasks.clean import step as cleaning
from image_tags.tasks.read import read_tables
from tests.support.command import image_tags
from tests.support.every_type import SOURCE

LONG_CELL = "x" * 1_000_000
HOSTILE = [
    '=1+1,"a"',
    "@me <b>&amp;</b>",
    "two\r\nlines",
    "\u202etfel ot thgir",
    LONG_CELL,
    "-3",
    "</script><script>alert(1)</script>",
    "",
]


@pytest.fixture
def run(site, rekognition, prefect_server, tmp_path):
    """Run the command on rows of cells, each with a picture of its own in the column `url`."""
    env = {**rekognition.environment(), **prefect_server.env}
    store = str(tmp_path / "store")

    def on(path, url_column, *words):
        given = (
            "--analyzer",
            "rekognition",
            "--allow-private-addresses",
            "--task-retries",
            "0",
            "--json",
        )
        return image_tags(
            "run", str(path), "--url-column", url_column, "--store", store, *given, *words, env=env
        )

    def go(header, rows, *words, links=()):
        path = tmp_path / "feed.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            links = [*links, *(site.picture(f"/{n}.png", n) for n in range(len(links), len(rows)))]
            csv.writer(file).writerows(
                [[*header, "url"], *([*row, link] for row, link in zip(rows, links, strict=True))]
            )
        return on(path, "url", *words)

    go.store, go.on = store, on
    return go


def files_below(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_critical_failure_publishes_nothing_and_says_why(run, monkeypatch, tmp_path):
    assert run(["likes"], [[1], [2]]).code == 0
    before = files_below(tmp_path / "store" / "published")
    clean_part = cleaning.clean_part

    def broken(long, settings, names):
        kept, dropped = clean_part(long, settings, names)
        return kept.set_column(4, kept.schema.field(4), [[120.0] * kept.num_rows]), dropped

    monkeypatch.setattr(cleaning, "clean_part", broken)
    result = run(["likes"], [[1], [2], [3]])
    assert result.code == 1
    assert "A confidence is between 0 and 100." in result.out
    assert not result.summary["published"]
    assert result.summary["checks"]["critical"] > 0
    assert files_below(tmp_path / "store" / "published") == before
    staged = tmp_path / "store" / "runs" / result.summary["run"]
    findings = json.loads((staged / "findings.json").read_text())
    assert [
        one["table"]
        for one in findings
        if "between 0 and 100" in one["description"] and not one["success"]
    ] == ["tags_long"]
    assert (staged / "tags_long.parquet").exists()


def test_a_suite_that_names_something_unknown_publishes_nothing_and_says_so(
    run, monkeypatch, tmp_path
):
    assert run(["likes"], [[1], [2]]).code == 0
    before = files_below(tmp_path / "store" / "published")
    read = suite.read_suite

    def misspelled(table, text, *known):
        return read(table, text.replace("expect_every_link", "expect_every_lnk"), *known)

    monkeypatch.setattr(suite, "read_suite", misspelled)
    result = run(["likes"], [[1], [2], [3]])
    assert result.code == 1
    assert "The suite of images names the unknown expectation 'expect_every_lnk'." in result.err
    assert files_below(tmp_path / "store" / "published") == before


def test_a_warning_publishes_and_flags(run, site):
    dead = run(
        ["likes"], [[1], [2], [3]], "--max-rejected-share", "0", links=[f"{site.url}/dead.png"]
    )
    assert dead.code == 0
    assert dead.summary["published"]
    assert dead.summary["checks"] == {"critical": 0, "warning": 1}
    assert "Not too many links are rejected." in dead.out


def test_hostile_cells_come_out_as_they_went_in(run, tmp_path):
    header = ["status", "image_id", "label_1", "=cmd", "Ünï <i>"]
    rows = [[cell, str(n), cell[:3], "=cmd|' /C calc'!A0", "'"] for n, cell in enumerate(HOSTILE)]
    result = run(header, rows, "--csv")
    assert result.code == 0, result.out
    tagged = read_tables(run.store)["tagged"]
    assert list(tagged.columns[:6]) == [*header, "url"]
    assert tagged["status"].fillna("").tolist() == HOSTILE
    assert tagged["image_tags_status"].tolist() == ["tagged"] * len(HOSTILE)
    assert tagged["image_id"].tolist() == list(range(len(HOSTILE)))
    assert tagged["image_tags_image_id"].str.len().tolist() == [64] * len(HOSTILE)
    version = tmp_path / "store" / "published" / result.summary["version"]
    text = (version / "tagged.csv").read_bytes().decode()
    csv.field_size_limit(2_000_000)
    cells = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["status"] for row in cells] == HOSTILE
    assert (
        pd.read_csv(version / "tags_long.csv")["parents"].map(json.loads).map(type).eq(list).all()
    )
    report = (version / "report.html").read_text("utf-8")
    assert "<script>alert(1)" not in report


def test_columns_of_every_type_go_through_a_whole_run(run, site, tmp_path):
    links = pa.array([site.picture("/a.png", 1).encode(), None, b""])
    source = SOURCE.append_column("URL", links)
    path = tmp_path / "feed.parquet"
    path.write_bytes(parquet_bytes(source))
    result = run.on(path, "URL", "--csv")
    assert result.code == 0, result.out
    assert (
        "Our column 'url' is called 'image_tags_url' in `tagged`: the source has one of that name."
        in result.out
    )
    version = tmp_path / "store" / "published" / result.summary["version"]
    tagged = parquet_table((version / "tagged.parquet").read_bytes())
    assert tagged.column_names[: source.num_columns] == source.column_names
    assert [field.type for field in tagged.schema][: source.num_columns] == [
        field.type for field in source.schema
    ]
    assert repr(tagged.select(range(source.num_columns)).to_pylist()) == repr(source.to_pylist())
    assert tagged["image_tags_url"].to_pylist() == [f"{site.url}/a.png", None, None]
    assert tagged["status"].to_pylist() == ["tagged", "no_link", "no_link"]
    assert read_tables(run.store)["tagged"]["uint64"].tolist()[0] == 2**64 - 1
    assert (version / "tagged.csv").exists()
    assert (version / "report.html").exists()


def test_json_of_mixed_types_goes_through_a_whole_run(run, site, tmp_path):
    cells = [True, 1.5, {"deep": [1, {}]}, {}, "\0\x1b[2J", "\ud83d", LONG_CELL, None]
    path = tmp_path / "feed.jsonl"
    rows = [
        {"url": site.picture(f"/{n}.png", n), "any": cell, "Status": {}}
        for n, cell in enumerate(cells)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    result = run.on(path, "url", "--csv")
    assert result.code == 0, result.out
    texts = ["true", "1.5", '{"deep": [1, {}]}', "{}", "\0\x1b[2J", "\\ud83d", LONG_CELL]
    tagged = read_tables(run.store)["tagged"]
    assert tagged["any"].tolist()[:-1] == texts
    assert tagged["any"].isna().tolist()[-1]
    assert tagged["Status"].tolist() == ["{}"] * len(cells)
    assert tagged["image_tags_status"].tolist() == ["tagged"] * len(cells)
    csv.field_size_limit(2_000_000)
    text = (
        (tmp_path / "store" / "published" / result.summary["version"] / "tagged.csv")
        .read_bytes()
        .decode()
    )
    assert [row["any"] for row in csv.DictReader(io.StringIO(text, newline=""))] == [*texts, ""]


def test_a_metric_adds_its_table(run, tmp_path):
    rows = [[n % 5, "many"] for n in range(12)]
    result = run(["likes", "text"], rows, "--metric", "likes", "--effect-min-rows", "2")
    assert result.code == 0, result.out
    effects = read_tables(run.store)["tag_effects"]
    assert result.summary["tables"]["tag_effects"] == len(effects)
    assert set(effects["metric"]) <= {"likes"}
    version = tmp_path / "store" / "published" / result.summary["version"]
    codebook = pd.read_csv(version / "codebook.csv", keep_default_na=False)
    described = codebook.groupby("table").size().to_dict()
    assert described == {name: len(table.columns) for name, table in read_tables(run.store).items()}
    for table, entries in codebook.groupby("table"):
        fields = pq.read_schema(version / f"{table}.parquet")
        given = [field.metadata[b"description"].decode() for field in fields]
        assert given == entries["description"].tolist()
    methods = (version / "methods.md").read_text("utf-8")
    assert "Tags were compared by `likes`" in methods
    assert f"version {result.summary['version']}" in methods
    wrong = run(["likes", "text"], rows, "--metric", "text")
    assert wrong.code == 2
    assert "'text' holds text that is no number" in wrong.err


def test_versions_and_rollback_from_the_command_line(run):
    first, second = (
        run(["likes"], [[n] for n in range(size)]).summary["version"] for size in (2, 3)
    )
    listed = image_tags("versions", "--store", run.store)
    assert [line.split()[0] for line in listed.out.splitlines()] == [second, first]
    assert "current" in listed.out.splitlines()[0]
    assert image_tags("rollback", first, "--store", run.store).code == 0
    assert len(read_tables(run.store)["tagged"]) == 2
    missing = image_tags("rollback", "v9", "--store", run.store)
    assert missing.code == 2
    assert "There is no version 'v9'" in missing.err
