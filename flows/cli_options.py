"""The settings as command line options, and back."""

import difflib
import os
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from image_tags.flows.flow_parameters import find_group, list_settings
from image_tags.tasks.contracts.durations import Duration
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import Group, Settings, StoreSettings

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="print the summary as JSON, as the last line"
)
store_option = click.option(
    "--store",
    default=StoreSettings.model_fields["store"].default,
    show_default=True,
    help="folder, or s3://bucket/prefix",
)

REPEATED = frozenset({"metric"})
"""Settings whose option is repeated per value; other lists are one value with commas."""


def setting_options(*groups: type[Group]) -> Callable[[Command], Command]:
    """Give a command an option per setting, or per setting of some groups; not for the source."""

    def decorate(command: Command) -> Command:
        for name, field in reversed(list_settings().items()):
            wanted = not groups or any(name in group.model_fields for group in groups)
            if name != "source" and wanted:
                command = _make_option(name, field)(command)
        return command

    return decorate


def read_settings(given: dict[str, Any]) -> Settings:
    """Settings from the given options; the others keep their defaults.

    Raises:
        UsageError: a value is not allowed; the sentence names the option.

    """
    values = {
        name: _split_list(name, value)
        for name, value in given.items()
        if value is not None and value != ()
    }
    return _validate(values, option_name)


def read_keywords(given: Mapping[str, Any]) -> Settings:
    """Settings from keyword arguments; a list may be text with commas, and None is left out.

    Raises:
        UsageError: there are no such settings, all of which are named, or a value is not allowed.

    """
    unknown = [name for name in given if name not in Settings.model_fields]
    if unknown:
        raise UsageError(" ".join(map(_explain_unknown, unknown)))
    values = {}
    for name, value in given.items():
        if isinstance(value, str) and name in REPEATED:
            values[name] = (value,)
        elif isinstance(value, str):
            values[name] = _split_list(name, value)
        elif value is not None:
            values[name] = os.fspath(value) if isinstance(value, os.PathLike) else value
    return _validate(values, str)


def _explain_unknown(name: str) -> str:
    close = difflib.get_close_matches(name, Settings.model_fields, n=1)
    return f"There is no setting {name!r}" + (f"; did you mean {close[0]!r}?" if close else ".")


def option_name(setting: str) -> str:
    """`max_cost` as `--max-cost`."""
    return "--" + setting.replace("_", "-")


def _validate(values: Mapping[str, Any], called: Callable[[str], str]) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"{called(str(first['loc'][0]))}: {first['msg']} (given: {first['input']!r})."
        ) from None


def _make_option(name: str, field: FieldInfo) -> Callable[[Command], Command]:
    kind, flag = _find_kind(field), option_name(name)
    help_text = f"[{find_group(name)}] {field.description}"
    if kind is bool:
        return click.option(
            f"{flag}/--no-{flag[2:]}", default=None, help=_append_default(help_text, field)
        )
    if get_origin(kind) is Literal:
        choices = click.Choice([choice for choice in get_args(kind) if choice])
        return click.option(
            flag, type=choices, default=None, help=_append_default(help_text, field)
        )
    if name in REPEATED:
        return click.option(flag, multiple=True, metavar="COL", help=f"{help_text} (repeatable)")
    if get_origin(kind) is tuple:
        return click.option(
            flag, default=None, metavar="A,B,...", help=_append_default(help_text, field)
        )
    return click.option(
        flag,
        default=None,
        metavar=_choose_metavar(field, kind),
        help=_append_default(help_text, field),
    )


def _find_kind(field: FieldInfo) -> Any:
    annotation = field.annotation
    if get_origin(annotation) in (Union, UnionType):
        return next(kind for kind in get_args(annotation) if kind is not type(None))
    return annotation


def _choose_metavar(field: FieldInfo, kind: Any) -> str:
    if get_args(Duration)[1] in (*field.metadata, *get_args(kind)):
        return "DURATION"
    return {int: "N", float: "X"}.get(kind, "TEXT")


def _append_default(text: str, field: FieldInfo) -> str:
    shown = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
    return text if shown in (None, "", False) else f"{text} [default: {shown}]"


def _split_list(name: str, value: Any) -> Any:
    if name in REPEATED or get_origin(_find_kind(Settings.model_fields[name])) is not tuple:
        return value
    return tuple(piece.strip() for piece in str(value).split(",") if piece.strip())
