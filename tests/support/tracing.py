"""Whom a process tries to reach, as strace sees it."""

import re
import shutil
from pathlib import Path

CONNECT = re.compile(r"sa_family=(AF_INET6?), .*?(?:inet_addr\(|inet_pton\(AF_INET6, )\"([^\"]+)\"")
"""The family and address of an attempt in strace's log; local sockets have neither."""

LOOPBACK = re.compile(r"127\.|::1$|::ffff:127\.")


def can_trace() -> bool:
    """Whether strace is installed."""
    return shutil.which("strace") is not None


def tracing(log: Path) -> list[str]:
    """What to put before a command, to have its attempts and those of its processes logged."""
    return ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect", "-o", str(log)]


def read_trace(log: Path) -> tuple[list[str], int]:
    """The addresses outside this machine that were tried, and how many attempts there were."""
    found = CONNECT.findall(log.read_text())
    return sorted({address for _, address in found if not LOOPBACK.match(address)}), len(found)
