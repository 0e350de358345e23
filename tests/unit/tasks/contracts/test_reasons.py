"""Every reason code is produced somewhere, and some test sees it."""

import ast
from pathlib import Path

import pytest

from image_tags.tasks.contracts.reasons import Reason

ROOT = Path(__file__).parents[4]


def produced_by_the_program():
    """Reasons that code outside the contracts names."""
    names = set()
    for path in (ROOT / "tasks").rglob("*.py"):
        if "contracts" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "Reason":
                    names.add(node.attr)
    return names


def seen_by_tests():
    """Reasons that a test names, as a member or by its code."""
    codes = {str(reason): reason.name for reason in Reason}
    names = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        if path == Path(__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "Reason":
                names.add(node.attr)
            if isinstance(node, ast.Constant) and node.value in codes:
                names.add(codes[node.value])
    return names


@pytest.fixture(scope="module")
def named():
    return produced_by_the_program(), seen_by_tests()


@pytest.mark.parametrize("reason", Reason, ids=str)
def test_the_program_produces_it_and_a_test_sees_it(reason, named):
    program, tests = named
    assert reason.name in program
    assert reason.name in tests
