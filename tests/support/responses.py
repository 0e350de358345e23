"""Responses of every shape that botocore's model of Rekognition allows, and then some: the input of
property tests.
"""

from typing import Any

from botocore.model import Shape
from hypothesis import strategies as st

from tests.support.shapes import operation

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.text(
    st.characters(categories=["Cs"]), min_size=1, max_size=2
)
"""Any text, lone surrogates too: JSON can carry them."""


def responses(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Responses to an operation: any member may be missing or null, any list empty or with a null
    in it.
    """
    return _values(operation(name).output_shape)


def _values(shape: Shape) -> st.SearchStrategy[Any]:
    match shape.type_name:
        case "structure":
            members = {
                member: st.none() | _values(inner) for member, inner in shape.members.items()
            }
            return st.fixed_dictionaries({}, optional=members)
        case "list":
            return st.lists(st.none() | _values(shape.member), max_size=4)
        case "string":
            return st.sampled_from(shape.enum) | TEXTS if shape.enum else TEXTS
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(shape.metadata.get("min"), shape.metadata.get("max", 10**12))
        case "float":
            numbers = st.floats(
                shape.metadata.get("min"),
                shape.metadata.get("max"),
                allow_nan=False,
                allow_infinity=False,
            )
            return (
                numbers | st.floats(-0.5, 1.5) | st.sampled_from([float("nan"), float("inf"), 0, 1])
            )
        case other:
            raise AssertionError(f"no strategy for {other}")
