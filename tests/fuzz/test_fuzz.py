"""The fuzzer finds what is there to be found, and inputs that found a fault once do so no more."""

import subprocess
import sys
from contextlib import nullcontext

import pytest

from tests.fuzz.__main__ import NAMES, bounded
from tests.fuzz.targets import TARGETS, load_corpus

CASES = [(name, file) for name in NAMES for file in load_corpus(name)]


def test_every_target_can_be_named():
    assert set(NAMES) == set(TARGETS)


@pytest.mark.parametrize(("name", "file"), CASES, ids=[file for _, file in CASES])
def test_what_found_a_fault_once(name, file):
    target = TARGETS[name]
    with target.open() if target.open else nullcontext():
        bounded(target.check, [])(load_corpus(name)[file])


PLANTED = """
import sys
from pathlib import Path
from tests.fuzz import __main__ as fuzz, targets

def check(data):
    assert b"\\xff\\xda" not in data[2:], "planted"

targets.CORPUS = Path(sys.argv[1])
target = targets.TARGETS["pictures"]
targets.TARGETS["pictures"] = targets.Target(target.inputs, check)
fuzz.fuzz_target("pictures", 20, 1, 0)
"""


def test_a_planted_fault_is_found_kept_and_can_be_repeated(tmp_path):
    said = [
        subprocess.run(
            [sys.executable, "-c", PLANTED, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(2)
    ]
    assert [done.returncode for done in said] == [1, 1]
    assert "again: python -m tests.fuzz pictures --seed 1 --first 0" in said[0].stdout
    assert "planted" in said[0].stderr
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("pictures-")
