"""Time and memory to read sources of odd shapes: `uv run python -m benchmarks.odd_sources`.

Each case is read at a quarter of its size and in full, each in its own process: time and memory
must grow with the size, not faster.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

LINK = "http://a.example/p/{}.jpg"


def many_rows(share: float) -> Iterator[str]:
    """200,000 rows over 100 pictures."""
    yield "id,text,media\n"
    for row in range(int(200_000 * share)):
        yield f"{10**18 + row},a text of row {row},{LINK.format(row % 100)}\n"


def one_cell(share: float) -> Iterator[str]:
    """One cell with 100,000 links."""
    links = ",".join(LINK.format(number) for number in range(int(100_000 * share)))
    yield f'id,media\n1,"{links}"\n2,{LINK.format(1)}\n'


def long_row(share: float) -> Iterator[str]:
    """One row of 50 MB."""
    yield f'id,text,media\n1,"{"long text, " * int(5_000_000 * share)}",{LINK.format(1)}\n'


def many_columns(share: float) -> Iterator[str]:
    """3,000 columns, 200 rows."""
    columns = int(3_000 * share)
    yield ",".join(["media", *(f"column {number}" for number in range(columns))]) + "\n"
    for row in range(200):
        yield ",".join([LINK.format(row), *(f"text {row}" for _ in range(columns))]) + "\n"


def distinct_values(share: float) -> Iterator[str]:
    """1,000,000 distinct values, each with its own link."""
    yield "user,media\n"
    for row in range(int(1_000_000 * share)):
        yield f"user-{row},{LINK.format(row)}\n"


def prose_cells(share: float) -> Iterator[str]:
    """100,000 cells of prose and Python objects."""
    for row in range(int(100_000 * share)):
        photo = f"[Photo(previewUrl='{LINK.format(row)}?s', fullUrl='{LINK.format(row)}')]"
        text = f"Look at {LINK.format(row)}, (or not)." if row % 2 else photo
        yield json.dumps({"id": row, "media": text}) + "\n"


CASES: dict[str, tuple[Callable[[float], Iterator[str]], str]] = {
    "rows": (many_rows, "csv"),
    "cell": (one_cell, "csv"),
    "row": (long_row, "csv"),
    "columns": (many_columns, "csv"),
    "distinct": (distinct_values, "csv"),
    "prose": (prose_cells, "jsonl"),
}


def measure_case(path: str) -> None:
    """Read one source in this process; print rows, links, seconds and MB."""
    from image_tags.tasks.source.step import links_of, load_source

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    source = load_source(path, "media")
    links = links_of(source.table, source.url_column)
    seconds = time.process_time() - begun
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps([source.table.num_rows, len(links), seconds, memory]))


def main() -> None:
    """Measure every case at a quarter of its size and in full."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", nargs="?", help="read this source only, in this process")
    only = parser.parse_args().path
    if only:
        measure_case(only)
        return
    print(f"{'case':10} {'MB':>6} {'rows':>9} {'links':>9} {'s':>6} {'MB more':>8}")
    for name, (write, ending) in CASES.items():
        for share in (0.25, 1.0):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"{name}.{ending}"
                with path.open("w") as out:
                    out.writelines(write(share))
                size = path.stat().st_size / 1e6
                command = [sys.executable, "-m", "benchmarks.odd_sources", str(path)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows, links, seconds, memory = json.loads(done.stdout)
            print(f"{name:10} {size:6.1f} {rows:9,} {links:9,} {seconds:6.1f} {memory:8.0f}")


if __name__ == "__main__":
    main()
