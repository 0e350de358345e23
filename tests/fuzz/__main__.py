"""Random and damaged inputs for what reads strangers' data: `uv run just fuzz`.

Each target runs in a process of its own, first on its corpus, then on inputs from Hypothesis until
its time is over. A fault is shown with the smallest input that was found, which is kept in
`corpus/`, and with the command that finds it again. The seed is that of the commit unless given.
"""

import argparse
import faulthandler
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from hashlib import sha256
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as use_seed

AT_ONCE = 2
"""Targets at the same time: CI has two cores."""
PART = 100
"""Inputs between two looks at the clock."""
MOST_SECONDS = 5.0
"""CPU time of one input, at most."""
MOST_MEMORY = 300
"""MB by which the process may grow with one input."""
HANGS = 60
"""Seconds after which an input is taken to hang: the process ends with its stack."""
NAMES = ("cells", "tables", "pictures", "web")


def bounded(check: Callable[[Any], None], seen: list[Any]) -> Callable[[Any], None]:
    """The check within a bound of time and memory; `seen` holds the latest input."""

    def check_within_bounds(given: Any) -> None:
        seen[:] = [given]
        faulthandler.dump_traceback_later(HANGS, exit=True)
        begun, before = time.process_time(), peak_memory()
        try:
            check(given)
        finally:
            faulthandler.cancel_dump_traceback_later()
        seconds, grown = time.process_time() - begun, peak_memory() - before
        assert seconds < MOST_SECONDS, f"{seconds:.1f} s of CPU"
        assert grown < MOST_MEMORY, f"{grown:.0f} MB more memory"

    return check_within_bounds


def peak_memory() -> float:
    """MB that the process has used at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fuzz_target(name: str, seconds: float, seed: int, first: int) -> int:
    """Fuzz one target in this process, from a part of the sequence on; the number of inputs."""
    # Imported only where it is fuzzed: it makes pictures and starts nothing else.
    from tests.fuzz.targets import CORPUS, TARGETS, load_corpus

    target, seen, count = TARGETS[name], list[Any](), 0
    check = bounded(target.check, seen)
    with target.open() if target.open else nullcontext():
        for found in load_corpus(name).values():
            check(found)
        end, part = time.monotonic() + seconds, first
        while time.monotonic() < end:

            @use_seed(seed * 1_000_000 + part)
            @settings(
                max_examples=PART,
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            )
            @given(target.inputs)
            def run_part(one: Any) -> None:
                nonlocal count
                count += 1
                check(one)

            try:
                run_part()
            except BaseException:
                text = repr(seen[0])
                path = CORPUS / f"{name}-{sha256(text.encode()).hexdigest()[:12]}.txt"
                path.write_text(text, "utf-8")
                again = f"python -m tests.fuzz {name} --seed {seed} --first {part}"
                print(f"{name}: a fault; the input is {path}; again: {again}", flush=True)
                raise
            part += 1
    return count


def seed_of_commit() -> int:
    """A number for the commit, so that each change meets other inputs; 0 without Git."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return int(done.stdout[:8] or "0", 16)


def main() -> int:
    """Fuzz the targets that are named, all by default; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--seed", type=int, default=seed_of_commit())
    parser.add_argument("--first", type=int, default=0, help="part of the sequence to begin with")
    options = parser.parse_args()
    if len(options.targets) == 1:
        (name,) = options.targets
        count = fuzz_target(name, options.seconds, options.seed, options.first)
        found = f"{count:,} inputs, no fault, {peak_memory():.0f} MB at most"
        print(f"{name}: {found} (seed {options.seed})", flush=True)
        return 0
    rest = ["--seconds", str(options.seconds), "--seed", str(options.seed)]
    commands = [
        [sys.executable, "-m", "tests.fuzz", name, *rest] for name in options.targets or NAMES
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = list(pool.map(lambda command: subprocess.run(command, check=False), commands))
    return int(any(done.returncode for done in codes))


if __name__ == "__main__":
    sys.exit(main())
