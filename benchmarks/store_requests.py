"""How many requests to S3 a run makes per link, and how much memory and time links take.

`uv run python -m benchmarks.store_requests` starts a real S3 server, a site with small pictures and
the stand-in for Rekognition without a quota, and runs the command four times as a user does: on 20
links and on all of them, on a store each, and both again with nothing new. Requests are counted
where botocore sends them. What the analyzer itself reads from S3 is not counted: Amazon does not
bill it. With `--folder` the store is a folder: times and memory only.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from benchmarks.run_rate import SITE, started
from tests.support.rekognition_endpoint import ACCESS_KEY, REGION, SECRET_KEY
from tests.support.s3_server import BUCKET, S3Server

FEW = 20
COUNTING = """
import atexit, json, os, resource, sys, threading
from collections import Counter
from urllib.parse import parse_qs, unquote, urlsplit
from botocore.httpsession import URLLib3Session

counts, lock, send = Counter(), threading.Lock(), URLLib3Session.send

def count(self, request):
    if request.url.startswith(os.environ["AWS_ENDPOINT_URL_S3"]):
        parts = urlsplit(request.url)
        prefix = parse_qs(parts.query).get("prefix", ["?"])[0]
        key = parts.path if parts.path.count("/") > 1 else prefix
        folders = unquote(key).split("/store/")[-1].split("/")
        with lock:
            counts[f"{request.method} {folders[0]}"] += 1
    return send(self, request)

URLLib3Session.send = count

def tell():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open(os.environ["COUNTS"], "w") as file:
        json.dump({"counts": counts, "peak_mb": peak / 1024}, file)

atexit.register(tell)
from image_tags.flows.cli import main
main()
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--links", type=int, default=2000)
    parser.add_argument("--folder", action="store_true", help="a folder as store: times only")
    options = parser.parse_args()
    endpoint = [sys.executable, "-m", "tests.support.rekognition_endpoint"]
    with ExitStack() as stack:
        site = started(stack, [sys.executable, "-c", SITE, str(options.links)])
        url = started(stack, endpoint)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = S3Server()
        stack.callback(server.remove)
        server.start()
        env = os.environ | server.env
        env |= {
            "PREFECT_HOME": str(folder / "prefect"),
            "AWS_ENDPOINT_URL_REKOGNITION": url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
        }
        env |= server.env
        took, peaks = {}, {}
        for links in (FEW, options.links):
            source = folder / f"{links}.csv"
            source.write_text("media\n" + "".join(f"{site}/{n}.png\n" for n in range(links)))
            store = str(folder / f"{links}") if options.folder else f"s3://{BUCKET}/{links}/store"
            for kind in ("new", "known"):
                counts, took[links, kind], peaks[links, kind] = run(source, store, env, folder)
                show(links, kind, counts, took[links, kind], peaks[links, kind])
        for kind in ("new", "known"):
            beyond = took[options.links, kind] - took[FEW, kind]
            memory = peaks[options.links, kind] / peaks[FEW, kind]
            print(
                f"{options.links} {kind} links: {beyond:.1f} s beyond a run on {FEW}, "
                f"{memory:.2f} times its peak memory"
            )


def run(
    source: Path, store: str, env: dict[str, str], folder: Path
) -> tuple[Counter[str], float, float]:
    """One run: its requests by kind, its seconds, and its peak memory in MB."""
    words = ["run", str(source), "--store", store, "--analyzer", "rekognition", "--tps", "1000"]
    words += ["--url-column", "media", "--allow-private-addresses", "--json"]
    counts, begin = folder / "counts.json", time.monotonic()
    command = [sys.executable, "-c", COUNTING, *words]
    env = env | {"COUNTS": str(counts)}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.monotonic() - begin
    print("seconds by step:", json.loads(done.stdout.strip().splitlines()[-1])["seconds"])
    told = json.loads(counts.read_text())
    return Counter(told["counts"]), seconds, told["peak_mb"]


def show(links: int, kind: str, counts: Counter[str], seconds: float, peak: float) -> None:
    print(
        f"{links} {kind} links: {sum(counts.values()) / links:.2f} requests per link, "
        f"{seconds:.1f} s, {peak:.0f} MB; {dict(counts.most_common())}"
    )


if __name__ == "__main__":
    main()
