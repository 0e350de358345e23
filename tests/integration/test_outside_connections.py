"""Nothing phones home: the demo connects to nobody outside this machine, and looks up no name."""

import os
import re
import shutil
import subprocess
import sys

import pytest

CONNECT = re.compile(r"sa_family=(AF_INET6?), .*?(?:inet_addr\(|inet_pton\(AF_INET6, )\"([^\"]+)\"")
"""The family and address of an attempt in strace's log; local sockets have neither."""

LOOPBACK = re.compile(r"127\.|::1$|::ffff:127\.")

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace shows whom a process tries to reach"
)


def trace(folder, *command, env=()):
    """The addresses outside this machine that a command and its processes try to reach."""
    log = folder / "connects.txt"
    own = {**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), **dict(env)}
    for name in ("PREFECT_API_URL", "DO_NOT_TRACK", "ORT_DISABLE_TELEMETRY"):
        own.pop(name, None)
    tracing = ("strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect", "-o", str(log))
    done = subprocess.run(
        [*tracing, *command], cwd=folder, env=own, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    found = CONNECT.findall(log.read_text())
    return sorted({address for _, address in found if not LOOPBACK.match(address)}), len(found)


def test_an_attempt_would_be_seen(tmp_path):
    """192.0.2.1 is nobody's (RFC 5737)."""
    script = """
import socket
for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET, "127.0.0.1")):
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        try: one.connect((address, 443))
        except OSError: pass
"""
    assert trace(tmp_path, sys.executable, "-c", script) == (["192.0.2.1"], 2)


@pytest.mark.timeout(650)
def test_the_demo_reaches_nobody_outside(tmp_path):
    script = "from image_tags.flows.cli import main; main()"
    outside, attempts = trace(
        tmp_path,
        *(sys.executable, "-c", script, "demo", "--store", "store"),
        env={"PREFECT_HOME": str(tmp_path / "prefect")}.items(),
    )
    assert outside == []
    assert attempts > 10, "the feed and Prefect's own server are on this machine"
    leftovers = [path.name for path in tmp_path.rglob("*") if path.name.startswith(".onnxruntime")]
    assert leftovers == [], "onnxruntime's database for what it would report"
