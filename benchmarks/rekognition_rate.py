"""How much of the quota the Rekognition analyzer uses, and how often it is throttled.

`uv run python -m benchmarks.rekognition_rate`: the stand-in endpoint runs as a process of its own,
with a quota of 50 calls a second and operation over a sliding second, and 300 ms for an answer.
Three operations at once, each image asked once; figures are the endpoint's own counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from image_tags.tasks.adapters.analyzers.rekognition import Rekognition
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.contracts.settings import AnalysisSettings
from tests.support.rekognition_endpoint import ACCESS_KEY, REGION, SECRET_KEY


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--quota", type=float, default=50)
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    command = [sys.executable, "-m", "tests.support.rekognition_endpoint"]
    command += ["--quota", str(options.quota), "--latency", str(options.latency)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as endpoint,
        tempfile.TemporaryDirectory() as folder,
    ):
        try:
            assert endpoint.stdout
            url = endpoint.stdout.readline().strip()
            os.environ |= {
                "AWS_ENDPOINT_URL_REKOGNITION": url,
                "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                "AWS_DEFAULT_REGION": REGION,
            }
            pictures = list(make_pictures(FolderStore(folder), options.images))
            settings = AnalysisSettings(
                analyzer="rekognition", tps=options.quota, analyzer_threads=options.threads
            )
            began = time.monotonic()
            cpu = time.process_time()
            ask_all(Rekognition(settings, FolderStore(folder), None), settings.operations, pictures)
            seconds, cpu = time.monotonic() - began, time.process_time() - cpu
            with urllib.request.urlopen(f"{url}/stats") as answer:
                report(json.load(answer), options, seconds, cpu)
        finally:
            endpoint.terminate()


def make_pictures(store: FolderStore, count: int):
    for number in range(count):
        path = Path(store.address) / f"{number}.png"
        Image.new("RGB", (80, 80), (number % 256, number // 256, 0)).save(path)
        yield Picture(f"{number:064x}", path.name, path.stat().st_size, 80, 80)


def ask_all(analyzer: Rekognition, operations: tuple[str, ...], pictures: list[Picture]) -> None:
    pools = {operation: ThreadPoolExecutor(analyzer.threads(operation)) for operation in operations}
    asked = [
        pools[operation].submit(analyzer.answer, operation, picture)
        for picture in pictures
        for operation in pools
    ]
    for future in asked:
        future.result()


def report(stats: dict, options: argparse.Namespace, seconds: float, cpu: float) -> None:
    requests, errors = sum(stats["requests"].values()), sum(stats["errors"].values())
    for operation, billed in stats["billed"].items():
        print(f"{operation}: {billed} billed, {billed / stats['seconds']:.2f} a second")
    rate = sum(stats["billed"].values()) / stats["seconds"] / len(stats["billed"])
    print(
        f"{seconds:.1f} s in all, {cpu:.1f} s of CPU here; "
        f"{stats['most_in_flight']} in flight at most"
    )
    print(
        f"quota used: {rate / options.quota:.1%}; "
        f"throttled: {errors / requests:.2%} of {requests} ({stats['errors']})"
    )
    print(f"billed twice: {stats['billed_twice']}")


if __name__ == "__main__":
    main()
