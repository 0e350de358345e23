"""What a scheduled feed leaves behind, run after run: `uv run python -m benchmarks.feed_growth`.

    uv run python -m benchmarks.feed_growth [--runs 24] [--links 500] [--new 0]

A feed of that many links is tagged that many times, with so many new links before each run, on a
Prefect server of its own. Printed per run: objects and bytes of the store by prefix, and the bytes
of Prefect's database with its write-ahead log.
"""

import argparse
import sqlite3
import tempfile
from collections import Counter
from pathlib import Path

from tests.support.command import image_tags
from tests.support.prefect_server import PrefectServer
from tests.support.rekognition_endpoint import RekognitionEndpoint
from tests.support.site import Site


def main() -> None:
    """Run the feed and print one line per run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--links", type=int, default=500)
    parser.add_argument("--new", type=int, default=0, help="new links before each further run")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        RekognitionEndpoint().running() as endpoint,
    ):
        server, site = PrefectServer(Path(home) / "prefect"), Site()
        server.start()
        try:
            _run_feed(Path(home), server, endpoint, site, given)
        finally:
            server.stop()
            site.close()


def _run_feed(
    home: Path,
    server: PrefectServer,
    endpoint: RekognitionEndpoint,
    site: Site,
    given: argparse.Namespace,
) -> None:
    links = [site.picture(f"/{n}.png", n) for n in range(given.links)]
    source, store = home / "feed.csv", home / "store"
    words = ["run", str(source), "--url-column", "link", "--store", str(store)]
    words += ["--analyzer", "rekognition", "--operations", "detect_labels,detect_text"]
    words += ["--allow-private-addresses"]
    print("run  objects (new)   MB in the store   MB of the database   objects by prefix")
    before = 0
    for number in range(1, given.runs + 1):
        if number > 1:
            first = len(links)
            links += [site.picture(f"/{n}.png", n) for n in range(first, first + given.new)]
        source.write_text("link\n" + "".join(f"{link}\n" for link in links))
        done = image_tags(*words, env={**server.env, **endpoint.environment()})
        assert done.code == 0, done.out + done.err
        files = [file for file in store.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        prefixes = Counter(file.relative_to(store).parts[0] for file in files)
        by_prefix = ", ".join(f"{name} {count}" for name, count in sorted(prefixes.items()))
        print(
            f"{number:3}  {len(files):7,} ({len(files) - before:+,})   {size / 1e6:12.2f}   "
            f"{_database_bytes(server.home) / 1e6:15.2f}   {by_prefix}",
            flush=True,
        )
        before = len(files)


def _database_bytes(home: Path) -> int:
    (database,) = home.rglob("prefect.db")
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        pages, size, free = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "page_size", "freelist_count")
        )
    return int((pages - free) * size)


if __name__ == "__main__":
    main()
