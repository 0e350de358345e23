"""How fast links become verified pictures in the store, next to img2dataset on the same server.

    uv run python -m benchmarks.fetch_speed             rates of both in turns, and their ratio
    uv run python -m benchmarks.fetch_speed --memory    peak memory at 2,000 and at 20,000 links

A process of its own serves distinct 640x480 JPEGs on loopback. img2dataset is installed into an
environment of its own; it keeps the bytes as they are (no resizing, no new encoding), which is the
least work it can be told to do.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BATCH = 500
"""Links a batch; a flow run works in batches too, and keeps no more of them than their counts."""

PEER = "img2dataset==1.47.0"
PEER_HOME = Path(tempfile.gettempdir()) / "image-tags-bench" / PEER


class _Server(asyncio.Protocol):
    """Answers every request with the picture whose number is in the path; keeps the connection."""

    jpegs: list[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.waiting = b""

    def data_received(self, data: bytes) -> None:
        from tests.support.synthetic import numbered

        self.waiting += data
        while b"\r\n\r\n" in self.waiting:
            request, self.waiting = self.waiting.split(b"\r\n\r\n", 1)
            number = int(request.split(b" ", 2)[1].strip(b"/").removesuffix(b".jpg"))
            body = numbered(self.jpegs[number % len(self.jpegs)], number)
            head = "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"
            head += f"Content-Length: {len(body)}\r\n\r\n"
            self.transport.write(head.encode() + body)


def _serve(tell: Connection) -> None:
    from tests.support.synthetic import encoded

    _Server.jpegs = [encoded("JPEG", (640, 480), seed=n, quality=85) for n in range(40)]

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(
            _Server, "127.0.0.1", 0, backlog=1024
        )
        tell.send((server.sockets[0].getsockname()[1], statistics.mean(map(len, _Server.jpegs))))
        await server.serve_forever()

    asyncio.run(run())


def _ours(base: str, links: int, folder: str) -> None:
    from image_tags.tasks.adapters.link_records import LinkLog
    from image_tags.tasks.adapters.store.folder import FolderStore
    from image_tags.tasks.adapters.web import Web
    from image_tags.tasks.contracts.settings import FetchSettings
    from image_tags.tasks.ingest.follow_links import LinkFollower, follow_links

    settings = FetchSettings(allow_private_addresses=True, per_host=32)
    good = 0
    begin = time.perf_counter()
    store = FolderStore(folder)
    log = LinkLog(store)
    with Web(settings) as web, closing(log):
        follower = LinkFollower(web, store, log, settings, "benchmark", time.time)
        for start in range(0, links, BATCH):
            urls = [f"{base}/{n}.jpg" for n in range(start, min(start + BATCH, links))]
            done = follow_links(urls, follower, settings.fetch_threads, lambda _: None)
            good += sum(one.picture is not None for one in done)
    seconds = time.perf_counter() - begin
    stored = sum(1 for _ in Path(folder, "images").rglob("*.jpg"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "good": min(good, stored), "peak_mb": peak}))


_PEER_PROGRAM = """
import json, pathlib, sys, time
from img2dataset import download
base, links, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
listed = pathlib.Path(folder, "urls.txt")
listed.write_text("\\n".join(f"{base}/{n}.jpg" for n in range(links)))
begin = time.perf_counter()
download(url_list=str(listed), output_folder=folder + "/out", output_format="files",
         resize_mode="no",
         skip_reencode=True, processes_count=2, thread_count=32, number_sample_per_shard=links // 2,
         enable_wandb=False)
seconds = time.perf_counter() - begin
good = sum(1 for _ in pathlib.Path(folder, "out").rglob("*.jpg"))
print(json.dumps({"seconds": seconds, "good": good}))
"""


def _peer_python() -> Path:
    python = PEER_HOME / "bin" / "python"
    if not python.exists():
        print(f"installing {PEER} into {PEER_HOME} ...", flush=True)
        subprocess.run(
            ["uv", "venv", "-q", "--clear", "--python", "3.11", str(PEER_HOME)], check=True
        )
        subprocess.run(["uv", "pip", "install", "-q", "--python", str(python), PEER], check=True)
    return python


def _measured(command: list[str], links: int, kept: Path) -> dict[str, float]:
    """Run a contestant in a folder of its own.

    What it makes is kept until all have run: ext4 is slow for seconds to make files where many were
    just deleted.
    """
    command = [*command, tempfile.mkdtemp(dir=kept)]
    environment = {**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "disabled"}
    before = _children_cpu()
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    if figures["good"] != links:
        raise SystemExit(f"only {figures['good']:.0f} of {links} pictures arrived: {command[0]}")
    figures["cpu"] = _children_cpu() - before
    return figures


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _compare(base: str, links: int, rounds: int, kept: Path) -> None:
    contestants = {
        "image-tags": [sys.executable, __file__, "--links", str(links), "--ours", base],
        "img2dataset": [str(_peer_python()), "-c", _PEER_PROGRAM, base, str(links)],
    }
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(1, rounds + 1):
        for name, command in contestants.items():
            figures = _measured(command, links, kept)
            rates[name].append(links / figures["seconds"])
            cpu = 1000 * figures["cpu"] / links
            print(
                f"round {turn}  {name:12} {rates[name][-1]:6.0f} pictures/s, "
                f"{cpu:4.1f} ms CPU each",
                flush=True,
            )
    middle = {name: statistics.median(found) for name, found in rates.items()}
    for name, rate in middle.items():
        print(f"median   {name:12} {rate:6.0f} pictures/s")
    print(f"ratio    {middle['image-tags'] / middle['img2dataset']:.2f}")


def _memory(base: str, kept: Path) -> None:
    peaks = {}
    for links in (2_000, 20_000):
        figures = _measured(
            [sys.executable, __file__, "--links", str(links), "--ours", base], links, kept
        )
        peaks[links] = figures["peak_mb"]
        print(
            f"{links:6,} links  {figures['peak_mb']:6.0f} MB at most, "
            f"{links / figures['seconds']:.0f} pictures/s",
            flush=True,
        )
    print(f"growth   {100 * (peaks[20_000] / peaks[2_000] - 1):+.1f} %")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--links", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="peak memory instead of speed")
    parser.add_argument("--ours", nargs=2, metavar=("URL", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if arguments.ours:
        base, folder = arguments.ours
        _ours(base, arguments.links, folder)
        return
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    server.start()
    try:
        port, size = here.recv()
        print(
            f"{os.cpu_count()} cores, {arguments.links:,} pictures of 640x480, "
            f"{size / 1000:.0f} kB each"
        )
        base = f"http://127.0.0.1:{port}"
        with tempfile.TemporaryDirectory() as kept:
            if arguments.memory:
                _memory(base, Path(kept))
            else:
                _compare(base, arguments.links, arguments.rounds, Path(kept))
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
