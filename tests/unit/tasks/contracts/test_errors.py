"""The tree of errors is drawn completely, and each keeps what it carries across processes."""

import importlib
import pickle
import pkgutil
import re

import pytest

import image_tags
from image_tags.tasks.contracts import errors
from image_tags.tasks.contracts.errors import (
    ImageTagsError,
    LinkError,
    OverBudget,
    Rejected,
    Transient,
    link_error,
)
from image_tags.tasks.contracts.reasons import Reason, Status


def drawn_tree():
    """The parent of each class in the drawing, by name."""
    parents, path = {}, []
    for line in errors.__doc__.splitlines():
        found = re.match(r"^((?:[|` ]   )*(?:[|`]-- )?)(\w+)(?:  +\S.*)?$", line)
        if found and (found[1] or found[2] == "ImageTagsError"):
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            parents[found[2]] = path[depth - 1] if depth else None
    return parents


def real_tree():
    """The parent of each error of the package, by name."""
    for module in pkgutil.walk_packages(image_tags.__path__, "image_tags."):
        importlib.import_module(module.name)
    parents, left = {"ImageTagsError": None}, [ImageTagsError]
    while left:
        parent = left.pop()
        for child in parent.__subclasses__():
            if child.__module__.startswith("image_tags."):
                parents[child.__name__] = parent.__name__
                left.append(child)
    return parents


def test_the_drawing_shows_every_error_under_its_parent():
    assert drawn_tree() == real_tree()


@pytest.mark.parametrize("reason", Reason)
def test_the_error_of_a_reason_fits_its_status_and_keeps_it_across_processes(reason):
    error = link_error(reason, "why")
    assert type(error) is (Rejected if reason.status is Status.REJECTED else Transient)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.reason, again.detail) == (type(error), reason, "why")
    assert isinstance(error, LinkError)
    assert str(again) == f"{reason}: why"


def test_a_plan_over_the_budget_keeps_its_cost_across_processes():
    again = pickle.loads(pickle.dumps(OverBudget("Too expensive.", 2.5)))
    assert (str(again), again.cost_usd) == ("Too expensive.", 2.5)
