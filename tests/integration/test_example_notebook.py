"""The example notebook, run in Jupyter's own kernel as a newcomer runs it, and `tag_images` beside
a running event loop.
"""

import base64
import io
import re

import nbformat
import pytest
from PIL import Image

from tests.support.notebook import (
    EXAMPLE,
    code_cells,
    executed,
    is_progress,
    outline,
    running_kernel,
    settled,
)
from tests.support.processes import until
from tests.support.rekognition_endpoint import HOLD, Fault
from tests.support.site import Answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def first(folder, make_prefect_home):
    """The first hour: nothing is there yet, and Prefect's embedded server is used."""
    home = make_prefect_home(folder / "prefect")
    return executed(EXAMPLE, folder, {"PREFECT_HOME": str(home)})


@pytest.fixture(scope="module")
def second(first, folder, prefect_server):
    """The same once more in the same folder, now with a server that runs."""
    return executed(EXAMPLE, folder, prefect_server.env)


@pytest.fixture(scope="module")
def kept():
    return nbformat.read(EXAMPLE, as_version=4)


def cell_with(notebook, words):
    """The one code cell that has these words in it."""
    (found,) = [cell for cell in code_cells(notebook) if words in cell.source]
    return found


def shown(notebook, words, kind="text/plain"):
    """What that cell shows in the end, in one kind."""
    return [
        output.data[kind] for output in settled(cell_with(notebook, words)) if kind in output.data
    ]


def rows_by_number(text):
    """The lines of a printed table that begin with a row's number."""
    return [words for words in map(str.split, text.splitlines()) if words and words[0].isdigit()]


def rows(text):
    """A table's lines by what stands first in them."""
    return {words[0]: words[1:] for words in (line.split() for line in text.splitlines()) if words}


def pictures(notebook, words):
    return [
        Image.open(io.BytesIO(base64.b64decode(data)))
        for data in shown(notebook, words, "image/png")
    ]


def test_the_summary_says_what_was_done(first):
    (text,) = shown(first, "result = tag_images")
    assert "20 rows, 21 links, 15 distinct images." in text
    assert "45 calls made, 0 answers reused" in text
    (page,) = shown(first, "result = tag_images", "text/html")
    assert page.startswith("<p><strong>Published version ")


def test_the_tables_are_there_and_merge_by_the_index(first):
    (links,) = shown(first, 'result.images[["status"')
    by_link = rows(links.partition("\n\n")[0])  # what is too wide for a line comes below
    assert by_link["1014"][:2] == ["rejected", "not_found"]
    assert by_link["1003"][:5] == ["tagged", "NaN", "WEBP", "451", "300"]
    (wide,) = shown(first, "result.tags_wide[")
    assert "Grace Hopper" in wide
    (tagged,) = shown(first, "result.tagged[[")
    assert len(re.findall(r"^1006 .*951 +tagged", tagged, re.MULTILINE)) == 2  # two links, two rows
    (merged,) = shown(first, 'tweets["labels"] = ')
    by_tweet = rows(merged.rpartition("labels")[2])
    assert by_tweet["1002"] == ["Animal,", "Mammal,", "Feline", "True"]
    assert by_tweet["1013"] == ["NaN", "<NA>"]  # no picture: nothing is known
    (sizes,) = shown(first, "read_tables(STORE)")
    assert rows(sizes)["tagged"][0] == "22"


def test_what_the_words_say_of_likes_is_what_the_table_says(first):
    (effects,) = shown(first, "result.tag_effects[columns]")
    # The table is as wide as its numbers, and broken into two where it is too wide.
    whole = {}
    for number, *words in rows_by_number(effects):
        whole.setdefault(number, []).extend(words)
    tags = [words[:6] for words in whole.values()]
    assert ["label", "Animal", "4", "385.00", "10", "615.80"] in tags
    for (kind, name, *_), row in zip(tags, whole.values(), strict=True):
        difference, superiority, low, high, corrected = map(float, row[6:])
        assert low <= superiority <= high
        assert low < 0.5 < high
        assert corrected > 0.1
        if kind == "label" and name in ("Animal", "Face"):
            assert (difference < 0) == (superiority < 0.5) == (name == "Animal")


@pytest.mark.parametrize(
    ("words", "colours"), [("mark_bar", 20), ("mark_point", 20), ("sheet.quantize", 40)]
)
def test_the_plots_and_pictures_are_drawn(first, words, colours):
    (picture,) = pictures(first, words)
    assert picture.width > 400
    assert picture.height > 100
    assert len(picture.convert("RGB").getcolors(maxcolors=picture.width * picture.height)) > colours


def test_progress_shows_and_nothing_else_comes_between(first):
    outputs = cell_with(first, "result = tag_images").outputs
    bars = [output.data["text/html"] for output in outputs if is_progress(output)]
    assert [re.search(r'value="(\d+)" max="(\d+)"', bar).groups() for bar in bars] == [
        ("19", "19"),
        ("45", "45"),
    ]
    said = "".join(output.text for output in outputs if output.output_type == "stream")
    assert said.startswith("Prefect's embedded server is used")
    assert "15 distinct images." in said
    for cell in code_cells(first):
        assert [output for output in cell.outputs if output.get("name") == "stderr"] == []


def test_a_second_hour_asks_nothing_anew(first, second):
    for notebook in (first, second):
        (calls,) = shown(notebook, "again = tag_images")
        assert {words[0]: words[1:] for words in map(str.split, calls.splitlines()[1:])} == {
            operation: ["0", "15", "0"]
            for operation in ("detect_labels", "detect_text", "recognize_celebrities")
        }
    (text,) = shown(second, "result = tag_images")
    assert "0 calls made, 45 answers reused" in text
    assert list(map(outline, code_cells(first)))[2:] == list(map(outline, code_cells(second)))[2:]


def test_what_is_kept_is_what_these_cells_show(first, kept):
    cells = code_cells(kept)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell, run in zip(cells, code_cells(first), strict=True):
        assert outline(cell) == outline(run), cell.source
    text = EXAMPLE.read_text("utf-8")
    assert "<progress" not in text
    assert not re.search(r"/home/|/root|/tmp|/Users/|site-packages", text)
    assert len(text) < 300_000


TROUBLE = """
import pandas as pd
from image_tags import tag_images
frame = pd.DataFrame({{"media": ["{good}", "{bad}"]}}, index=["a", "b"])
quick = {{"operations": "detect_labels", "task_retries": 0, "fetch_retries": 0}}
result = tag_images(frame, store="store", allow_private_addresses=True, **quick)
result
"""


def test_a_warning_is_printed_and_a_mistake_is_one_sentence(site, prefect_server, tmp_path):
    site.answers["/busy.png"] = Answer(b"", 503)
    code = TROUBLE.strip().format(good=site.picture("/a.png", 1), bad=f"{site.url}/busy.png")
    cells = [
        nbformat.v4.new_code_cell(one)
        for one in (code, "result.images['status'].to_dict()", "tag_images(frame, 'x')")
    ]
    cells[-1].metadata["tags"] = ["raises-exception"]
    path = tmp_path / "trouble.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    ran, after, mistake = code_cells(executed(path, tmp_path, prefect_server.env))
    (warned,) = [output.text for output in ran.outputs if output.get("name") == "stderr"]
    assert "1 link is pending (1 server_error)" in warned
    assert (
        ran.outputs[-1]
        .data["text/html"]
        .startswith("<p><strong>1 link is pending (1 server_error); ")
    )
    assert after.outputs[0].data["text/plain"] == "{'a': 'tagged', 'b': 'pending'}"
    assert mistake.outputs[-1].ename == "UsageError"
    assert mistake.outputs[-1].evalue == "There is no column 'x' in the source; it has 'media'."


WATCH = """
import threading
from pathlib import Path
import pandas as pd
from image_tags import tag_images
from image_tags.tasks.adapters.interruption import Interrupted, interruption

def note():
    try:
        interruption.wait(300)
    except Interrupted:
        Path("noticed").touch()

threading.Thread(target=note, daemon=True).start()
"""
TAG = """
tag_images(
    pd.DataFrame({{"media": {links}}}), store="store", analyzer="rekognition",
    operations=["detect_labels"], analyzer_threads=2, allow_private_addresses=True,
).summary["calls"]
"""


def test_an_interrupted_cell_ends_with_one_sentence_and_the_next_one_goes_on(
    site, rekognition, tmp_path, make_prefect_home
):
    """Jupyter interrupts a group of processes: Prefect's embedded server gets the signal too."""
    tag = TAG.format(links=[site.picture(f"/{n}.png", n) for n in range(6)])
    home = make_prefect_home(tmp_path / "prefect")
    rekognition.faults.append(Fault(HOLD, times=None))
    env = {"PREFECT_HOME": str(home), **rekognition.environment()}
    with running_kernel(tmp_path, env) as kernel:
        assert kernel.end(kernel.begin(WATCH)) == []
        cell = kernel.begin(tag)
        until(lambda: rekognition.seen.held > 0, 200)
        kernel.interrupt()
        until((tmp_path / "noticed").exists, 60)
        rekognition.faults.clear()
        rekognition.release.set()
        *before, error = kernel.end(cell)
        assert {output.name for output in before} == {"stdout"}
        assert error.traceback == ["StopRun: Interrupted. Nothing is lost; run the cell again."]
        begun = sum(rekognition.seen.requests.values())
        assert begun < 6
        *_, calls = kernel.end(kernel.begin(tag))
    said = calls.data["text/plain"]
    assert said == f"{{'detect_labels': {{'billed': {6 - begun}, 'reused': {begun}, 'failed': 0}}}}"
    assert set(rekognition.seen.billed.values()) == {1}
