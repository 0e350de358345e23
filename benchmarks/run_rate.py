"""How much of the quota a whole `image-tags run` uses, and whether its bill is the endpoint's.

`uv run python -m benchmarks.run_rate`: a site with 3,000 small pictures and the stand-in for Rekognition (50 calls a
second and operation over a sliding second, 300 ms an answer) run as processes of their own; then the command runs once, as
a user runs it, with three operations and a folder as store. The figures are the endpoint's own counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from tests.support.rekognition_endpoint import ACCESS_KEY, REGION, SECRET_KEY

SITE = """
import sys, threading
from tests.support.site import Site
site = Site()
links = [site.picture(f"/{n}.png", n) for n in range(int(sys.argv[1]))]
print(site.url, flush=True)
threading.Event().wait()
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--quota", type=float, default=50)
    parser.add_argument("--latency", type=float, default=0.3)
    options = parser.parse_args()
    endpoint = [sys.executable, "-m", "tests.support.rekognition_endpoint"]
    endpoint += ["--quota", str(options.quota), "--latency", str(options.latency)]
    with ExitStack() as stack:
        site = started(stack, [sys.executable, "-c", SITE, str(options.images)])
        url = started(stack, endpoint)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        source = folder / "links.csv"
        source.write_text("media\n" + "".join(f"{site}/{n}.png\n" for n in range(options.images)))
        summary = run(source, folder, url)
        with urllib.request.urlopen(f"{url}/stats") as answer:
            report(json.load(answer), summary, options)


def started(stack: ExitStack, command: list[str]) -> str:
    """Start a server that prints its address first; it ends with the stack."""
    process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(process.kill)
    assert process.stdout
    return process.stdout.readline().strip()


def run(source: Path, folder: Path, url: str) -> dict:
    """One run; its summary."""
    env = {
        **os.environ,
        "PREFECT_HOME": str(folder / "prefect"),
        "AWS_ENDPOINT_URL_REKOGNITION": url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
    }
    command = ["image-tags", "run", str(source), "--store", str(folder / "store"), "--analyzer", "rekognition"]
    command += ["--allow-private-addresses", "--json"]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def report(stats: dict, summary: dict, options: argparse.Namespace) -> None:
    requests, errors = sum(stats["requests"].values()), sum(stats["errors"].values())
    rate = sum(stats["billed"].values()) / stats["seconds"] / len(stats["billed"])
    said = sum(account["billed"] for account in summary["calls"].values())
    print("seconds by step:", summary["seconds"])
    print(f"quota used: {rate / options.quota:.1%}; throttled: {errors / requests:.2%} of {requests} ({stats['errors']})")
    print(f"billed by the endpoint: {sum(stats['billed'].values())}, said by the summary: {said}")
    print(f"billed twice: {stats['billed_twice']}; in flight at most: {stats['most_in_flight']}")


if __name__ == "__main__":
    main()
