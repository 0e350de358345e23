"""How much of the quota a whole `image-tags run` uses, and whether its bill is the endpoint's.

`uv run python -m benchmarks.run_rate`: a site with 3,000 small pictures and the stand-in for
Rekognition (50 calls a second and operation over a sliding second, 300 ms an answer) run as
processes of their own; then the command runs once, as a user runs it, with three operations and a
folder as store, or with `--s3` a real S3 server that shares this machine's cores. The figures are
the endpoint's own counts, and the run's seconds against those that the quota alone would take.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from tests.support.rekognition_endpoint import ACCESS_KEY, REGION, SECRET_KEY
from tests.support.s3_server import BUCKET, S3Server

SITE = """
import sys, threading
from tests.support.site import Site
site = Site()
links = [site.picture(f"/{n}.png", n) for n in range(int(sys.argv[1]))]
print(site.url, flush=True)
threading.Event().wait()
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--quota", type=float, default=50)
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--s3", action="store_true", help="a bucket as store")
    options = parser.parse_args()
    endpoint = [sys.executable, "-m", "tests.support.rekognition_endpoint"]
    endpoint += ["--quota", str(options.quota), "--latency", str(options.latency)]
    with ExitStack() as stack:
        site = started(stack, [sys.executable, "-c", SITE, str(options.images)])
        url = started(stack, endpoint)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        source = folder / "links.csv"
        source.write_text("media\n" + "".join(f"{site}/{n}.png\n" for n in range(options.images)))
        env, store = os.environ | {"PREFECT_HOME": str(folder / "prefect")}, str(folder / "store")
        if options.s3:
            server = S3Server()
            stack.callback(server.remove)
            server.start()
            env, store = env | server.env, f"s3://{BUCKET}/store"
        begin = time.monotonic()
        summary = run(source, store, env, url)
        options.seconds = time.monotonic() - begin
        with urllib.request.urlopen(f"{url}/stats") as answer:
            report(json.load(answer), summary, options)


def started(stack: ExitStack, command: list[str]) -> str:
    """Start a server that prints its address first; it ends with the stack."""
    process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(process.kill)
    assert process.stdout
    return process.stdout.readline().strip()


def run(source: Path, store: str, env: dict[str, str], url: str) -> dict:
    """One run; its summary."""
    env |= {
        "AWS_ENDPOINT_URL_REKOGNITION": url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
    }
    command = [
        str(Path(sys.executable).with_name("image-tags")),
        "run",
        str(source),
        "--store",
        store,
        "--analyzer",
        "rekognition",
    ]
    command += ["--allow-private-addresses", "--json"]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def report(stats: dict, summary: dict, options: argparse.Namespace) -> None:
    requests, errors = sum(stats["requests"].values()), sum(stats["errors"].values())
    rate = sum(stats["billed"].values()) / stats["seconds"] / len(stats["billed"])
    said = sum(account["billed"] for account in summary["calls"].values())
    print("seconds by step:", summary["seconds"])
    ideal = options.images / options.quota
    share = ideal / options.seconds
    print(f"whole run: {options.seconds:.1f} s; ideal {ideal:.1f} s; ideal / whole run {share:.2f}")
    print(
        f"quota used: {rate / options.quota:.1%}; "
        f"throttled: {errors / requests:.2%} of {requests} ({stats['errors']})"
    )
    print(f"billed by the endpoint: {sum(stats['billed'].values())}, said by the summary: {said}")
    print(f"billed twice: {stats['billed_twice']}; in flight at most: {stats['most_in_flight']}")


if __name__ == "__main__":
    main()
