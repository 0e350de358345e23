"""Checks against botocore's model of Rekognition: neither the stand-in nor a local model can drift
from the service.
"""

import math
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape


@cache
def service() -> ServiceModel:
    """botocore's model of Rekognition."""
    return botocore.session.get_session().get_service_model("rekognition")


@cache
def operation(name: str) -> OperationModel:
    """The model of an operation by our name (`detect_labels`) or the service's (`DetectLabels`)."""
    return service().operation_model(
        "".join(word[0].upper() + word[1:] for word in name.split("_"))
    )


def assert_response(name: str, response: dict[str, Any]) -> None:
    """The response is one that the service could give to this operation."""
    assert_shape(response, operation(name).output_shape)


def assert_request(name: str, request: dict[str, Any]) -> None:
    """The request, blobs as bytes, is one that the service takes."""
    assert_shape(request, operation(name).input_shape)


def assert_shape(value: Any, shape: Shape, path: str = "$") -> None:
    """The value fits the shape: known members only, required ones there, types, enums and ranges;
    AssertionError if not.
    """
    match shape.type_name:
        case "structure":
            assert isinstance(value, dict), f"{path}: {value!r} is no object"
            unknown = set(value) - set(shape.members)
            assert not unknown, f"{path}: {sorted(unknown)} not in the model"
            missing = set(shape.required_members) - set(value)
            assert not missing, f"{path}: {sorted(missing)} missing"
            for member, inner in value.items():
                assert_shape(inner, shape.members[member], f"{path}.{member}")
        case "list":
            assert isinstance(value, list), f"{path}: {value!r} is no list"
            _assert_range(len(value), shape, path)
            for index, inner in enumerate(value):
                assert_shape(inner, shape.member, f"{path}[{index}]")
        case "string":
            assert isinstance(value, str), f"{path}: {value!r} is no string"
            assert not shape.enum or value in shape.enum, f"{path}: {value!r} not in {shape.enum}"
            _assert_range(len(value), shape, path)
        case "blob":
            assert isinstance(value, bytes), f"{path}: no bytes"
            _assert_range(len(value), shape, path)
        case "boolean":
            assert isinstance(value, bool), f"{path}: {value!r} is no boolean"
        case "integer" | "long":
            assert isinstance(value, int), f"{path}: {value!r} is no whole number"
            assert not isinstance(value, bool), f"{path}: {value!r} is no whole number"
            _assert_range(value, shape, path)
        case "float" | "double":
            assert isinstance(value, int | float), f"{path}: {value!r} is no number"
            assert not isinstance(value, bool), f"{path}: {value!r} is no number"
            assert math.isfinite(value), f"{path}: {value!r} is not finite"
            _assert_range(value, shape, path)
        case other:
            raise AssertionError(f"{path}: no rule for {other}")


def assert_inside(value: Any, path: str = "$") -> None:
    """Every box and every corner of a polygon in the response is inside the picture (0-1).

    AssertionError if one is not. The service's model does not know: to it both are any numbers.
    """
    if isinstance(value, list):
        for index, inner in enumerate(value):
            assert_inside(inner, f"{path}[{index}]")
    elif isinstance(value, dict):
        if {"Left", "Top", "Width", "Height"} <= set(value):
            _assert_span(value["Left"], value["Width"], path)
            _assert_span(value["Top"], value["Height"], path)
        for corner in value.get("Polygon", ()):
            _assert_span(corner["X"], 0, path)
            _assert_span(corner["Y"], 0, path)
        for member, inner in value.items():
            assert_inside(inner, f"{path}.{member}")


def _assert_span(start: float, length: float, path: str) -> None:
    assert 0 <= start <= start + length <= 1 + 1e-9, f"{path}: {start} + {length} is outside"


def _assert_range(size: float, shape: Shape, path: str) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    assert low is None or size >= low, f"{path}: {size} is below {low}"
    assert high is None or size <= high, f"{path}: {size} is above {high}"
