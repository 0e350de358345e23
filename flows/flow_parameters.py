"""The settings as the flow's parameters: names, help and defaults as on the command line."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic.fields import FieldInfo

from image_tags.tasks.contracts.settings import Group, Settings

Result = TypeVar("Result")


GROUPS = tuple(group for group in Settings.__bases__ if issubclass(group, Group))


FIRST = ("source", "url_column", "store", "analyzer", "operations", "people", "max_cost")
"""What most people fill in, at the top of the form and of the command's help."""


def list_settings() -> dict[str, FieldInfo]:
    """The settings' fields: those that most people fill in, then group after group."""
    names = dict.fromkeys([*FIRST, *(name for group in GROUPS for name in group.model_fields)])
    return {name: Settings.model_fields[name] for name in names}


def find_group(name: str) -> str:
    """The name of a setting's group, as people see it: `Fetch`, `Analysis`, ..."""
    return next(
        group.__name__.removesuffix("Settings") for group in GROUPS if name in group.model_fields
    )


def flatten_parameters(flow_function: Callable[[Settings], Result]) -> Callable[..., Result]:
    """Give a function of Settings one parameter per setting, which Prefect shows as a form.

    Prefect takes a parameter's help from the docstring, so the docstring is generated here.
    """

    @functools.wraps(flow_function)
    def with_parameters(**parameters: Any) -> Result:
        return flow_function(Settings.model_validate(parameters))

    listed = [_make_parameter(name, field) for name, field in list_settings().items()]
    with_parameters.__signature__ = inspect.Signature(listed)  # type: ignore[attr-defined]
    with_parameters.__annotations__ = {parameter.name: parameter.annotation for parameter in listed}
    helps = [
        f"    {name}: [{find_group(name)}] {field.description}"
        for name, field in list_settings().items()
    ]
    with_parameters.__doc__ = "\n".join(
        [inspect.cleandoc(flow_function.__doc__ or ""), "", "Args:", *helps]
    )
    return with_parameters


def _make_parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.is_required() else field.default
    annotation = (
        Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
